"""Answers to the exercises of chapter 5, right and wrong."""

import numpy as np
import torch


def by_rows(answer):
    """Return a backward pass for maps too, made of one for rows (m, C)."""

    def any_rank(dy, x, mu, var, gamma, eps):
        last = np.moveaxis(x, 1, -1)
        rows = (np.moveaxis(v, 1, -1).reshape(-1, x.shape[1]) for v in (dy, x))
        *found, dx = answer(*rows, mu, var, gamma, eps)
        return *found, np.moveaxis(np.reshape(dx, last.shape), -1, 1)

    return any_rank


def graph_backward(dy, x, mu, var, gamma, eps):
    axes = tuple(i for i in range(x.ndim) if i != 1)
    shape = tuple(n if i == 1 else 1 for i, n in enumerate(x.shape))
    m, centered = x.size // x.shape[1], x - mu.reshape(shape)
    inv_std = 1 / np.sqrt(var + eps)
    dgamma = (dy * centered).sum(axis=axes) * inv_std
    dbeta = dy.sum(axis=axes)
    dx_hat = gamma.reshape(shape) * dy
    dvar = -0.5 * inv_std**3 * (dx_hat * centered).sum(axis=axes)
    dmu = -inv_std * dx_hat.sum(axis=axes)
    dx = inv_std.reshape(shape) * dx_hat
    dx = dx + (2 * centered * dvar.reshape(shape) + dmu.reshape(shape)) / m
    return dgamma, dbeta, dvar, dmu, dx


@by_rows
def nine_steps(dy, x, mu, var, gamma, eps):
    m, centered, std = len(x), x - mu, np.sqrt(var + eps)
    dbeta, dgamma = dy.sum(0), (dy * centered / std).sum(0)
    dx_hat = gamma * dy
    dinv_std = (dx_hat * centered).sum(0)
    dvar = -dinv_std / std**2 / (2 * std)
    dcentered = dx_hat / std + 2 * centered * (np.ones_like(x) * dvar / m)
    dmu = -dcentered.sum(0)
    return dgamma, dbeta, dvar, dmu, dcentered + dmu / m


@by_rows
def from_closed_form(dy, x, mu, var, gamma, eps):
    m, s = len(x), (var + eps) ** -0.5
    x_hat = (x - mu) * s
    a, b = np.einsum("ic,ic->c", dy, x_hat), np.einsum("ic->c", dy)
    dx = gamma * s / m * (m * dy - b - x_hat * a)
    return a, b, -gamma * s * s / 2 * a, -gamma * s * b, dx


@by_rows
def in_loops(dy, x, mu, var, gamma, eps):
    m, c = x.shape
    dgamma, dbeta, dvar, dmu = (np.zeros(c) for _ in range(4))
    dx = np.zeros_like(x)
    for j in range(c):
        s = 1 / (var[j] + eps) ** 0.5
        for i in range(m):
            d = x[i, j] - mu[j]
            dbeta[j] += dy[i, j]
            dgamma[j] += dy[i, j] * d * s
            dvar[j] -= gamma[j] * dy[i, j] * d * s**3 / 2
            dmu[j] -= gamma[j] * dy[i, j] * s
        for i in range(m):
            d = x[i, j] - mu[j]
            dx[i, j] = gamma[j] * dy[i, j] * s
            dx[i, j] += (2 * d * dvar[j] + dmu[j]) / m
    return dgamma, dbeta, dvar, dmu, dx


def in_float32(dy, x, mu, var, gamma, eps):
    arrays = [v.astype(np.float32) for v in (dy, x, mu, var, gamma)]
    return graph_backward(*arrays, np.float32(eps))


def in_autograd(dy, x, mu, var, gamma, eps):
    leaves = [torch.tensor(v, requires_grad=True) for v in (gamma, x)]
    g, t = leaves
    b = torch.zeros_like(g, requires_grad=True)
    axes, shape = [0, *range(2, x.ndim)], [-1, *[1] * (x.ndim - 2)]
    mean = t.mean(axes)
    variance = ((t - mean.reshape(shape)) ** 2).mean(axes)
    x_hat = (t - mean.reshape(shape)) / torch.sqrt(variance + eps).reshape(shape)
    y = g.reshape(shape) * x_hat + b.reshape(shape)
    wanted = (g, b, variance, mean, t)
    return torch.autograd.grad(y, wanted, torch.from_numpy(dy))


def einsum_maps(dy, x, mu, var, gamma, eps):
    N, C = x.shape[:2]
    d, g = x.reshape(N, C, -1) - mu[:, None], dy.reshape(N, C, -1)
    s, m = (var + eps) ** -0.5, d[:, 0].size
    dbeta, along = np.einsum("ncp->c", g), np.einsum("ncp,ncp->c", g, d)
    dvar = -gamma * along * s**3 / 2
    dmu = -gamma * s * dbeta - 2 * dvar / m * np.einsum("ncp->c", d)
    dx = g * (gamma * s)[:, None] + (2 * d * dvar[:, None] + dmu[:, None]) / m
    return [along * s, dbeta, dvar, dmu, dx.reshape(x.shape)]


