"""Answers to the exercises of chapter 4, right and wrong."""

import numpy as np
import torch


def standardize(x, eps):
    d = x - np.nanmean(x, axis=0)
    var = np.nanmean(d * d, axis=0)
    return np.where(np.isnan(x), 0.0, d / np.sqrt(var + eps))


def with_nanvar(x, eps):
    return np.nan_to_num((x - np.nanmean(x, 0)) / np.sqrt(np.nanvar(x, 0) + eps))


def with_loops(x, eps):
    out = np.zeros(x.shape)
    for j in range(x.shape[1]):
        there = [i for i in range(len(x)) if x[i, j] == x[i, j]]
        mu = sum(x[i, j] for i in there) / len(there)
        var = sum((x[i, j] - mu) ** 2 for i in there) / len(there)
        for i in there:
            out[i, j] = (x[i, j] - mu) / (var + eps) ** 0.5
    return out


def with_weights(x, eps):
    there = np.isfinite(x)
    count = there.sum(0)
    mu = np.nan_to_num(x).sum(0) / count
    d = np.where(there, x - mu, 0)
    return d * (np.einsum("ij,ij->j", d, d) / count + eps) ** -0.5


def with_masks(x, eps):
    z = np.ma.masked_invalid(x)
    z = (z - z.mean(0)) / np.sqrt(z.var(0) + eps)
    return z.filled(0.0)


def with_torch(x, eps):
    t = torch.from_numpy(x)
    d = t - t.nanmean(0)
    return torch.nan_to_num(d * torch.rsqrt((d**2).nanmean(0) + eps))


def column_by_column(x, eps):
    def one(v):
        there = ~np.isnan(v)
        v[there] = (v[there] - v[there].mean()) / np.sqrt(v[there].var() + eps)
        v[~there] = 0
        return v

    return np.apply_along_axis(one, 0, x.copy())


def in_place(x, eps):
    x -= np.nanmean(x, 0)
    x /= np.sqrt(np.nanmean(x * x, 0) + eps)
    x[np.isnan(x)] = 0
    return x


def plain(x, eps):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + eps)


def filled_after(scale, mean=lambda x: np.nanmean(x, 0)):
    """Return an answer that divides by something else and then fills the gaps with 0."""
    return lambda x, eps: np.nan_to_num((x - mean(x)) / scale(x, eps))


def by_complete_rows(x, eps):
    rows = x[~np.isnan(x).any(1)]
    return np.nan_to_num((x - rows.mean(0)) / np.sqrt(rows.var(0) + eps))


def mean_put_in(x, eps):
    mu = np.nanmean(x, 0)
    z = np.where(np.isnan(x), mu, x)
    return (z - mu) / np.sqrt(z.var(0) + eps)


STANDARDIZE = {
    "solution": standardize,
    "right": {
        "nanvar": with_nanvar,
        "loops": with_loops,
        "weights and einsum": with_weights,
        "masked arrays": with_masks,
        "torch": with_torch,
        "columns": column_by_column,
    },
    "wrong": {
        "ddof=1": (
            filled_after(lambda x, eps: np.sqrt(np.nanvar(x, 0, ddof=1) + eps)),
            "m - 1",
        ),
        "no root": (filled_after(lambda x, eps: np.nanvar(x, 0) + eps), "not by its root"),
        "eps outside": (
            filled_after(lambda x, eps: np.nanstd(x, 0) + eps),
            "eps outside the root",
        ),
        "no eps": (filled_after(lambda x, eps: np.nanstd(x, 0)), "without eps"),
        "usual eps": (
            filled_after(lambda x, eps: np.sqrt(np.nanvar(x, 0) + 1e-5)),
            "eps = 1e-5 whatever",
        ),
        "no mean": (
            filled_after(lambda x, eps: np.sqrt(np.nanvar(x, 0) + eps), lambda x: 0.0),
            "without subtracting the mean",
        ),
        "centred only": (filled_after(lambda x, eps: 1.0), "never divided"),
        "whole array": (
            filled_after(lambda x, eps: np.sqrt(np.nanvar(x) + eps), np.nanmean),
            "the whole array",
        ),
        "axis 1": (
            filled_after(
                lambda x, eps: np.sqrt(np.nanvar(x, 1, keepdims=True) + eps),
                lambda x: np.nanmean(x, 1, keepdims=True),
            ),
            "each example",
        ),
        "min-max": (
            filled_after(
                lambda x, eps: np.nanmax(x, 0) - np.nanmin(x, 0) + eps,
                lambda x: np.nanmin(x, 0),
            ),
            "minimum and maximum",
        ),
        "mean of squares": (
            filled_after(lambda x, eps: np.sqrt(np.nanmean(x * x, 0) + eps)),
            "squares of x, not of x - mean",
        ),
        "one pass": (
            filled_after(
                lambda x, eps: np.sqrt(np.nanmean(x * x, 0) - np.nanmean(x, 0) ** 2 + eps)
            ),
            "rounding far from 0",
        ),
        "as without gaps": (plain, "which one missing value turns into NaN"),
        "features with a gap set to 0": (
            lambda x, eps: np.nan_to_num(plain(x, eps)),
            "set to 0 as a whole",
        ),
        "gaps as 0": (lambda x, eps: plain(np.nan_to_num(x), eps), "before the statistics"),
        "gaps as 0, and back": (
            lambda x, eps: np.where(np.isnan(x), 0, plain(np.nan_to_num(x), eps)),
            "taken as 0 in the statistics",
        ),
        "gaps left": (
            lambda x, eps: (x - np.nanmean(x, 0)) / np.sqrt(np.nanvar(x, 0) + eps),
            "left as NaN",
        ),
        "rows left out": (
            lambda x, eps: plain(x[~np.isnan(x).any(1)], eps),
            "rows with a missing value left out",
        ),
        "complete rows": (by_complete_rows, "rows without a gap"),
        "the mean put in first": (mean_put_in, "divided by m, though"),
        "gaps back": (
            lambda x, eps: np.where(np.isnan(x), np.nanmean(x, 0), standardize(x, eps)),
            "",
        ),
        "in place": (in_place, "work on a copy"),
        "transposed": (lambda x, eps: standardize(x, eps).T, "shape"),
    },
}


