"""What the tests feed: random cases for hypothesis, and arrays that must be refused."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from bnlib.axes import Array

REFUSED = {
    "list": [[1.0, 2.0], [3.0, 4.0]],
    "tensor": torch.ones(2, 2),
    "masked array": np.ma.masked_array(np.eye(2), np.eye(2) > 0),
    "integers": np.array([[1, 2], [3, 4]]),
    "booleans": np.array([[True, False], [False, True]]),
    "objects": np.array([[1.0, None], [2.0, 3.0]]),
    "complex": np.eye(2, dtype=np.complex128),
    "float16": np.eye(2, dtype=np.float16),
    "other byte order": np.eye(2).astype(np.dtype(np.float64).newbyteorder()),
}
BAD_EPS = {
    "negative": (-1e-5, ValueError, r"must be finite and at least 0, got -1e-05; use 1e-5"),
    "nan": (math.nan, ValueError, r"must be finite and at least 0, got nan; use 1e-5"),
    "inf": (math.inf, ValueError, r"must be finite and at least 0, got inf; use 1e-5"),
    "string": ("1e-5", TypeError, r"must be a number, got '1e-5'; the usual value is 1e-5"),
    "bool": (True, TypeError, r"must be a number, got True; the usual value is 1e-5"),
    "numpy bool": (np.True_, TypeError, r"must be a number, got np\.True_"),
    "complex": (np.complex128(1), TypeError, r"must be a number, got np\.complex128"),
    "none": (None, TypeError, r"must be a number, got None"),
}
EPS = st.just(1e-5) | st.floats(0, 10)
STRIDES = {
    "contiguous": lambda a, axis: a,
    "transposed": lambda a, axis: np.asfortranarray(a),
    "negative": lambda a, axis: np.flip(a),
    "every second": lambda a, axis: np.repeat(a, 2, axis=0)[::2],
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
def cases(draw, dtype=np.float64, max_ratio=1e3, eps=EPS):
    """Draw ranks 2 to 5, any channel axis, strides, scale and ratio of mean to spread."""
    rank = draw(st.integers(2, 5))
    axis = draw(st.integers(-rank, rank - 1))
    sides = st.lists(st.integers(1, 4), min_size=rank, max_size=rank)
    shape = draw(sides.filter(lambda s: math.prod(s) > s[axis]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ratio, scale = draw(st.floats(-max_ratio, max_ratio)), 10.0 ** draw(st.integers(-3, 3))
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
