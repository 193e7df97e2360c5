"""Chapter 6: convolutions as matrix products."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator


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
