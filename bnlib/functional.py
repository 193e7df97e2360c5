"""Batch normalization as three functions: arrays in, arrays out, no state.

The mode is the function that the caller picks: `batch_norm_train` uses the batch's
statistics, `batch_norm_eval` the ones it is given.
"""

from dataclasses import dataclass

import numpy as np

from bnlib.shapes import (
    Array,
    Vector,
    broadcast_shape,
    check_eps,
    check_float,
    check_input,
    check_statistics,
    check_vector,
    values_per_channel,
)
from bnlib.stats import channel_sum, mean_var, quiet


@dataclass(frozen=True, eq=False)
class BatchNormCache:
    """What the backward pass needs: the input by reference and one value per channel.

    ``x`` must not be changed between forward and backward. ``x_hat`` is computed anew
    each time it is asked for, so the cache holds nothing as large as the input.
    """

    x: Array  # (N, C) or (N, C, *spatial)
    mu: Vector  # (C,)
    var: Vector  # (C,), biased
    inv_std: Vector  # (C,), 1 / sqrt(var + eps)
    gamma: Vector  # (C,)
    eps: float
    channel_axis: int

    @property
    def x_hat(self) -> Array:
        """The normalized input, in the shape and dtype of ``x``; equation (4.3)."""
        shift = np.zeros_like(self.mu)
        return scale_shift(self.x, self.mu, self.inv_std, shift, self.channel_axis)


@quiet
def scale_shift(x: Array, mu: Vector, scale: Vector, shift: Vector, channel_axis: int) -> Array:
    """Return ``(x - mu) * scale + shift`` per channel, in the dtype of ``x``.

    ``mu`` is float64. Where ``x`` is float32, the part of ``mu`` that float32 cannot
    hold moves into ``shift``, so a large mean costs no accuracy.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> scale_shift(x, np.array([2.0]), np.array([10.0]), np.array([5.0]), 1).ravel()
    array([-5., 15.])
    """
    shape = broadcast_shape(x.shape, channel_axis)
    center = mu.astype(x.dtype)
    shift = shift - (mu - center) * scale
    y = x - center.reshape(shape)
    y *= scale.astype(x.dtype).reshape(shape)
    y += shift.astype(x.dtype).reshape(shape)
    return y


def batch_norm_train(
    x: Array, gamma: Array | None, beta: Array | None, eps: float = 1e-5, channel_axis: int = 1
) -> tuple[Array, BatchNormCache]:
    """Normalize each channel by its own batch, then scale and shift.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
        ``m = N * prod(spatial)`` values stand behind each statistic. Not modified, and
        kept in the cache by reference.
    gamma, beta : ndarray, shape (C,), or None
        Scale and shift; ``None`` means 1 and 0.
    eps : float
        Added to the variance inside the root; at least 0.
    channel_axis : int
        1 for ``(N, C, *spatial)``, -1 for channels-last.

    Returns
    -------
    y : ndarray, shape and dtype of ``x``
    cache : BatchNormCache
        For `batch_norm_backward`; its ``mu`` and ``var`` (biased) are float64.

    Raises
    ------
    TypeError
        If an array is not float32 or float64, or ``eps`` is not a number.
    ValueError
        If fewer than two values stand behind a statistic, shapes do not match, the axis
        does not exist, ``eps`` is negative, a channel is constant and ``eps`` is 0, or a
        statistic is not finite (`bnlib.shapes.NonFiniteError`).

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 1; equations (4.1) to (4.4).

    Examples
    --------
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [3.0]]), None, None, eps=0.0)
    >>> y.ravel().round(4)
    array([-1.2247,  0.    ,  1.2247])
    """
    op = "batch_norm_train"
    axis = check_input(
        op, x, channel_axis, min_values=2, hint="use a larger batch or batch_norm_eval"
    )
    eps = check_eps(op, eps)
    gamma = check_vector(op, "gamma", gamma, x.shape[axis], default=1.0)
    beta = check_vector(op, "beta", beta, x.shape[axis], default=0.0)
    mu, var = mean_var(x, axis)  # (4.1), (4.2)
    check_statistics(op, mu, var, eps)
    inv_std = 1 / np.sqrt(var + eps)
    y = scale_shift(x, mu, gamma * inv_std, beta, axis)  # (4.3), (4.4)
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

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
    gamma, beta : ndarray, shape (C,), or None
        ``None`` means 1 and 0.
    mean, var : ndarray, shape (C,)
        Population estimates, as a rule the running mean and (unbiased) variance.
    eps, channel_axis
        As in `batch_norm_train`.

    Returns
    -------
    y : ndarray, shape and dtype of ``x``
        Each sample's output depends on that sample alone.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm_train`, but one value per channel is enough; also if ``var`` is
        negative or a statistic is not finite.

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
    mean = check_vector(op, "mean", mean, x.shape[axis], default=0.0)
    var = check_vector(op, "var", var, x.shape[axis], default=1.0)
    check_statistics(op, mean, var, eps)
    return scale_shift(x, mean, gamma / np.sqrt(var + eps), beta, axis)


