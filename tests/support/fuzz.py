"""What the fuzz tests throw: random arrays of every kind, and how a call may end."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st
from reference import untouched

FLOATS = [np.float32, np.float64]
AWKWARD = [math.nan, math.inf, -math.inf]
EPS = st.sampled_from([1e-5, 1e-5, 0.0, 0.0, 10.0, 1e-30])


def _gaps(array: np.ndarray) -> np.ndarray:
    wide = np.zeros([2 * n for n in array.shape], array.dtype)
    wide[tuple(slice(None, None, 2) for _ in array.shape)] = array
    return wide[tuple(slice(None, None, 2) for _ in array.shape)]


def _negative(array: np.ndarray) -> np.ndarray:
    return np.flip(np.ascontiguousarray(np.flip(array)).reshape(array.shape))


def _unaligned(array: np.ndarray) -> np.ndarray:
    raw = np.zeros(array.size * array.dtype.itemsize + 1, np.uint8)[1:].view(array.dtype)
    raw[...] = array.ravel()
    return raw.reshape(array.shape)


def _repeated(array: np.ndarray) -> np.ndarray:
    """Repeat what comes first along axis 0 with stride 0; the result is read-only."""
    return np.broadcast_to(array[:1], array.shape) if array.size and array.ndim else array


LAYOUTS: list[Callable[[np.ndarray], np.ndarray]] = [
    np.asarray, np.asfortranarray, _gaps, _negative, _unaligned, _repeated,
]  # fmt: skip


@st.composite
def arrays(draw, dtype, shape=None, powers=None, awkward=True):
    """Draw an array: rank 0 to 6, any layout, any size of values, NaN and infinity.

    ``powers`` bounds the decimal exponent of the scale; by default all of the dtype's,
    subnormal numbers included. Half of the arrays are read-only.
    """
    if shape is None:
        shape = draw(st.lists(st.integers(0, 3), max_size=6))
    low, high = powers or ((-44, 37) if dtype == np.float32 else (-320, 306))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    squares = -20 if dtype == np.float32 else -154  # about here squares become subnormal
    ranges = [(-3, 3), (squares - 3, squares + 3), (low, high)]
    bounds = [(max(low, a), min(high, b)) for a, b in ranges]
    power = draw(st.one_of(st.integers(a, b) for a, b in bounds if a <= b))
    offset = draw(st.sampled_from([0, 0, 1, -1000, 100_000]))
    values = np.asarray(rng.standard_normal(shape) + offset)
    scaled = [float(Decimal(float(v)).scaleb(power)) for v in values.ravel()]
    limit = float(np.finfo(dtype).max)
    array = np.clip(scaled, -limit, limit).astype(dtype).reshape(shape)
    if awkward and array.size and draw(st.integers(0, 3)) == 0:
        array.flat[rng.integers(array.size)] = draw(st.sampled_from(AWKWARD))
    array = np.asarray(draw(st.sampled_from(LAYOUTS))(array))
    if array.flags["W"] and draw(st.booleans()):
        array.setflags(write=False)
    return array


@st.composite
def vectors(draw, width):
    """Draw gamma or beta: one value per channel, or None."""
    if draw(st.booleans()):
        return None
    dtype = draw(st.sampled_from(FLOATS))
    powers = (-44, 37) if dtype == np.float32 else (-140, 140)
    return draw(arrays(dtype, [width], powers))


@st.composite
def problems(draw, powers=None):
    """Draw x, gamma, beta, eps, channel axis and an upstream gradient.

    In half of the cases x has a shape that can be normalized.
    """
    dtype = draw(st.sampled_from(FLOATS))
    ordinary = draw(st.booleans())
    shape = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4)) if ordinary else None
    x = draw(arrays(dtype, shape, powers))
    axis = draw(st.integers(-x.ndim, x.ndim - 1) if ordinary else st.integers(-6, 6))
    width = x.shape[axis] if -x.ndim <= axis < x.ndim else 2
    gamma, beta = draw(vectors(width)), draw(vectors(width))
    return x, gamma, beta, draw(EPS), axis, draw(arrays(dtype, x.shape))


def legal(x: np.ndarray, axis: int, least: int) -> bool:
    """Tell whether shape and axis can be normalized with ``least`` values per channel."""
    exists = x.ndim >= 2 and -x.ndim <= axis < x.ndim
    return exists and x.size > 0 and x.size >= least * x.shape[axis]


def outcome(op: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result, or the error if it is a documented one in the style of the house.

    Any other exception, a warning and a changed argument fail the test.
    """
    inputs = [a for a in arguments if isinstance(a, np.ndarray) and not a.dtype.hasobject]
    error: Exception | None = None
    with untouched(*inputs):
        try:
            result = call(*arguments)
        except (TypeError, ValueError) as caught:
            error = caught
    if error is None:
        return result
    assert re.match(rf"{op}: [^;]+; .", str(error)), str(error)
    return error
