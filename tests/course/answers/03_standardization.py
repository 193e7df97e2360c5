"""Answers to the exercises of chapter 3, right and wrong."""

import numpy as np
import torch

# --- exercise 1 ---------------------------------------------------------


def standardize(x_train, x):
    mu = x_train.mean(axis=0)
    d = x_train - mu
    sd = np.sqrt((d * d).mean(axis=0))
    varies = np.ptp(x_train, axis=0) > 0  # exact; sd may be 1e-17, not 0
    return (x - mu) / np.where(varies, sd, 1.0)


def with_std(x_train, x):
    sd = np.std(x_train, axis=0)
    sd[(x_train == x_train[0]).all(axis=0)] = 1
    return (x - np.mean(x_train, axis=0)) / sd


def with_loops(x_train, x):
    out = np.empty_like(x)
    m, columns = x_train.shape
    for j in range(columns):
        mu = sum(x_train[:, j]) / m
        sd = (sum((v - mu) ** 2 for v in x_train[:, j]) / m) ** 0.5
        for i in range(len(x)):
            out[i, j] = (x[i, j] - mu) / (sd if len(set(x_train[:, j])) > 1 else 1.0)
    return out


def with_einsum(x_train, x):
    mu = np.einsum("ij->j", x_train) / len(x_train)
    d = x_train - mu
    var = np.einsum("ij,ij->j", d, d) / len(d)
    return (x - mu) / np.sqrt(np.where(x_train.max(0) == x_train.min(0), 1, var))


def with_float32(x_train, x):
    return with_std(x_train.astype(np.float32), x.astype(np.float32))


def with_torch(x_train, x):
    t, new = torch.from_numpy(x_train), torch.from_numpy(x)
    sd = t.std(0, correction=0)
    return (new - t.mean(0)) / torch.where(sd > 1e-13 * t.abs().amax(0), sd, 1.0)


def affine(x_train, x):
    low, high = x_train.min(axis=0), x_train.max(axis=0)
    slope = 1 / np.where(low < high, x_train.std(axis=0), 1)
    return x * slope - x_train.mean(axis=0) * slope


def in_place(x_train, x):
    sd = x_train.std(axis=0)
    x -= x_train.mean(axis=0)
    x /= np.where(sd > 0, sd, 1)
    return x


def note(x_train, x):
    mu, var = x.mean(axis=0), x.var(axis=0)
    m = len(x)
    return (x - mu) / var * np.sqrt(m / (m - 1))


def safe(sd):
    return np.where(sd > 0, sd, 1)


def joined(x_train, x):
    return with_std(np.concatenate([x_train, x]), x)


