"""Answers to the exercises of chapter 7, right and wrong."""

import numpy as np
import torch


def pooled(means, variances, sizes):
    freedom = sizes - 1
    if freedom.sum() == 0:
        raise ValueError("every batch has one value: variance unknown")
    weights = sizes[:, None]
    mean = (weights * means).sum(axis=0) / sizes.sum()
    var = (weights * variances).sum(axis=0) / freedom.sum()
    return mean, var


def pooled_loops(means, variances, sizes):
    K, C = means.shape
    if max(sizes) == 1:
        raise ValueError("one value each")
    mean, var = np.zeros(C), np.zeros(C)
    for k in range(K):
        mean += sizes[k] * means[k]
        if sizes[k] > 1:
            unbiased = sizes[k] / (sizes[k] - 1) * variances[k]
            var += (sizes[k] - 1) * unbiased
    return mean / sum(sizes), var / (sum(sizes) - K)


def pooled_einsum(means, variances, sizes):
    if not (sizes > 1).any():
        raise ValueError("one value each")
    mean = np.einsum("k,kc->c", sizes, means) / sizes.sum()
    squares = np.einsum("k,kc->c", sizes, variances)
    return mean, squares / (sizes - 1).sum()


def pooled_float32(means, variances, sizes):
    return pooled(
        means.astype(np.float32),
        variances.astype(np.float32),
        sizes.astype(np.float32),
    )


def pooled_torch(means, variances, sizes):
    if sizes.max() < 2:
        raise ValueError("one value each")
    mu, v, m = (torch.tensor(a) for a in (means, variances, sizes))
    m = m.double()
    return (m @ mu) / m.sum(), (m @ v) / (m - 1).sum()


def pooled_average(means, variances, sizes):
    if (sizes == 1).all():
        raise ValueError("no spread")
    big = sizes > 1
    m = sizes[big, None]
    unbiased = variances[big] * m / (m - 1)
    return (
        np.average(means, axis=0, weights=sizes),
        np.average(unbiased, axis=0, weights=sizes[big] - 1),
    )


def pooled_stacked(means, variances, sizes):
    return np.stack(pooled(means, variances, sizes))


def pooled_wrong(var, mean=lambda mu, m: np.average(mu, axis=0, weights=m)):
    """Return an answer that refuses as asked and uses these formulas."""

    def answer(means, variances, sizes):
        if sizes.max() == 1:
            raise ValueError("one value each")
        return mean(means, sizes), var(means, variances, sizes)

    return answer


def right_var(mu, v, m):
    return (m[:, None] * v).sum(0) / (m - 1).sum()


def law_of_total_variance(mu, v, m, ddof):
    center = np.average(mu, axis=0, weights=m)
    w = m[:, None]
    total = (w * v).sum(0) + (w * (mu - center) ** 2).sum(0)
    return total / (m.sum() - ddof)


def with_own_factor(v, m):
    out = v.copy()
    big = m > 1
    out[big] *= m[big, None] / (m[big, None] - 1)
    return out


def pooled_asserts(means, variances, sizes):
    assert sizes.max() > 1, "one value each"
    return pooled(means, variances, sizes)


def pooled_refuses_any(means, variances, sizes):
    if sizes.min() < 2:
        raise ValueError("a batch of one value")
    return pooled(means, variances, sizes)


def pooled_refuses_one(means, variances, sizes):
    """Refuse a single batch of two values, which do tell a variance."""
    if sum(sizes) - len(sizes) <= 1:
        raise ValueError("too few")
    return pooled(means, variances, sizes)


