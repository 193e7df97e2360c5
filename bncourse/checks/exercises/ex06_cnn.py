"""Chapter 6: which values share a statistic, in images of any layout."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Axes = tuple[int, ...]


def statistics_over(
    x: Array,
    axes: Axes,
    ddof: int = 0,
    keepdims: bool = True,
    power: float = 1.0,
    squares: bool = False,
    one_pass: bool = False,
) -> tuple[Array, Array]:
    """Return mean and variance over ``axes``. The keywords make the usual mistakes."""
    mean = x.mean(axis=axes, keepdims=True)
    m = x.size / mean.size
    var = ((x if squares else x - mean) ** 2).sum(axis=axes, keepdims=True) / (m - ddof)
    if one_pass:
        var = (x * x).mean(axis=axes, keepdims=True) - mean**2
    var = var**power
    return (mean, var) if keepdims else (mean.squeeze(axes), var.squeeze(axes))


def but(kept: Axes, ndim: int) -> Axes:
    """Return all axes but those; a negative one leaves out none."""
    return tuple(i for i in range(ndim) if i not in kept)


def kept_statistics(x: Array, kept: Axes, **how: Any) -> tuple[Array, Array]:
    """Return the mean and variance for each place along the kept axes."""
    return statistics_over(x, but(tuple(i % x.ndim for i in kept), x.ndim), **how)


def over(axes: Callable[[int, Axes], Axes]) -> Answer:
    """Return an answer that reduces ``axes(rank, kept)``."""
    return lambda x, kept: statistics_over(x, axes(x.ndim, kept))


def images(*cases: tuple[tuple[int, ...], Axes]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls for (shape, kept axes) pairs; each place along these has its own scale."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for shape, kept in cases:
            places = [n if i in {k % len(shape) for k in kept} else 1
                      for i, n in enumerate(shape)]  # fmt: skip
            scale, center = rng.uniform(0.5, 4, places), rng.normal(0, 3, places)
            calls.append((rng.normal(size=shape) * scale + center, kept))
        return calls

    return calls


FAR = 1e8  # standard deviations: where the mean of the squares has lost its digits


def extremes(rng: Rng) -> Sequence[Arguments]:
    """Return images with a channel far from 0 and two constant ones."""
    x = rng.normal(size=(4, 3, 2, 4))
    x[..., 0], x[..., 1] = 0.1, rng.integers(2, 9)
    x[..., 3] += FAR
    return [(x, (3,)), (np.moveaxis(x, 3, 1), (1,))]


def unlike(*cases: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with images of rank 3 and these axes."""
    return lambda rng: [(rng.normal(size=(3, 4, 5)), kept) for kept in cases]


