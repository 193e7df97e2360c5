"""Batch normalization with compiled loops: the functions of `bnlib.functional` again."""

import numpy as np

from bnlib import functional
from bnlib.functional import BatchNormCache
from bnlib.functional.backward import check_backward
from bnlib.kernels.gradients import gradients
from bnlib.kernels.passes import moments, scale_shift
from bnlib.shapes import (
    Array,
    check_eps,
    check_float,
    check_input,
    check_statistics,
    check_vector,
)
from bnlib.stats import quiet


def batch_norm_train(
    x: Array, gamma: Array | None, beta: Array | None, eps: float = 1e-5, channel_axis: int = 1
) -> tuple[Array, BatchNormCache]:
    """Normalize each channel by its own batch, then scale and shift.

    Parameters, results, errors and equations are those of
    `bnlib.functional.batch_norm_train`; the cache works with either backward pass. ``y``
    is the only array as large as ``x`` that is made, unless the strides of ``x`` leave
    gaps or are negative: then a contiguous copy is made first.

    Raises
    ------
    TypeError, ValueError, bnlib.shapes.NonFiniteError
        As `bnlib.functional.batch_norm_train`, in the same words.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 1. One pass for mean and variance, in groups of up
    to 2048 values that are merged in float64 (Chan, Golub & LeVeque 1983), one pass for
    ``y``. NumPy takes over where squares or products leave the dtype's range.

    Examples
    --------
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [3.0]]), None, None, eps=0.0)
    >>> y.ravel().round(4)
    array([-1.2247,  0.    ,  1.2247])
    """
    op = "batch_norm_train"
    hint = "use a larger batch or batch_norm_eval"
    axis = check_input(op, x, channel_axis, min_values=2, hint=hint)
    eps = check_eps(op, eps)
    gamma = check_vector(op, "gamma", gamma, x.shape[axis], default=1.0)
    beta = check_vector(op, "beta", beta, x.shape[axis], default=0.0)
    mu, var = moments(x, axis)
    check_statistics(op, mu, var, eps, squares=x.dtype)
    inv_std = 1 / np.sqrt(var + eps)
    y = scale_shift(x, mu, gamma * inv_std, beta, axis, var)
    return y, BatchNormCache(x, mu, var, inv_std, gamma, eps, axis)


def batch_norm_eval(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    eps: float = 1e-5,
    channel_axis: int = 1,
) -> Array:
    """Normalize each channel by statistics that are given, then scale and shift.

    Parameters, results and errors are those of `bnlib.functional.batch_norm_eval`.

    Raises
    ------
    TypeError, ValueError, bnlib.shapes.NonFiniteError
        As `bnlib.functional.batch_norm_eval`, in the same words.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 2, line 11.

    Examples
    --------
    >>> x, mean, var = np.array([[5.0]]), np.array([3.0]), np.array([4.0])
    >>> batch_norm_eval(x, None, None, mean, var, eps=0.0)
    array([[1.]])
    """
    op = "batch_norm_eval"
    axis = check_input(op, x, channel_axis)
    eps = check_eps(op, eps)
    gamma = check_vector(op, "gamma", gamma, x.shape[axis], default=1.0)
    beta = check_vector(op, "beta", beta, x.shape[axis], default=0.0)
    check_float(op, "mean", mean)  # None means 0 and 1 for gamma and beta alone
    check_float(op, "var", var)
    mean = check_vector(op, "mean", mean, x.shape[axis], default=0.0)
    var = check_vector(op, "var", var, x.shape[axis], default=1.0)
    check_statistics(op, mean, var, eps)
    return scale_shift(x, mean, gamma / np.sqrt(var + eps), beta, axis, var)


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_train` in closed form, through the statistics.

    Parameters, results and errors are those of `bnlib.functional.batch_norm_backward`;
    ``cache`` may come from either `batch_norm_train`.

    Raises
    ------
    TypeError, ValueError
        As `bnlib.functional.batch_norm_backward`, in the same words.

    Notes
    -----
    ``dx = gamma * inv_std * (dy - mean(dy) - x_hat * mean(dy * x_hat))``: Ioffe & Szegedy
    (2015), section 3, simplified. NumPy takes over where sums or products leave the dtype's
    range.

    Examples
    --------
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [4.0]]), None, None)
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> bool(abs(dx.sum()) < 1e-12), dbeta
    (True, array([1.]))
    """
    check_backward("batch_norm_backward", dy, cache)
    return _backward(dy, cache, through=True)


def batch_norm_eval_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_eval`, where the statistics are constants.

    Parameters, results and errors are those of `bnlib.functional.batch_norm_eval_backward`.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0]])
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> cache = BatchNormCache(x, zero, one, one, 3 * one, 0.0, 1)
    >>> batch_norm_eval_backward(np.array([[1.0], [0.0]]), cache)[0].ravel()
    array([3., 0.])
    """
    check_backward("batch_norm_eval_backward", dy, cache)
    return _backward(dy, cache, through=False)


@quiet
def _backward(dy: Array, cache: BatchNormCache, through: bool) -> tuple[Array, Array, Array]:
    """Return dx, dgamma and dbeta; by NumPy where the loops leave the dtype's range."""
    constants = (cache.mu, cache.inv_std, cache.gamma * cache.inv_std)
    try:
        dx, dgamma, dbeta = gradients(dy, cache.x, *constants, cache.channel_axis, through)
    except FloatingPointError:
        if through:
            return functional.batch_norm_backward(dy, cache)
        return functional.batch_norm_eval_backward(dy, cache)
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)
