"""Two other ways to a mean and a variance, kept to compare with `mean_var`.

Both work in the input's own precision, so that float32 shows what each method loses.
"""

import numpy as np

from bnlib.arguments import check_input, quiet
from bnlib.axes import Array, reduction_axes


@quiet
def one_pass_mean_var(x: Array, channel_axis: int = 1) -> tuple[Array, Array]:
    """Return mean and biased variance as ``mean(x)`` and ``mean(x * x) - mean(x)**2``.

    **Not for use.** Where the mean is large beside the spread, two large numbers that are
    nearly equal are subtracted, and few digits or none remain: the result can be negative.
    `mean_var` has no such trouble.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
    channel_axis : int

    Returns
    -------
    mu, var : ndarray, shape (C,), dtype of ``x``
        ``var`` may be negative. NaN or infinite where ``x`` is, or where its squares
        overflow.

    Raises
    ------
    TypeError, ValueError
        As `mean_var`.

    Notes
    -----
    Chan, Golub & LeVeque (1983) call it the textbook algorithm. Its relative error grows as
    ``(mu / std)**2`` times the rounding error of a sum (6e-8 and more in float32), that of
    two passes not at all until ``mu / std`` comes near 1e7.

    Examples
    --------
    >>> x = np.array([[8192.0], [8194.0], [8195.0]], np.float32)  # the variance is 14/9
    >>> one_pass_mean_var(x)[1]
    array([-8.], dtype=float32)
    """
    axis = check_input("one_pass_mean_var", x, channel_axis)
    axes = reduction_axes(x.ndim, axis)
    mu = x.mean(axis=axes)
    return mu, (x * x).mean(axis=axes) - mu * mu


@quiet
def welford_mean_var(x: Array, channel_axis: int = 1) -> tuple[Array, Array]:
    """Return mean and biased variance by Welford's update, one value at a time.

    It needs each value once and never subtracts large numbers that are nearly equal, so it
    suits a stream. It is slow here (a Python loop over the ``m`` values), and in float32
    over many values less exact than `mean_var`: each of the ``m`` steps rounds the mean.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
    channel_axis : int

    Returns
    -------
    mu, var : ndarray, shape (C,), dtype of ``x``
        ``var`` is not negative. NaN or infinite where ``x`` is, or where squares overflow.

    Raises
    ------
    TypeError, ValueError
        As `mean_var`.

    Notes
    -----
    ``mu += (x - mu) / k`` and ``m2 += (x - mu_old) * (x - mu_new)``; Welford (1962).

    Examples
    --------
    >>> x = np.array([[8192.0], [8194.0], [8195.0]], np.float32)  # the variance is 14/9
    >>> welford_mean_var(x)[1].round(3)
    array([1.555], dtype=float32)
    """
    axis = check_input("welford_mean_var", x, channel_axis)
    return welford(np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis]))


def welford(rows: Array) -> tuple[Array, Array]:
    """Return mean and biased variance of the columns of ``rows``, (m, C); no checks."""
    mu, m2 = np.zeros((2, rows.shape[1]), rows.dtype)
    for k, row in enumerate(rows, start=1):
        d = row - mu
        mu += d / rows.dtype.type(k)
        m2 += d * (row - mu)
    return mu, m2 / rows.dtype.type(len(rows))