def batch_norm_train(x, gamma, beta, eps):
    if x.size // x.shape[1] < 2:
        raise ValueError(f"needs at least 2 values per channel, got shape {x.shape}")
    axes = tuple(i for i in range(x.ndim) if i != 1)
    shape = tuple(n if i == 1 else 1 for i, n in enumerate(x.shape))
    d = x - x.mean(axis=axes, keepdims=True)
    var = (d * d).mean(axis=axes, keepdims=True)
    gamma = 1 if gamma is None else gamma.reshape(shape)
    beta = 0 if beta is None else beta.reshape(shape)
    return gamma * d / np.sqrt(var + eps) + beta


def by_rows(x, gamma, beta, eps):
    class TooFewError(ValueError):
        pass

    last = np.moveaxis(x, 1, -1)
    rows = last.reshape(-1, x.shape[1])
    if len(rows) < 2:
        raise TooFewError("one value per channel")
    y = plain(rows, eps)
    y = y if gamma is None else gamma * y
    y = y if beta is None else y + beta
    return np.moveaxis(y.reshape(last.shape), -1, 1)


def by_channels(x, gamma, beta, eps):
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        v = x[:, c]
        if v.size == 1:
            raise ValueError(f"one value in channel {c}")
        y[:, c] = (v - v.mean()) / np.sqrt(v.var() + eps)
        if gamma is not None:
            y[:, c] *= gamma[c]
        if beta is not None:
            y[:, c] += beta[c]
    return y


def train_einsum(x, gamma, beta, eps):
    N, C = x.shape[:2]
    z = x.reshape(N, C, -1)
    m = N * z.shape[2]
    if m == 1:
        raise ValueError("nothing to normalize: a single value")
    d = z - (np.einsum("ncp->c", z) / m)[:, None]
    s = (np.einsum("ncp,ncp->c", d, d) / m + eps) ** -0.5
    g = s if gamma is None else s * gamma
    b = np.zeros(C) if beta is None else beta
    return (np.einsum("ncp,c->ncp", d, g) + b[:, None]).reshape(x.shape)


def affine_torch(x, gamma, beta, eps):
    t, g, b = (None if a is None else torch.from_numpy(a) for a in (x, gamma, beta))
    return torch.nn.functional.batch_norm(t, None, None, g, b, training=True, eps=eps)


def rule(x):
    """Refuse what the task says, and nothing else."""
    if x.size == x.shape[1]:
        raise ValueError("one value per channel")


def wrong_train(
    axes=None, eps_at="inside", ddof=0, root=True, order="gamma x_hat + beta", refuse=rule
):
    """Return a batch norm as people write it who get one thing wrong."""

    def answer(x, gamma, beta, eps):
        refuse(x)
        over = ((0,) if x.ndim == 2 else (0, 2, 3)) if axes is None else axes(x)
        gamma = np.ones(x.shape[1]) if gamma is None else gamma
        beta = np.zeros(x.shape[1]) if beta is None else beta
        g, b = (v.reshape(1, -1, *[1] * (x.ndim - 2)) for v in (gamma, beta))
        var = x.var(axis=over, keepdims=True, ddof=ddof)
        inside, outside = {"inside": (eps, 0), "outside": (0, eps), "no": (0, 0)}[eps_at]
        std = (var + inside) ** (0.5 if root else 1) + outside
        x_hat = (x - x.mean(axis=over, keepdims=True)) / std
        return {
            "gamma x_hat + beta": lambda: g * x_hat + b,
            "beta x_hat + gamma": lambda: b * x_hat + g,
            "gamma (x_hat + beta)": lambda: g * (x_hat + b),
            "x_hat": lambda: x_hat,
            "gamma x_hat": lambda: g * x_hat,
            "x_hat + beta": lambda: x_hat + b,
            "gamma x + beta": lambda: g * x + b,
            "gamma x_hat - beta": lambda: g * x_hat - b,
            "ReLU": lambda: np.maximum(g * x_hat + b, 0),
        }[order]()

    return answer


