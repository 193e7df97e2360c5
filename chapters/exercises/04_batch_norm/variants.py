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
    return torch.nn.functional.batch_norm(
        t, None, None, training=True, eps=eps
    )


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
            lambda x, eps: (
                (x - x.mean(0)) / np.sqrt(x.var(0, ddof=1) + eps)
            ),
            "m - 1",
        ),
        "torch.var": (
            lambda x, eps: (
                (x - x.mean(0))
                / torch.from_numpy(x).var(0).add(eps).sqrt().numpy()
            ),
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
                (x - x.mean(1, keepdims=True))
                / np.sqrt(x.var(1, keepdims=True) + eps)
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
        raise ValueError(
            f"needs at least 2 values per channel, got shape {x.shape}"
        )
    axes = tuple(i for i in range(x.ndim) if i != 1)
    shape = tuple(n if i == 1 else 1 for i, n in enumerate(x.shape))
    d = x - x.mean(axis=axes, keepdims=True)
    var = (d * d).mean(axis=axes, keepdims=True)
    return gamma.reshape(shape) * d / np.sqrt(var + eps) + beta.reshape(
        shape
    )


def flattened(x, gamma, beta, eps):
    assert x.size > x.shape[1], "one value per channel"
    rows = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
    y = gamma * with_var(rows, eps) + beta
    back = np.moveaxis(x, 1, -1).shape
    return np.moveaxis(y.reshape(back), -1, 1)


def affine_torch(x, gamma, beta, eps):
    t, g, b = (torch.from_numpy(a) for a in (x, gamma, beta))
    return torch.nn.functional.batch_norm(
        t, None, None, g, b, training=True, eps=eps
    )


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
        over = (
            ((0,) if x.ndim == 2 else (0, 2, 3))
            if axes is None
            else axes(x)
        )
        g, b = (
            v.reshape(1, -1, *[1] * (x.ndim - 2)) for v in (gamma, beta)
        )
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

VARIANTS = {"ex04_q1": STANDARDIZE, "ex04_q2": TRAIN}