def wrong_staged(
    parameters=lambda dy, x, x_hat, gamma: (
        (dy * x_hat).sum(0),
        dy.sum(0),
    ),
    dx_hat=lambda gamma, dy: gamma * dy,
    dvar=lambda g, d, s, m: -0.5 * s**3 * (g * d).sum(0),
    dmu=lambda g, s, m: -s * g.sum(0),
    dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar / m + dmu / m,
    std=lambda var, eps: np.sqrt(var + eps),
):
    """Return a backward pass as people write it with one wrong step."""

    @by_rows
    def answer(dy, x, mu, var, gamma, eps):
        m, s, d = len(x), 1 / std(var, eps), x - mu
        g = dx_hat(gamma, dy)
        to_var, to_mu = dvar(g, d, s, m), dmu(g, s, m)
        first = parameters(dy, x, d * s, gamma)
        return *first, to_var, to_mu, dx(g, d, s, m, to_var, to_mu)

    return answer


def over(v):
    return (0, *range(2, v.ndim))


def with_sums(sums):
    """Return a backward pass with other dgamma and dbeta, made of dy * x_hat and dy."""

    def answer(dy, x, mu, var, gamma, eps):
        shape = (1, -1, *[1] * (x.ndim - 2))
        x_hat = (x - mu.reshape(shape)) / np.sqrt(var + eps).reshape(shape)
        return *sums(dy * x_hat, dy), *graph_backward(dy, x, mu, var, gamma, eps)[2:]

    return answer


