"""How exact the variance is where the mean is large, over a million values."""

import numpy as np

from bench.candidates import Candidate
from bench.problem import Array, Shape

SHAPES: tuple[Shape, ...] = ((1_048_576, 8), (64, 8, 128, 128))  # m = 1,048,576 in both
RATIOS = (0.0, 1e3, 1e4)  # mean / std


def sample(shape: Shape, ratio: float) -> Array:
    """Return float32 values around ``ratio`` with a standard deviation of 1."""
    rng = np.random.default_rng(0)
    x: Array = rng.standard_normal(shape, dtype=np.float32)
    x += np.float32(ratio)
    return x


def exact(x: Array) -> Array:
    """Return each channel's variance, computed in float64 from the float32 values."""
    var = [channel.astype(np.float64).var() for channel in np.moveaxis(x, 1, 0)]
    return np.array(var)


def error(candidate: Candidate, x: Array, var: Array) -> float:
    """Return the largest relative error of a candidate's variance over the channels."""
    found = np.asarray(candidate.variance(x), dtype=np.float64)
    return float(np.abs(found / var - 1).max())


def errors(candidates: list[Candidate], shape: Shape, ratio: float) -> dict[str, float]:
    """Return the error of every candidate on one sample."""
    x = sample(shape, ratio)
    var = exact(x)
    return {c.name: error(c, x, var) for c in candidates}
