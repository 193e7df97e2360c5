"""Answers to the exercises of chapter 11, right and wrong."""

from functools import partial

import numpy as np
import torch
from torch.nn import functional


def refused(x, groups):
    if x.shape[1] % groups != 0:
        raise ValueError("groups must divide the channels")


def group_norm(x, gamma, beta, groups, eps):
    if x.shape[1] % groups:
        raise ValueError("the groups must divide the channels")
    parts = x.reshape(len(x), groups, -1)  # (N, G, C / G * positions)
    mu, var = parts.mean(axis=2), parts.var(axis=2)  # (N, G)
    parts = (parts - mu[..., None]) / np.sqrt(var + eps)[..., None]
    shape = (-1, *[1] * (x.ndim - 2))
    return parts.reshape(x.shape) * gamma.reshape(shape) + beta.reshape(shape)


def group_norm_loops(x, gamma, beta, groups, eps):
    if x.shape[1] % groups:
        raise ValueError("no")
    y, size = np.zeros_like(x), x.shape[1] // groups
    for n in range(len(x)):
        for g in range(groups):
            block = x[n, g * size : (g + 1) * size]
            y[n, g * size : (g + 1) * size] = (block - block.mean()) / np.sqrt(
                block.var() + eps
            )
    for c in range(x.shape[1]):
        y[:, c] = gamma[c] * y[:, c] + beta[c]
    return y


def group_norm_split(x, gamma, beta, groups, eps):
    refused(x, groups)
    axes = tuple(range(1, x.ndim))
    pieces = []
    for part in np.split(x, groups, axis=1):
        centred = part - part.mean(axis=axes, keepdims=True)
        mean_square = (centred**2).mean(axis=axes, keepdims=True)
        pieces.append(centred * (mean_square + eps) ** -0.5)
    y = np.concatenate(pieces, axis=1)
    return np.moveaxis(np.moveaxis(y, 1, -1) * gamma + beta, -1, 1)


def group_norm_torch(x, gamma, beta, groups, eps):
    refused(x, groups)
    x, gamma, beta = map(torch.tensor, (x, gamma, beta))
    return functional.group_norm(x, groups, gamma, beta, eps)


def group_norm_float32(x, gamma, beta, groups, eps):
    return group_norm(*(v.astype(np.float32) for v in (x, gamma, beta)), groups, eps)


def per_channel(v, x):
    return v.reshape([1, -1] + [1] * (x.ndim - 2))


def centred(v, ax):
    return v - v.mean(ax, keepdims=True)


def root(v, eps, ax):
    return np.sqrt(v.var(ax, keepdims=True) + eps)


def wrong_group(shape=None, axes=-1, unit=None):
    """Return an answer that refuses as asked, cuts and divides in its own way."""
    shape = shape or (lambda x, G: (x.shape[0], G, -1))
    unit = unit or (lambda v, eps, ax: centred(v, ax) / root(v, eps, ax))

    def answer(x, gamma, beta, groups, eps):
        refused(x, groups)
        y = unit(x.reshape(shape(x, groups)), eps, axes).reshape(x.shape)
        return y * per_channel(gamma, x) + per_channel(beta, x)

    return answer


def batch_norm(x, gamma, beta, groups, eps):
    refused(x, groups)
    axes = (0, *range(2, x.ndim))
    y = centred(x, axes) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return y * per_channel(gamma, x) + per_channel(beta, x)