def refuses(wrong, error=ValueError):
    """Return a batch norm that refuses something else, or in another way."""

    def refuse(x):
        if wrong(x):
            raise error("one value per channel")

    return wrong_train(refuse=refuse)


def asserts(x, gamma, beta, eps):
    assert x.size > x.shape[1], "one value per channel"
    return wrong_train()(x, gamma, beta, eps)


def misspelled(x, gamma, beta, eps):
    if x.size == x.shape[1]:
        raise ValueErr("one value per channel")  # noqa: F821
    return wrong_train()(x, gamma, beta, eps)


def crashes(x, gamma, beta, eps):
    if x.size == x.shape[1]:
        return np.zeros(2) + np.zeros(3)
    return wrong_train()(x, gamma, beta, eps)


def returns_an_error(x, gamma, beta, eps):
    if x.size == x.shape[1]:
        return ValueError("one value per channel")
    return wrong_train()(x, gamma, beta, eps)


def no_none(x, gamma, beta, eps):
    shape = (1, -1, *[1] * (x.ndim - 2))
    return gamma.reshape(shape) * wrong_train()(x, None, None, eps) + beta.reshape(shape)


def both_or_none(x, gamma, beta, eps):
    if gamma is None or beta is None:
        gamma = beta = None
    return wrong_train()(x, gamma, beta, eps)


def gamma_zero(x, gamma, beta, eps):
    return wrong_train()(x, np.zeros(x.shape[1]) if gamma is None else gamma, beta, eps)


def reshaped(x, gamma, beta, eps):
    rule(x)
    rows = x.reshape(-1, x.shape[1])
    return wrong_train(refuse=len)(rows, gamma, beta, eps).reshape(x.shape)


def train_one_pass(x, gamma, beta, eps):
    rule(x)
    axes = (0, *range(2, x.ndim))
    mu, square = (v.mean(axes, keepdims=True) for v in (x, x**2))
    gamma = np.ones(x.shape[1]) if gamma is None else gamma
    beta = np.zeros(x.shape[1]) if beta is None else beta
    g, b = gamma.reshape(mu.shape), beta.reshape(mu.shape)
    return g * (x - mu) / np.sqrt(square - mu**2 + eps) + b


def with_cache(x, gamma, beta, eps):
    return wrong_train()(x, gamma, beta, eps), wrong_train()(x, None, None, eps)


def done_without_gamma(x, gamma, beta, eps):
    return batch_norm_train(x, gamma, beta if gamma is not None else None, eps)


def done_without_beta(x, gamma, beta, eps):
    if beta is None:
        return batch_norm_train(x, None, None, eps)
    return batch_norm_train(x, gamma, beta, eps)


