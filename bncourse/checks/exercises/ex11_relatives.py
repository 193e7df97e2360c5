"""Chapter 11: group normalization, RMS normalization backward, batch renormalization."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Arguments, Exercise, Part

Rng = np.random.Generator
Std = Callable[[Array, float], Array]


def root(var: Array, eps: float) -> Array:
    """Return what a layer divides by."""
    std: Array = np.sqrt(var + eps)
    return std


def outside(var: Array, eps: float) -> Array:
    """Return the same with eps outside the root."""
    std: Array = np.sqrt(var) + eps
    return std


def affine(y: Array, gamma: Array, beta: Array) -> Array:
    """Scale and shift each channel, which stands on axis 1."""
    shape = (-1, *[1] * (y.ndim - 2))
    moved: Array = y * gamma.reshape(shape) + beta.reshape(shape)
    return moved


def group_norm(
    x: Array, gamma: Array, beta: Array, groups: int, eps: float,
    std: Std = root, ddof: int = 0, center: float = 1.0,
) -> Array:  # fmt: skip
    """Normalize each group of channels of each sample."""
    if groups < 1 or x.shape[1] % groups:
        raise ValueError("the groups do not divide the channels")
    parts = x.reshape(len(x), groups, -1)
    mu = parts.mean(axis=2, keepdims=True)
    var = parts.var(axis=2, keepdims=True, ddof=ddof)
    var = var if center else var + mu**2
    y: Array = (parts - center * mu) / std(var, eps)
    return affine(y.reshape(x.shape), gamma, beta)


def over(axes: Callable[[Array], tuple[int, ...]]) -> Callable[..., Array]:
    """Return a `group_norm` that ignores the groups and reduces ``axes(x)``."""

    def answer(x: Array, gamma: Array, beta: Array, groups: int, eps: float) -> Array:
        mu, var = (f(axis=axes(x), keepdims=True) for f in (x.mean, x.var))
        return affine((x - mu) / root(var, eps), gamma, beta)

    return answer


def cut(shape: Callable[..., Any], axes: tuple[int, ...]) -> Callable[..., Array]:
    """Return a `group_norm` whose array is cut into ``shape(x, groups)``, with these axes."""

    def answer(x: Array, gamma: Array, beta: Array, groups: int, eps: float) -> Array:
        parts = x.reshape(shape(x, groups))
        mu, var = (f(axis=axes, keepdims=True) for f in (parts.mean, parts.var))
        return affine(((parts - mu) / root(var, eps)).reshape(x.shape), gamma, beta)

    return answer


def by_group(v: Array, groups: int) -> Array:
    """Return the first values of ``v``, each for the channels of a group."""
    return np.repeat(v[:groups], len(v) // groups)


def images(*settings: tuple[tuple[int, ...], int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with arrays of these shapes and numbers of groups; eps is not small."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for shape, groups in settings:
            C = shape[1]
            x = rng.normal(size=shape) * 2 + np.arange(np.prod(shape)).reshape(shape) % 7
            calls.append((x, rng.uniform(0.5, 2, C), rng.normal(2, 1, C), groups, 0.5))
        return calls

    return calls


GROUP = Exercise(
    name="ex11_q1",
    function="group_norm",
    points=3,
    results=("y",),
    reference=group_norm,
    parts=(
        Part("maps", 2, images(((3, 8, 3, 2), 2), ((2, 6, 2, 3), 3))),
        Part("rows, without positions", 1, images(((4, 8), 2), ((3, 6), 2))),
        Part("sequences, shape (N, C, T)", 1, images(((2, 8, 5), 4))),
        Part("one image", 1, images(((1, 6, 2, 2), 2))),
        Part("one group, and a group for each channel", 1,
             images(((3, 6, 2, 2), 1), ((3, 6, 2, 2), 6))),
        Part("groups that do not divide the channels are refused", 1,
             images(((3, 6, 2, 2), 4)), refuses="4 groups of 6 channels"),
    ),
    mistakes={
        "statistics that all samples share":
            cut(lambda x, G: (len(x), G, x[0].size // G), (0, 2)),
        "batch normalization: one statistic for each channel of the batch":
            over(lambda x: (0, *range(2, x.ndim))),
        "layer normalization: the groups are not used":
            over(lambda x: tuple(range(1, x.ndim))),
        "instance normalization: each channel by itself": (
            over(lambda x: tuple(range(2, x.ndim)) if x.ndim > 2 else (1,)),
            over(lambda x: tuple(range(2, x.ndim)))),
        "channels that take turns: a group is a block of neighbours":
            cut(lambda x, G: (len(x), x.shape[1] // G, G, -1), (1, 3)),
        "`groups` read as the channels in a group":
            lambda x, g, b, groups, eps: group_norm(x, g, b, x.shape[1] // groups, eps),
        "one statistic for each position":
            cut(lambda x, G: (len(x), G, x.shape[1] // G, -1), (2,)),
        "the unbiased variance, divided by m - 1": partial(group_norm, ddof=1),
        "eps outside the root": partial(group_norm, std=outside),
        "a division by the variance, not by its root":
            partial(group_norm, std=lambda var, eps: var + eps),
        "a division without eps": partial(group_norm, std=lambda var, eps: np.sqrt(var)),
        "no mean subtracted: that is RMS normalization": partial(group_norm, center=0.0),
        "gamma left out":
            lambda x, g, b, groups, eps: group_norm(x, np.ones_like(g), b, groups, eps),
        "gamma and beta of the groups, not of the channels":
            lambda x, g, b, groups, eps: group_norm(
                x, by_group(g, groups), by_group(b, groups), groups, eps),
        "beta left out":
            lambda x, g, b, groups, eps: group_norm(x, g, np.zeros_like(b), groups, eps),
    },
)  # fmt: skip


def rms_backward(
    dy: Array, x: Array, gamma: Array, eps: float,
    std: Std = root,
    mix: Callable[..., Array] = lambda g, x_hat, dy, x: g - x_hat * mean(g * x_hat),
    out: Callable[..., Array] = lambda dx, s: dx * s,
    total: Callable[..., Array] = lambda dy, x_hat, x: (dy * x_hat).sum(axis=0),
) -> tuple[Array, Array]:  # fmt: skip
    """Return the gradients to x and gamma; the arguments after eps make mistakes."""
    s = 1 / std(mean(x**2), eps)
    x_hat, g = x * s, dy * gamma
    return out(mix(g, x_hat, dy, x), s), total(dy, x_hat, x)


def mean(values: Array) -> Array:
    """Return the mean of each row, shape (N, 1)."""
    average: Array = values.mean(axis=1, keepdims=True)
    return average


def slopes(*shapes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls of the backward pass; rows have means that are not 0."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        return [
            (rng.normal(1, 1, shape), rng.normal(2, 1, shape),
             np.linspace(0.5, 2.5, shape[1]), 0.5) for shape in shapes
        ]  # fmt: skip

    return calls


def flat(rng: Rng) -> Sequence[Arguments]:
    """Return calls with gamma = 1."""
    return [(dy, x, np.ones_like(gamma), eps) for dy, x, gamma, eps in slopes((3, 5))(rng)]


Q2 = partial(partial, rms_backward)
RMS = Exercise(
    name="ex11_q2",
    function="rms_norm_backward",
    points=3,
    results=("dx", "dgamma"),
    reference=rms_backward,
    parts=(
        Part("dgamma", 1, slopes((4, 6), (5, 3)), ("dgamma",)),
        Part("dx with gamma = 1", 1, flat, ("dx",)),
        Part("dx", 2, slopes((4, 6), (5, 3)), ("dx",)),
        Part("one token", 1, slopes((1, 4))),
    ),
    mistakes={
        "the root mean square taken as a constant": Q2(mix=lambda g, x_hat, dy, x: g),
        "the gradient of layer normalization: nothing was centred":
            Q2(mix=lambda g, x_hat, dy, x: g - mean(g) - x_hat * mean(g * x_hat)),
        "a sum where the mean over the features belongs":
            Q2(mix=lambda g, x_hat, dy, x:
                g - x_hat * (g * x_hat).sum(axis=1, keepdims=True)),
        "a mean over the batch, not over the features":
            Q2(mix=lambda g, x_hat, dy, x: g - x_hat * (g * x_hat).mean(axis=0)),
        "gamma left out of dx":
            Q2(mix=lambda g, x_hat, dy, x: dy - x_hat * mean(dy * x_hat)),
        "gamma left out of the second term":
            Q2(mix=lambda g, x_hat, dy, x: g - x_hat * mean(dy * x_hat)),
        "gamma after the mean, not in it":
            Q2(mix=lambda g, x_hat, dy, x: g - x_hat * g * mean(x_hat)),
        "the second term added, not subtracted":
            Q2(mix=lambda g, x_hat, dy, x: g + x_hat * mean(g * x_hat)),
        "x in place of the normalized x in the second term": (
            Q2(mix=lambda g, x_hat, dy, x: g - x * mean(g * x_hat)),
            Q2(mix=lambda g, x_hat, dy, x: g - x * mean(g * x))),
        "a mean subtracted from x, as layer normalization does": lambda dy, x, gamma, eps:
            rms_backward(dy, x - mean(x), gamma, eps),
        "gamma in dgamma, too": lambda dy, x, gamma, eps: (
            rms_backward(dy, x, gamma, eps)[0], gamma * rms_backward(dy, x, gamma, eps)[1]),
        "no division by the root mean square at the end": Q2(out=lambda dx, s: dx),
        "a product with the root mean square at the end": Q2(out=lambda dx, s: dx / s),
        "eps outside the root": Q2(std=outside),
        "a division without eps": Q2(std=lambda var, eps: np.sqrt(var)),
        "dgamma with x that is not normalized":
            Q2(total=lambda dy, x_hat, x: (dy * x).sum(axis=0)),
        "a mean over the batch in dgamma":
            Q2(total=lambda dy, x_hat, x: (dy * x_hat).mean(axis=0)),
        "the gradient of beta where that of gamma belongs":
            Q2(total=lambda dy, x_hat, x: dy.sum(axis=0)),
        "the results in each other's place": lambda *given: rms_backward(*given)[::-1],
    },
)  # fmt: skip


def renorm(
    x: Array, mean: Array, std: Array, r_max: float, d_max: float, momentum: float, eps: float,
    root: Std = root, ddof: int = 0,
    scale: Callable[..., Array] = lambda ratio, high: np.clip(ratio, 1 / high, high),
    shift: Callable[..., Array] = lambda d, high: np.clip(d, -high, high),
    by: Callable[..., Array] = lambda std, sigma: std,
    apply: Callable[..., Array] = lambda x_hat, r, d: x_hat * r + d,
    new: Callable[..., Array] = lambda old, value, a: (1 - a) * old + a * value,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Return the output and the new running statistics: (11.1)."""
    rows = np.moveaxis(x, 1, -1)  # (N, ..., C)
    mu, sigma = rows_mean(rows), root(rows_var(rows, ddof), eps)
    r = scale(sigma / std, r_max)
    d = shift((mu - mean) / by(std, sigma), d_max)
    y = np.moveaxis(apply((rows - mu) / sigma, r, d), -1, 1)
    return y, new(mean, mu, momentum), new(std, sigma, momentum)


