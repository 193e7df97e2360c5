"""Bessel's factor and one step of a running average."""

from bnlib.shapes import Vector


def bessel(m: int) -> float:
    """Return m / (m - 1), which makes the biased variance of ``m`` values unbiased.

    Raises
    ------
    ValueError
        If ``m`` is below 2: one value says nothing about spread.

    Examples
    --------
    >>> bessel(5)
    1.25
    """
    if m < 2:
        raise ValueError(
            f"bessel: needs at least 2 values, got m = {m}; one value has no unbiased variance"
        )
    return m / (m - 1)


def update_running(running: Vector, value: Vector, momentum: float) -> Vector:
    """Return ``(1 - momentum) * running + momentum * value``.

    Parameters
    ----------
    running, value : ndarray, shape (C,)
    momentum : float
        Between 0 and 1, the weight of the **new** value. PyTorch's convention; Keras
        calls ``1 - momentum`` momentum.

    Raises
    ------
    ValueError
        If ``momentum`` is outside [0, 1] or the shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> update_running(np.array([0.0]), np.array([10.0]), momentum=0.1)
    array([1.])
    """
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