TRAIN = {
    "solution": batch_norm_train,
    "right": {
        "rows, and an error of its own": by_rows,
        "channel by channel": by_channels,
        "einsum": train_einsum,
        "torch": affine_torch,
    },
    "wrong": {
        "done without gamma": (done_without_gamma, "beta left out where gamma is None"),
        "done without beta": (done_without_beta, "gamma left out where beta is None"),
        "float32 inside": (
            lambda x, *rest: np.float32(batch_norm_train(np.float32(x), *rest)),
            "in float32",
        ),
        "ddof=1": (wrong_train(ddof=1), "m - 1"),
        "no root": (wrong_train(root=False), "not by its root"),
        "eps outside": (wrong_train(eps_at="outside"), "eps outside the root"),
        "no eps": (wrong_train(eps_at="no"), "without eps"),
        "no eps, no NaN": (
            lambda *given: np.nan_to_num(wrong_train(eps_at="no")(*given)),
            "0 where that gives NaN",
        ),
        "usual eps": (
            lambda x, gamma, beta, eps: wrong_train()(x, gamma, beta, 1e-5),
            "eps = 1e-5 whatever",
        ),
        "gamma for beta": (wrong_train(order="beta x_hat + gamma"), "each other's place"),
        "beta first": (wrong_train(order="gamma (x_hat + beta)"), "before gamma multiplies"),
        "no affine": (wrong_train(order="x_hat"), "gamma and beta left out"),
        "no beta": (wrong_train(order="gamma x_hat"), "beta left out"),
        "no gamma": (wrong_train(order="x_hat + beta"), "gamma left out"),
        "x not x_hat": (wrong_train(order="gamma x + beta"), "x scaled instead of x_hat"),
        "minus beta": (wrong_train(order="gamma x_hat - beta"), "beta subtracted"),
        "ReLU": (wrong_train(order="ReLU"), "nonlinearity"),
        "axis 0": (wrong_train(axes=lambda x: (0,)), "over axis 0 alone"),
        "each example": (
            wrong_train(axes=lambda x: tuple(range(1, x.ndim))),
            "statistics of each example",
        ),
        "each image and channel": (
            wrong_train(axes=lambda x: (0,) if x.ndim == 2 else (2, 3)),
            "each image and channel",
        ),
        "whole array": (
            wrong_train(axes=lambda x: tuple(range(x.ndim))),
            "the whole array",
        ),
        "reshape": (reshaped, "does not move the channels"),
        "one pass": (train_one_pass, "rounding far from 0"),
        "None not expected": (no_none, "gamma or beta is None: raised AttributeError"),
        "None for both": (both_or_none, "left out together"),
        "gamma None is 0": (gamma_zero, "gamma = 0 where"),
        "y and x_hat": (with_cache, ""),
        "no refusal": (wrong_train(refuse=len), "accepts a single value per channel"),
        "0 for a single value": (
            lambda x, *rest: x * 0 if len(x) == 1 else wrong_train()(x, *rest),
            "one image of many pixels",
        ),
        "refuses one image": (
            refuses(lambda x: len(x) == 1),
            "one image of many pixels, and images of one pixel: raised ValueError",
        ),
        "refuses one row alone": (
            refuses(lambda x: x.ndim == 2 and len(x) == 1),
            "accepts a single value",
        ),
        "refuses images of one pixel": (
            refuses(lambda x: x.size == x.shape[1] or (x.ndim == 4 and x[0, 0].size == 1)),
            "images of one pixel: raised ValueError",
        ),
        "refuses two values": (
            refuses(lambda x: x.size <= 2 * x.shape[1]),
            "batches (N, C): raised ValueError",
        ),
        "refuses a constant channel": (
            refuses(lambda x: np.any(x.var((0, *range(2, x.ndim))) == 0)),
            "a constant channel gives beta: raised ValueError",
        ),
        "refuses a nearly constant channel": (
            refuses(lambda x: np.any(x.var((0, *range(2, x.ndim))) < 1e-12)),
            "a constant channel gives beta: raised ValueError",
        ),
        "another exception": (refuses(lambda x: x.size == x.shape[1], TypeError), "TypeError"),
        "any exception": (refuses(lambda x: x.size == x.shape[1], Exception), "Exception"),
        "assert": (asserts, "AssertionError"),
        "misspelled": (misspelled, "NameError"),
        "a crash": (crashes, "refuse it yourself"),
        "an error returned": (returns_an_error, "accepts a single value"),
    },
}


def normalize(x, mu, var, eps):
    shape = (1, len(mu), 1, 1)
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mu.reshape(shape)) * inv_std.reshape(shape)
    return x_hat, inv_std


def by_power(x, mu, var, eps):
    inv_std = (var + eps) ** -0.5
    return np.einsum("nchw,c->nchw", x - mu[:, None, None], inv_std), inv_std


def by_loops(x, mu, var, eps):
    x_hat, inv_std = np.empty_like(x), np.empty_like(mu)
    for c in range(x.shape[1]):
        inv_std[c] = 1 / (var[c] + eps) ** 0.5
        for n in range(x.shape[0]):
            x_hat[n, c] = (x[n, c] - mu[c]) * inv_std[c]
    return x_hat, inv_std


def by_scale_and_shift(x, mu, var, eps):
    s = 1 / np.sqrt(var + eps)
    x_hat = np.moveaxis(np.moveaxis(x, 1, -1) * s - mu * s, -1, 1)
    return x_hat, s


def by_float32(x, mu, var, eps):
    x, mu, var = (v.astype(np.float32) for v in (x, mu, var))
    s = 1 / np.sqrt(var + np.float32(eps))
    return (x - mu[:, None, None]) * s[:, None, None], s


def by_torch(x, mu, var, eps):
    t, m, v = (torch.from_numpy(a) for a in (x, mu, var))
    y = torch.nn.functional.batch_norm(t, m, v, eps=eps)
    return y, torch.rsqrt(v + eps)


def wrong_root(forward, kept=None):
    """Return a repair that divides by something else."""

    def answer(x, mu, var, eps):
        shape = (1, len(mu), 1, 1)
        std = forward(var, eps)
        inv_std = 1 / np.sqrt(var + eps) if kept is None else kept(var, eps)
        return (x - mu.reshape(shape)) / std.reshape(shape), inv_std

    return answer


def own_statistics(x, mu, var, eps):
    mu, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    return normalize(x, mu, var, eps)


def no_reshape(x, mu, var, eps):
    inv_std = 1 / np.sqrt(var + eps)
    return (x - mu) * inv_std, inv_std


def bessel(x, mu, var, eps):
    m = x.shape[0] * x.shape[2] * x.shape[3]
    return normalize(x, mu, var * m / (m - 1), eps)