POOLED = {
    "solution": pooled,
    "right": {
        "loops": pooled_loops,
        "einsum": pooled_einsum,
        "float32": pooled_float32,
        "torch": pooled_torch,
        "np.average": pooled_average,
        "one stacked array": pooled_stacked,
    },
    "wrong": {
        "one degree of freedom refused": (pooled_refuses_one, "among others: raised"),
        "with the spread between": (
            pooled_wrong(
                lambda mu, v, m: law_of_total_variance(mu, v, m, len(m)),
            ),
            "the spread between the batches",
        ),
        "biased": (
            pooled_wrong(lambda mu, v, m: np.average(v, 0, weights=m)),
            "no correction by m - 1",
        ),
        "plain mean of biased": (
            pooled_wrong(lambda mu, v, m: v.mean(0)),
            "a plain average of the biased",
        ),
        "paper's formula with the full batch": (
            pooled_wrong(lambda mu, v, m: m[0] / (m[0] - 1) * v.mean(0)),
            "one common factor",
        ),
        "own factors": (
            pooled_wrong(lambda mu, v, m: with_own_factor(v, m).mean(0)),
            "as if all batches told the same",
        ),
        "own factors, m": (
            pooled_wrong(lambda mu, v, m: np.average(with_own_factor(v, m), 0, weights=m)),
            "corrected variances that weigh m",
        ),
        "weights m - 1, biased": (
            pooled_wrong(lambda mu, v, m: np.average(v, axis=0, weights=m - 1)),
            "uncorrected variances",
        ),
        "N - 1": (
            pooled_wrong(lambda mu, v, m: (m[:, None] * v).sum(0) / (m.sum() - 1)),
            "one degree of freedom",
        ),
        "dataset pass": (
            pooled_wrong(lambda mu, v, m: law_of_total_variance(mu, v, m, 1)),
            "spread between the batches",
        ),
        "dataset pass, biased": (
            pooled_wrong(lambda mu, v, m: law_of_total_variance(mu, v, m, 0)),
            "the biased variance of all values",
        ),
        "mean of means": (
            pooled_wrong(right_var, mean=lambda mu, m: mu.mean(0)),
            "means without weights",
        ),
        "mean weighs m - 1": (
            pooled_wrong(
                right_var,
                mean=lambda mu, m: np.average(mu, 0, weights=m - 1),
            ),
            "means that weigh m - 1",
        ),
        "nothing weighed": (
            pooled_wrong(
                lambda mu, v, m: with_own_factor(v, m).mean(0),
                mean=lambda mu, m: mu.mean(0),
            ),
            "",
        ),
        "standard deviation": (
            pooled_wrong(lambda mu, v, m: right_var(mu, v, m) ** 0.5),
            "a standard deviation",
        ),
        "0 / 0 for a batch of one": (
            pooled_wrong(
                lambda mu, v, m: np.average(v * (m / (m - 1))[:, None], 0, weights=m - 1)
            ),
            "NaN or infinite",
        ),
        "one number": (
            pooled_wrong(lambda mu, v, m: right_var(mu, v, m).mean()),
            "shape",
        ),
        "accepts batches of one": (
            lambda means, variances, sizes: (
                np.average(means, 0, weights=sizes),
                sizes @ variances / max((sizes - 1).sum(), 1),
            ),
            "accepts batches of one value only",
        ),
        "an assert is no refusal": (pooled_asserts, "raised AssertionError"),
        "drops batches of one": (
            pooled_wrong(right_var, mean=lambda mu, m: np.average(mu, 0, weights=m * (m > 1))),
            "left out of the mean",
        ),
        "forgets the last": (
            lambda mu, v, m: pooled(mu[:-1], v[:-1], m[:-1]),
            "a last batch that is left out",
        ),
        "refuses any batch of one": (pooled_refuses_any, "raised ValueError"),
    },
}


def exponential(values, momentum):
    running = np.zeros(values.shape[1])
    rows, corrected = [], []
    for k, value in enumerate(values, start=1):
        running = momentum * running + (1 - momentum) * value
        rows.append(running)
        corrected.append(running / (1 - momentum**k))
    return np.array(rows), np.array(corrected)


def exponential_matrix(values, momentum):
    K = len(values)
    age = np.arange(K)[:, None] - np.arange(K)  # (K, K)
    weights = (1 - momentum) * momentum ** np.maximum(age, 0)
    weights = np.where(age < 0, 0.0, weights)
    total = weights.sum(axis=1, keepdims=True)
    return weights @ values, weights @ values / total


def exponential_einsum(values, momentum):
    K = len(values)
    table = [
        [(1 - momentum) * momentum ** (i - j) * (j <= i) for j in range(K)] for i in range(K)
    ]
    running = np.einsum("kj,jc->kc", np.array(table), values)
    return running, running / np.sum(table, axis=1)[:, None]


def exponential_torch(values, momentum):
    t, weight, rows = torch.tensor(values), 0.0, []
    running = torch.zeros_like(t[0])
    for value in t:
        running = torch.lerp(value, running, momentum)
        weight = momentum * weight + 1 - momentum
        rows.append((running, running / weight))
    return tuple(torch.stack(r) for r in zip(*rows, strict=True))


