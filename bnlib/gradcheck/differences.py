"""Central differences in float64, and how their error depends on the step."""

import numpy as np
import numpy.typing as npt

from bnlib.arguments import (
    ROUNDING,
    NonFiniteError,
    check_finite,
    check_point,
    check_step,
    quiet,
)
from bnlib.axes import Vector
from bnlib.gradcheck.inputs import Claim, Function, MeaninglessCheckError, claim, value


def projection(shape: tuple[int, ...], seed: int = 0) -> Vector:
    """Return the weights w of the loss ``sum(w * y)``, standard normal, from a seed.

    `gradcheck` and `step_sweep` draw the same ones for the same shape and seed, so a
    gradient computed by hand can be compared: start its backward pass from ``w``.

    Examples
    --------
    >>> projection((2, 1)).shape
    (2, 1)
    """
    # Another stream than default_rng(seed), which may well have drawn x: with w = x the
    # gradient of a batch-normalized output is 0.
    return np.random.default_rng([seed, 0xB47C4]).standard_normal(shape)


@quiet
def numeric_gradient(f: Function, x: Vector, w: Vector, step: float) -> Vector:
    """Return the gradient of ``sum(w * f(x))`` by central differences.

    Parameters
    ----------
    f : function
        Takes an array like ``x``, returns an array like ``w``.
    x : ndarray, any shape, float64
    w : ndarray, shape of ``f(x)``, float64
    step : float
        Each entry of ``x`` in turn is moved up and down by this much.

    Returns
    -------
    ndarray, shape of ``x``, float64

    Raises
    ------
    TypeError, ValueError
        If ``x``, ``f(x)`` or the result is not finite float64
        (`bnlib.arguments.NonFiniteError`), ``w`` has another shape than ``f(x)``, or ``step``
        is not a positive number that changes ``x``.

    Notes
    -----
    ``(L(x + h) - L(x - h)) / 2h`` differs from the derivative by ``h**2 L''' / 6`` and by
    rounding, some ``1e-16 L / h``. The differences are taken before the sum, and divided by
    the distance of the two points as stored, so neither adds to the rounding.

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> numeric_gradient(lambda x: x**2, x, np.ones(2), step=1e-5).round(6)
    array([2., 4.])
    """
    check_point("numeric_gradient", x)
    step = check_step("numeric_gradient", x, step)
    slopes = [difference(f, x, w, step, i)[0] for i in np.ndindex(x.shape)]
    return np.reshape(slopes, x.shape)


def difference(
    f: Function, x: Vector, w: Vector, step: float, i: tuple[int, ...]
) -> tuple[float, npt.NDArray[np.bool_]]:
    """Return one entry of `numeric_gradient`, and which entries of ``f(x)`` moved."""
    op = "numeric_gradient"
    up, down = x.copy(), x.copy()
    up[i] += step
    down[i] -= step
    width = up[i] - down[i]
    y_up, y_down = value(op, f, up), value(op, f, down)
    if np.shape(w) != y_up.shape:
        raise ValueError(
            f"{op}: w must have the shape of f(x), {y_up.shape}, got {np.shape(w)}; "
            "draw it with projection(y.shape, seed)"
        )
    slope = float(np.sum(w * (y_up - y_down)) / width)
    if not np.isfinite(slope):
        raise NonFiniteError(f"{op}: the differences overflow; scale f or x down")
    return slope, y_up != y_down


def step_sweep(
    f: Function, x: Vector, dx: Claim, steps: npt.ArrayLike | None = None, seed: int = 0
) -> tuple[Vector, Vector]:
    """Return steps and the error of the central difference at each: the V-curve.

    Parameters
    ----------
    f, x, dx, seed
        As in `bnlib.gradcheck.gradcheck`.
    steps : array of float, optional
        The default is 1e-1, 1e-2, ..., 1e-11 times the spread of ``x``, as far as ``x`` can
        tell them from 0.

    Returns
    -------
    steps, errors : ndarray, shape (K,), float64
        The largest difference between the numeric and the claimed gradient, relative to the
        largest entry of the claimed one. If the claim is right, errors fall with the square
        of the step, reach some 1e-10, and rise again with its inverse, as rounding takes
        over. A wrong claim levels off at its own error.

    Raises
    ------
    TypeError, ValueError
        As `numeric_gradient`, or if the claim has not the shape of ``x``, is not finite
        float64, or is 0 everywhere (`MeaninglessCheckError`).

    Examples
    --------
    >>> x = np.array([1.0, 2.0])
    >>> steps, errors = step_sweep(np.exp, x, lambda w: w * np.exp(x), [1e-2, 1e-5, 1e-12])
    >>> errors[0] > 1e-5, errors[1] < 1e-9, errors[2] > 1e-6
    (np.True_, np.True_, np.True_)
    """
    op = "step_sweep"
    check_point(op, x)
    w = projection(value(op, f, x).shape, seed)
    claimed = claim(op, x, dx, w)
    size = abs(check_finite(op, "dx", claimed)).max()
    if size == 0:
        raise MeaninglessCheckError(
            f"{op}: dx is 0 everywhere, so there is nothing to be relative to; "
            "use another f, or gradcheck"
        )
    if steps is None:
        steps = spread(x) * 10.0 ** np.arange(-1, -12, -1)
        steps = steps[steps > 8 * ROUNDING * abs(x).max()]
    steps = np.asarray(steps, dtype=np.float64)
    errors = [abs(numeric_gradient(f, x, w, h) - claimed).max() / size for h in steps.ravel()]
    return steps.ravel(), np.array(errors)


def spread(x: Vector) -> float:
    """Return the standard deviation of all of ``x``, or if that is 0 its size, or 1."""
    return float(x.std() or abs(x).max() or 1.0)
