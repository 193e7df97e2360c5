"""Bessel's factor and one step of a running average."""

import numbers

from bnlib.shapes import Vector, check_float
from bnlib.stats.merging import quiet


def check_count(op: str, m: int) -> int:
    """Return ``m``, the number of values behind a variance, or say what is wrong with it."""
    if isinstance(m, bool) or not isinstance(m, numbers.Integral):
        raise TypeError(
            f"{op}: m must be an integer, got {m!r}; it counts the values behind a statistic"
        )
    if m < 2:
        raise ValueError(
            f"{op}: needs at least 2 values, got m = {m}; one value has no unbiased variance"
        )
    return int(m)


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
    m = check_count("bessel", m)
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
    if isinstance(momentum, bool) or not isinstance(momentum, numbers.Real):
        raise TypeError(
            f"update_running: momentum must be a number, got {momentum!r}; "
            "it is the weight of the new value"
        )
    check_float("update_running", "running", running)
    check_float("update_running", "value", value)
    if not 0 <= momentum <= 1:
        raise ValueError(
            f"update_running: momentum must lie between 0 and 1, got {momentum}; "
            "it is the weight of the new value (PyTorch's 0.1 is Keras's 0.9)"
        )
    if running.shape != value.shape:
        raise ValueError(
            f"update_running: running has shape {running.shape}, value has {value.shape}; "
            "both need one value per channel"
        )
    return (1 - momentum) * running + momentum * value