def exponential_float32(values, momentum):
    running, rows = np.zeros(values.shape[1], np.float32), []
    for value in values.astype(np.float32):
        running = running + np.float32(1 - momentum) * (value - running)
        rows.append(running)
    k = np.arange(1, len(values) + 1)[:, None]
    return np.array(rows), np.array(rows) / (1 - momentum**k)


def exponential_wrong(
    step=lambda old, new, a: a * old + (1 - a) * new,
    divisor=lambda k, a, K: 1 - a**k,
    start=lambda values: np.zeros(values.shape[1]),
):
    def answer(values, momentum):
        running = start(values)
        rows, corrected = [], []
        for k, value in enumerate(values, 1):
            running = step(running, value, momentum)
            rows.append(running)
            by = divisor(k, momentum, len(values))
            corrected.append(running / by)
        return np.array(rows), np.array(corrected)

    return answer


def pull_request_2213(values, momentum):
    moving, rows, corrected = 0 * values[0], [], []
    for k, value in enumerate(values, 1):
        moving = (1.0 - momentum) * moving + momentum * value
        rows.append(moving)
        corrected.append(moving / (1 - (1 - momentum) ** k))
    return np.array(rows), np.array(corrected)


def starts_at_first(values, momentum):
    running, rows, corrected = values[0], [values[0]], []
    for value in values[1:]:
        running = momentum * running + (1 - momentum) * value
        rows.append(running)
    for k, row in enumerate(rows, 1):
        corrected.append(row / (1 - momentum**k))
    return np.array(rows), np.array(corrected)


def last_only(values, momentum):
    rows, corrected = exponential(values, momentum)
    return rows[-1], corrected[-1]


def cumulative(values, momentum):
    rows = [values[: k + 1].mean(0) for k in range(len(values))]
    return np.array(rows), np.array(rows)


def fed_back(values, momentum):
    running, rows, corrected = 0 * values[0], [], []
    for k, value in enumerate(values, 1):
        running = momentum * running + (1 - momentum) * value
        rows.append(running)
        running = running / (1 - momentum**k)
        corrected.append(running)
    return np.array(rows), np.array(corrected)


def in_place(values, momentum):
    running, rows, corrected = np.zeros(values.shape[1]), [], []
    for k, value in enumerate(values, 1):
        running *= momentum
        running += (1 - momentum) * value
        rows.append(running)
        corrected.append(running / (1 - momentum**k))
    return np.array(rows), np.array(corrected)


def counts_from_0(values, momentum):
    running, _ = exponential(values, momentum)
    k = np.arange(len(values))
    k[0] = 1
    return running, running / (1 - momentum ** k[:, None])


EXPONENTIAL = {
    "solution": exponential,
    "right": {
        "matrix of weights": exponential_matrix,
        "one stacked array": lambda values, momentum: np.stack(exponential(values, momentum)),
        "einsum": exponential_einsum,
        "torch": exponential_torch,
        "float32": exponential_float32,
    },
    "wrong": {
        "counts from 0, at least 1": (counts_from_0, "one batch too few"),
        "d2l, PR 2213": (pull_request_2213, "multiplies the new value"),
        "reversed, right divisor": (
            exponential_wrong(step=lambda o, n, a: (1 - a) * o + a * n),
            "multiplies the new value",
        ),
        "starts at the first value": (
            starts_at_first,
            "a start from the first batch",
        ),
        "starts at one": (
            exponential_wrong(start=lambda v: np.ones(v.shape[1])),
            "a start from one",
        ),
        "full new value": (
            exponential_wrong(step=lambda o, n, a: a * o + n),
            "full weight",
        ),
        "old never shrinks": (
            exponential_wrong(step=lambda o, n, a: o + (1 - a) * n),
            "never multiplied down",
        ),
        "cumulative": (cumulative, "the plain average"),
        "divisor reversed": (
            exponential_wrong(divisor=lambda k, a, K: 1 - (1 - a) ** k),
            "in the divisor only",
        ),
        "no correction": (
            exponential_wrong(divisor=lambda k, a, K: 1),
            "the start still counts",
        ),
        "k from 0": (
            exponential_wrong(divisor=lambda k, a, K: 1 - a ** (k - 1)),
            "NaN or infinite",
        ),
        "k + 1": (
            exponential_wrong(divisor=lambda k, a, K: 1 - a ** (k + 1)),
            "a power of k + 1",
        ),
        "weight of the start": (
            exponential_wrong(divisor=lambda k, a, K: a**k),
            "by the weight of the start",
        ),
        "last divisor": (
            exponential_wrong(divisor=lambda k, a, K: 1 - a**K),
            "the same divisor",
        ),
        "1 - momentum": (
            exponential_wrong(divisor=lambda k, a, K: 1 - a),
            "by 1 - momentum",
        ),
        "swapped": (
            lambda v, a: exponential(v, a)[::-1],
            "each other's place",
        ),
        "fed back": (fed_back, "goes back into the average"),
        "in place, one array stored": (in_place, "the same array was stored each time"),
        "0.9 written out": (lambda v, a: exponential(v, 0.9), "whatever the caller gives"),
        "forgets the first": (lambda v, a: exponential(v[1:], a), "shape"),
        "last only": (last_only, "shape"),
        "running only": (lambda v, a: exponential(v, a)[0], "expected 2"),
    },
}