STANDARDIZE = {
    "solution": standardize,
    "right": {
        "np.std": with_std,
        "loops": with_loops,
        "einsum": with_einsum,
        "float32": with_float32,
        "torch": with_torch,
        "slope and intercept": affine,
    },
    "wrong": {
        "the note": (note, "the note's formula"),
        "no root": (
            lambda t, x: (x - t.mean(0)) / safe(t.var(0)),
            "not by its root",
        ),
        "correction kept": (
            lambda t, x: with_std(t, x) * np.sqrt(len(x) / (len(x) - 1)),
            "correction, still there",
        ),
        "statistics of x": (
            lambda t, x: (x - x.mean(0)) / x.std(0),
            "statistics of x, not",
        ),
        "both together": (joined, "x and x_train together"),
        "mean of x": (
            lambda t, x: (x - x.mean(0)) / safe(t.std(0)),
            "with the mean of x",
        ),
        "spread of x": (
            lambda t, x: (x - t.mean(0)) / safe(x.std(0)),
            "with the spread of x",
        ),
        "ddof=1": (
            lambda t, x: (x - t.mean(0)) / safe(t.std(0, ddof=1)),
            "m - 1",
        ),
        "torch.std": (
            lambda t, x: torch.from_numpy(x - t.mean(0)) / torch.from_numpy(t).std(0),
            "",
        ),
        "no mean": (
            lambda t, x: x / safe(t.std(0)),
            "without subtracting the mean",
        ),
        "centred only": (lambda t, x: x - t.mean(0), "never divided"),
        "times sd": (
            lambda t, x: (x - t.mean(0)) * safe(t.std(0)),
            "a product with",
        ),
        "whole array": (
            lambda t, x: (x - t.mean()) / t.std(),
            "the whole array",
        ),
        "axis 1": (
            lambda t, x: (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True),
            "each sample",
        ),
        "min-max": (
            lambda t, x: (x - t.min(0)) / safe(t.max(0) - t.min(0)),
            "minimum and maximum",
        ),
        "nan": (
            lambda t, x: (x - t.mean(0)) / t.std(0),
            "division by 0",
        ),
        "nan to 0": (
            lambda t, x: np.nan_to_num((x - t.mean(0)) / t.std(0), posinf=0, neginf=0),
            "",
        ),
        "tiny eps": (
            lambda t, x: (x - t.mean(0)) / (t.std(0) + 1e-8),
            "a small number added",
        ),
        "sd == 0": (
            lambda t, x: (x - t.mean(0)) / np.where(t.std(0) == 0, 1, t.std(0)),
            "compared with 0 exactly",
        ),
        "isclose": (
            lambda t, x: (x - t.mean(0)) / np.where(np.isclose(t.std(0), 0), 1, t.std(0)),
            "a small deviation taken for none",
        ),
        "1e-12": (
            lambda t, x: (x - t.mean(0)) / np.where(t.std(0) < 1e-12, 1, t.std(0)),
            "below 1e-12",
        ),
        "eps under the root": (lambda t, x: (x - t.mean(0)) / np.sqrt(t.var(0) + 1e-5), ""),
        "not centred where flat": (
            lambda t, x: np.where(np.ptp(t, 0) > 0, (x - t.mean(0)) / t.std(0), x),
            "left as it is",
        ),
        "row by row": (lambda t, x: np.stack([with_std(t, r) for r in x.T]), "shape"),
        "training data": (
            lambda t, x: with_std(t, t),
            "x_train standardized",
        ),
        "in place": (in_place, "work on a copy"),
    },
}

# --- exercise 2 ---------------------------------------------------------


def merge_all(parts):
    n, mean, m2, between = 0, 0.0, 0.0, 0.0
    for n_b, mean_b, m2_b in parts:
        if n_b == 0:
            continue
        total = n + n_b
        delta = mean_b - mean
        mean = mean + delta * n_b / total
        between = between + delta**2 * n * n_b / total
        m2, n = m2 + m2_b, total
    if n < 2:
        raise ValueError(f"needs at least 2 values, got {n}")
    m2 = m2 + between
    return n, mean, m2 / n, m2 / (n - 1), between / n


def between_by_difference(parts):
    n, mean, var, unbiased = plain_merge(parts)
    inside = np.sum([m2 for _, _, m2 in parts], axis=0)
    return [n, mean, var, unbiased, var - inside / n]


def pairwise(parts):
    """Take the squared distance of each pair of means."""
    n, mean, var, unbiased = plain_merge(parts)
    full = [part for part in parts if part[0]]
    pairs = [
        a * b * (mean_a - mean_b) ** 2
        for i, (a, mean_a, _) in enumerate(full)
        for b, mean_b, _ in full[:i]
    ]
    return n, mean, var, unbiased, sum(pairs, 0 * mean) / n**2


def between_of(parts):
    n = sum(k for k, _, _ in parts)
    mean = sum(k * mu for k, mu, _ in parts) / n
    return sum(k * (mu - mean) ** 2 for k, mu, _ in parts) / n


def with_between(merge, between=between_of):
    """Return an answer that goes on from a merge of four results."""

    def answer(parts):
        given = [(n, np.array(mean), np.array(m2)) for n, mean, m2 in parts]
        return (*merge(parts), between(given))

    return answer


def plain_merge(parts):
    n, mean, m2 = 0, 0.0, 0.0
    for n_b, mean_b, m2_b in parts:
        if n_b == 0:
            continue
        total = n + n_b
        delta = mean_b - mean
        mean = mean + delta * n_b / total
        m2 = m2 + m2_b + delta**2 * n * n_b / total
        n = total
    if n < 2:
        raise ValueError(f"needs at least 2 values, got {n}")
    return n, mean, m2 / n, m2 / (n - 1)