def rows_mean(rows: Array) -> Array:
    """Return the mean of each channel, which stands on the last axis."""
    mu: Array = rows.reshape(-1, rows.shape[-1]).mean(axis=0)
    return mu


def rows_var(rows: Array, ddof: int = 0) -> Array:
    """Return the variance of each channel, which stands on the last axis."""
    var: Array = rows.reshape(-1, rows.shape[-1]).var(axis=0, ddof=ddof)
    return var


def updated_first(
    x: Array, mean: Array, std: Array, r_max: float, d_max: float, momentum: float, eps: float
) -> tuple[Array, Array, Array]:
    """Take r and d from the new running statistics."""
    _, mean, std = renorm(x, mean, std, r_max, d_max, momentum, eps)
    return renorm(x, mean, std, r_max, d_max, momentum, eps)[0], mean, std


def running(
    std: Callable[..., Array]
) -> Callable[..., tuple[Array, Array, Array]]:  # fmt: skip
    """Return an answer whose new running standard deviation is ``std(old, sigma, a)``."""

    def answer(*given: Any) -> tuple[Array, Array, Array]:
        y, mu, _ = renorm(*given)
        x, old, a, eps = given[0], given[2], given[5], given[6]
        return y, mu, std(old, root(rows_var(np.moveaxis(x, 1, -1)), eps), a)

    return answer