def batch_norm(num_features, eps, momentum):
    class BatchNorm:
        def __init__(self):
            self.eps, self.momentum = eps, momentum
            self.training = True
            self.running_mean = np.zeros(num_features)
            self.running_var = np.ones(num_features)
            self.num_batches_tracked = 0

        def __call__(self, x):
            axes = tuple(i for i in range(x.ndim) if i != 1)
            shape = [n if i == 1 else 1 for i, n in enumerate(x.shape)]
            if self.training:
                m = x.size // x.shape[1]
                if m < 2:
                    raise ValueError("one value per channel")
                mean, var = x.mean(axis=axes), x.var(axis=axes)
                self.num_batches_tracked += 1
                a = self.momentum
                if a is None:
                    a = 1 / self.num_batches_tracked
                self.running_mean = (1 - a) * self.running_mean + a * mean
                unbiased = m / (m - 1) * var
                self.running_var = (1 - a) * self.running_var + a * unbiased
            else:
                mean, var = self.running_mean, self.running_var
            std = np.sqrt(var + self.eps)
            return (x - mean.reshape(shape)) / std.reshape(shape)

    return BatchNorm()


class _Flat:
    """Flattens to rows of channels; keeps a list of batches for None."""

    def __init__(self, num_features, eps, momentum):
        self.C, self.eps, self.momentum = num_features, eps, momentum
        self.training, self.num_batches_tracked = True, 0
        self.running_mean = [0.0] * num_features
        self.running_var = [1.0] * num_features
        self.seen = []

    def __call__(self, x):
        rows = np.moveaxis(x, 1, -1)
        flat = rows.reshape(-1, self.C)
        mean, var = np.array(self.running_mean), np.array(self.running_var)
        if self.training:
            if len(flat) == 1:
                raise ValueError("use a larger batch")
            new = flat.mean(0), flat.var(0, ddof=1)
            self.seen.append(new)
            self.num_batches_tracked = len(self.seen)
            if self.momentum is None:
                mean, var = np.mean(self.seen, axis=0)
            else:
                mean = mean + self.momentum * (new[0] - mean)
                var = var + self.momentum * (new[1] - var)
            self.running_mean, self.running_var = list(mean), list(var)
            mean, var = flat.mean(0), flat.var(0)
        return np.moveaxis((rows - mean) / np.sqrt(var + self.eps), -1, 1)


class _InTorch:
    """Wraps the library's layer."""

    def __init__(self, num_features, eps, momentum):
        self.settings = num_features, eps, momentum
        self.training, self.num_batches_tracked = True, 0
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)

    def __call__(self, x):
        C, eps, momentum = self.settings
        kind = torch.nn.BatchNorm2d if x.ndim == 4 else torch.nn.BatchNorm1d
        layer = kind(C, eps, momentum, affine=False, dtype=torch.float64)
        layer.running_mean[:] = torch.tensor(self.running_mean)
        layer.running_var[:] = torch.tensor(self.running_var)
        layer.num_batches_tracked += self.num_batches_tracked
        y = layer.train(self.training)(torch.tensor(x))
        self.running_mean = layer.running_mean.numpy()
        self.running_var = layer.running_var.numpy()
        self.num_batches_tracked = int(layer.num_batches_tracked)
        return y.numpy()