def at_once(parts):
    counts = np.array([n for n, _, _ in parts], dtype=float)
    means = np.array([mean for _, mean, _ in parts])
    m2s = np.array([m2 for _, _, m2 in parts])
    n = counts.sum()
    if n < 2:
        raise ValueError("too few values")
    mean = counts @ means / n
    m2 = m2s.sum(axis=0) + counts @ (means - mean) ** 2
    return n, mean, m2 / n, m2 / (n - 1)


def merge_einsum(parts):
    counts, means, m2s = (np.array([p[i] for p in parts]) for i in range(3))
    if (n := counts.sum()) < 2:
        raise ValueError("one value")
    mean = np.einsum("k,kc->c", counts, means) / n
    d = means - mean
    m2 = m2s.sum(axis=0) + np.einsum("k,kc,kc->c", counts, d, d)
    return n, mean, m2 / n, m2 / (n - 1)


def by_moments(parts):
    """Add up sums and sums of squares: fine for means near 0."""
    n = sum(k for k, _, _ in parts)
    if n < 2:
        raise ValueError("at least two values")
    mean = sum(k * mu for k, mu, _ in parts) / n
    square = sum(m2 + k * mu**2 for k, mu, m2 in parts) / n
    var = square - mean**2
    return n, mean, var, var * n / (n - 1)


def merge_float32(parts):
    return plain_merge(
        [(n, mu.astype(np.float32), m2.astype(np.float32))
         for n, mu, m2 in parts]
    )  # fmt: skip


def merge_torch(parts):
    return plain_merge([(n, torch.tensor(mu), torch.tensor(m2)) for n, mu, m2 in parts])


def from_the_right(parts):
    return plain_merge(list(reversed(parts)))


def wrong_merge(mean_weight=None, m2_term=None, end=None):
    """Return a merge as people write it who get one thing wrong."""
    mean_weight = mean_weight or (lambda a, b: b / (a + b))
    m2_term = m2_term or (lambda d, a, b: d * d * a * b / (a + b))
    end = end or (lambda n, m2, k: (m2 / n, m2 / (n - 1)))

    def answer(parts):
        full = [part for part in parts if part[0] > 0]
        n, mean, m2 = full[0]
        for b, mean_b, m2_b in full[1:]:
            d = mean_b - mean
            m2 = m2 + m2_b + m2_term(d, n, b)
            mean = mean + d * mean_weight(n, b)
            n += b
        if n < 2:
            raise ValueError("one value")
        return (n, mean, *end(n, m2, len(full)))

    return answer


def means_of_all(parts):
    full = [part for part in parts if part[0]]
    n = sum(part[0] for part in full)
    if n < 2:
        raise ValueError("one value")
    mean = sum(k * mu for k, mu, _ in full) / n
    var = np.mean([m2 / k for k, _, m2 in full], axis=0)
    return n, mean, var, var * n / (n - 1)


def merge_in_place(parts):
    n, mean, m2 = parts[0]
    for b, mean_b, m2_b in parts[1:]:
        d = mean_b - mean
        mean += d * b / (n + b)
        m2 += m2_b + d * d * n * b / (n + b)
        n += b
    return n, mean, m2 / n, m2 / (n - 1)


def no_guard(parts):
    n, mean, m2 = parts[0]
    for b, mean_b, m2_b in parts[1:]:
        d = mean_b - mean
        mean = mean + d * b / (n + b)
        m2 = m2 + m2_b + d * d * n * b / (n + b)
        n += b
    if n < 2:
        raise ValueError("one value")
    return n, mean, m2 / n, m2 / (n - 1)


def no_refusal(parts):
    if sum(n for n, _, _ in parts) < 2:
        return 1, parts[-1][1], parts[-1][2], parts[-1][2]
    return plain_merge(parts)


