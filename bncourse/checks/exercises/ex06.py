"""Chapter 6: which values share a statistic, in images of any layout."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex06_conv import CONV, POINTWISE
from bnlib.axes import Array, reduction_axes

Rng = np.random.Generator
Axes = tuple[int, ...]


def channel_statistics(
    x: Array,
    channel_axis: int,
    axes: Axes | None = None,
    ddof: int = 0,
    keepdims: bool = True,
    power: float = 1.0,
    squares: bool = False,
) -> tuple[Array, Array]:
    """Return the mean and variance of each channel. The keywords make the usual mistakes."""
    axes = reduction_axes(x.ndim, channel_axis) if axes is None else axes
    mean = x.mean(axis=axes, keepdims=True)
    m = x.size / mean.size
    var = ((x if squares else x - mean) ** 2).sum(axis=axes, keepdims=True) / (m - ddof)
    var = var**power
    return (mean, var) if keepdims else (mean.squeeze(axes), var.squeeze(axes))


def over(axes: Callable[[int, int], Axes]) -> Answer:
    """Return an answer that reduces ``axes(rank, channel_axis)``."""
    return lambda x, axis: channel_statistics(x, axis, axes(x.ndim, axis))


def but(axis: int, ndim: int) -> Axes:
    """Return all axes but one; a negative or too large ``axis`` leaves out none."""
    return tuple(i for i in range(ndim) if i != axis)


def images(*cases: tuple[tuple[int, ...], int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls for (shape, channel axis) pairs; each channel has its own scale."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for shape, axis in cases:
            x = np.moveaxis(rng.normal(size=shape), axis, -1)
            C = x.shape[-1]
            x = x * rng.uniform(0.5, 4, C) + rng.normal(0, 3, C)
            found.append((np.moveaxis(x, -1, axis), axis))
        return found

    return calls


def no_axis(rng: Rng) -> Sequence[Arguments]:
    """Return images whose channel axis does not exist."""
    return [(rng.normal(size=(3, 4, 5)), 3), (rng.normal(size=(3, 4, 5)), -4)]


STATISTICS = Exercise(
    name="ex06_q1",
    function="channel_statistics",
    points=3,
    results=("mean", "var"),
    reference=channel_statistics,
    parts=(
        Part("channels last (N, H, W, C)", 2, images(((4, 3, 5, 2), 3), ((2, 4, 3, 6), 3))),
        Part("channels first (N, C, H, W)", 1, images(((4, 3, 5, 2), 1), ((3, 2, 2, 2), 1))),
        Part("other ranks, and axes that count from the end", 2,
             images(((6, 3), 1), ((4, 3, 5), -1), ((2, 3, 2, 4, 3), -4), ((2, 5, 3, 3), -1))),
        Part("an axis that does not exist is refused", 1, no_axis,
             refuses="a channel axis that does not exist"),
    ),
    mistakes={
        "axes 0, 2 and 3 of every array": over(lambda n, axis: (0, 2, 3)[: n - 1]),
        "axes 0, 1 and 2 of every array": over(lambda n, axis: (0, 1, 2)[: n - 1]),
        "a mean over the channels: their axis is the one to keep":
            over(lambda n, axis: (axis,)),
        "one statistic for each pixel, over axis 0 alone": over(lambda n, axis: (0,)),
        "one mean and one variance for everything": over(lambda n, axis: tuple(range(n))),
        "a negative axis compared with axes that count from 0": over(lambda n, a: but(a, n)),
        "statistics of each image": over(lambda n, axis: but(axis % n, n)[1:]),
        "the unbiased variance: divided by m - 1": partial(channel_statistics, ddof=1),
        "a standard deviation": partial(channel_statistics, power=0.5),
        "a mean of the squares of x, not of x - mean":
            partial(channel_statistics, squares=True),
        "results that have lost their axes (use keepdims)":
            partial(channel_statistics, keepdims=False),
        "variance and mean in each other's place":
            lambda x, axis: channel_statistics(x, axis)[::-1],
    },
)  # fmt: skip


def to_rows(x: Array) -> Array:
    """Return one row for each pixel, (m, C)."""
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def from_rows(rows: Array, shape: tuple[int, ...]) -> Array:
    """Return the array (N, C, *spatial) that `to_rows` turned into ``rows``."""
    N, C, *spatial = shape
    return np.moveaxis(rows.reshape(N, *spatial, C), -1, 1)


def by_rows(
    x: Array, gamma: Array, beta: Array, eps: float,
    there: Callable[[Array], Array] = to_rows,
    back: Callable[[Array, tuple[int, ...]], Array] = from_rows,
    **how: Any,
) -> Array:  # fmt: skip
    """Normalize by way of rows; the keywords change the way there, back, or the rule."""
    rows = there(x)
    axis, ddof, inside = how.get("axis", 0), how.get("ddof", 0), how.get("inside", 1)
    d = rows - rows.mean(axis=axis, keepdims=True)
    var = rows.var(axis=axis, ddof=ddof, keepdims=True) + inside * eps
    std = var ** how.get("power", 0.5)
    x_hat = d / (std + (1 - inside) * eps)
    if how.get("swapped"):
        gamma, beta = beta, gamma
    y = x_hat * gamma + beta
    return back(y, x.shape)


def arrays(*shapes: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with x of these shapes, gamma, beta and eps."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        batches = [x for x, _ in images(*((shape, 1) for shape in shapes))(rng)]
        return [
            (x, rng.uniform(0.5, 2, x.shape[1]), rng.normal(size=x.shape[1]), eps)
            for x, eps in zip(batches, (0.1, 1e-5, 0.2), strict=False)
        ]

    return calls


BY_ROWS = Exercise(
    name="ex06_q2",
    function="batch_norm_rows",
    points=3,
    results=("y",),
    reference=by_rows,
    parts=(
        Part("as many channels as rows and columns", 1, arrays((3, 3, 3, 3), (2, 4, 4, 4))),
        Part("images of any size", 2, arrays((4, 3, 2, 5), (2, 6, 3, 3), (1, 2, 4, 3))),
        Part("rows (N, C), sequences and volumes", 1,
             arrays((6, 3), (4, 3, 5), (2, 3, 2, 2, 3))),
    ),
    mistakes={
        "a reshape to (-1, C) that does not move the channels first": partial(
            by_rows, there=lambda x: x.reshape(-1, x.shape[1]),
            back=lambda rows, shape: rows.reshape(shape)
        ),
        "a reshape back that does not move the channels":
            partial(by_rows, back=lambda rows, shape: rows.reshape(shape)),
        "channels moved to the end, and left there": partial(
            by_rows, back=lambda rows, shape: rows.reshape(shape[0], *shape[2:], shape[1])
        ),
        "axes transposed in reverse order": partial(
            by_rows, there=lambda x: x.T.reshape(-1, x.shape[1]),
            back=lambda rows, shape: rows.reshape(shape[::-1]).T
        ),
        "rows and columns of the images exchanged": partial(
            by_rows, back=lambda rows, shape: from_rows(rows, shape).swapaxes(-1, -2)
        ),
        "statistics of each row, not of each channel": partial(by_rows, axis=1),
        "one mean and one variance for everything": partial(by_rows, axis=(0, 1)),
        "the unbiased variance: divided by m - 1": partial(by_rows, ddof=1),
        "eps outside the root": partial(by_rows, inside=0),
        "a division by the variance, not by its root": partial(by_rows, power=1.0),
        "gamma and beta in each other's place": partial(by_rows, swapped=True),
        "beta left out": lambda x, gamma, beta, eps: by_rows(x, gamma, 0 * beta, eps),
        "one statistic for each pixel: every image flattened to one row":
            lambda x, gamma, beta, eps: over_axes(x, gamma, beta, eps, (0,)),
        "statistics of each image":
            lambda x, gamma, beta, eps: over_axes(x, gamma, beta, eps, but(1, x.ndim)[1:]),
    },
)  # fmt: skip


def over_axes(x: Array, gamma: Array, beta: Array, eps: float, axes: Axes) -> Array:
    """Normalize over ``axes``."""
    mean, var = channel_statistics(x, 1, axes)
    shape = (1, -1, *[1] * (x.ndim - 2))
    y: Array = gamma.reshape(shape) * (x - mean) / np.sqrt(var + eps) + beta.reshape(shape)
    return y


EXERCISES = (STATISTICS, BY_ROWS, POINTWISE, CONV)
