"""What the gradient checks ask of the point, the function and the claim."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bnlib.arguments import NonFiniteError
from bnlib.axes import Vector

Function = Callable[[Vector], npt.ArrayLike]  # x -> y, both float64
Claim = Vector | Callable[[Vector], Vector]  # dx, or w -> dx


class MeaninglessCheckError(ValueError):
    """A comparison that says nothing about the backward pass, whatever its result."""


def value(op: str, f: Function, x: Vector) -> Vector:
    """Return ``f(x)``, given a copy, or raise unless it is finite float64."""
    result = f(x.copy())
    if isinstance(result, tuple):
        raise TypeError(
            f"{op}: f(x) must be one float64 array, got a tuple of {len(result)}; "
            "let f return the output alone, as in forward(x)[0]"
        )
    y = np.array(result)  # a copy: f may return the same array each time
    if y.dtype != np.float64:
        raise TypeError(
            f"{op}: f(x) must be float64, got {y.dtype}; compute in float64 throughout"
        )
    if not np.isfinite(y).all():
        raise NonFiniteError(
            f"{op}: expected finite values in f(x), got NaN or infinity; move x or the step"
        )
    return y


def claim(op: str, x: Vector, dx: Claim, w: Vector) -> Vector:
    """Return the claimed gradient, an array as it is or from a backward function."""
    claimed = dx(w.copy()) if callable(dx) else dx
    if isinstance(claimed, np.floating):  # a rank-0 result of NumPy's arithmetic
        claimed = np.asarray(claimed)
    if not isinstance(claimed, np.ndarray) or claimed.dtype != np.float64:
        got = claimed.dtype if isinstance(claimed, np.ndarray) else type(claimed).__name__
        raise TypeError(
            f"{op}: dx must be a NumPy array of float64, got {got}; a backward function that "
            "returns several gradients needs [0]"
        )
    if claimed.shape != x.shape:
        raise ValueError(f"{op}: dx must have the shape of x, {x.shape}, got {claimed.shape}")
    return claimed.copy()
