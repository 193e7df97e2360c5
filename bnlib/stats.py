"""Mean and variance per channel, Bessel's factor and running averages.

Statistics are computed and returned in float64, whatever the input: they are small,
and float32 sums over many values lose digits.
"""

import numpy as np

from bnlib.shapes import (
    Array,
    Vector,
    broadcast_shape,
    check_input,
    reduction_axes,
    values_per_channel,
)

quiet = np.errstate(over="ignore", invalid="ignore")  # callers test the result instead


def channel_sum(x: Array, channel_axis: int = 1) -> Vector:
    """Sum ``x`` over every axis but the channel's, in float64.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64

    Returns
    -------
    ndarray, shape (C,), float64

    Examples
    --------
    >>> channel_sum(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    total: Vector = x.sum(axis=reduction_axes(x.ndim, channel_axis), dtype=np.float64)
    return total


@quiet
def mean_var(x: Array, channel_axis: int = 1) -> tuple[Vector, Vector]:
    r"""Return each channel's mean and *biased* variance (1/m), in two passes.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
        ``m = N * prod(spatial)`` values stand behind each statistic; at least one.
    channel_axis : int

    Returns
    -------
    mu, var : ndarray, shape (C,), float64
        NaN or infinite where ``x`` is, or where its squares overflow.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is not a float array of rank 2 or more, or is empty.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 1, lines 1 and 2; equations (4.1) and (4.2).
    The second pass sums squared deviations from the mean, less the square of their own
    sum, which removes the rounding error of the mean (Chan, Golub & LeVeque 1983).

    Examples
    --------
    >>> mu, var = mean_var(np.array([[1.0, 10.0], [3.0, 10.0]]))
    >>> mu, var
    (array([ 2., 10.]), array([1., 0.]))
    """
    channel_axis = check_input("mean_var", x, channel_axis)
    m = values_per_channel(x.shape, channel_axis)
    mu = channel_sum(x, channel_axis) / m  # (4.1)
    d = x - mu.astype(x.dtype).reshape(broadcast_shape(x.shape, channel_axis))
    rest = channel_sum(d, channel_axis) / m  # 0, but for the rounding of mu
    np.multiply(d, d, out=d)
    var = channel_sum(d, channel_axis) / m - rest * rest  # (4.2)
    return mu, np.maximum(var, 0.0)


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
