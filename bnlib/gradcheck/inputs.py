"""What the gradient checks ask of the point, the function and the claim."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bnlib.arguments import NonFiniteError, check_number
from bnlib.axes import Vector

EPS = float(np.finfo(np.float64).eps)
Function = Callable[[Vector], npt.ArrayLike]  # x -> y, both float64
Claim = Vector | Callable[[Vector], Vector]  # dx, or w -> dx


class MeaninglessCheckError(ValueError):
    """A comparison that says nothing about the backward pass, whatever its result."""


def check_point(op: str, x: object) -> None:
    """Raise unless ``x`` is a non-empty, finite array of float64."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        got = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(
            f"{op}: x must be a NumPy array of float64, got {got}; in float32 the differences "
            "keep 2 or 3 digits at best, so check in float64"
        )
    if x.size == 0:
        raise ValueError(f"{op}: got an empty x of shape {x.shape}; give at least one value")
    if not np.isfinite(x).all():
        raise NonFiniteError(f"{op}: expected finite values in x, got NaN or infinity")


def check_step(op: str, x: Vector, step: float) -> float:
    """Return ``step`` as a float, or raise unless it is positive and changes ``x``."""
    hint = "6e-6 times x's spread is usual"
    step = check_number(op, "step", step, hint=hint)
    least = 4 * EPS * float(abs(x).max())
    if step <= least:
        raise ValueError(
            f"{op}: step must be above {least:.3g}, what rounding leaves of x, "
            f"got {step:.3g}; {hint}"
        )
    return step


def value(op: str, f: Function, x: Vector) -> Vector:
    """Return ``f(x)``, given a copy, or raise unless it is finite float64."""
    result = f(x.copy())
    if isinstance(result, tuple):
        raise TypeError(
            f"{op}: f(x) must be one float64 array, got a tuple of {len(result)}; "
            "let f return the output alone, as in forward(x)[0]"
        )
    y = np.asarray(result)
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
    return claimed