MERGE = {
    "solution": merge_all,
    "right": {
        "difference": between_by_difference,
        "pairs": pairwise,
        "all at once": with_between(at_once),
        "einsum": with_between(merge_einsum),
        "torch": with_between(merge_torch),
        "reversed": with_between(from_the_right),
    },
    "wrong": {
        "other weight": (
            with_between(wrong_merge(mean_weight=lambda a, b: a / (a + b))),
            "n_a / n",
        ),
        "half and half": (
            with_between(wrong_merge(mean_weight=lambda a, b: 0.5)),
            "equal weights",
        ),
        "no weight": (
            with_between(wrong_merge(mean_weight=lambda a, b: 1)),
            "without a weight",
        ),
        "no distance": (
            with_between(wrong_merge(m2_term=lambda d, a, b: 0 * d)),
            "without the distance",
        ),
        "pooled": (
            with_between(
                wrong_merge(
                    m2_term=lambda d, a, b: 0 * d,
                    end=lambda n, m2, k: (m2 / n, m2 / (n - k)),
                )
            ),
            "the pooled variance",
        ),
        "no square": (
            with_between(wrong_merge(m2_term=lambda d, a, b: d * a * b / (a + b))),
            "without its square",
        ),
        "not over n": (
            with_between(wrong_merge(m2_term=lambda d, a, b: d * d * a * b)),
            "not divided by n",
        ),
        "over n squared": (
            with_between(wrong_merge(m2_term=lambda d, a, b: d**2 * a * b / (a + b) ** 2)),
            "divided by n twice",
        ),
        "times n_b": (
            with_between(wrong_merge(m2_term=lambda d, a, b: d * d * b)),
            "n_b as the weight",
        ),
        "minus": (
            with_between(wrong_merge(m2_term=lambda d, a, b: -d * d * a * b / (a + b))),
            "subtracted, not added",
        ),
        "new mean": (
            with_between(
                wrong_merge(m2_term=lambda d, a, b: (d * a / (a + b)) ** 2 * a * b / (a + b))
            ),
            "from the new mean",
        ),
        "m2 itself": (
            with_between(wrong_merge(end=lambda n, m2, k: (m2, m2))),
            "m2, not divided",
        ),
        "both unbiased": (
            with_between(wrong_merge(end=lambda n, m2, k: (m2 / (n - 1), m2 / (n - 1)))),
            "the unbiased variance",
        ),
        "both biased": (
            with_between(wrong_merge(end=lambda n, m2, k: (m2 / n, m2 / n))),
            "the biased variance",
        ),
        "Bessel upside down": (
            with_between(wrong_merge(end=lambda n, m2, k: (m2 / n, m2 / n * (n - 1) / n))),
            "upside down",
        ),
        "variance of means": (
            with_between(plain_merge, lambda parts: np.var([p[1] for p in parts if p[0]], 0)),
            "the variance of the means",
        ),
        "inside": (
            with_between(
                plain_merge,
                lambda parts: sum(p[2] for p in parts) / sum(p[0] for p in parts),
            ),
            "inside the parts, not between",
        ),
        "n less the parts": (
            with_between(wrong_merge(end=lambda n, m2, k: (m2 / n, m2 / max(n - k, 1)))),
            "",
        ),
        "no fifth result": (plain_merge, "returned 4 results"),
        "moments": (with_between(by_moments), ""),
        "float32": (with_between(merge_float32), ""),
        "average of variances": (with_between(means_of_all), "an average of the parts'"),
        "the first two": (
            with_between(lambda parts: plain_merge(parts[:2])),
            "the first two parts",
        ),
        "in place": (with_between(merge_in_place), "work on a copy"),
        "empty parts": (with_between(no_guard), "0/0 where two empty"),
        "a single value": (with_between(no_refusal), "accepts a single value"),
    },
    "equivalent": {
        "n, mean, m2, between = 0, 0.0, 0.0, 0.0 -> "
        "n, mean, m2, between = (0, 1.0, 0.0, 0.0)": ("the first part has the whole weight"),
    },
}

# --- exercise 3 ---------------------------------------------------------


class Stream:
    def __init__(self):
        self.total = 0
        self.mean = 0.0
        self.m2 = 0.0

    def add(self, row, weight):
        self.total += weight
        before = row - self.mean
        self.mean = self.mean + before * weight / self.total
        self.m2 = self.m2 + weight * before * (row - self.mean)

    def mean_var(self):
        if self.total == 0:
            raise ValueError("no rows yet")
        return self.mean, self.m2 / self.total