def with_m(values):
    """Return a backward pass with another number in the place of m."""

    def answer(dy, x, mu, var, gamma, eps):
        dgamma, dbeta, dvar, dmu, dx = graph_backward(dy, x, mu, var, gamma, eps)
        shape = (1, -1, *[1] * (x.ndim - 2))
        straight = (gamma / np.sqrt(var + eps)).reshape(shape) * dy
        share = (dx - straight) * (x.size // x.shape[1]) / values(x)
        return dgamma, dbeta, dvar, dmu, straight + share

    return answer


def for_rows_alone(dy, x, mu, var, gamma, eps):
    m, s, d = len(x), 1 / np.sqrt(var + eps), x - mu
    dvar = -0.5 * s**3 * (gamma * dy * d).sum(0)
    dmu = -s * (gamma * dy).sum(0)
    dx = gamma * dy * s + 2 * d * dvar / m + dmu / m
    return (dy * d * s).sum(0), dy.sum(0), dvar, dmu, dx


def exchanged(dy, x, mu, var, gamma, eps):
    dgamma, dbeta, dvar, dmu, dx = graph_backward(dy, x, mu, var, gamma, eps)
    return dgamma, dbeta, dmu, dvar, dx


STAGED = {
    "solution": graph_backward,
    "right": {
        "nine steps": nine_steps,
        "closed form and einsum": from_closed_form,
        "loops": in_loops,
        "float32": in_float32,
        "torch": in_autograd,
        "maps and einsum": einsum_maps,
    },
    "wrong": {
        "N": (with_m(len), "N in the place of m"),
        "H W": (with_m(lambda x: x[0, 0].size), "H W in the place of m"),
        "m - 1 everywhere": (with_m(lambda x: x[:, 0].size - 1), "m - 1 in the place of m"),
        "rows alone": (for_rows_alone, "feature maps (N, C, H, W): raised ValueError"),
        "no eps": (wrong_staged(std=lambda var, eps: np.sqrt(var)), "eps left out"),
        "eps outside": (
            wrong_staged(std=lambda var, eps: np.sqrt(var) + eps),
            "eps outside the root",
        ),
        "usual eps": (
            wrong_staged(std=lambda var, eps: np.sqrt(var + 1e-5)),
            "eps = 1e-5 whatever",
        ),
        "no root": (wrong_staged(std=lambda var, eps: var + eps), "not by its root"),
        "evaluation mode": (
            wrong_staged(
                dvar=lambda g, d, s, m: 0 * s,
                dmu=lambda g, s, m: 0 * s,
            ),
            "evaluation mode",
        ),
        "dstd as dvar": (
            wrong_staged(dvar=lambda g, d, s, m: -(s**2) * (g * d).sum(0)),
            "the gradient of the standard deviation",
        ),
        "dmu without inv_std": (
            wrong_staged(dmu=lambda g, s, m: -g.sum(0)),
            "dmu without inv_std",
        ),
        "straight without inv_std": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g + 2 * d * dvar / m + dmu / m),
            "a straight way without inv_std",
        ),
        "dgamma a mean": (
            with_sums(lambda a, b: (a.mean(over(a)), b.sum(over(b)))),
            "dgamma divided by m",
        ),
        "dvar for dmu": (exchanged, "dvar and dmu in each other's place"),
        "dx first": (
            lambda *given: (graph_backward(*given)[4], *graph_backward(*given)[:4]),
            "dx first",
        ),
        "without dx": (lambda *given: graph_backward(*given)[:4], "4 results"),
        "sums over axis 0": (with_sums(lambda a, b: (a.sum(0), b.sum(0))), "shape"),
        "constants": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s),
            "taken as constants",
        ),
        "no way through the variance": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + dmu / m),
            "without the way through the variance",
        ),
        "no way through the mean": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar / m),
            "without the way through the mean",
        ),
        "statistics alone": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: (2 * d * dvar + dmu) / m),
            "without the straight way",
        ),
        "dmu whole": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar / m + dmu),
            "dmu handed to each sample whole",
        ),
        "dvar whole": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar + dmu / m),
            "dvar handed to each sample whole",
        ),
        "both whole": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar + dmu),
            "dmu and dvar handed",
        ),
        "no 2": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + d * dvar / m + dmu / m),
            "without its 2",
        ),
        "m - 1": (
            wrong_staged(
                dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar / (m - 1) + dmu / m
            ),
            "m - 1 in the variance's share",
        ),
        "sign of the mean": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s + 2 * d * dvar / m - dmu / m),
            "the mean's way with the other sign",
        ),
        "sign of the variance": (
            wrong_staged(dx=lambda g, d, s, m, dvar, dmu: g * s - 2 * d * dvar / m + dmu / m),
            "the variance's way with the other sign",
        ),
        "dvar positive": (
            wrong_staged(dvar=lambda g, d, s, m: 0.5 * s**3 * (g * d).sum(0)),
            "dvar with the other sign",
        ),
        "dvar without 1/2": (
            wrong_staged(dvar=lambda g, d, s, m: -(s**3) * (g * d).sum(0)),
            "without the 1/2",
        ),
        "dvar as a mean": (
            wrong_staged(dvar=lambda g, d, s, m: -0.5 * s**3 * (g * d).mean(0)),
            "dvar divided by m",
        ),
        "power -1/2": (
            wrong_staged(dvar=lambda g, d, s, m: -0.5 * s * (g * d).sum(0)),
            "first power",
        ),
        "power -1": (
            wrong_staged(dvar=lambda g, d, s, m: -0.5 * s**2 * (g * d).sum(0)),
            "inv_std squared",
        ),
        "x_hat in dvar": (
            wrong_staged(dvar=lambda g, d, s, m: -0.5 * s**3 * (g * d * s).sum(0)),
            "made with x_hat",
        ),
        "dmu positive": (
            wrong_staged(dmu=lambda g, s, m: s * g.sum(0)),
            "dmu with the other sign",
        ),
        "dmu as a mean": (
            wrong_staged(dmu=lambda g, s, m: -s * g.mean(0)),
            "dmu divided by m",
        ),
        "no gamma": (
            wrong_staged(dx_hat=lambda gamma, dy: dy),
            "gamma left out",
        ),
        "means for sums": (
            wrong_staged(
                lambda dy, x, x_hat, gamma: (
                    (dy * x_hat).mean(0),
                    dy.mean(0),
                )
            ),
            "a mean over the batch",
        ),
        "swapped": (
            wrong_staged(lambda dy, x, x_hat, gamma: (dy.sum(0), (dy * x_hat).sum(0))),
            "in each other's place",
        ),
        "x in dgamma": (
            wrong_staged(lambda dy, x, x_hat, gamma: ((dy * x).sum(0), dy.sum(0))),
            "made with x, which",
        ),
        "x - mu in dgamma": (
            wrong_staged(
                lambda dy, x, x_hat, gamma: (
                    (dy * (x - x.mean(0))).sum(0),
                    dy.sum(0),
                )
            ),
            "made with x - mu, which",
        ),
        "gamma in dgamma": (
            wrong_staged(
                lambda dy, x, x_hat, gamma: (
                    (gamma * dy * x_hat).sum(0),
                    dy.sum(0),
                )
            ),
            "inside its own gradient",
        ),
        "no sum": (with_sums(lambda a, b: (a, b)), "no sum over the batch"),
        "one number": (
            with_sums(lambda a, b: (a.sum(), b.sum())),
            "one number for all channels",
        ),
        "axis 1": (with_sums(lambda a, b: (a.sum(1), b.sum(1))), "over the channels"),
        "dx alone": (
            lambda *given: graph_backward(*given)[-1],
            "1 results",
        ),
    },
}


def closed_form(dy, x_hat, inv_std, gamma, axis):
    axes = tuple(i for i in range(dy.ndim) if i != axis % dy.ndim)
    mean = dy.mean(axis=axes, keepdims=True)
    along = (dy * x_hat).mean(axis=axes, keepdims=True)
    return (gamma * inv_std).reshape(mean.shape) * (dy - mean - x_hat * along)


def by_swapping(dy, x_hat, inv_std, gamma, axis):
    g, h = np.swapaxes(dy, axis, -1), np.swapaxes(x_hat, axis, -1)
    over = tuple(range(g.ndim - 1))
    dx = g - g.mean(over) - h * np.mean(g * h, axis=over)
    return np.swapaxes(dx * (gamma * inv_std), axis, -1)


