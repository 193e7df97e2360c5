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
    assert (sizes > 1).any()
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
    assert sizes.max() > 1
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


POOLED = {
    "solution": pooled,
    "right": {
        "loops": pooled_loops,
        "einsum": pooled_einsum,
        "float32": pooled_float32,
        "torch": pooled_torch,
        "np.average": pooled_average,
    },
    "wrong": {
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
            "as if all batches told the same",
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
            "accepts batches",
        ),
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


EXPONENTIAL = {
    "solution": exponential,
    "right": {
        "matrix of weights": exponential_matrix,
        "einsum": exponential_einsum,
        "torch": exponential_torch,
        "float32": exponential_float32,
    },
    "wrong": {
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
        "fed back": (fed_back, ""),
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
            assert m > 1, "one value"
            self.num_batches_tracked += 1
            a = self.momentum or 1 / int(self.num_batches_tracked)
            self.running_mean += a * (mean.ravel() - self.running_mean)
            unbiased = var.ravel() * m / (m - 1)
            self.running_var += a * (unbiased - self.running_var)
        return (x - mean) / np.sqrt(var + np.float32(self.eps))


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
                raise ValueError("one value per channel")
            self.update(x, mean.ravel(), var.ravel())
            return self.normalized(x, mean, var)
        return self.evaluated(x, mean, var)

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
        return var * len(x) / (len(x) - 1)


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
        return self.momentum or 1 / (self.num_batches_tracked + 1)


class _NeverCounts(_Student):
    def update(self, x, mean, var):
        super().update(x, mean, var)
        self.num_batches_tracked = 0


class _Darknet(_Student):
    def __init__(self, num_features, eps, momentum):
        super().__init__(num_features, eps, momentum)
        self.running_var = np.zeros(num_features)


class _AcceptsOne(_Student):
    def __call__(self, x):
        if self.training and x.size == x.shape[1]:
            return 0 * x
        return super().__call__(x)


LAYER = {
    "solution": batch_norm,
    "right": {
        "flattened": _Flat,
        "torch": _InTorch,
        "float32": _InFloat32,
        "student": _Student,
    },
    "wrong": {
        "ARENA 415": (_Arena, "a biased running variance"),
        "N for m": (_ByExamples, "counts examples"),
        "(m - 1) / m": (_Smaller, "smaller still"),
        "makemore": (_Unbiased, "the unbiased variance used to normalize"),
        "reversed": (_Reversed, "weight of the old value"),
        "reversed, None": (_ReversedAlways, "weight of the old value"),
        "running in training": (
            _RunningInTraining,
            "running statistics used in training",
        ),
        "always the batch": (_AlwaysBatch, "used in evaluation, too"),
        "moves": (_MovesInEvaluation, "the change by evaluation is off"),
        "moves first": (_MovesFirst, "that move in evaluation"),
        "counts in evaluation": (
            _CountsInEvaluation,
            "the change by evaluation is off",
        ),
        "eps outside": (_OutsideRoot, "eps outside the root"),
        "no eps": (_NoEps, "without eps"),
        "latest": (_Latest, "without an average"),
        "None is 0.1": (_NoneIsTenth, "0.1 where momentum is None"),
        "1 / (k + 1)": (_CountsLate, "a first weight of 1/2"),
        "never counts": (_NeverCounts, "num_batches_tracked is off"),
        "_Darknet": (_Darknet, "a running variance that starts at 0"),
        "one image": (_AcceptsOne, "accepts a batch of one"),
    },
}


def fold_before(gamma, beta, mean, var, eps, weight, bias):
    scale = gamma / np.sqrt(var + eps)
    shift = beta - scale * mean
    return weight * scale, bias + weight @ shift


def fold_loops(gamma, beta, mean, var, eps, weight, bias):
    W, b = np.empty_like(weight), bias.copy()
    for o in range(len(weight)):
        for i in range(weight.shape[1]):
            s = gamma[i] / (var[i] + eps) ** 0.5
            W[o, i] = weight[o, i] * s
            b[o] += weight[o, i] * (beta[i] - s * mean[i])
    return W, b


def fold_einsum(gamma, beta, mean, var, eps, weight, bias):
    s = gamma * (var + eps) ** -0.5
    W = np.einsum("oi,i->oi", weight, s)
    b = bias + np.einsum("oi,i->o", weight, beta)
    return W, b - np.einsum("oi,i->o", W, mean)


def fold_torch(gamma, beta, mean, var, eps, weight, bias):
    g, be, mu, v, W, b = (torch.tensor(a) for a in (gamma, beta, mean, var, weight, bias))
    s = g * torch.rsqrt(v + eps)
    return W @ torch.diag(s), b + W @ (be - s * mu)


def fold_float32(gamma, beta, mean, var, eps, weight, bias):
    arrays = [a.astype(np.float32) for a in (gamma, beta, mean, var, weight, bias)]
    return fold_before(*arrays[:4], np.float32(eps), *arrays[4:])


def fold_probed(gamma, beta, mean, var, eps, weight, bias):
    def both(x):
        normalized = gamma * (x - mean) / np.sqrt(var + eps) + beta
        return normalized @ weight.T + bias

    b = both(np.zeros_like(mean))
    return (both(np.eye(len(mean))) - b).T, b


def fold_wrong(
    W=lambda weight, s: weight * s,
    b=lambda w, b, s, beta, mu: b + w @ (beta - s * mu),
    scale=lambda gamma, var, eps: gamma / np.sqrt(var + eps),
):
    def answer(gamma, beta, mean, var, eps, weight, bias):
        s = scale(gamma, var, eps)
        return W(weight, s), b(weight, bias, s, beta, mean)

    return answer


def fold_after(gamma, beta, mean, var, eps, weight, bias):
    s = gamma / np.sqrt(var + eps)
    return weight * s.reshape(-1, 1), s * (bias - mean) + beta


FOLD = {
    "solution": fold_before,
    "right": {
        "loops": fold_loops,
        "einsum": fold_einsum,
        "torch": fold_torch,
        "float32": fold_float32,
        "probed": fold_probed,
    },
    "wrong": {
        "folds the wrong way": (fold_after, "a scale of the rows"),
        "rows": (
            fold_wrong(W=lambda w, s: np.diag(s) @ w),
            "a scale of the rows",
        ),
        "weight unchanged": (
            fold_wrong(W=lambda w, s: w),
            "stays as it is",
        ),
        "divided": (
            fold_wrong(W=lambda w, s: w / s),
            "division by the scale",
        ),
        "no gamma": (
            fold_wrong(scale=lambda g, v, e: 1 / np.sqrt(v + e)),
            "gamma left out",
        ),
        "no std": (
            fold_wrong(scale=lambda g, v, e: g),
            "standard deviation left out",
        ),
        "variance": (
            fold_wrong(scale=lambda g, v, e: g / (v + e)),
            "by the variance",
        ),
        "no eps": (
            fold_wrong(scale=lambda g, v, e: g / np.sqrt(v)),
            "without eps",
        ),
        "eps outside": (
            fold_wrong(scale=lambda g, v, e: g / (np.sqrt(v) + e)),
            "eps outside",
        ),
        "no W in the bias": (
            fold_wrong(b=lambda w, b, s, beta, mu: b + beta - s * mu),
            "without the layer's weight",
        ),
        "folded W in the bias": (
            fold_wrong(b=lambda w, b, s, beta, mu: b + (w * s) @ (beta - s * mu)),
            "scale counts twice",
        ),
        "mean not scaled": (
            fold_wrong(b=lambda w, b, s, beta, mu: b + w @ (beta - mu)),
            "a mean that is not scaled",
        ),
        "beta scaled": (
            fold_wrong(b=lambda w, b, s, beta, mu: b + w @ (s * (beta - mu))),
            "beta scaled, too",
        ),
        "no mean": (
            fold_wrong(b=lambda w, b, s, beta, mu: b + w @ beta),
            "the mean left out",
        ),
        "plus mean": (
            fold_wrong(b=lambda w, b, s, beta, mu: b + w @ (beta + s * mu)),
            "the mean added",
        ),
        "no bias": (
            fold_wrong(b=lambda w, b, s, beta, mu: w @ (beta - s * mu)),
            "own bias left out",
        ),
        "bias unchanged": (
            fold_wrong(b=lambda w, b, s, beta, mu: b),
            "a bias that stays as it is",
        ),
        "minus the shift": (
            fold_wrong(b=lambda w, b, s, beta, mu: b - w @ (beta - s * mu)),
            "",
        ),
    },
}

ANSWERS = {
    "ex07_q1": POOLED,
    "ex07_q2": EXPONENTIAL,
    "ex07_q3": LAYER,
    "ex07_q4": FOLD,
}
