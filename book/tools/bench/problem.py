"""The arrays that every candidate is given, and how long it takes only to read and write them.

The streaming limit: forward reads the input twice, since the statistics need all of it
before the first output is known, and writes once. Backward reads two arrays twice and writes
one. Inference reads once and writes once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Shape = tuple[int, ...]
Operations = dict[str, Callable[[], Any]]  # a call without arguments for each of OPERATIONS
Run = dict[str, Any]  # what was measured, as it is stored
OPERATIONS = ("forward", "backward", "inference")
EPS = 1e-5
LINE, PAGE = 64, 4096  # bytes
FAST = {"reassoc", "contract", "arcp", "nsz"}
compiled = numba.njit(parallel=True, fastmath=FAST, cache=True)


class Problem(NamedTuple):
    """One batch, the gradient of its output, and one value of each kind per channel."""

    x: Array  # (N, C) or (N, C, H, W)
    dy: Array  # as x
    gamma: Array  # (C,), like the rest in the dtype of x
    beta: Array  # (C,)
    mean: Array  # (C,), population estimates for inference
    var: Array  # (C,)


def draw(shape: Shape, dtype: str, rng: np.random.Generator) -> Problem:
    """Return a problem with random numbers: x is near N(1, 2**2) in every channel."""
    channels = shape[1]
    kind = np.dtype(dtype).type
    x, dy = (rng.standard_normal(shape, dtype=kind) for _ in range(2))
    x = kind(2) * x + kind(1)
    gamma, beta, mean = (rng.standard_normal(channels).astype(dtype) for _ in range(3))
    return Problem(x, dy, gamma, beta, mean, rng.uniform(0.5, 2, channels).astype(dtype))


def by(shape: Shape) -> str:
    """Return a shape as a reader writes it: 64×100."""
    return "×".join(map(str, shape))


def digits(value: float) -> float:
    """Return ``value`` with four significant digits, as it is stored."""
    return float(f"{value:.4g}")


def moved(values: Array, rng: np.random.Generator) -> Array:
    """Return a copy that starts at a random cache line of a page.

    Some pairs of addresses are several times slower than others. Torch aligns its own
    tensors to a cache line, so this does too. The amount of memory is random as well:
    what is allocated next then starts somewhere else, too.
    """
    pad = LINE * rng.integers(1, PAGE // LINE, size=2)
    memory = np.empty(int(pad.sum()) + values.nbytes + LINE, np.uint8)
    start = int(pad[0]) + -memory.ctypes.data % LINE
    copy = memory[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    np.copyto(copy, values)
    return copy


@compiled
def total(x):
    """Return the sum of ``x``: one read."""
    result = x.dtype.type(0)
    for i in numba.prange(x.size):
        result += x[i]
    return result


@compiled
def dot(x, dy):
    """Return the sum of the products: two reads."""
    result = x.dtype.type(0)
    for i in numba.prange(x.size):
        result += x[i] * dy[i]
    return result


@compiled
def scale(x, a, y):
    """Set ``y`` to ``a * x + a``: one read, one write."""
    for i in numba.prange(x.size):
        y[i] = a * x[i] + a


@compiled
def triad(x, dy, a, y):
    """Set ``y`` to ``dy + a * x``: two reads, one write."""
    for i in numba.prange(x.size):
        y[i] = dy[i] + a * x[i]


def limit(problem: Problem) -> Operations:
    """Return for each operation the loops that read and write as much."""
    x, dy = problem.x.reshape(-1), problem.dy.reshape(-1)
    y, a = np.full_like(x, 0), x.dtype.type(0.5)
    return {
        "forward": lambda: (total(x), scale(x, a, y)),
        "backward": lambda: (dot(x, dy), triad(x, dy, a, y)),
        "inference": lambda: scale(x, a, y),
    }