def on_axis(closed):
    """Return an answer for any axis from one for axis 1."""

    def answer(dy, x_hat, inv_std, gamma, axis):
        given = (np.ascontiguousarray(np.moveaxis(v, axis, 1)) for v in (dy, x_hat))
        dx = closed(*given, inv_std, gamma)
        return np.moveaxis(np.asarray(dx), 1, axis)

    return answer


def at_one(dy, x_hat, inv_std, gamma):
    axes = tuple(i for i in range(dy.ndim) if i != 1)
    shape = tuple(n if i == 1 else 1 for i, n in enumerate(dy.shape))
    mean = dy.mean(axis=axes, keepdims=True)
    along = (dy * x_hat).mean(axis=axes, keepdims=True)
    return (gamma * inv_std).reshape(shape) * (dy - mean - x_hat * along)


def positive(dy, x_hat, inv_std, gamma, axis):
    over = tuple({*range(dy.ndim)} - {axis})
    shape = [1] * dy.ndim
    shape[axis] = -1
    a, b = (np.mean(v, axis=over, keepdims=True) for v in (dy, dy * x_hat))
    return (dy - a - x_hat * b) * (gamma * inv_std).reshape(shape)


def two_sums(dy, x_hat, inv_std, gamma):
    axes = (0, *range(2, dy.ndim))
    m = dy.size / dy.shape[1]
    column = (slice(None), *[None] * (dy.ndim - 2))
    dbeta, dgamma = dy.sum(axes), (dy * x_hat).sum(axes)
    dx = m * dy - dbeta[column] - x_hat * dgamma[column]
    return (gamma * inv_std)[column] / m * dx


def by_matrix(dy, x_hat, inv_std, gamma):
    dx = np.empty_like(dy)
    for c in range(dy.shape[1]):
        h = x_hat[:, c].ravel()
        J = np.eye(h.size) - 1 / h.size - np.outer(h, h) / h.size
        part = gamma[c] * inv_std[c] * J @ dy[:, c].ravel()
        dx[:, c] = part.reshape(dy[:, c].shape)
    return dx


def rows_einsum(dy, x_hat, inv_std, gamma):
    g, h = (np.moveaxis(v, 1, -1).reshape(-1, len(gamma)) for v in (dy, x_hat))
    g = g - np.einsum("ic->c", g) / len(g)
    g = (g - h * (np.einsum("ic,ic->c", g, h) / len(g))) * gamma * inv_std
    like = np.moveaxis(dy, 1, -1)
    return np.moveaxis(g.reshape(like.shape), -1, 1)


def closed_float32(dy, x_hat, inv_std, gamma):
    given = (v.astype(np.float32) for v in (dy, x_hat, inv_std, gamma))
    return two_sums(*given)


def closed_torch(dy, x_hat, inv_std, gamma):
    given = (torch.from_numpy(v) for v in (dy, x_hat, inv_std, gamma))
    dy, x_hat, inv_std, gamma = given
    axes = [0, *range(2, dy.ndim)]
    mean = dy.mean(axes, keepdim=True)
    along = (dy * x_hat).mean(axes, keepdim=True)
    scale = (gamma * inv_std).reshape(mean.shape)
    return scale * (dy - mean - x_hat * along)


def wrong_closed(line, axes=lambda v: (0, *range(2, v.ndim)), mean=np.mean, divisor=None):
    """Return a closed form as people write it who get one thing wrong.

    `line` gets dy, x_hat, inv_std, gamma, mean(dy) and mean(dy * x_hat).
    """

    def answer(dy, x_hat, inv_std, gamma):
        column = (1, -1, *[1] * (dy.ndim - 2))
        over = axes(dy)
        a = mean(dy, axis=over, keepdims=True)
        b = mean(dy * x_hat, axis=over, keepdims=True)
        if divisor is not None:
            a, b = a / divisor(dy), b / divisor(dy)
        s, g = inv_std.reshape(column), gamma.reshape(column)
        return line(dy, x_hat, s, g, a, b)

    return answer


def good_line(dy, x_hat, s, g, a, b):
    return g * s * (dy - a - x_hat * b)


