"""Answers to the exercises of chapter 4, right and wrong."""

import numpy as np
import torch


def standardize(x, eps):
    mu = x.mean(axis=0)
    d = x - mu
    var = (d * d).mean(axis=0)
    return d / np.sqrt(var + eps)


def with_var(x, eps):
    return (x - np.mean(x, 0)) / np.sqrt(np.var(x, 0) + eps)


def with_loops(x, eps):
    out = np.empty_like(x)
    m, columns = x.shape
    for j in range(columns):
        mu = sum(x[:, j]) / m
        var = sum((v - mu) ** 2 for v in x[:, j]) / m
        for i in range(m):
            out[i, j] = (x[i, j] - mu) / (var + eps) ** 0.5
    return out


def with_einsum(x, eps):
    d = x - np.einsum("ij->j", x) / len(x)
    return d * (np.einsum("ij,ij->j", d, d) / len(x) + eps) ** -0.5


def with_float32(x, eps):
    x = x.astype(np.float32)
    return (x - x.mean(0)) / np.sqrt(x.var(0) + np.float32(eps))


def with_torch(x, eps):
    t = torch.from_numpy(x)
    return (t - t.mean(0)) / torch.sqrt(t.var(0, unbiased=False) + eps)


def with_functional(x, eps):
    t = torch.from_numpy(x)
    return torch.nn.functional.batch_norm(t, None, None, training=True, eps=eps)


def in_place(x, eps):
    x -= x.mean(0)
    x /= np.sqrt((x * x).mean(0) + eps)
    return x


STANDARDIZE = {
    "solution": standardize,
    "right": {
        "np.var": with_var,
        "loops": with_loops,
        "einsum": with_einsum,
        "float32": with_float32,
        "torch": with_torch,
        "torch's batch_norm": with_functional,
    },
    "wrong": {
        "ddof=1": (
            lambda x, eps: (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps),
            "m - 1",
        ),
        "torch.var": (
            lambda x, eps: (x - x.mean(0)) / torch.from_numpy(x).var(0).add(eps).sqrt().numpy(),
            "m - 1",
        ),
        "no root": (
            lambda x, eps: (x - x.mean(0)) / (x.var(0) + eps),
            "not by its root",
        ),
        "eps outside": (
            lambda x, eps: (x - x.mean(0)) / (x.std(0) + eps),
            "eps outside the root",
        ),
        "no eps": (
            lambda x, eps: (x - x.mean(0)) / x.std(0),
            "without eps",
        ),
        "usual eps": (
            lambda x, eps: (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5),
            "eps = 1e-5 whatever",
        ),
        "no mean": (
            lambda x, eps: x / np.sqrt(x.var(0) + eps),
            "without subtracting the mean",
        ),
        "centred only": (lambda x, eps: x - x.mean(0), "never divided"),
        "whole array": (
            lambda x, eps: (x - x.mean()) / np.sqrt(x.var() + eps),
            "the whole array",
        ),
        "axis 1": (
            lambda x, eps: (
                (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps)
            ),
            "each example",
        ),
        "min-max": (
            lambda x, eps: (x - x.min(0)) / (x.max(0) - x.min(0) + eps),
            "minimum and maximum",
        ),
        "mean of squares": (
            lambda x, eps: (x - x.mean(0)) / np.sqrt((x * x).mean(0) + eps),
            "squares of x, not of x - mean",
        ),
        "in place": (in_place, "work on a copy"),
        "transposed": (lambda x, eps: with_var(x, eps).T, "shape"),
    },
}


def batch_norm_train(x, gamma, beta, eps):
    if x.size // x.shape[1] < 2:
        raise ValueError(f"needs at least 2 values per channel, got shape {x.shape}")
    axes = tuple(i for i in range(x.ndim) if i != 1)
    shape = tuple(n if i == 1 else 1 for i, n in enumerate(x.shape))
    d = x - x.mean(axis=axes, keepdims=True)
    var = (d * d).mean(axis=axes, keepdims=True)
    return gamma.reshape(shape) * d / np.sqrt(var + eps) + beta.reshape(shape)


