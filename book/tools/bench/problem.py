"""The arrays that every candidate is given, in fresh memory for each repetition."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Shape = tuple[int, ...]
EPS = 1e-5
LINE, PAGE = 64, 4096  # bytes
LARGE = 8_000_000  # bytes: from here on the targets hold


@dataclass(frozen=True)
class Problem:
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
    x *= kind(2)
    x += kind(1)
    gamma, beta, mean = (rng.standard_normal(channels).astype(dtype) for _ in range(3))
    return Problem(x, dy, gamma, beta, mean, rng.uniform(0.5, 2, channels).astype(dtype))


def moved(values: Array, rng: np.random.Generator) -> Array:
    """Return a copy that starts at a random cache line of a page.

    Some pairs of addresses are several times slower than others. Torch aligns its own
    tensors to a cache line, so this does too. The amount of memory is random as well:
    what is allocated next then starts somewhere else, too.
    """
    pad = LINE * rng.integers(1, PAGE // LINE, size=2)
    memory = np.empty(int(pad.sum()) + values.nbytes + LINE, np.uint8)
    start = int(pad[0]) + -memory.ctypes.data % LINE
    copy: Array = memory[start : start + values.nbytes].view(values.dtype)
    copy = copy.reshape(values.shape)
    np.copyto(copy, values)
    return copy


def afresh(problem: Problem, rng: np.random.Generator) -> Problem:
    """Return the same problem with its large arrays in new memory."""
    return replace(problem, x=moved(problem.x, rng), dy=moved(problem.dy, rng))
