"""What the tests feed: random cases for hypothesis, and arrays that must be refused."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from bnlib.axes import Array

REFUSED = {
    "number": 1.5,
    "list": [[1.0, 2.0], [3.0, 4.0]],
    "tensor": torch.ones(2, 2),
    "masked array": np.ma.masked_array(np.eye(2), np.eye(2) > 0),
    "matrix": np.eye(2).view(np.matrix),
    "objects": np.array([[1.0, None], [2.0, 3.0]]),
    **{dtype: np.zeros((2, 2), dtype) for dtype in ("?", "q", "f2", "g", ">f8", "D", "U3")},
}
BAD_EPS = {  # by the error that it is
    ValueError: (-1e-5, -1e-300, math.nan, math.inf, 10**400),
    TypeError: ("1e-5", True, np.True_, np.complex128(1), None),
}
EPS = st.just(1e-5) | st.floats(0, 10)


def _unaligned(a: Array) -> Array:
    """Return a copy that begins one byte after where a number of its dtype may."""
    copy = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


STRIDES = {
    "contiguous": lambda a, axis: a,
    "transposed": lambda a, axis: np.asfortranarray(a),
    "negative": lambda a, axis: np.flip(a),
    "every second": lambda a, axis: np.repeat(a, 2, axis=0)[::2],
    "unaligned": lambda a, axis: _unaligned(a),
    "zero": lambda a, axis: np.broadcast_to(np.take(a, [0], axis=axis), a.shape),
}


@dataclass(frozen=True)
class Case:
    """The arguments of a forward and a backward pass; all arrays are read-only."""

    x: Array
    dy: Array
    gamma: Array | None
    beta: Array | None
    eps: float
    axis: int

    @property
    def m(self) -> int:
        """Values per channel."""
        return self.x.size // self.x.shape[self.axis]

    @property
    def forward(self) -> tuple[Array, Array | None, Array | None, float, int]:
        """The arguments of `batch_norm_train`."""
        return self.x, self.gamma, self.beta, self.eps, self.axis


@st.composite
def cases(draw, dtype=np.float64, max_ratio=1e3, eps=EPS, powers=(-3, 3)):
    """Draw ranks 2 to 5, any channel axis, strides, ratio of mean to spread, and scale."""
    rank = draw(st.integers(2, 5))
    axis = draw(st.integers(-rank, rank - 1))
    sides = st.lists(st.integers(1, 4), min_size=rank, max_size=rank)
    shape = draw(sides.filter(lambda s: math.prod(s) > s[axis]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ratio, scale = draw(st.floats(-max_ratio, max_ratio)), 10.0 ** draw(st.integers(*powers))
    x = scale * (ratio + _spread(rng, shape, axis))
    dy = rng.standard_normal(shape)
    channels = x.shape[axis]
    sign = rng.choice([-1.0, 1.0], channels)
    gamma = draw(st.sampled_from([None, sign * rng.uniform(0.5, 2, channels)]))
    beta = draw(st.sampled_from([None, rng.standard_normal(channels)]))
    x, dy = (
        draw(st.sampled_from(list(STRIDES.values())))(a.astype(dtype), axis) for a in (x, dy)
    )
    for array in (x, dy, gamma, beta):
        if array is not None:
            array.setflags(write=False)
    return Case(x, dy, gamma, beta, draw(eps), axis)


def _spread(rng: np.random.Generator, shape: list[int], axis: int) -> Array:
    """Return values of which no channel is nearly constant, each channel of another width."""
    channels = shape[axis]
    m = math.prod(shape) // channels
    values = np.tile(np.linspace(-1, 1, m), (channels, 1))
    values = rng.permuted(values, axis=1) + rng.uniform(-0.3 / m, 0.3 / m, (channels, m))
    values *= rng.uniform(0.5, 2, (channels, 1))
    rest = [n for i, n in enumerate(shape) if i != axis % len(shape)]
    return np.moveaxis(values.reshape(channels, *rest), 0, axis)
