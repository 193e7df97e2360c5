"""Mean and biased variance per channel, in two passes.

Statistics are returned in float64, whatever the input: they are small, and float32 sums
over many values lose digits.
"""

import numpy as np

from bnlib.shapes import Array, Vector, check_float, check_input, reduction_axes
from bnlib.stats.blocks import block_moments, block_sum, by_channel
from bnlib.stats.merging import quiet

SMALL = 2**15  # values; up to here the plain formula, in float64 sums, is as fast
GROUP = 16  # channels computed again at a time


@quiet
def channel_sum(x: Array, channel_axis: int = 1) -> Vector:
    """Sum ``x`` over every axis but the channel's, in float64.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
    channel_axis : int

    Returns
    -------
    ndarray, shape (C,), float64
        Up to 32768 values the sum is taken in float64 throughout. Larger float32 arrays
        are summed in blocks, and the blocks in float64: the error is a few float32
        roundings of the sum of absolute values, however many there are.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is not a float array of rank 2 or more, or the axis does not exist. NaN
        and infinity are no errors here: they come out.

    Examples
    --------
    >>> channel_sum(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    check_float("channel_sum", "x", x)
    axes = reduction_axes(x.ndim, channel_axis)
    if x.size > SMALL:
        total = block_sum(by_channel(x, channel_axis % x.ndim))
        if np.isfinite(total).all():  # not so where a float32 sum overflows
            return total
    plain: Vector = np.add.reduce(x, axis=axes, dtype=np.float64)
    return plain


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

    Above 32768 values both passes go over one cache-sized block after another, and the
    blocks are joined as `merge` does. In float32 the variance then has a relative error
    below 1e-5, as a rule 1e-7, at any number of values and also where the mean is 10000
    standard deviations.

    Examples
    --------
    >>> mu, var = mean_var(np.array([[1.0, 10.0], [3.0, 10.0]]))
    >>> mu, var
    (array([ 2., 10.]), array([1., 0.]))
    """
    axis = check_input("mean_var", x, channel_axis)
    if x.size <= SMALL:
        return _plain(x, axis)
    x = by_channel(x, axis)
    n, mu, m2 = block_moments(x)
    var = m2 / n
    # A float32 centre is off by up to 128 roundings. Where that is not small beside the
    # spread (a constant channel), and where a sum overflowed, take the plain way.
    floor = (128 * np.finfo(x.dtype).eps * mu) ** 2
    again = np.flatnonzero(~((var >= floor) & (var < np.inf)))
    for i in range(0, len(again), GROUP):
        group = again[i : i + GROUP]
        part = x[:, group]
        mu[group], var[group] = _plain(part, 1, out=part)
    return mu, var


def _plain(x: Array, axis: int, out: Array | None = None) -> tuple[Vector, Vector]:
    """Return mean and variance by the formula as it stands, with float64 sums.

    The deviations, an array like ``x``, are written to ``out``.
    """
    axes = tuple(i for i in range(x.ndim) if i != axis)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    m = x.size // x.shape[axis]
    mu = np.add.reduce(x, axis=axes, dtype=np.float64) / m  # (4.1)
    d = np.subtract(x, mu.astype(x.dtype).reshape(shape), out=out)
    rest = np.add.reduce(d, axis=axes, dtype=np.float64) / m  # 0, but for the rounding of mu
    np.multiply(d, d, out=d)
    var = np.add.reduce(d, axis=axes, dtype=np.float64) / m - rest * rest  # (4.2)
    return mu, np.maximum(var, 0.0)