CLOSED = {
    "solution": closed_form,
    "right": {
        "swapped axes": by_swapping,
        "two sums": on_axis(two_sums),
        "matrix": on_axis(by_matrix),
        "einsum, mean first": on_axis(rows_einsum),
        "float32": on_axis(closed_float32),
        "torch": on_axis(closed_torch),
    },
    "wrong": {
        "gamma on dy": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: s * (g * dy - (a + h * b)))),
            "gamma that multiplies dy alone",
        ),
        "published": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - h * b))),
            "no way through the mean",
        ),
        "constants": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * dy)),
            "taken as constants",
        ),
        "no variance": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - a))),
            "no way through the variance",
        ),
        "sums": (on_axis(wrong_closed(good_line, mean=np.sum)), "sums where means"),
        "m - 1": (
            on_axis(
                wrong_closed(
                    good_line,
                    mean=np.sum,
                    divisor=lambda v: v.size // v.shape[1] - 1,
                )
            ),
            "m - 1",
        ),
        "N": (
            on_axis(wrong_closed(good_line, mean=np.sum, divisor=len)),
            "a division by N",
        ),
        "axis 0": (
            on_axis(wrong_closed(good_line, axes=lambda v: (0,))),
            "over axis 0 alone",
        ),
        "whole array": (
            on_axis(wrong_closed(good_line, axes=lambda v: tuple(range(v.ndim)))),
            "one mean for all channels",
        ),
        "each example": (
            on_axis(wrong_closed(good_line, axes=lambda v: tuple(range(1, v.ndim)))),
            "means of each example",
        ),
        "plus the mean": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy + a - h * b))),
            "the mean's term with the other sign",
        ),
        "plus along": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - a + h * b))),
            "the term along x_hat with the other sign",
        ),
        "plus both": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy + a + h * b))),
            "both terms with the other sign",
        ),
        "no x_hat before": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - a - b))),
            "x_hat missing before",
        ),
        "no x_hat inside": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - a - h * a))),
            "x_hat missing inside",
        ),
        "a product of means": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - a - h * a * b))),
            "",
        ),
        "no gamma": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: s * (dy - a - h * b))),
            "gamma left out",
        ),
        "gamma twice": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * good_line(dy, h, s, g, a, b))),
            "gamma multiplied twice",
        ),
        "no inv_std": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * (dy - a - h * b))),
            "inv_std left out",
        ),
        "inv_std twice": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: s * good_line(dy, h, s, g, a, b))),
            "inv_std multiplied twice",
        ),
        "inv_std as std": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g / s * (dy - a - h * b))),
            "a division by inv_std",
        ),
        "exact projection": (
            on_axis(
                wrong_closed(
                    lambda dy, h, s, g, a, b: (
                        g * s * (dy - a - h * b / (h**2).mean(over(h), keepdims=True))
                    )
                )
            ),
            "an exact projection",
        ),
        "one mean of dy": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - dy.mean() - h * b))),
            "one mean of dy for all channels",
        ),
        "each image and channel": (
            on_axis(wrong_closed(good_line, axes=lambda v: tuple(range(2, v.ndim)) or (0,))),
            "means of each image and channel",
        ),
        "mean of x_hat": (
            on_axis(
                wrong_closed(
                    lambda dy, h, s, g, a, b: (
                        g * s * (dy - h.mean(over(h), keepdims=True) - h * b)
                    )
                )
            ),
            "it is missing, or 0",
        ),
        "product of two means": (
            on_axis(
                wrong_closed(
                    lambda dy, h, s, g, a, b: (
                        g * s * (dy - a - h * a * h.mean(over(h), keepdims=True))
                    )
                )
            ),
            "it is missing, or 0",
        ),
        "mean taken twice": (
            on_axis(wrong_closed(lambda dy, h, s, g, a, b: g * s * (dy - 2 * a - h * b))),
            "",
        ),
        "axis 1": (
            lambda dy, x_hat, s, g, axis: at_one(dy, x_hat, s, g),
            "whatever axis is",
        ),
        "negative axis": (positive, "not counted from the end"),
        "maps alone": (
            lambda dy, x_hat, s, g, axis: (
                (g * s)[:, None, None]
                * (
                    dy
                    - dy.mean((0, 2, 3), keepdims=True)
                    - x_hat * (dy * x_hat).mean((0, 2, 3), keepdims=True)
                )
            ),
            "batches (N, C): raised AxisError",
        ),
        "maps as rows": (
            lambda dy, x_hat, s, g, axis: closed_form(dy, x_hat, s, g, axis).reshape(
                -1, len(g)
            ),
            "shape",
        ),
    },
}


def gradients(x, dy, gamma, beta, eps):
    x, gamma, beta = (torch.tensor(v, requires_grad=True) for v in (x, gamma, beta))
    mu = x.mean(0)
    var = x.var(0, unbiased=False)
    y = gamma * (x - mu) / torch.sqrt(var + eps) + beta
    y.backward(torch.tensor(dy))
    return x.grad, gamma.grad


def by_hand(x, dy, gamma, beta, eps):
    s = 1 / np.sqrt(x.var(axis=0) + eps)
    x_hat = (x - x.mean(axis=0)) * s
    dgamma = (dy * x_hat).sum(axis=0)
    dx = dy - dy.mean(axis=0) - x_hat * dgamma / len(x)
    return gamma * s * dx, dgamma


def by_squares(x, dy, gamma, beta, eps):
    t, g = (torch.tensor(v, requires_grad=True) for v in (x, gamma))
    d = t - t.mean(dim=0, keepdim=True)
    x_hat = d * torch.rsqrt((d * d).mean(dim=0, keepdim=True) + eps)
    loss = (torch.from_numpy(dy) * g * x_hat).sum()
    return torch.autograd.grad(loss, (t, g))


def by_functional(x, dy, gamma, beta, eps):
    leaves = [torch.tensor(v, requires_grad=True) for v in (x, gamma)]
    y = torch.nn.functional.batch_norm(leaves[0], None, None, leaves[1], training=True, eps=eps)
    return torch.autograd.grad(y, leaves, torch.from_numpy(dy))