class Keeps:
    """Keep all rows, and not even copies."""

    def __init__(self):
        self.rows = []
        self.weights = []

    def add(self, row, weight):
        self.rows.append(row)
        self.weights.append(weight)

    def mean_var(self):
        if not self.rows:
            raise ValueError("no rows yet")
        mean = np.average(self.rows, axis=0, weights=self.weights)
        d = np.array(self.rows) - mean
        return mean, np.average(d * d, axis=0, weights=self.weights)


class Copies(Keeps):
    def add(self, row, weight):
        super().add(list(row), weight)


class InTorch(Stream):
    def add(self, row, weight):
        super().add(torch.tensor(row), weight)


class Merging:
    """Merge each row as a part without a spread of its own."""

    def __init__(self):
        self.part = (0, 0.0, 0.0)

    def add(self, row, weight):
        n, mean, m2 = self.part
        d, share = row - mean, weight / (n + weight)
        self.part = (n + weight, mean + d * share, m2 + d * d * n * share)

    def mean_var(self):
        n, mean, m2 = self.part
        if not n:
            raise ValueError("no rows yet")
        return mean, m2 / n


class Shifted:
    """Use sums and squares around the first row."""

    def __init__(self):
        self.k = 0

    def add(self, row, weight):
        if self.k == 0:
            self.shift = row.copy()
            self.sums = self.square = 0 * row
        d = row - self.shift
        self.sums, self.square = self.sums + weight * d, self.square + weight * d * d
        self.k += weight

    def mean_var(self):
        if self.k == 0:
            raise ValueError("no rows yet")
        d = self.sums / self.k
        return self.shift + d, self.square / self.k - d * d


class Scalars:
    """Loop over the columns."""

    def __init__(self):
        self.columns = None

    def add(self, row, weight):
        if self.columns is None:
            self.columns = [Stream() for _ in row]
        for stream, value in zip(self.columns, row, strict=True):
            stream.add(float(value), weight)

    def mean_var(self):
        if self.columns is None:
            raise ValueError("add a row first")
        both = [stream.mean_var() for stream in self.columns]
        return [mean for mean, _ in both], [var for _, var in both]


def wrong_stream(product=None, rate=None, result=None, within=None):
    """Return a class as people write it who get one thing wrong."""

    class Wrong(Stream):
        def add(self, row, weight):
            self.total += weight
            before = row - self.mean
            share = rate(weight, self.total) if rate else weight / self.total
            self.mean = self.mean + before * share
            after = row - self.mean
            more = before * after if product is None else product(before, after)
            self.m2 = self.m2 + (within(weight) if within else weight) * more

        def mean_var(self):
            if self.total == 0:
                raise ValueError("no rows yet")
            if result is None:
                return self.mean, self.m2 / self.total
            return self.mean, result(self.m2, self.total)

    return Wrong


class Welford(Stream):
    """Take the rows as the chapter's cell does."""

    def add(self, row, weight):
        super().add(row, 1)


class Sums:
    def __init__(self):
        self.total = self.sums = self.square = 0

    def add(self, row, weight):
        self.total += weight
        self.sums = self.sums + weight * row
        self.square = self.square + weight * row**2

    def mean_var(self):
        mean = self.sums / self.total
        return mean, self.square / self.total - mean**2


class FromOne(Stream):
    def __init__(self):
        super().__init__()
        self.total = 1


class Lends:
    """Hand out the mean that the next row changes in place."""

    def __init__(self):
        self.total = 0

    def add(self, row, weight):
        if self.total == 0:
            self.mean, self.m2 = np.zeros(len(row)), np.zeros(len(row))
        self.total += weight
        d = row - self.mean
        self.mean += d * weight / self.total
        self.m2 = self.m2 + weight * d * (row - self.mean)

    def mean_var(self):
        if self.total == 0:
            raise ValueError("no rows yet")
        return self.mean, self.m2 / self.total


