"""Bessel's factor and one step of a running average."""

from bnlib.arguments import check_float, check_integer, check_momentum, quiet
from bnlib.axes import Vector


def bessel(m: int) -> float:
    """Return m / (m - 1), which makes the biased variance of ``m`` values unbiased.

    Raises
    ------
    TypeError
        If ``m`` is not an integer.
    ValueError
        If ``m`` is below 2: one value says nothing about spread.

    Examples
    --------
    >>> bessel(5)
    1.25
    """
    m = check_integer("bessel", "m", m, 2, "one value has no unbiased variance")
    return m / (m - 1)


@quiet
def update_running(running: Vector, value: Vector, momentum: float) -> Vector:
    """Return ``(1 - momentum) * running + momentum * value``.

    Parameters
    ----------
    running, value : ndarray, shape (C,), float32 or float64
        NaN and infinity come out where they go in.
    momentum : float
        Between 0 and 1, the weight of the **new** value. PyTorch's convention; Keras
        calls ``1 - momentum`` momentum.

    Raises
    ------
    TypeError
        If ``momentum`` is not a number or an array is not float32 or float64.
    ValueError
        If ``momentum`` is outside [0, 1] or the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> update_running(np.array([0.0]), np.array([10.0]), momentum=0.1)
    array([1.])
    """
    momentum = check_momentum("update_running", momentum)
    check_float("update_running", "running", running)
    check_float("update_running", "value", value)
    if running.shape != value.shape:
        raise ValueError(
            f"update_running: running has shape {running.shape}, value has {value.shape}; "
            "both need one value per channel"
        )
    return (1 - momentum) * running + momentum * value