def by_float32(x, dy, gamma, beta, eps):
    leaves = [torch.tensor(v, dtype=torch.float32, requires_grad=True) for v in (x, gamma)]
    y = torch.nn.functional.batch_norm(leaves[0], None, None, leaves[1], training=True, eps=eps)
    return torch.autograd.grad(y, leaves, torch.tensor(dy).float())


def columns_einsum(x, dy, gamma, beta, eps):
    d = x - np.einsum("ic->c", x) / len(x)
    s = (np.einsum("ic,ic->c", d, d) / len(x) + eps) ** -0.5
    dgamma = np.einsum("ic,ic,c->c", dy, d, s)
    g = dy - np.einsum("ic->c", dy) / len(x) - d * s * dgamma / len(x)
    return np.einsum("ic,c,c->ic", g, gamma, s), dgamma


def wrong_gradients(
    mu=lambda t: t.mean(0),
    var=lambda t: t.var(0, unbiased=False),
    std=lambda var, eps: torch.sqrt(var + eps),
    loss=lambda y, dy: (dy * y).sum(),
    result=lambda t, g, b: (t.grad, g.grad),
    use_gamma=True,
    repeat=1,
):
    """Return a repair of the course's code that leaves one thing wrong."""

    def answer(x, dy, gamma, beta, eps):
        t, g, b = (torch.tensor(v, requires_grad=True) for v in (x, gamma, beta))
        for _ in range(repeat):
            x_hat = (t - mu(t)) / std(var(t), eps)
            y = (g if use_gamma else 1.0 + 0 * g) * x_hat + b
            loss(y, torch.from_numpy(dy)).backward()
        return result(t, g, b)

    return answer


def with_functional(x, dy, gamma, beta, eps):
    x, gamma, beta = (torch.tensor(v, requires_grad=True) for v in (x, gamma, beta))
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, True, 0.1, eps)
    return torch.autograd.grad((y * torch.tensor(dy)).sum(), [x, gamma])


def with_vjp(x, dy, gamma, beta, eps):
    def forward(x, gamma):
        d = x - x.mean(0)
        return gamma * d / torch.sqrt((d**2).mean(0) + eps) + torch.tensor(beta)

    _, pull = torch.func.vjp(forward, torch.tensor(x), torch.tensor(gamma))
    return pull(torch.tensor(dy))