class LendsBoth(Lends):
    """Keep the variance in an array, too, that is handed out."""

    def add(self, row, weight):
        first = self.total == 0
        super().add(row, weight)
        if first:
            self.var = np.zeros(len(row))
        self.var[:] = self.m2 / self.total

    def mean_var(self):
        super().mean_var()
        return self.mean, self.var


class Shared:
    total, mean, m2 = 0, 0.0, 0.0

    def add(self, row, weight):
        Shared.total += weight
        before = row - Shared.mean
        Shared.mean = Shared.mean + before * weight / Shared.total
        Shared.m2 = Shared.m2 + weight * before * (row - Shared.mean)

    def mean_var(self):
        return Shared.mean, Shared.m2 / Shared.total


class Aliased(Stream):
    def add(self, row, weight):
        if self.total == 0:
            self.mean = row
        self.total += weight
        before = row - self.mean
        self.mean += before * weight / self.total
        self.m2 = self.m2 + weight * before * (row - self.mean)


class Resets(Stream):
    def mean_var(self):
        answer = super().mean_var()
        self.__init__()
        return answer


class OverTheRow(Stream):
    def add(self, row, weight):
        super().add(row.mean(), weight)


class Accepts(Stream):
    def mean_var(self):
        return self.mean, self.m2 / max(self.total, 1e-9)


STREAM = {
    "solution": Stream,
    "right": {
        "torch": InTorch,
        "merging": Merging,
        "shifted sums": Shifted,
        "scalars": Scalars,
    },
    "wrong": {
        "old mean": (wrong_stream(lambda b, a: b**2), "from the old mean"),
        "new mean": (wrong_stream(lambda b, a: a**2), "from the new mean"),
        "k - 1": (
            wrong_stream(result=lambda m2, k: m2 / (k - 1)),
            "the weights less 1",
        ),
        "k - 1, from 2": (
            wrong_stream(result=lambda m2, k: m2 / (k - 1) if k > 1 else m2),
            "the weights less 1",
        ),
        "not divided": (
            wrong_stream(result=lambda m2, k: m2),
            "M, not divided",
        ),
        "root": (
            wrong_stream(result=lambda m2, k: (m2 / k) ** 0.5),
            "the standard deviation",
        ),
        "momentum": (
            wrong_stream(rate=lambda w, k: 0.1),
            "an exponential average",
        ),
        "k + 1": (
            wrong_stream(rate=lambda w, k: w / (k + 1)),
            "and 1 more",
        ),
        "half": (
            wrong_stream(rate=lambda w, k: 1.0 if k == w else 0.5),
            "half of the way",
        ),
        "last row": (wrong_stream(rate=lambda w, k: 1.0), "jumps to each row"),
        "the chapter's cell": (Welford, "the weights are not used"),
        "M alike": (wrong_stream(within=lambda w: 1.0), "an M whose rows all count alike"),
        "mean alike": (wrong_stream(rate=lambda w, k: 1 / k), "does not weigh the new row"),
        "weights twice": (wrong_stream(within=lambda w: w**2), "squared in M"),
        "keeps all": (Keeps, ""),
        "keeps copies": (Copies, "keeps every row"),
        "sums of squares": (Sums, "loses its digits far from 0"),
        "count from 1": (FromOne, "starts at 1"),
        "no product": (wrong_stream(lambda b, a: b), "not multiplied"),
        "class attributes": (Shared, ""),
        "aliased": (Aliased, ""),
        "lends the mean": (Lends, "handed out"),
        "lends both": (LendsBoth, "handed out"),
        "resets": (Resets, ""),
        "mean of the row": (OverTheRow, "shape"),
        "before the first": (Accepts, "accepts a question before"),
    },
    "equivalent": {
        "self.mean = 0.0 -> self.mean = 1.0": ("the first row replaces the mean"),
    },
}

# --- exercise 4 ---------------------------------------------------------


def safe_var(x):
    axes = tuple(i for i in range(x.ndim) if i != 1)
    shape = tuple(n if i == 1 else 1 for i, n in enumerate(x.shape))
    shift = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)[:, 0]
    d = x - shift.reshape(shape)
    mean = d.mean(axis=axes)
    return (d * d).mean(axis=axes) - mean * mean