def batches(
    ratios: Sequence[float],
    moves: Sequence[float],
    r_max: float = 3.0,
    d_max: float = 2.0,
    positions: tuple[int, ...] = (),
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls in which r and d, not yet clipped, have exactly these values."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for N, momentum in ((5, 0.1), (4, 0.3)):
            x, eps = rng.normal(3, 2, (N, len(ratios), *positions)), 0.5
            rows = np.moveaxis(x, 1, -1)
            std = root(rows_var(rows), eps) / np.array(ratios)
            mean = rows_mean(rows) - std * np.array(moves)
            calls.append((x, mean, std, r_max, d_max, momentum, eps))
        return calls

    return calls


INSIDE = batches([0.7, 1.4, 2.0], [0.5, -1.2, 1.5])
Q3 = partial(partial, renorm)
RENORM = Exercise(
    name="ex11_q3",
    function="renorm_step",
    points=4,
    results=("y", "new mean", "new std"),
    reference=renorm,
    parts=(
        Part("within the limits: y", 1, INSIDE, ("y",)),
        Part("r at its limits", 1, batches([8.0, 0.1, 1.2], [0.5, -0.4, 0.3]), ("y",)),
        Part("d at its limits", 1, batches([1.3, 0.8, 1.6], [6.0, -7.0, 0.4]), ("y",)),
        Part("the running mean", 1, INSIDE, ("new mean",)),
        Part("the running standard deviation", 1, INSIDE, ("new std",)),
        Part("maps, shape (N, C, H, W)", 2,
             batches([0.7, 8.0, 1.4], [-6.0, 1.1, 0.5], positions=(2, 3))),
        Part("r_max = 1 and d_max = 0 leave batch normalization", 1,
             batches([0.5, 2.5, 1.5], [1.0, -1.0, 3.0], 1.0, 0.0), ("y",), last=True),
    ),
    mistakes={
        "batch normalization alone: r and d are not used":
            Q3(apply=lambda x_hat, r, d: x_hat),
        "no limits: that is (x - mean) / std":
            Q3(scale=lambda r, high: r, shift=lambda d, high: d),
        "r without limits": Q3(scale=lambda r, high: r),
        "d without limits": Q3(shift=lambda d, high: d),
        "r with an upper limit only": Q3(scale=np.minimum),
        "d with an upper limit only": Q3(shift=np.minimum),
        "r upside down": Q3(scale=lambda r, high: np.clip(1 / r, 1 / high, high)),
        "d with the other sign": Q3(shift=lambda d, high: np.clip(-d, -high, high)),
        "d divided by the batch's sigma, not by the running one":
            Q3(by=lambda std, sigma: sigma),
        "d not divided by anything": Q3(by=lambda std, sigma: np.ones_like(std)),
        "d added before the product with r": Q3(apply=lambda x_hat, r, d: (x_hat + d) * r),
        "d left out": Q3(apply=lambda x_hat, r, d: x_hat * r),
        "r left out": Q3(apply=lambda x_hat, r, d: x_hat + d),
        "r and d from running statistics that have moved already": updated_first,
        "momentum as the weight of the old value":
            Q3(new=lambda old, value, a: a * old + (1 - a) * value),
        "running statistics that do not move": Q3(new=lambda old, value, a: old),
        "the unbiased variance, divided by m - 1": Q3(ddof=1),
        "eps outside the root": Q3(root=outside),
        "a sigma without eps": Q3(root=lambda var, eps: np.sqrt(var)),
        "variances averaged, not standard deviations":
            running(lambda old, sigma, a: np.sqrt((1 - a) * old**2 + a * sigma**2)),
        "a running standard deviation without eps": lambda *given: (
            *renorm(*given)[:2], Q3(root=lambda var, eps: np.sqrt(var))(*given)[2]),
        "r that is never below 1": Q3(scale=lambda r, high: np.clip(r, 1, high)),
        "the batch's variance averaged into a standard deviation":
            running(lambda old, sigma, a: (1 - a) * old + a * sigma**2),
    },
)  # fmt: skip


EXERCISES = (GROUP, RMS, RENORM)