class _InFloat32:
    """Works in single precision, updates in place."""

    def __init__(self, num_features, eps, momentum):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.running_mean = np.zeros(num_features, np.float32)
        self.running_var = np.ones(num_features, np.float32)
        self.num_batches_tracked = np.array(0)

    def __call__(self, x):
        x = x.astype(np.float32)
        axes = (0,) if x.ndim == 2 else (0, 2, 3)
        keep = {"axis": axes, "keepdims": True}
        shape = x.mean(**keep).shape
        mean = self.running_mean.reshape(shape)
        var = self.running_var.reshape(shape)
        if self.training:
            mean, var = x.mean(**keep), x.var(**keep)
            m = x.size / mean.size
            if m < 2:
                raise ValueError("one value")
            self.num_batches_tracked += 1
            a = self.momentum
            a = 1 / int(self.num_batches_tracked) if a is None else a
            self.running_mean += a * (mean.ravel() - self.running_mean)
            unbiased = var.ravel() * m / (m - 1)
            self.running_var += a * (unbiased - self.running_var)
        return (x - mean) / np.sqrt(var + np.float32(self.eps))


class _Einsum:
    """Two vectors of sums, a property for the count."""

    def __init__(self, num_features, eps, momentum):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
        self.weights = []

    @property
    def num_batches_tracked(self):
        return len(self.weights)

    def __call__(self, x):
        rows = x.reshape(len(x), x.shape[1], -1)  # (N, C, positions)
        m = rows.shape[0] * rows.shape[2]
        stats = self.running_mean, self.running_var
        if self.training and m == 1:
            raise FloatingPointValueError(f"one value in each channel: {x.shape}")
        if self.training:
            mean = np.einsum("ncp->c", rows) / m
            var = np.einsum("ncp,ncp->c", rows, rows) / m - mean**2
            stats = mean, var
            self.weights.append(
                1 / (len(self.weights) + 1) if self.momentum is None else self.momentum
            )
            step = self.weights[-1]
            self.running_mean = self.running_mean + step * (mean - self.running_mean)
            self.running_var = self.running_var + step * (var * m / (m - 1) - self.running_var)
        y = (rows - stats[0][:, None]) / (stats[1][:, None] + self.eps) ** 0.5
        return y.reshape(x.shape)


class FloatingPointValueError(ValueError):
    """A subclass of ValueError, which is a refusal, too."""


class _Student:
    """A layer as people write it; the subclasses get one thing wrong."""

    def __init__(self, num_features, eps, momentum):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
        self.num_batches_tracked = 0

    def __call__(self, x):
        self.axes = (0,) if x.ndim == 2 else (0, 2, 3)
        mean = x.mean(self.axes, keepdims=True)
        var = x.var(self.axes, keepdims=True)
        if self.training:
            if x.size == mean.size:
                self.refuse(x, mean, var)
            self.update(x, mean.ravel(), var.ravel())
            return self.normalized(x, mean, var)
        return self.evaluated(x, mean, var)

    def refuse(self, x, mean, var):
        raise ValueError("one value per channel")

    def update(self, x, mean, var):
        self.num_batches_tracked += 1
        a = self.new_weight()
        self.running_mean = (1 - a) * self.running_mean + a * mean
        var = self.for_running(x, var)
        self.running_var = (1 - a) * self.running_var + a * var

    def new_weight(self):
        if self.momentum is None:
            return 1 / self.num_batches_tracked
        return self.momentum

    def for_running(self, x, var):
        return x.var(self.axes, ddof=1)

    def normalized(self, x, mean, var):
        return (x - mean) / np.sqrt(var + self.eps)

    def evaluated(self, x, mean, var):
        mean = self.running_mean.reshape(mean.shape)
        var = self.running_var.reshape(mean.shape)
        return self.normalized(x, mean, var)


class _Arena(_Student):
    """ARENA 3.0, issue 415."""

    def for_running(self, x, var):
        return var


class _ByExamples(_Student):
    def for_running(self, x, var):
        return var * len(x) / max(len(x) - 1, 1)


class _Smaller(_Student):
    def for_running(self, x, var):
        m = x.size // x.shape[1]
        return var * (m - 1) / m


class _Unbiased(_Student):
    """As makemore: the unbiased variance normalizes, too."""

    def normalized(self, x, mean, var):
        if self.training:
            var = x.var(self.axes, ddof=1, keepdims=True)
        return (x - mean) / np.sqrt(var + self.eps)