def axes_of(x):
    return (0,) if x.ndim == 2 else (0, 2, 3)


def two_passes(x):
    d = x - x.mean(axis=axes_of(x), keepdims=True)
    return (d * d).mean(axis=axes_of(x))


def in_float64(x):
    return np.var(x.astype(np.float64), axis=axes_of(x))


def one_pass_in_float64(x):
    x = x.astype(np.float64)
    mu = x.mean(axis=axes_of(x))
    return (x * x).mean(axis=axes_of(x)) - mu**2


def var_torch(x):
    return torch.from_numpy(x).var(axes_of(x), correction=0)


def var_einsum(x):
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    d = rows - rows[:1]
    mean = d.mean(axis=0)
    return np.einsum("ij,ij->j", d, d) / np.float32(len(d)) - mean**2


def welford(x):
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    stream = Stream()
    for row in rows:
        stream.add(row, 1)
    return stream.mean_var()[1]


def given(x):
    mean = x.mean(axis=axes_of(x))
    return (x * x).mean(axis=axes_of(x)) - mean * mean


def var_in_place(x):
    x -= x.mean(axis=axes_of(x), keepdims=True)
    return (x * x).mean(axis=axes_of(x))


SAFE = {
    "solution": safe_var,
    "right": {
        "two passes": two_passes,
        "float64": in_float64,
        "one pass in float64": one_pass_in_float64,
        "torch": var_torch,
        "einsum, shifted": var_einsum,
        "Welford": welford,
    },
    "wrong": {
        "as given": (given, "as it was given"),
        "clipped": (lambda x: np.maximum(given(x), 0), "cut off at 0"),
        "clipped higher": (lambda x: np.clip(given(x), 1e-5, None), ""),
        "abs": (lambda x: np.abs(given(x)), "a minus sign removed"),
        "cast too late": (
            lambda x: given(x).astype(np.float64),
            "as it was given",
        ),
        "float64 sums of float32 squares": (
            lambda x: (
                (x * x).mean(axis=axes_of(x), dtype=np.float64)
                - x.mean(axis=axes_of(x), dtype=np.float64) ** 2
            ),
            "squares rounded to float32",
        ),
        "float64 mean alone": (
            lambda x: (
                (x * x).mean(axis=axes_of(x)) - x.mean(axis=axes_of(x), dtype=np.float64) ** 2
            ),
            "squares in float32",
        ),
        "no second term": (
            lambda x: ((x - x[(slice(1), slice(None)) + (slice(1),) * (x.ndim - 2)]) ** 2).mean(
                axis=axes_of(x)
            ),
            "around the shift",
        ),
        "ddof=1": (
            lambda x: x.astype(np.float64).var(axis=axes_of(x), ddof=1),
            "m - 1",
        ),
        "torch.var": (
            lambda x: torch.from_numpy(x).var(axes_of(x)),
            "m - 1",
        ),
        "std": (lambda x: two_passes(x) ** 0.5, "the standard deviation"),
        "sum": (
            lambda x: two_passes(x) * (x.size // x.shape[1]),
            "the sum of squared distances",
        ),
        "all channels": (
            lambda x: np.repeat(x.astype(np.float64).var(), x.shape[1]),
            "all channels together",
        ),
        "one number": (lambda x: x.astype(np.float64).var(), "shape"),
        "axis 0": (lambda x: x.astype(np.float64).var(axis=0), "shape"),
        "shift of the squares only": (
            lambda x: given(x) + x.astype(np.float64).var(axis=axes_of(x)),
            "",
        ),
        "in place": (var_in_place, "work on a copy"),
    },
    "equivalent": {
        (
            "shift = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)[:, 0] -> "
            "shift = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)[:, 1]"
        ): "the second value is as good a shift as the first",
        (
            "shift = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)[:, 0] -> "
            "shift = np.moveaxis(x, 1, 0).reshape(x.shape[1], -2)[:, 0]"
        ): "NumPy takes each negative length for the rest",
    },
}

ANSWERS = {
    "ex03_q1": STANDARDIZE,
    "ex03_q2": MERGE,
    "ex03_q3": STREAM,
    "ex03_q4": SAFE,
}
