"""Chapter 6: which values share a statistic, in images of any layout."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

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
    axes = but(range(x.ndim)[channel_axis], x.ndim) if axes is None else axes
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


def pointwise(x: Array, weight: Array, bias: Array, to: str = "nohw") -> Array:
    """Return the 1x1 convolution: one matrix for the channels of every pixel."""
    y: Array = np.einsum(f"nchw,oc->{to}", x, weight)
    return y + bias.reshape([-1 if axis == "o" else 1 for axis in to])


def reshaped(x: Array, weight: Array, bias: Array, there: bool, back: bool) -> Array:
    """Return the same by rows, but without moving the channels there, or back."""
    N, C, H, W = x.shape
    rows = x.reshape(-1, C) if there else np.moveaxis(x, 1, -1).reshape(-1, C)
    y = rows @ weight.T + bias
    return y.reshape(N, -1, H, W) if back else np.moveaxis(y.reshape(N, H, W, -1), -1, 1)


def along(x: Array, weight: Array, bias: Array, axis: int) -> Array:
    """Add the bias along another axis."""
    shape = [-1 if i == axis else 1 for i in range(4)]
    return pointwise(x, weight, 0 * bias) + bias.reshape(shape)


def pixels(*sizes: tuple[int, int, int, int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls for sizes (N, C, H, W, O)."""
    return lambda rng: [
        (rng.normal(1, 2, (N, C, H, W)), rng.normal(size=(out, C)), rng.normal(size=out))
        for N, C, H, W, out in sizes
    ]


POINTWISE = Exercise(
    name="ex06_q3",
    function="pointwise",
    points=2,
    results=("y",),
    reference=pointwise,
    parts=(
        Part("as many outputs as channels", 1, pixels((3, 3, 3, 3, 3), (2, 4, 4, 4, 4))),
        Part("other sizes", 1, pixels((2, 3, 4, 5, 6), (1, 5, 2, 3, 2), (4, 1, 3, 2, 3))),
    ),
    mistakes={
        "the transpose of the weight":
            lambda x, w, b: pointwise(x, w.T, b),
        "the bias left out": lambda x, w, b: pointwise(x, w, 0 * b),
        "a reshape to (-1, C) that does not move the channels first":
            partial(reshaped, there=True, back=False),
        "a reshape back that does not move the channels":
            partial(reshaped, there=False, back=True),
        "channels that were never moved: the matrix meets the columns of the image":
            partial(reshaped, there=True, back=True),
        "channels left at the end": partial(pointwise, to="nhwo"),
        "channels left in front of the images": partial(pointwise, to="onhw"),
        "rows and columns of the images exchanged": partial(pointwise, to="nowh"),
        "a bias along the columns of the image": partial(along, axis=3),
        "a bias along the rows of the image": partial(along, axis=2),
        "the matrix applied to the rows of the image": lambda x, w, b: (
            np.einsum("nchw,oh->ncow", x, w) + b[:, None, None]
        ),
        "one weight for each channel, no sum over channels":
            lambda x, w, b: x * np.diag(w)[:, None, None] + b[:, None, None],
        "a mean over the channels, not a sum":
            lambda x, w, b: pointwise(x, w / x.shape[1], b),
        "the mean over all pixels: one value for each image": lambda x, w, b: (
            pointwise(np.broadcast_to(x.mean(axis=(2, 3), keepdims=True), x.shape), w, b)
        ),
    },
)  # fmt: skip


def conv2d(
    x: Array, weight: Array, bias: Array, stride: int = 1, padding: int = 0,
    sides: tuple[int, int] = (1, 1), mode: str = "constant", sums: str = "nchwab,ocab->nohw",
    **value: Any,
) -> Array:  # fmt: skip
    """Return the convolution (6.4); the keywords make the usual mistakes."""
    around = (sides[0] * padding, sides[1] * padding)
    padded = np.pad(x, ((0, 0), (0, 0), around, around), mode=mode, **value)  # type: ignore[call-overload]
    view = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
    y: Array = np.einsum(sums, view[:, :, ::stride, ::stride], weight)
    return y + bias.reshape(-1, 1, 1)


def scrambled(x: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
    """Put the channels last in a window, and multiply by weights that have them first."""
    O, C, kh, kw = weight.shape  # noqa: E741
    moved = weight.reshape(O, kh, kw, C).transpose(0, 3, 1, 2)
    return conv2d(x, moved, bias, stride, padding)


def unmoved(x: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
    """Reshape the rows of pixels to images without moving the channels."""
    y = conv2d(x, weight, bias, stride, padding)
    return np.moveaxis(y, 1, -1).reshape(y.shape)


def maps(
    *cases: tuple[tuple[int, int, int, int], tuple[int, int, int], int, int],
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls for (shape of x, (O, kh, kw), stride, padding)."""
    return lambda rng: [
        (rng.normal(1, 2, shape), rng.normal(size=(out, shape[1], *kernel)),
         rng.normal(size=out), stride, padding)
        for shape, (out, *kernel), stride, padding in cases
    ]  # fmt: skip


CONV = Exercise(
    name="ex06_q4",
    function="conv2d",
    points=3,
    results=("y",),
    reference=conv2d,
    parts=(
        Part("stride 1, no padding", 2,
             maps(((2, 3, 6, 6), (4, 3, 3), 1, 0), ((1, 2, 4, 4), (2, 2, 2), 1, 0))),
        Part("a window that is not square", 1, maps(((2, 2, 5, 7), (3, 2, 3), 1, 0))),
        Part("padding", 1,
             maps(((2, 2, 4, 4), (3, 3, 3), 1, 1), ((1, 1, 3, 4), (2, 2, 2), 1, 2))),
        Part("stride", 1,
             maps(((2, 2, 7, 7), (3, 3, 3), 2, 1), ((1, 2, 8, 6), (2, 2, 3), 3, 0))),
    ),
    mistakes={
        "a kernel turned by half a turn":
            lambda x, w, *rest: conv2d(x, w[:, :, ::-1, ::-1], *rest),
        "rows and columns of the window exchanged":
            lambda x, w, *rest: conv2d(x, w.transpose(0, 1, 3, 2), *rest),
        "a window with its channels last, and weights with theirs first": scrambled,
        "a reshape back that does not move the channels": unmoved,
        "the bias left out": lambda x, w, b, *rest: conv2d(x, w, 0 * b, *rest),
        "the first channel's kernel used for all channels":
            lambda x, w, *rest: conv2d(x, np.repeat(w[:, :1], w.shape[1], axis=1), *rest),
        "a mean over the window, not a sum":
            lambda x, w, *rest: conv2d(x, w / w[0].size, *rest),
        "padding that repeats the border": partial(conv2d, mode="edge"),
        "padding that mirrors the image": partial(conv2d, mode="reflect"),
        "padding with ones": partial(conv2d, constant_values=1.0),
        "padding on one side only: above and on the left": partial(conv2d, sides=(1, 0)),
        "padding on one side only: below and on the right": partial(conv2d, sides=(0, 1)),
        "no padding": lambda x, w, b, stride, padding: conv2d(x, w, b, stride),
        "stride 1 whatever is asked for":
            lambda x, w, b, stride, padding: conv2d(x, w, b, 1, padding),
        "stride and padding in each other's place":
            lambda x, w, b, stride, padding: conv2d(x, w, b, max(padding, 1), stride),
    },
)  # fmt: skip


EXERCISES = (STATISTICS, BY_ROWS, POINTWISE, CONV)