class _Reversed(_Student):
    def new_weight(self):
        if self.momentum is None:
            return 1 - 1 / self.num_batches_tracked
        return 1 - self.momentum


class _ReversedAlways(_Student):
    def new_weight(self):
        return 1.0 if self.momentum is None else 1 - self.momentum


class _RunningInTraining(_Student):
    def normalized(self, x, mean, var):
        mean = self.running_mean.reshape(mean.shape)
        var = self.running_var.reshape(mean.shape)
        return (x - mean) / np.sqrt(var + self.eps)


class _AlwaysBatch(_Student):
    def evaluated(self, x, mean, var):
        return self.normalized(x, mean, var)


class _MovesInEvaluation(_Student):
    """As labml and many others: the update stands before the question."""

    def evaluated(self, x, mean, var):
        self.num_batches_tracked += 1
        a = self.new_weight()
        old = super().evaluated(x, mean, var)
        self.running_mean = (1 - a) * self.running_mean + a * mean.ravel()
        return old


class _CountsInEvaluation(_Student):
    def evaluated(self, x, mean, var):
        self.num_batches_tracked += 1
        return super().evaluated(x, mean, var)


class _MovesFirst(_Student):
    def evaluated(self, x, mean, var):
        m = x.size // x.shape[1]
        self.update(x, mean.ravel(), var.ravel() * m / max(m - 1, 1))
        return super().evaluated(x, mean, var)

    def for_running(self, x, var):
        return super().for_running(x, var) if self.training else var


class _OutsideRoot(_Student):
    def normalized(self, x, mean, var):
        return (x - mean) / (np.sqrt(var) + self.eps)


class _NoEps(_Student):
    def normalized(self, x, mean, var):
        return (x - mean) / np.sqrt(var)


class _Latest(_Student):
    def update(self, x, mean, var):
        self.num_batches_tracked += 1
        self.running_mean = mean
        self.running_var = x.var(self.axes, ddof=1)


class _NoneIsTenth(_Student):
    def new_weight(self):
        return 0.1 if self.momentum is None else self.momentum


class _CountsLate(_Student):
    def new_weight(self):
        return 1 / (self.num_batches_tracked + 1) if self.momentum is None else self.momentum


class _NeverCounts(_Student):
    def update(self, x, mean, var):
        super().update(x, mean, var)
        self.num_batches_tracked = 0


class _Darknet(_Student):
    def __init__(self, num_features, eps, momentum):
        super().__init__(num_features, eps, momentum)
        self.running_var = np.zeros(num_features)


class _AcceptsOne(_Student):
    def refuse(self, x, mean, var):
        pass

    def for_running(self, x, var):
        m = x.size // x.shape[1]
        return var * m / max(m - 1, 1)


class _AcceptsOneMap(_Student):
    def refuse(self, x, mean, var):
        if x.ndim == 2:
            raise ValueError("a batch of one")

    for_running = _AcceptsOne.for_running


class _RefusesOneImage(_Student):
    """Counts examples, not values."""

    def __call__(self, x):
        if self.training and len(x) < 2:
            raise ValueError("a batch of one")
        return super().__call__(x)


class _RefusesByTypo(_Student):
    def refuse(self, x, mean, var):
        raise Value_Error("one value per channel")  # noqa: F821


class _RefusesByAssert(_Student):
    def refuse(self, x, mean, var):
        raise AssertionError("one value per channel")


class _RefusesInEvaluation(_Student):
    def evaluated(self, x, mean, var):
        if x.size == mean.size:
            self.refuse(x, mean, var)
        return super().evaluated(x, mean, var)


class _CountsThenRefuses(_Student):
    def refuse(self, x, mean, var):
        self.num_batches_tracked += 1
        super().refuse(x, mean, var)


class _MovesThenRefuses(_Student):
    def refuse(self, x, mean, var):
        self.num_batches_tracked += 1
        a = self.new_weight()
        self.running_mean = (1 - a) * self.running_mean + a * mean.ravel()
        self.running_var = (1 - a) * self.running_var
        super().refuse(x, mean, var)


class _BatchUnlessOne(_Student):
    """Uses the running statistics for a single value only."""

    def evaluated(self, x, mean, var):
        if x.size > mean.size:
            return self.normalized(x, mean, var)
        return super().evaluated(x, mean, var)