def whole_array(x, dy, gamma, beta, eps):
    x, gamma, beta = (torch.tensor(v, requires_grad=True) for v in (x, gamma, beta))
    y = gamma * (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() + beta
    y.backward(torch.tensor(dy))
    return x.grad, gamma.grad


def without_gamma(x, dy, gamma, beta, eps):
    t = torch.tensor(x, requires_grad=True)
    x_hat = (t - t.mean(0)) / torch.sqrt(t.var(0, unbiased=False) + eps)
    x_hat.backward(torch.tensor(dy))
    return t.grad, (torch.tensor(dy) * x_hat).sum(0)


def gamma_not_summed(x, dy, gamma, beta, eps):
    x_hat = (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
    return by_hand(x, dy, gamma, beta, eps)[0], dy * x_hat


def not_divided(x, dy, gamma, beta, eps):
    return gradients(x, dy, gamma, beta, eps)[0], np.einsum("mc,mc->c", dy, x - x.mean(0))


def not_centred(x, dy, gamma, beta, eps):
    return gradients(x, dy, gamma, beta, eps)[0], np.einsum("mc,mc->c", dy, x)


DETACHED = {
    "solution": gradients,
    "right": {
        "by hand": by_hand,
        "mean of squares": by_squares,
        "torch's batch_norm": by_functional,
        "float32": by_float32,
        "einsum": columns_einsum,
        "layer of torch": with_functional,
        "torch.func": with_vjp,
    },
    "wrong": {
        "dgamma not divided": (not_divided, "dgamma made with x - mu"),
        "dgamma not centred": (not_centred, "dgamma made with x, not with x_hat"),
        "usual eps": (
            lambda x, dy, gamma, beta, eps: gradients(x, dy, gamma, beta, 1e-5),
            "eps = 1e-5 whatever",
        ),
        "whole array": (whole_array, "for all columns"),
        "dbeta for dgamma": (
            lambda x, dy, *rest: (gradients(x, dy, *rest)[0], dy.sum(0)),
            "the gradient of beta, not of gamma",
        ),
        "three results": (
            lambda x, dy, *rest: (*gradients(x, dy, *rest), dy.sum(0)),
            "3 results",
        ),
        "the course": (
            wrong_gradients(lambda t: t.mean(0).detach(), lambda t: t.var(0).detach()),
            "as it was",
        ),
        "biased, still detached": (
            wrong_gradients(
                lambda t: t.mean(0).detach(),
                lambda t: t.var(0, unbiased=False).detach(),
            ),
            "mean and variance still outside",
        ),
        "attached, still unbiased": (
            wrong_gradients(var=lambda t: t.var(0)),
            "divided by m - 1",
        ),
        "mean detached": (
            wrong_gradients(mu=lambda t: t.mean(0).detach()),
            "the mean still outside",
        ),
        "variance detached": (
            wrong_gradients(var=lambda t: t.var(0, unbiased=False).detach()),
            "the variance still outside",
        ),
        "detached by numpy": (
            wrong_gradients(
                lambda t: torch.from_numpy(t.detach().numpy().mean(0)),
                lambda t: torch.from_numpy(t.detach().numpy().var(0)),
            ),
            "mean and variance still outside",
        ),
        "eps outside": (
            wrong_gradients(std=lambda var, eps: torch.sqrt(var) + eps),
            "eps outside the root",
        ),
        "no eps": (
            wrong_gradients(std=lambda var, eps: torch.sqrt(var)),
            "no eps",
        ),
        "no root": (
            wrong_gradients(std=lambda var, eps: var + eps),
            "not by its root",
        ),
        "std and eps": (
            wrong_gradients(
                var=lambda t: t.std(0, unbiased=False),
                std=lambda std, eps: std + eps,
            ),
            "eps outside the root",
        ),
        "sum": (
            wrong_gradients(loss=lambda y, dy: y.sum()),
            "dy is not used",
        ),
        "mean": (
            wrong_gradients(loss=lambda y, dy: (dy * y).mean()),
            "the gradient of mean(dy * y)",
        ),
        "sum over m": (
            wrong_gradients(loss=lambda y, dy: (dy * y).sum() / len(y)),
            "sum(dy * y) / m",
        ),
        "two calls": (wrong_gradients(repeat=2), "added up"),
        "no gamma": (without_gamma, "gamma left out"),
        "gamma has no part": (wrong_gradients(use_gamma=False), ""),
        "swapped": (
            wrong_gradients(result=lambda t, g, b: (g.grad, t.grad)),
            "each other's place",
        ),
        "gamma and beta": (
            wrong_gradients(result=lambda t, g, b: (g.grad, b.grad)),
            "the gradients of gamma and beta",
        ),
        "not summed": (gamma_not_summed, "not summed over the batch"),
        "everything under no_grad": (
            torch.no_grad()(gradients),
            "raised RuntimeError",
        ),
        "one result": (
            wrong_gradients(result=lambda t, g, b: t.grad),
            "1 res",
        ),
    },
    "equivalent": {
        "y = gamma * (x - mu) / torch.sqrt(var + eps) + beta -> "
        "y = gamma * (x - mu) / torch.sqrt(var + eps) - beta": (
            "neither gradient depends on beta"
        ),
    },
}


def numeric_gradient(f, x, w, h):
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        dx[i] = (w * (f(up) - f(down))).sum() / (2 * h)
    return dx


def basis(f, x, w, h):
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    slopes = [(f(x + e) - f(x - e)) / (2 * h) for e in steps]
    return np.array([np.sum(w * s) for s in slopes]).reshape(x.shape)


def through_the_jacobian(f, x, w, h):
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    J = np.stack([(f(x + e) - f(x - e)).ravel() for e in steps]) / (2 * h)
    return np.einsum("ij,j->i", J, w.ravel()).reshape(x.shape)


def with_nditer(f, x, w, h):
    v, dx = x.copy(), np.empty_like(x)
    it = np.nditer(v, flags=["multi_index"], op_flags=["readwrite"])
    while not it.finished:
        i = it.multi_index
        old = v[i]
        v[i] = old + h
        above = np.sum(w * f(v))
        v[i] = old - h
        below = np.sum(w * f(v))
        v[i] = old
        dx[i] = (above - below) / (2 * h)
        it.iternext()
    return dx


def put_back(f, x, w, h):
    dx = np.empty(x.shape)
    for i in np.ndindex(x.shape):
        old = x[i]
        x[i] = old + h
        above = (w * f(x)).sum()
        x[i] = old - h
        dx[i] = (above - (w * f(x)).sum()) / (2 * h)
        x[i] = old
    return dx


def numeric_float32(f, x, w, h):
    return numeric_gradient(f, x.astype(np.float32), w, np.float32(h))


def numeric_torch(f, x, w, h):
    weights = torch.from_numpy(w)
    dx = torch.zeros(x.size, dtype=torch.float64)
    for k in range(x.size):
        step = torch.zeros(x.size, dtype=torch.float64)
        step[k] = h
        step = step.reshape(x.shape).numpy()
        change = torch.from_numpy(f(x + step) - f(x - step))
        dx[k] = torch.sum(weights * change) / (2 * h)
    return dx.reshape(x.shape)


def wrong_numeric(slope, move=lambda x, i, h: h, where=lambda i: i):
    """Return differences as people take them; `slope` gets the loss L."""

    def answer(f, x, w, h):
        dx = np.zeros_like(x)
        for i in np.ndindex(x.shape):

            def loss(t, i=i):
                v = x.copy()
                v[where(i)] += t * move(x, i, h)
                return (w * f(v)).sum()

            dx[i] = slope(loss, move(x, i, h))
        return dx

    return answer


def central(L, h):
    return (L(1) - L(-1)) / (2 * h)


def no_copy(f, x, w, h):
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x, x
        up[i] += h
        down[i] -= h
        dx[i] = (w * (f(up) - f(down))).sum() / (2 * h)
    return dx


def not_put_back(f, x, w, h):
    v, dx = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        v[i] = v[i] + h
        above = (w * f(v)).sum()
        v[i] = v[i] - 2 * h
        below = (w * f(v)).sum()
        dx[i] = (above - below) / (2 * h)
    return dx


def held(f, x, w, h):
    v, dx = x.copy(), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        v[i] = x[i] + h
        above = f(v)
        v[i] = x[i] - h
        below = f(v)
        v[i] = x[i]
        dx[i] = (w * (above - below)).sum() / (2 * h)
    return dx


def steps_stay(f, x, w, h):
    step, dx = np.zeros_like(x), np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step[i] = h
        dx[i] = (w * (f(x + step) - f(x - step))).sum() / (2 * h)
    return dx


def rows_and_columns(f, x, w, h):
    dx = np.zeros_like(x)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            step = np.zeros_like(x)
            step[i, j] = h
            dx[i, j] = (w * (f(x + step) - f(x - step))).sum() / (2 * h)
    return dx


def same_place(f, x, w, h):
    dx = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        dx[i] = w[i] * (f(up)[i] - f(down)[i]) / (2 * h)
    return dx


NUMERIC = {
    "solution": numeric_gradient,
    "right": {
        "a basis of steps": basis,
        "the Jacobian and einsum": through_the_jacobian,
        "nditer": with_nditer,
        "put back": put_back,
        "float32": numeric_float32,
        "torch": numeric_torch,
    },
    "wrong": {
        "forward": (
            wrong_numeric(lambda L, h: (L(1) - L(0)) / h),
            "a forward difference",
        ),
        "backward": (
            wrong_numeric(lambda L, h: (L(0) - L(-1)) / h),
            "a backward difference",
        ),
        "forward over 2h": (
            wrong_numeric(lambda L, h: (L(1) - L(0)) / (2 * h)),
            "divided by the distance of two sides",
        ),
        "central over h": (
            wrong_numeric(lambda L, h: (L(1) - L(-1)) / h),
            "divided by the distance of one",
        ),
        "no brackets: / 2 * h": (
            wrong_numeric(lambda L, h: (L(1) - L(-1)) / 2 * h),
            "brackets are missing",
        ),
        "half steps": (
            wrong_numeric(lambda L, h: (L(0.5) - L(-0.5)) / h),
            "half a step",
        ),
        "double steps": (
            wrong_numeric(lambda L, h: (L(2) - L(-2)) / (4 * h)),
            "two steps to each side",
        ),
        "turned": (
            wrong_numeric(lambda L, h: (L(-1) - L(1)) / (2 * h)),
            "two sides in each other's place",
        ),
        "absolute value": (
            lambda f, x, w, h: abs(numeric_gradient(f, x, w, h)),
            "the absolute value",
        ),
        "relative step": (
            wrong_numeric(central, lambda x, i, h: h * abs(x[i])),
            "in proportion to the entry",
        ),
        "relative or h": (
            wrong_numeric(central, lambda x, i, h: h * max(1, abs(x[i]))),
            "a larger step for a larger entry",
        ),
        "not divided": (
            wrong_numeric(lambda L, h: L(1) - L(-1)),
            "no division by the distance",
        ),
        "results held": (held, "f may return a view"),
        "steps stay": (steps_stay, "not taken back"),
        "two loops": (rows_and_columns, "for a matrix alone"),
        "usual step": (
            wrong_numeric(central, lambda x, i, h: 1e-5),
            "h = 1e-5 whatever",
        ),
        "a row at once": (
            wrong_numeric(central, where=lambda i: i[0]),
            "a whole row",
        ),
        "a column at once": (
            wrong_numeric(central, where=lambda i: (..., i[-1])),
            "a whole column",
        ),
        "one number": (
            wrong_numeric(central, where=lambda i: ...),
            "for one number",
        ),
        "all at once": (
            lambda f, x, w, h: w * (f(x + h) - f(x - h)) / (2 * h),
            "each output had one input",
        ),
        "same place": (same_place, "the output in the same place"),
        "no weights": (
            lambda f, x, w, h: numeric_gradient(f, x, np.ones_like(w), h),
            "w is not used",
        ),
        "a mean": (
            lambda f, x, w, h: numeric_gradient(f, x, w / w.size, h),
            "a mean over the outputs",
        ),
        "not put back": (not_put_back, "not put back"),
        "no copy": (no_copy, "changes the array"),
        "as a list": (
            lambda f, x, w, h: numeric_gradient(f, x, w, h).ravel(),
            "lost the shape",
        ),
    },
}

ANSWERS = {
    "ex05_q1": STAGED,
    "ex05_q2": CLOSED,
    "ex05_q4": DETACHED,
    "ex05_q5": NUMERIC,
}