def never_refuses(x, gamma, beta, groups, eps):
    size = max(1, x.shape[1] // groups)
    parts = [x[:, i : i + size] for i in range(0, x.shape[1], size)]
    whole = [group_norm(p, np.ones(p.shape[1]), np.zeros(p.shape[1]), 1, eps) for p in parts]
    y = np.concatenate(whole, axis=1)
    return y * per_channel(gamma, x) + per_channel(beta, x)


def maps_only(x, gamma, beta, groups, eps):
    refused(x, groups)
    y = x - x.mean(axis=(1, 2, 3), keepdims=True)  # no rows, no sequences
    return group_norm(y, gamma, beta, groups, eps)


def changes_x(x, gamma, beta, groups, eps):
    refused(x, groups)
    y = group_norm(x, gamma, beta, groups, eps)
    x -= x.mean()
    return y


GROUP = {
    "solution": group_norm,
    "right": {
        "loops": group_norm_loops,
        "np.split": group_norm_split,
        "torch": group_norm_torch,
        "float32": group_norm_float32,
    },
    "wrong": {
        "all samples": (
            wrong_group(lambda x, G: (x.shape[0], G, -1), (0, 2)),
            "statistics that all samples share",
        ),
        "batch norm": (batch_norm, "batch normalization: one statistic"),
        "layer norm": (wrong_group(lambda x, G: (x.shape[0], 1, -1)), "layer normalization"),
        "instance norm": (
            wrong_group(lambda x, G: (x.shape[0], x.shape[1] if x.ndim > 2 else 1, -1)),
            "instance normalization",
        ),
        "interleaved": (
            wrong_group(lambda x, G: (x.shape[0], -1, G, x[0, 0].size), (1, 3)),
            "channels that take turns",
        ),
        "group size": (
            wrong_group(lambda x, G: (x.shape[0], x.shape[1] // G, -1)),
            "read as the channels in a group",
        ),
        "each position": (
            wrong_group(lambda x, G: (x.shape[0], G, x.shape[1] // G, -1), 2),
            "one statistic for each position",
        ),
        "unbiased": (
            wrong_group(unit=lambda v, eps, ax: centred(v, ax) / np.sqrt(
                v.var(ax, ddof=1, keepdims=True) + eps)),
            "the unbiased variance",
        ),
        "eps outside": (
            wrong_group(unit=lambda v, eps, ax: centred(v, ax) / (
                v.std(ax, keepdims=True) + eps)),
            "eps outside the root",
        ),
        "no root": (
            wrong_group(unit=lambda v, eps, ax: centred(v, ax) / (
                v.var(ax, keepdims=True) + eps)),
            "not by its root",
        ),
        "no eps": (
            wrong_group(unit=lambda v, eps, ax: centred(v, ax) / v.std(ax, keepdims=True)),
            "without eps",
        ),
        "RMS": (
            wrong_group(unit=lambda v, eps, ax: v / np.sqrt(
                (v**2).mean(ax, keepdims=True) + eps)),
            "RMS normalization",
        ),
        "no gamma": (
            lambda x, g, b, G, eps: group_norm(x, 0 * g + 1, b, G, eps), "gamma left out"),
        "no beta": (lambda x, g, b, G, eps: group_norm(x, g, 0 * b, G, eps), "beta left out"),
        "never refuses": (never_refuses, "are refused"),
        "maps only": (maps_only, ""),
        "changes x": (changes_x, "changes"),
    },
    "equivalent": {
        "parts = x.reshape(len(x), groups, -1) # (N, G, C / G * positions)"
        " -> parts = x.reshape(len(x), groups, -2)": "NumPy reads -2 as -1",
        "shape = (-1, *[1] * (x.ndim - 2)) -> shape = (-2, *[1] * (x.ndim - 2))":
            "NumPy reads -2 as -1",
    },
}  # fmt: skip


def rms_norm_backward(dy, x, gamma, eps):
    s = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)  # (N, 1)
    x_hat, g = x * s, dy * gamma  # (N, C)
    dx = s * (g - x_hat * (g * x_hat).mean(axis=1, keepdims=True))
    return dx, (dy * x_hat).sum(axis=0)


def rms_autograd(dy, x, gamma, eps):
    x = torch.tensor(x, requires_grad=True)
    gamma = torch.tensor(gamma, requires_grad=True)
    y = functional.rms_norm(x, x.shape[1:], gamma, eps)
    y.backward(torch.tensor(dy))
    return x.grad, gamma.grad


def rms_jacobian(dy, x, gamma, eps):
    C, rows = x.shape[1], []
    for row, up in zip(x, dy, strict=True):
        rho = np.sqrt(row @ row / C + eps)
        J = np.eye(C) / rho - np.outer(row, row) / (C * rho**3)
        rows.append(J @ (up * gamma))
    rho = np.sqrt((x * x).sum(1) / x.shape[1] + eps)
    return np.array(rows), (dy / rho[:, None] * x).sum(0)


def rms_cubed(dy, x, gamma, eps):
    v = np.mean(x * x, axis=-1, keepdims=True) + eps
    g = gamma * dy
    dx = g * v**-0.5 - x * v**-1.5 * np.mean(g * x, axis=-1, keepdims=True)
    return dx, np.einsum("nc,nc->c", dy, x / np.sqrt(v))


def rms_staged(dy, x, gamma, eps):
    square = (x**2).mean(1)  # (N,)
    inv = (square + eps) ** -0.5
    dx_hat = gamma * dy
    dinv = (dx_hat * x).sum(1)
    dsquare = -0.5 * inv**3 * dinv
    dx = dx_hat * inv[:, None] + 2 * x / x.shape[1] * dsquare[:, None]
    return [dx, (dy * x * inv[:, None]).sum(0)]


def wrong_rms(
    mix=lambda g, x_hat, dy, x: g - x_hat * (g * x_hat).mean(1, keepdims=True),
    s=lambda x, eps: ((x * x).mean(1, keepdims=True) + eps) ** -0.5,
    end=lambda v, s: v * s,
    dgamma=lambda dy, x_hat, x: (dy * x_hat).sum(0),
):
    def answer(dy, x, gamma, eps):
        inv = s(x, eps)
        return end(mix(dy * gamma, x * inv, dy, x), inv), dgamma(dy, x * inv, x)

    return answer


RMS = {
    "solution": rms_norm_backward,
    "right": {
        "autograd": rms_autograd,
        "Jacobian": rms_jacobian,
        "powers": rms_cubed,
        "staged, a list": rms_staged,
    },
    "wrong": {
        "constant": (wrong_rms(lambda g, x_hat, dy, x: g), "taken as a constant"),
        "layer norm": (
            wrong_rms(lambda g, h, dy, x: g - g.mean(1, keepdims=True)
                      - h * (g * h).mean(1, keepdims=True)),
            "layer normalization",
        ),
        "sum": (
            wrong_rms(lambda g, h, dy, x: g - h * (g * h).sum(1)[:, None]),
            "a sum where the mean",
        ),
        "over the batch": (
            wrong_rms(lambda g, h, dy, x: g - h * (g * h).mean(0)), "over the batch, not"),
        "no gamma": (
            wrong_rms(lambda g, h, dy, x: dy - h * (dy * h).mean(1)[:, None]),
            "gamma left out of dx",
        ),
        "gamma once": (
            wrong_rms(lambda g, h, dy, x: g - h * (dy * h).mean(1)[:, None]),
            "gamma left out of the second",
        ),
        "gamma outside": (
            wrong_rms(lambda g, h, dy, x: g - g * h * h.mean(1)[:, None]),
            "gamma after the mean",
        ),
        "plus": (
            wrong_rms(lambda g, h, dy, x: g + h * (g * h).mean(1)[:, None]),
            "added, not subtracted",
        ),
        "raw x": (
            wrong_rms(lambda g, h, dy, x: g - x * (g * h).mean(1)[:, None]),
            "x in place of the normalized x",
        ),
        "not divided": (wrong_rms(end=lambda v, s: v), "no division by the root"),
        "multiplied": (wrong_rms(end=lambda v, s: v / s), "a product with the root"),
        "eps outside": (
            wrong_rms(s=lambda x, eps: 1 / (np.sqrt((x**2).mean(1, keepdims=True)) + eps)),
            "eps outside the root",
        ),
        "no eps": (
            wrong_rms(s=lambda x, eps: (x**2).mean(1, keepdims=True) ** -0.5), "without eps"),
        "dgamma raw": (
            wrong_rms(dgamma=lambda dy, h, x: (dy * x).sum(0)), "x that is not normalized"),
        "dgamma mean": (
            wrong_rms(dgamma=lambda dy, h, x: (dy * h).mean(0)), "the batch in dgamma"),
        "dbeta": (wrong_rms(dgamma=lambda dy, h, x: dy.sum(0)), "the gradient of beta"),
        "swapped": (lambda *given: rms_norm_backward(*given)[::-1], "each other's place"),
        "dgamma over features": (wrong_rms(dgamma=lambda dy, h, x: (dy * h).sum(1)), ""),
    },
}  # fmt: skip


def renorm_step(x, mean, std, r_max, d_max, momentum, eps):
    mu, sigma = x.mean(axis=0), np.sqrt(x.var(axis=0) + eps)  # (C,)
    r = np.clip(sigma / std, 1 / r_max, r_max)
    d = np.clip((mu - mean) / std, -d_max, d_max)
    y = (x - mu) / sigma * r + d
    mean = mean + momentum * (mu - mean)
    std = std + momentum * (sigma - std)
    return y, mean, std


def renorm_loops(x, mean, std, r_max, d_max, momentum, eps):
    y, means, stds = np.empty(x.shape), [], []
    for c, column in enumerate(x.T):
        m = sum(column) / len(column)
        s = (sum((column - m) ** 2) / len(column) + eps) ** 0.5
        r = min(max(s / std[c], 1 / r_max), r_max)
        d = min(max((m - mean[c]) / std[c], -d_max), d_max)
        y[:, c] = r * (column - m) / s + d
        means.append((1 - momentum) * mean[c] + momentum * m)
        stds.append((1 - momentum) * std[c] + momentum * s)
    return y, np.array(means), np.array(stds)


def renorm_torch(x, mean, std, r_max, d_max, momentum, eps):
    x, mean, std = (torch.tensor(v) for v in (x, mean, std))
    var, mu = torch.var_mean(x, 0, correction=0)
    sigma = (var + eps).sqrt()
    r, d = (sigma / std).clamp(1 / r_max, r_max), ((mu - mean) / std).clamp(-d_max, d_max)
    return (x - mu) / sigma * r + d, mean.lerp(mu, momentum), std.lerp(sigma, momentum)


def renorm_one_affine_map(x, mean, std, r_max, d_max, momentum, eps):
    mu = np.einsum("nc->c", x) / x.shape[0]
    sigma = np.sqrt(((x - mu) ** 2).mean(0) + eps)
    ratio = np.exp(np.clip(np.log(sigma / std), -np.log(r_max), np.log(r_max)))
    slope = ratio / sigma
    move = np.minimum(np.maximum((mu - mean) / std, -d_max), d_max) - slope * mu
    keep = 1 - momentum
    return slope * x + move, keep * mean + momentum * mu, keep * std + momentum * sigma


def wrong_renorm(
    scale=lambda s, std, k: np.clip(s / std, 1 / k, k),
    shift=lambda gap, std, s, k: np.clip(gap / std, -k, k),
    use=lambda h, r, d: h * r + d,
    spread=lambda x, eps: np.sqrt(x.var(0) + eps),
    step=lambda old, new, a: old + a * (new - old),
    step_std=None,
):
    def answer(x, mean, std, r_max, d_max, momentum, eps):
        mu, sigma = x.mean(0), spread(x, eps)
        r, d = scale(sigma, std, r_max), shift(mu - mean, std, sigma, d_max)
        y = use((x - mu) / sigma, r, d)
        return y, step(mean, mu, momentum), (step_std or step)(std, sigma, momentum)

    return answer


def updates_first(x, mean, std, r_max, d_max, momentum, eps):
    mu, sigma = x.mean(0), np.sqrt(x.var(0) + eps)
    mean = (1 - momentum) * mean + momentum * mu
    std = (1 - momentum) * std + momentum * sigma
    r = np.clip(sigma / std, 1 / r_max, r_max)
    return (x - mu) / sigma * r + np.clip((mu - mean) / std, -d_max, d_max), mean, std


def moves_in_place(x, mean, std, r_max, d_max, momentum, eps):
    y, new_mean, new_std = renorm_step(x, mean, std, r_max, d_max, momentum, eps)
    mean[:], std[:] = new_mean, new_std
    return y, mean, std


no_r = partial(wrong_renorm, scale=lambda s, std, k: s / std)
no_d = partial(wrong_renorm, shift=lambda gap, std, s, k: gap / std)
RENORM = {
    "solution": renorm_step,
    "right": {
        "loops": renorm_loops,
        "torch": renorm_torch,
        "one affine map": renorm_one_affine_map,
        "a list": lambda *given: list(renorm_step(*given)),
    },
    "wrong": {
        "batch norm": (wrong_renorm(use=lambda h, r, d: h), "batch normalization alone"),
        "no limits": (
            no_r(shift=lambda gap, std, s, k: gap / std), "no limits: that is"),
        "r free": (no_r(), "r without limits"),
        "d free": (no_d(), "d without limits"),
        "r minimum": (
            wrong_renorm(scale=lambda s, std, k: np.minimum(s / std, k)), "r with an upper"),
        "r from -r_max": (
            wrong_renorm(scale=lambda s, std, k: np.clip(s / std, -k, k)), "r with an upper"),
        "d minimum": (
            wrong_renorm(shift=lambda gap, std, s, k: np.minimum(gap / std, k)),
            "d with an upper",
        ),
        "r inverted": (
            wrong_renorm(scale=lambda s, std, k: np.clip(std / s, 1 / k, k)), "upside down"),
        "d sign": (
            wrong_renorm(shift=lambda gap, std, s, k: np.clip(-gap / std, -k, k)), "sign"),
        "d by sigma": (
            wrong_renorm(shift=lambda gap, std, s, k: np.clip(gap / s, -k, k)),
            "by the batch's sigma",
        ),
        "d not divided": (
            wrong_renorm(shift=lambda gap, std, s, k: np.clip(gap, -k, k)),
            "not divided by anything",
        ),
        "d first": (wrong_renorm(use=lambda h, r, d: (h + d) * r), "before the product"),
        "no d": (wrong_renorm(use=lambda h, r, d: h * r), "d left out"),
        "no r": (wrong_renorm(use=lambda h, r, d: h + d), "r left out"),
        "updates first": (updates_first, "have moved already"),
        "momentum of old": (
            wrong_renorm(step=lambda old, new, a: a * old + (1 - a) * new),
            "weight of the old value",
        ),
        "nothing moves": (wrong_renorm(step=lambda old, new, a: old), "do not move"),
        "unbiased": (
            wrong_renorm(spread=lambda x, eps: np.sqrt(x.var(0, ddof=1) + eps)),
            "the unbiased variance",
        ),
        "eps outside": (wrong_renorm(spread=lambda x, eps: x.std(0) + eps), "eps outside"),
        "no eps": (wrong_renorm(spread=lambda x, eps: x.std(0)), "without eps"),
        "averages variances": (
            wrong_renorm(step_std=lambda old, new, a: np.sqrt((1 - a) * old**2 + a * new**2)),
            "variances averaged",
        ),
        "mixes units": (
            wrong_renorm(step_std=lambda old, new, a: (1 - a) * old + a * new**2),
            "into a standard deviation",
        ),
        "in place": (moves_in_place, "changes"),
    },
}  # fmt: skip

ANSWERS = {"ex11_q1": GROUP, "ex11_q2": RMS, "ex11_q3": RENORM}