class _BatchForMaps(_Student):
    def evaluated(self, x, mean, var):
        if x.ndim == 4:
            return self.normalized(x, mean, var)
        return super().evaluated(x, mean, var)


class _GuardsByM(_Student):
    """Asks for m, not for the mode, so as not to divide by 0."""

    def evaluated(self, x, mean, var):
        if x.size > mean.size:
            self.update(x, mean.ravel(), var.ravel())
        return super().evaluated(x, mean, var)


class _ZeroIsNone(_Student):
    def new_weight(self):
        return self.momentum or 1 / self.num_batches_tracked


class _NoneIsFirstOnly(_Student):
    def new_weight(self):
        return 1.0 if self.momentum is None else self.momentum


class _NoneIsZero(_Student):
    def new_weight(self):
        return 0.0 if self.momentum is None else self.momentum


class _StartsInEvaluation(_Student):
    def __init__(self, *settings):
        super().__init__(*settings)
        self.training = False


LAYER = {
    "solution": batch_norm,
    "right": {
        "flattened": _Flat,
        "torch": _InTorch,
        "float32": _InFloat32,
        "einsum": _Einsum,
        "student": _Student,
    },
    "wrong": {
        "starts in evaluation": (_StartsInEvaluation, "starts in evaluation mode"),
        "ARENA 415": (_Arena, "a biased running variance"),
        "N for m": (_ByExamples, "counts examples"),
        "(m - 1) / m": (_Smaller, "smaller still"),
        "makemore": (_Unbiased, "the unbiased variance used to normalize"),
        "reversed": (_Reversed, "weight of the old value"),
        "reversed, None": (_ReversedAlways, ""),
        "running in training": (
            _RunningInTraining,
            "running statistics used in training",
        ),
        "always the batch": (_AlwaysBatch, "used in evaluation, too"),
        "moves": (_MovesInEvaluation, "the change of the statistics is off"),
        "moves first": (_MovesFirst, "that move in evaluation"),
        "counts in evaluation": (
            _CountsInEvaluation,
            "that counts in evaluation",
        ),
        "eps outside": (_OutsideRoot, "eps outside the root"),
        "no eps": (_NoEps, "without eps"),
        "latest": (_Latest, "without an average"),
        "None is 0.1": (_NoneIsTenth, "0.1 where momentum is None"),
        "1 / (k + 1)": (_CountsLate, "a first weight of 1/2"),
        "never counts": (_NeverCounts, "num_batches_tracked that never counts"),
        "_Darknet": (_Darknet, "a running variance that starts at 0"),
        "one value": (_AcceptsOne, "one value per channel that is accepted"),
        "one map of one pixel": (_AcceptsOneMap, "maps of one image and one position"),
        "refuses one image": (_RefusesOneImage, "raised ValueError"),
        "refuses by a typo": (_RefusesByTypo, "raised NameError"),
        "refuses by an assert": (_RefusesByAssert, "raised AssertionError"),
        "refuses in evaluation": (_RefusesInEvaluation, "raised ValueError"),
        "counts, then refuses": (_CountsThenRefuses, "that counts a refused batch"),
        "moves, then refuses": (_MovesThenRefuses, "that move before the refusal"),
        "the batch unless it is one": (_BatchUnlessOne, "in evaluation if m is 2 or more"),
        "the batch for maps": (_BatchForMaps, ""),
        "guards by m": (_GuardsByM, "move whenever m is 2 or more"),
        "0 is None": (_ZeroIsNone, "momentum 0 taken for None"),
        "None is 1": (_NoneIsFirstOnly, "statistics where momentum is None"),
        "None is 0": (_NoneIsZero, "never move where momentum is None"),
    },
}


def to_torch(momentum, moving_variance, m, eps, torch_eps):
    unbiased = moving_variance * m / (m - 1)
    same = moving_variance + (eps - torch_eps)
    if same.min() < 0:
        raise ValueError("no variance gives these outputs; keep the library's eps")
    return 1 - momentum, unbiased, same


def to_torch_loops(momentum, moving_variance, m, eps, torch_eps):
    unbiased, same = [], []
    for v in moving_variance:
        unbiased.append(v / (1 - 1 / m))
        same.append(v + (eps - torch_eps))
        if same[-1] < 0:
            raise ValueError("negative")
    return 1.0 - momentum, unbiased, same