def broadcast_inv_std(x, mu, var, eps):
    x_hat, inv_std = normalize(x, mu, var, eps)
    return x_hat, inv_std.reshape(1, -1, 1, 1)


def in_place_maps(x, mu, var, eps):
    x -= mu.reshape(1, -1, 1, 1)
    x /= np.sqrt(var + eps).reshape(1, -1, 1, 1)
    return x, 1 / np.sqrt(var + eps)


def standard(var, eps):
    return np.sqrt(var + eps)


def eps_or_var(var, eps):
    root = var.copy()
    root[root == 0] = eps
    return np.sqrt(root)


REPAIR = {
    "solution": normalize,
    "right": {
        "a power and einsum": by_power,
        "loops": by_loops,
        "scale and shift": by_scale_and_shift,
        "float32": by_float32,
        "torch": by_torch,
    },
    "wrong": {
        "eps or var": (
            wrong_root(eps_or_var, lambda var, eps: 1 / eps_or_var(var, eps)),
            "eps where the variance is 0 alone",
        ),
        "published": (
            wrong_root(lambda var, eps: np.sqrt(var) + 0.000001),
            "as it was",
        ),
        "constant to eps": (
            wrong_root(lambda var, eps: np.sqrt(var) + eps),
            "eps outside the root",
        ),
        "constant into the root": (
            wrong_root(lambda var, eps: np.sqrt(var + 0.000001)),
            "a constant where",
        ),
        "the other way round": (
            wrong_root(
                lambda var, eps: np.sqrt(var) + eps,
                lambda var, eps: 1 / (np.sqrt(var) + eps),
            ),
            "in both results",
        ),
        "usual eps twice": (
            wrong_root(
                lambda var, eps: np.sqrt(var + 1e-5),
                lambda var, eps: 1 / np.sqrt(var + 1e-5),
            ),
            "a constant where",
        ),
        "eps removed": (
            wrong_root(lambda var, eps: np.sqrt(var)),
            "without eps",
        ),
        "eps removed twice": (
            wrong_root(
                lambda var, eps: np.sqrt(var),
                lambda var, eps: 1 / np.sqrt(var),
            ),
            "no eps in either",
        ),
        "root forgotten": (
            wrong_root(lambda var, eps: var + eps),
            "not by its root",
        ),
        "eps squared": (
            wrong_root(
                lambda var, eps: np.sqrt(var + eps**2),
                lambda var, eps: 1 / np.sqrt(var + eps**2),
            ),
            "the square of eps",
        ),
        "two roots": (
            wrong_root(
                lambda var, eps: np.sqrt(var) + np.sqrt(eps),
                lambda var, eps: 1 / (np.sqrt(var) + np.sqrt(eps)),
            ),
            "the root of eps",
        ),
        "inside and outside": (
            wrong_root(
                lambda var, eps: np.sqrt(var + eps) + eps,
                lambda var, eps: 1 / (np.sqrt(var + eps) + eps),
            ),
            "counted twice",
        ),
        "std returned": (
            wrong_root(standard, standard),
            "given as inv_std",
        ),
        "variance behind inv_std": (
            wrong_root(standard, lambda var, eps: 1 / (var + eps)),
            "behind inv_std",
        ),
        "inv_std spoiled": (
            wrong_root(standard, lambda var, eps: 1 / (var**0.5 + eps)),
            "inv_std with eps outside",
        ),
        "own statistics": (own_statistics, "statistics of x itself"),
        "unbiased": (bessel, "unbiased once more"),
        "no mean": (
            lambda x, mu, var, eps: (
                x / np.sqrt(var + eps)[:, None, None],
                1 / np.sqrt(var + eps),
            ),
            "mu not subtracted",
        ),
        "no reshape": (no_reshape, "along the last axis"),
        "max instead of plus": (
            wrong_root(
                lambda var, eps: np.sqrt(np.maximum(var, eps)),
                lambda var, eps: 1 / np.sqrt(np.maximum(var, eps)),
            ),
            "the larger of variance and eps",
        ),
        "published, twice": (
            wrong_root(
                lambda var, eps: np.sqrt(var) + 0.000001,
                lambda var, eps: 1 / (np.sqrt(var) + 0.000001),
            ),
            "0.000001 in both",
        ),
        "the small number kept": (
            wrong_root(
                lambda var, eps: np.sqrt(var + eps) + 0.00001,
                lambda var, eps: 1 / (np.sqrt(var + eps) + 0.00001),
            ),
            "",
        ),
        "swapped": (lambda *given: normalize(*given)[::-1], "each other's place"),
        "inv_std as (1, C, 1, 1)": (broadcast_inv_std, "shape"),
        "one result": (lambda *given: normalize(*given)[0], "1 results"),
        "in place": (in_place_maps, "work on a copy"),
    },
}


def affine_for(x, mean, std, eps):
    axes = tuple(i for i in range(x.ndim) if i != 1)
    var = x.var(axis=axes)
    return std * np.sqrt(var + eps) / np.sqrt(var), mean