ONE_PASS = "the mean of the squares minus the square of the mean, which is rounding far from 0"
STATISTICS = Exercise(
    name="ex06_q1",
    function="kept_statistics",
    points=3,
    results=("mean", "var"),
    reference=kept_statistics,
    parts=(
        Part("channels last (N, H, W, C)", 2,
             images(((4, 3, 5, 2), (3,)), ((2, 4, 3, 6), (3,)))),
        Part("channels first (N, C, H, W)", 1,
             images(((4, 3, 5, 2), (1,)), ((3, 2, 2, 2), (1,)))),
        Part("several axes, all, and none", 2,
             images(((4, 3, 2, 5), (0, 1)), ((3, 3, 3), (2, 0)), ((3, 2), (1, 0)),
                    ((2, 3, 4), ()))),
        Part("other ranks, and axes that count from the end", 2,
             images(((6, 3), (1,)), ((4, 3, 5), (-1,)), ((2, 3, 2, 4, 3), (-4,)),
                    ((2, 5, 3, 3), (-1, 0)), ((3, 4, 2), (-3,)))),
        Part("constant channels, and one far from 0", 1, extremes, last=True),
        Part("an axis that does not exist is refused", 1, unlike((3,), (-4,), (0, 3)),
             refuses="an axis that does not exist"),
        Part("an axis that is named twice is refused", 1, unlike((1, 1), (1, -2), (-3, 0)),
             refuses="an axis that is named twice, as 1 and -2 of three axes"),
    ),
    mistakes={
        "axes 0, 2 and 3 of every array": over(lambda n, kept: (0, 2, 3)[: n - 1]),
        "axes 0, 1 and 2 of every array": over(lambda n, kept: (0, 1, 2)[: n - 1]),
        "a mean over the kept axes: all others are the ones to reduce":
            over(lambda n, kept: kept),
        "the first of the kept axes alone": over(lambda n, kept: but(
            tuple(i % n for i in kept[:1]), n)),
        "one statistic for each pixel, over axis 0 alone": over(lambda n, kept: (0,)),
        "one mean and one variance for everything": over(lambda n, kept: tuple(range(n))),
        "everything reduced where each axis is kept: no axes mean all for some functions":
            over(lambda n, kept: but(tuple(i % n for i in kept), n) or tuple(range(n))),
        "a negative axis compared with axes that count from 0":
            over(lambda n, kept: but(kept, n)),
        "statistics of each image": over(lambda n, kept: but((0, *(i % n for i in kept)), n)),
        "the unbiased variance: divided by m - 1": partial(kept_statistics, ddof=1),
        "a standard deviation": partial(kept_statistics, power=0.5),
        "a sum of squares, not their mean": lambda x, kept: (
            kept_statistics(x, kept)[0],
            kept_statistics(x, kept)[1] * (x.size / kept_statistics(x, kept)[1].size)),
        "a mean of the squares of x, not of x - mean": partial(kept_statistics, squares=True),
        ONE_PASS: partial(kept_statistics, one_pass=True),
        "results that have lost their axes (use keepdims)":
            partial(kept_statistics, keepdims=False),
        "variance and mean in each other's place":
            lambda x, kept: kept_statistics(x, kept)[::-1],
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
    var = rows.var(axis=axis, ddof=ddof, keepdims=True)
    if how.get("squares"):
        var = (rows * rows).mean(axis=0)
    if how.get("one_pass"):
        var = (rows * rows).mean(axis=0) - rows.mean(axis=0) ** 2
    std = (var + inside * eps) ** how.get("power", 0.5)
    x_hat = d / (std + (1 - inside) * eps)
    if how.get("swapped"):
        gamma, beta = beta, gamma
    y = x_hat * gamma + beta
    return back(y, x.shape)


def arrays(*shapes: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with x of these shapes, gamma, beta and eps; small x where eps is small."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        batches = [x for x, _ in images(*((shape, (1,)) for shape in shapes))(rng)]
        return [
            (size * x, rng.uniform(0.5, 2, x.shape[1]), rng.normal(size=x.shape[1]), eps)
            for x, (size, eps) in zip(batches, ((1, 0.1), (0.01, 1e-5), (1, 0.2)), strict=False)
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
        Part("constant channels, and one far from 0", 1, lambda rng: [
            (extremes(rng)[1][0], *rng.normal(1, 2, (2, 4)), 0.01)], last=True),
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
        "axes 1 and -1 exchanged on the way back: that turns the other axes, too": partial(
            by_rows, back=lambda rows, shape: (
                rows.reshape(shape[0], *shape[2:], shape[1]).swapaxes(1, -1))
        ),
        "rows and columns of the images exchanged": partial(
            by_rows, back=lambda rows, shape: (
                from_rows(rows, shape).swapaxes(-1, -2 if len(shape) > 3 else -1)
            )
        ),
        "statistics of each row, not of each channel": partial(by_rows, axis=1),
        "one mean and one variance for everything": partial(by_rows, axis=(0, 1)),
        "the unbiased variance: divided by m - 1": partial(by_rows, ddof=1),
        "eps outside the root": partial(by_rows, inside=0),
        "a division by the mean of the squares of x, not of x - mean":
            partial(by_rows, squares=True),
        "a division by the variance, not by its root": partial(by_rows, power=1.0),
        "gamma and beta in each other's place": partial(by_rows, swapped=True),
        "gamma and beta left out": lambda x, gamma, beta, eps: (
            by_rows(x, np.ones_like(gamma), 0 * beta, eps)
        ),
        "gamma left out": lambda x, gamma, beta, eps: (
            by_rows(x, np.ones_like(gamma), beta, eps)
        ),
        "channels moved to the front, and left there by a reshape": partial(
            by_rows, back=lambda rows, shape: rows.T.reshape(shape)
        ),
        "eps = 1e-5 whatever eps is given": lambda x, gamma, beta, eps: (
            by_rows(x, gamma, beta, 1e-5)
        ),
        "eps left out": lambda x, gamma, beta, eps: by_rows(x, gamma, beta, 0.0),
        ONE_PASS: partial(by_rows, one_pass=True),
        "beta left out": lambda x, gamma, beta, eps: by_rows(x, gamma, 0 * beta, eps),
        "one statistic for each pixel: every image flattened to one row":
            lambda x, gamma, beta, eps: over_axes(x, gamma, beta, eps, (0,)),
        "statistics of each image":
            lambda x, gamma, beta, eps: over_axes(x, gamma, beta, eps, but((0, 1), x.ndim)),
    },
)  # fmt: skip


def over_axes(x: Array, gamma: Array, beta: Array, eps: float, axes: Axes) -> Array:
    """Normalize over ``axes``."""
    mean, var = statistics_over(x, axes)
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
        "the transpose of the weight": (
            lambda x, w, b: np.moveaxis(np.moveaxis(x, 1, -1) @ w + b, -1, 1),
            lambda x, w, b: pointwise(x, w.T if len(w) == len(w.T) else w, b),
        ),
        "the bias left out": lambda x, w, b: pointwise(x, w, 0 * b),
        "the bias added once for every input channel":
            lambda x, w, b: pointwise(x, w, x.shape[1] * b),
        "the bias subtracted": lambda x, w, b: pointwise(x, w, -b),
        "a nonlinearity at the end, which is a layer of its own":
            lambda x, w, b: np.maximum(pointwise(x, w, b), 0),
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
        "w @ x: the matrix applied to the rows of the image":
            lambda x, w, b: w @ x + b[:, None, None],
        "x @ w.T: the matrix applied to the columns of the image":
            lambda x, w, b: x @ w.T + b,
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


def padded_along(
    x: Array, weight: Array, bias: Array, stride: int, padding: int, axis: int
) -> Array:
    """Put zeros along one axis of the image alone."""
    width = [(padding, padding) if i == axis else (0, 0) for i in range(4)]
    return conv2d(np.pad(x, width), weight, bias, stride)


def padded_late(x: Array, weight: Array, bias: Array, stride: int, padding: int) -> Array:
    """Put the zeros around the result."""
    around = (padding, padding)
    return np.pad(conv2d(x, weight, bias, stride), ((0, 0), (0, 0), around, around))


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
        Part("stride 1, no padding", 1,
             maps(((2, 3, 6, 6), (4, 3, 3), 1, 0), ((1, 2, 4, 4), (2, 2, 2), 1, 0))),
        Part("a window that is not square", 1,
             maps(((2, 2, 5, 7), (3, 2, 3), 1, 0), ((2, 3, 5, 4), (3, 5, 1), 1, 0))),
        Part("padding", 2,
             maps(((2, 2, 4, 4), (3, 3, 3), 1, 1), ((1, 1, 3, 4), (2, 2, 2), 1, 2),
                  ((1, 2, 5, 3), (2, 2, 3), 1, 1))),
        Part("stride", 2,
             maps(((2, 2, 7, 6), (3, 3, 3), 2, 0), ((1, 2, 8, 6), (2, 2, 3), 3, 0),
                  ((2, 1, 6, 5), (3, 2, 1), 3, 0))),
        Part("stride and padding", 1,
             maps(((2, 2, 7, 7), (3, 3, 3), 2, 1), ((1, 3, 5, 6), (2, 4, 4), 3, 2))),
        Part("a window that only the padding makes room for", 1,
             maps(((1, 2, 2, 3), (2, 4, 3), 1, 1), ((2, 1, 1, 1), (3, 3, 3), 1, 1))),
    ),
    mistakes={
        "results one row and one column too small: + 1 forgotten":
            lambda *given: conv2d(*given)[:, :, :-1, :-1],
        "rows and columns of the result exchanged":
            lambda *given: conv2d(*given).swapaxes(2, 3),
        "channels left at the end": lambda *given: np.moveaxis(conv2d(*given), 1, -1),
        "all padding below and on the right": partial(conv2d, sides=(0, 2)),
        "padding above and below alone": partial(padded_along, axis=2),
        "padding on the left and on the right alone": partial(padded_along, axis=3),
        "padding put around the result": padded_late,
        "windows that begin at stride - 1, not at 0": lambda x, w, b, stride, padding: (
            conv2d(x, w, b, 1, padding)[:, :, stride - 1 :: stride, stride - 1 :: stride]
        ),
        "stride along the rows alone": lambda x, w, b, stride, padding: (
            conv2d(x, w, b, 1, padding)[:, :, ::stride]
        ),
        "stride along the columns alone": lambda x, w, b, stride, padding: (
            conv2d(x, w, b, 1, padding)[..., ::stride]
        ),
        "the bias added once for every input channel":
            lambda x, w, b, *rest: conv2d(x, w, x.shape[1] * b, *rest),
        "the bias subtracted": lambda x, w, b, *rest: conv2d(x, w, -b, *rest),
        "a nonlinearity at the end, which is a layer of its own":
            lambda *given: np.maximum(conv2d(*given), 0),
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