@quiet
def batch_norm_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_train` in closed form, through the statistics.

    Parameters
    ----------
    dy : ndarray, shape and dtype of the forward pass's ``x``
        Gradient of a scalar loss with respect to ``y``.
    cache : BatchNormCache

    Returns
    -------
    dx : ndarray, shape and dtype of ``x``
        Sums to zero over each channel.
    dgamma, dbeta : ndarray, shape (C,), dtype of ``x``

    Raises
    ------
    TypeError, ValueError
        If ``dy`` differs from ``x`` in dtype or shape, or ``cache`` is not a cache.

    Notes
    -----
    ``dx = gamma * inv_std * (dy - mean(dy) - x_hat * mean(dy * x_hat))``, means over the
    channel's ``m`` values; Ioffe & Szegedy (2015), section 3, simplified.

    Examples
    --------
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [4.0]]), None, None)
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> bool(abs(dx.sum()) < 1e-12), dbeta
    (True, array([1.]))
    """
    _check_backward("batch_norm_backward", dy, cache)
    axis, x_hat = cache.channel_axis, cache.x_hat
    m = values_per_channel(dy.shape, axis)
    dbeta = channel_sum(dy, axis)
    dgamma = channel_sum(dy * x_hat, axis)
    shape = broadcast_shape(dy.shape, axis)
    mean_dy = (dbeta / m).astype(dy.dtype).reshape(shape)
    dx = x_hat * (-dgamma / m).astype(dy.dtype).reshape(shape)
    dx += dy
    dx -= mean_dy
    dx *= (cache.gamma * cache.inv_std).astype(dy.dtype).reshape(shape)
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


@quiet
def batch_norm_eval_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_eval`, where the statistics are constants.

    Parameters, results and errors as in `batch_norm_backward`; ``cache.mu`` and
    ``cache.var`` are the statistics that the forward pass was given. Here ``dx`` is
    ``gamma * inv_std * dy``: no term goes through the statistics.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0]])
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> cache = BatchNormCache(x, zero, one, one, 3 * one, 0.0, 1)
    >>> batch_norm_eval_backward(np.array([[1.0], [0.0]]), cache)[0].ravel()
    array([3., 0.])
    """
    _check_backward("batch_norm_eval_backward", dy, cache)
    axis = cache.channel_axis
    shape = broadcast_shape(dy.shape, axis)
    dx = dy * (cache.gamma * cache.inv_std).astype(dy.dtype).reshape(shape)
    dgamma, dbeta = channel_sum(dy * cache.x_hat, axis), channel_sum(dy, axis)
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def _check_backward(op: str, dy: Array, cache: BatchNormCache) -> None:
    """Raise unless ``cache`` is a cache and ``dy`` matches its input."""
    if not isinstance(cache, BatchNormCache):
        raise TypeError(
            f"{op}: cache must be the BatchNormCache that the forward pass returned, "
            f"got {type(cache).__name__}"
        )
    check_float(op, "dy", dy)
    if dy.shape != cache.x.shape or dy.dtype != cache.x.dtype:
        kind = ValueError if dy.shape != cache.x.shape else TypeError
        raise kind(
            f"{op}: dy must match x, shape {cache.x.shape} and {cache.x.dtype}, "
            f"got shape {dy.shape} and {dy.dtype}; pass the gradient of the same batch's y"
        )