def to_torch_roots(momentum, moving_variance, m, eps, torch_eps):
    std = np.sqrt(moving_variance + eps)  # what evaluation divides by
    same = std**2 - torch_eps
    if any(moving_variance + eps < torch_eps):
        raise ValueError("no such variance")
    return 1 - momentum, np.multiply(moving_variance, m) / (m - 1), same


def to_torch_tensors(momentum, moving_variance, m, eps, torch_eps):
    v = torch.tensor(moving_variance)
    same = v + (eps - torch_eps)
    if bool((same < 0).any()):
        raise ValueError("no such variance")
    return torch.tensor(1 - momentum), v * (m / (m - 1)), same


def to_torch_list(momentum, moving_variance, m, eps, torch_eps):
    v = moving_variance.astype(np.float32)
    same = v + np.float32(eps - torch_eps)
    if not (same >= 0).all():
        raise ValueError("no such variance")
    return [1 - momentum, v * np.float32(m / (m - 1)), same]


def converted_wrong(
    momentum=lambda a: 1 - a,
    unbiased=lambda v, m: v * m / (m - 1),
    same=lambda v, e, t: v + e - t,
    refuses=lambda same: (same < 0).any(),
):
    def answer(a, v, m, e, t):
        if refuses(v + (e - t)):
            raise ValueError("no such variance")
        return momentum(a), unbiased(v, m), same(v, e, t)

    return answer


def converted_asserts(a, v, m, e, t):
    assert (v + (e - t) >= 0).all()
    return to_torch(a, v, m, e, t)


def swapped_factor(a, v, m, e, t):
    _, unbiased, same = to_torch(a, v, m, e, t)
    return 1 - a, same, unbiased


CONVERTED = {
    "solution": to_torch,
    "right": {
        "loops": to_torch_loops,
        "by the roots": to_torch_roots,
        "tensors": to_torch_tensors,
        "float32, a list": to_torch_list,
    },
    "wrong": {
        "momentum stays": (converted_wrong(momentum=lambda a: a), "stays as it is"),
        "momentum 0.1": (converted_wrong(momentum=lambda a: 0.1), "PyTorch's default"),
        "biased": (converted_wrong(unbiased=lambda v, m: v), "averages unbiased ones"),
        "(m - 1) / m": (converted_wrong(unbiased=lambda v, m: v * (1 - 1 / m)), "(m - 1) / m"),
        "(m + 1) / m": (converted_wrong(unbiased=lambda v, m: v * (1 + 1 / m)), "(m + 1) / m"),
        "swapped": (swapped_factor, "on the wrong one"),
        "both with the factor": (
            lambda a, v, m, e, t: (
                1 - a,
                v * m / (m - 1),
                (v + e - t) * m / (m - 1) if (v + (e - t)).min() >= 0 else 1 / 0,
            ),
            "",
        ),
        "eps forgotten": (converted_wrong(same=lambda v, e, t: v), "change with eps"),
        "eps only added": (converted_wrong(same=lambda v, e, t: v + e), "eps added, and not"),
        "eps only taken away": (
            converted_wrong(same=lambda v, e, t: v - t),
            "the layer's not added",
        ),
        "eps swapped": (
            converted_wrong(same=lambda v, e, t: v - e + t),
            "the two eps in each other's place",
        ),
        "a root": (
            converted_wrong(same=lambda v, e, t: np.sqrt(v + e - t)),
            "a standard deviation",
        ),
        "eps outside": (
            converted_wrong(same=lambda v, e, t: (v**0.5 + e**0.5 - t**0.5) ** 2),
            "eps stands inside the root",
        ),
        "accepts all": (converted_wrong(refuses=lambda same: False), "accepts a layer that"),
        "clips": (
            lambda a, v, m, e, t: (1 - a, v * m / (m - 1), np.maximum(v + e - t, 0)),
            "accepts a layer that",
        ),
        "refuses a zero": (
            converted_wrong(refuses=lambda same: (same <= 0).any()),
            "raised ValueError",
        ),
        "refuses only all": (
            converted_wrong(refuses=lambda same: (same < 0).all()),
            "accepts a layer that",
        ),
        "asserts": (converted_asserts, "raised AssertionError"),
    },
}

ANSWERS = {
    "ex07_q1": POOLED,
    "ex07_q2": EXPONENTIAL,
    "ex07_q3": LAYER,
    "ex07_q4": CONVERTED,
}