def by_x_hat(x, mean, std, eps):
    axes = (0, *range(2, x.ndim))
    x_hat = x - x.mean(axis=axes, keepdims=True)
    x_hat = x_hat / np.sqrt((x_hat**2).mean(axis=axes, keepdims=True) + eps)
    return std / x_hat.std(axis=axes), mean.copy()


def by_channel(x, mean, std, eps):
    gamma = []
    for c in range(x.shape[1]):
        values = x[:, c].ravel()
        d = values - sum(values) / len(values)
        gamma.append(std[c] * (1 + eps / np.mean(d * d)) ** 0.5)
    return gamma, list(mean)


def affine_einsum(x, mean, std, eps):
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    d = rows - rows.mean(axis=1, keepdims=True)
    var = np.einsum("ci,ci->c", d, d) / rows.shape[1]
    return std * ((var + eps) / var) ** 0.5, mean


def affine_in_torch(x, mean, std, eps):
    t = torch.from_numpy(x)
    y = torch.nn.functional.batch_norm(t, None, None, training=True, eps=eps)
    spread = y.transpose(0, 1).flatten(1).std(dim=1, unbiased=False)
    return torch.from_numpy(std) / spread, torch.from_numpy(mean)


def wrong_affine(gamma, beta=lambda mean, mu, var, std: mean, ddof=0):
    """Return gamma and beta as people give them who get one wrong."""

    def answer(x, mean, std, eps):
        axes = (0,) if x.ndim == 2 else (0, 2, 3)
        mu, var = x.mean(axis=axes), x.var(axis=axes, ddof=ddof)
        return gamma(var, eps, std), beta(mean, mu, var, std)

    return answer


def good_gamma(var, eps, std):
    return std * np.sqrt(var + eps) / np.sqrt(var)


def axis_0(x, mean, std, eps):
    var = x.var(axis=0)
    spread = std.reshape(-1, *[1] * (x.ndim - 2))
    return spread * np.sqrt(var + eps) / np.sqrt(var), mean


def affine_one_pass(x, mean, std, eps):
    axes = (0, *range(2, x.ndim))
    var = (x * x).mean(axes) - x.mean(axes) ** 2
    return std * np.sqrt((var + eps) / var), mean


CHOOSE = {
    "solution": affine_for,
    "right": {
        "from x_hat": by_x_hat,
        "loops and lists": by_channel,
        "einsum": affine_einsum,
        "torch": affine_in_torch,
    },
    "wrong": {
        "gamma = std": (
            wrong_affine(lambda var, eps, std: std),
            "of standard deviation 1",
        ),
        "the identity": (
            wrong_affine(
                lambda var, eps, std: np.sqrt(var + eps),
                lambda mean, mu, var, std: mu,
            ),
            "what gives x back",
        ),
        "the identity's gamma": (
            wrong_affine(lambda var, eps, std: np.sqrt(var + eps)),
            "whatever std is asked for",
        ),
        "undo, then scale": (
            wrong_affine(lambda var, eps, std: std * np.sqrt(var + eps)),
            "left in gamma",
        ),
        "the scale of x": (
            wrong_affine(lambda var, eps, std: std / np.sqrt(var)),
            "the scale that x needs",
        ),
        "scale and shift of x": (
            wrong_affine(
                lambda var, eps, std: std / np.sqrt(var),
                lambda mean, mu, var, std: mean - mu * std / np.sqrt(var),
            ),
            "for x, not those for x_hat",
        ),
        "divided by the root": (
            wrong_affine(lambda var, eps, std: std / np.sqrt(var + eps)),
            "gamma divided by",
        ),
        "upside down": (
            wrong_affine(lambda var, eps, std: std * np.sqrt(var) / np.sqrt(var + eps)),
            "upside down",
        ),
        "no root": (
            wrong_affine(lambda var, eps, std: std * (var + eps) / var),
            "variances where",
        ),
        "std as variance": (
            wrong_affine(lambda var, eps, std: np.sqrt(std) * np.sqrt((var + eps) / var)),
            "taken for a variance",
        ),
        "eps outside": (
            wrong_affine(lambda var, eps, std: std * (var**0.5 + eps) / var**0.5),
            "eps outside the root",
        ),
        "usual eps": (
            wrong_affine(lambda var, eps, std: std * np.sqrt(var + 1e-5) / np.sqrt(var)),
            "eps = 1e-5 whatever",
        ),
        "ddof=1": (wrong_affine(good_gamma, ddof=1), "m - 1"),
        "swapped": (
            lambda *given: affine_for(*given)[::-1],
            "each other's",
        ),
        "beta = mean - mu": (
            wrong_affine(good_gamma, lambda mean, mu, var, std: mean - mu),
            "has done already",
        ),
        "beta for x": (
            wrong_affine(
                good_gamma,
                lambda mean, mu, var, std: mean - mu * std / np.sqrt(var),
            ),
            "multiplies x, not x_hat",
        ),
        "no beta": (
            wrong_affine(good_gamma, lambda mean, mu, var, std: 0 * mean),
            "beta left at 0",
        ),
        "negative": (
            wrong_affine(lambda var, eps, std: -good_gamma(var, eps, std)),
            "minus sign",
        ),
        "std squared": (
            wrong_affine(lambda var, eps, std: std * good_gamma(var, eps, std)),
            "the square of std",
        ),
        "one pass": (affine_one_pass, "rounding far from 0"),
        "axis 0, not reshaped": (
            lambda x, mean, std, eps: (std * np.sqrt(1 + eps / x.var(0)), mean),
            "",
        ),
        "kept axes": (
            lambda x, mean, std, eps: (
                std.reshape(1, -1, *[1] * (x.ndim - 2)) * affine_for(x, mean, 1, eps)[0],
                mean,
            ),
            "",
        ),
        "axis 0": (axis_0, "over axis 0 alone"),
        "whole array": (
            lambda x, mean, std, eps: (
                std * np.sqrt(x.var() + eps) / x.std(),
                mean,
            ),
            "the whole array",
        ),
        "gamma alone": (lambda *given: affine_for(*given)[0], "1 results"),
    },
}