def flattened(x, gamma, beta, eps):
    assert x.size > x.shape[1], "one value per channel"
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    y = gamma * with_var(rows, eps) + beta
    back = np.moveaxis(x, 1, -1).shape
    return np.moveaxis(y.reshape(back), -1, 1)


def affine_torch(x, gamma, beta, eps):
    t, g, b = (torch.from_numpy(a) for a in (x, gamma, beta))
    return torch.nn.functional.batch_norm(t, None, None, g, b, training=True, eps=eps)


def wrong_train(
    axes=None,
    eps_at="inside",
    ddof=0,
    root=True,
    order="gamma x_hat + beta",
):
    """Return a batch norm as people write it who get one thing wrong."""

    def answer(x, gamma, beta, eps):
        if x.size == x.shape[1]:
            raise ValueError("one value")
        over = ((0,) if x.ndim == 2 else (0, 2, 3)) if axes is None else axes(x)
        g, b = (v.reshape(1, -1, *[1] * (x.ndim - 2)) for v in (gamma, beta))
        var = x.var(axis=over, keepdims=True, ddof=ddof)
        inside, outside = {
            "inside": (eps, 0),
            "outside": (0, eps),
            "no": (0, 0),
        }[eps_at]
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


TRAIN = {
    "solution": batch_norm_train,
    "right": {"flattened": flattened, "torch": affine_torch},
    "wrong": {
        "ddof=1": (wrong_train(ddof=1), "m - 1"),
        "no root": (wrong_train(root=False), "not by its root"),
        "eps outside": (
            wrong_train(eps_at="outside"),
            "eps outside the root",
        ),
        "no eps": (wrong_train(eps_at="no"), "without eps"),
        "gamma for beta": (
            wrong_train(order="beta x_hat + gamma"),
            "each other's place",
        ),
        "beta first": (
            wrong_train(order="gamma (x_hat + beta)"),
            "before gamma multiplies",
        ),
        "no affine": (
            wrong_train(order="x_hat"),
            "gamma and beta left out",
        ),
        "no beta": (wrong_train(order="gamma x_hat"), "beta left out"),
        "no gamma": (wrong_train(order="x_hat + beta"), "gamma left out"),
        "x not x_hat": (
            wrong_train(order="gamma x + beta"),
            "x scaled instead of x_hat",
        ),
        "minus beta": (wrong_train(order="gamma x_hat - beta"), ""),
        "ReLU": (wrong_train(order="ReLU"), "nonlinearity"),
        "axis 0": (wrong_train(axes=lambda x: (0,)), "over axis 0 alone"),
        "each example": (
            wrong_train(axes=lambda x: tuple(range(1, x.ndim))),
            "statistics of each example",
        ),
        "whole array": (
            wrong_train(axes=lambda x: tuple(range(x.ndim))),
            "the whole array",
        ),
        "batch of one": (
            lambda x, gamma, beta, eps: (
                affine_torch(x, gamma, beta, eps) if len(x) > 1 else x * 0
            ),
            "accepts a batch of one",
        ),
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
            wrong_root(lambda var, eps: np.sqrt(np.maximum(var, eps))),
            "",
        ),
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


def affine_float32(x, mean, std, eps):
    return affine_for(
        x.astype(np.float32),
        mean.astype(np.float32),
        std.astype(np.float32),
        np.float32(eps),
    )


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


CHOOSE = {
    "solution": affine_for,
    "right": {
        "from x_hat": by_x_hat,
        "loops and lists": by_channel,
        "einsum": affine_einsum,
        "float32": affine_float32,
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

ANSWERS = {
    "ex04_q1": STANDARDIZE,
    "ex04_q2": TRAIN,
    "ex04_q4": REPAIR,
    "ex04_q5": CHOOSE,
}