def running_statistics(batches, momentum):
    C = batches[0].shape[1]
    mean, var = np.zeros(C), np.ones(C)
    for t, x in enumerate(batches, 1):
        m = x.size // C
        if m == 1:
            raise ValueError(f"one value per channel: shape {x.shape}")
        new = 1 / t if momentum is None else momentum
        axes = tuple(i for i in range(x.ndim) if i != 1)
        mean = (1 - new) * mean + new * x.mean(axis=axes)
        var = (1 - new) * var + new * x.var(axis=axes) * m / (m - 1)
    return mean, var


def running_lerp(batches, momentum):
    mean = var = None
    for t, x in enumerate(batches):
        z = torch.tensor(x).transpose(0, 1).flatten(1)
        if z.shape[1] == 1:
            raise ValueError("more than one value per channel, please")
        if mean is None:
            mean, var = torch.zeros_like(z[:, 0]), torch.ones_like(z[:, 0])
        w = 1 / (t + 1) if momentum is None else momentum
        mean, var = torch.lerp(mean, z.mean(1), w), torch.lerp(var, z.var(1), w)
    return mean, var


def running_layer(batches, momentum):
    layer = torch.nn.BatchNorm2d(
        batches[0].shape[1], momentum=momentum, dtype=torch.float64, affine=False
    )
    for x in batches:
        layer(torch.tensor(x.reshape(*x.shape[:2], -1, 1)))
    return layer.running_mean, layer.running_var


def running_stacked(batches, momentum):
    state = np.array([[0.0], [1.0]])
    for k, x in enumerate(batches):
        v = np.concatenate([image.reshape(x.shape[1], -1) for image in x], axis=1)
        if v.shape[1] < 2:
            raise ValueError("no variance of one value")
        found = np.array([v.mean(1), v.var(1, ddof=1)])
        state = state + (1 / (k + 1) if momentum is None else momentum) * (found - state)
    return state


def running_weights(batches, momentum):
    for x in batches:
        if not x.size > x.shape[1]:
            raise ValueError("a batch with one value")
    stats = [(x.mean(a), x.var(a, ddof=1)) for x in batches for a in [(0, *range(2, x.ndim))]]
    means, variances = map(np.array, zip(*stats, strict=True))
    if momentum is None:
        return means.mean(0), variances.mean(0)
    K = len(batches)
    w = momentum * (1 - momentum) ** np.arange(K)[::-1]
    return w @ means, w @ variances + (1 - momentum) ** K


def usual_weight(t, momentum):
    return 1 / t if momentum is None else momentum


def over_batch(x):
    return (0, *range(2, x.ndim))


def wrong_running(
    weight=usual_weight,
    start=(0.0, 1.0),
    variance=lambda x, axes, m: x.var(axes) * m / (m - 1),
    axes=over_batch,
    refuse=lambda x: x.size == x.shape[1],
):
    """Return running statistics as people write them who get one thing wrong."""

    def answer(batches, momentum):
        C = batches[0].shape[1]
        mean, var = np.full(C, start[0]), np.full(C, start[1])
        for t, x in enumerate(batches, 1):
            if refuse(x):
                raise ValueError("one value per channel")
            m, new = x.size // C, weight(t, momentum)
            mean = (1 - new) * mean + new * x.mean(axes(x))
            var = (1 - new) * var + new * variance(x, axes(x), m)
        return mean, var

    return answer


def first_as_start(batches, momentum):
    state = None
    for t, x in enumerate(batches, 1):
        rule(x)
        found = np.array([x.mean(over_batch(x)), x.var(over_batch(x), ddof=1)])
        new = usual_weight(t, momentum)
        state = found if state is None else (1 - new) * state + new * found
    return state[0], state[1]


def all_pooled(batches, momentum):
    if momentum is not None:
        return running_statistics(batches, momentum)
    for x in batches:
        rule(x)
    values = [np.moveaxis(x, 1, 0).reshape(x.shape[1], -1) for x in batches]
    values = np.concatenate(values, axis=1)
    return values.mean(1), values.var(1, ddof=1)


def moving_distances(batches, momentum):
    C = batches[0].shape[1]
    mean, var = np.zeros(C), np.ones(C)
    for t, x in enumerate(batches, 1):
        rule(x)
        new, rows = usual_weight(t, momentum), np.moveaxis(x, 1, -1).reshape(-1, C)
        mean = (1 - new) * mean + new * rows.mean(0)
        var = (1 - new) * var + new * ((rows - mean) ** 2).sum(0) / (len(rows) - 1)
    return mean, var


def skips(batches, momentum):
    return running_statistics([x for x in batches if x.size > x.shape[1]], momentum)


def no_ends(batches, momentum):
    if momentum is not None and not 0 < momentum < 1:
        raise ValueError("momentum")
    return running_statistics(batches, momentum)


def lists_changed(batches, momentum):
    found = running_statistics(batches, momentum)
    batches.clear()
    return found


RUNNING = {
    "solution": running_statistics,
    "right": {
        "lerp": running_lerp,
        "torch's layer": running_layer,
        "one stacked array": running_stacked,
        "weights in closed form": running_weights,
    },
    "wrong": {
        "images counted, at least 2": (
            wrong_running(variance=lambda x, axes, m: x.var(axes) / (1 - 1 / max(2, len(x)))),
            "N in the place of m",
        ),
        "1 / t always": (
            wrong_running(weight=lambda t, momentum: 1 / t),
            "whatever momentum is given",
        ),
        "biased": (wrong_running(variance=lambda x, axes, m: x.var(axes)), "biased variance"),
        "N for m": (
            wrong_running(variance=lambda x, axes, m: len(x) / (len(x) - 1) * x.var(axes)),
            "N in the place of m",
        ),
        "Bessel twice": (
            wrong_running(variance=lambda x, axes, m: x.var(axes, ddof=1) * m / (m - 1)),
            "used twice",
        ),
        "weight of the old": (
            wrong_running(weight=lambda t, p: 1 / t if p is None else 1 - p),
            "weight of the old value",
        ),
        "None is 0.1": (
            wrong_running(weight=lambda t, p: 0.1 if p is None else p),
            "0.1 where",
        ),
        "0 is None": (wrong_running(weight=lambda t, p: p or 1 / t), "0 taken for None"),
        "from 0": (
            wrong_running(weight=lambda t, p: 1 / (t + 1) if p is None else p),
            "1 / (t + 1)",
        ),
        "old for new": (
            wrong_running(weight=lambda t, p: 1 - 1 / t if p is None else p),
            "old and new value",
        ),
        "both from 0": (wrong_running(start=(0.0, 0.0)), "starts at 0"),
        "both from 1": (wrong_running(start=(1.0, 1.0)), "starts at 1"),
        "first as start": (first_as_start, "taken as the start"),
        "std": (
            wrong_running(variance=lambda x, axes, m: x.std(axes, ddof=1)),
            "standard deviations",
        ),
        "one pass": (
            wrong_running(
                variance=lambda x, axes, m: (
                    ((x * x).mean(axes) - x.mean(axes) ** 2) * m / (m - 1)
                )
            ),
            "rounding far from 0",
        ),
        "pooled": (all_pooled, "pooled to one"),
        "running distances": (moving_distances, "from the running mean"),
        "last alone": (
            lambda batches, momentum: running_statistics(batches[-1:], momentum),
            "the last batch alone",
        ),
        "swapped": (lambda *given: running_statistics(*given)[::-1], "each other's place"),
        "axis 0": (wrong_running(axes=lambda x: (0,)), "raised ValueError"),
        "no refusal": (
            wrong_running(refuse=lambda x: False),
            "accepts a batch with a single value",
        ),
        "a batch left out": (skips, "accepts a batch with a single value"),
        "refuses one image": (
            wrong_running(refuse=lambda x: len(x) == 1),
            "one image, and images of one pixel: raised ValueError",
        ),
        "refuses images of one pixel": (
            wrong_running(refuse=lambda x: x.ndim == 4 and x[0, 0].size == 1),
            "one image, and images of one pixel: raised ValueError",
        ),
        "refuses momentum 0 and 1": (no_ends, "momentum 0 and 1: raised ValueError"),
        "the mean alone": (lambda *given: running_statistics(*given)[0], "results"),
        "the list emptied": (lists_changed, "work on a copy"),
    },
}

ANSWERS = {
    "ex04_q1": STANDARDIZE,
    "ex04_q2": TRAIN,
    "ex04_q4": REPAIR,
    "ex04_q5": CHOOSE,
    "ex04_q7": RUNNING,
}
