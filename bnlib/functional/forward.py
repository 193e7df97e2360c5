"""Batch normalization forward: by the batch's statistics, or by given ones."""

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
)
from bnlib.stats import mean_var, quiet

BLOCK = 2**16  # values that are worked on at a time
NEAR = 4  # standard deviations: so far a mean may lie from 0 and still join the shift


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
        axis, shift = self.channel_axis, np.zeros_like(self.mu)
        return scale_shift(self.x, self.mu, self.inv_std, shift, axis, var=self.var)


@quiet
def scale_shift(
    x: Array,
    mu: Vector,
    scale: Vector,
    shift: Vector,
    channel_axis: int,
    out: Array | None = None,
    var: Vector | None = None,
) -> Array:
    """Return ``(x - mu) * scale + shift`` per channel, in the dtype of ``x``.

    ``mu`` is float64. Where ``x`` is float32, the part of ``mu`` that float32 cannot
    hold moves into ``shift``, so a large mean costs no accuracy. ``out``, of the shape and
    dtype of ``x``, takes the result. Where ``x`` is large, ``var`` is given and every mean
    lies within 4 standard deviations of 0, all of ``mu`` moves into ``shift``: one pass less
    over ``x``, for an error of a few roundings of a standard deviation.

    Examples
    --------
    >>> x = np.array([[1.0], [3.0]])
    >>> scale_shift(x, np.array([2.0]), np.array([10.0]), np.array([5.0]), 1).ravel()
    array([-5., 15.])
    """
    near = False
    if var is not None and x.size > BLOCK:
        near = bool((np.abs(mu) <= NEAR * np.sqrt(var)).all())
    center = np.zeros_like(mu, x.dtype) if near else mu.astype(x.dtype)
    shape = broadcast_shape(x.shape, channel_axis)
    rows = (center, scale.astype(x.dtype), (shift - (mu - center) * scale).astype(x.dtype))
    c, a, b = (row.reshape(shape) for row in rows)
    y = np.empty_like(x) if out is None else out
    step = BLOCK // max(1, x[:1].size) if channel_axis % x.ndim else len(x)
    for i in range(0, len(x), step := max(1, step)):  # blocks that stay in the cache
        block, part = x[i : i + step], y[i : i + step]
        if near:
            np.multiply(block, a, out=part)
        else:
            np.subtract(block, c, out=part)
            part *= a
        part += b
    return y


@quiet
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
        does not exist, ``eps`` is negative, a channel is constant (or its spread too small
        for the dtype's squares) and ``eps`` is 0, or a statistic is not finite
        (`bnlib.shapes.NonFiniteError`).

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
    hint = "use a larger batch or batch_norm_eval"
    axis = check_input(op, x, channel_axis, min_values=2, hint=hint)
    eps = check_eps(op, eps)
    gamma = check_vector(op, "gamma", gamma, x.shape[axis], default=1.0)
    beta = check_vector(op, "beta", beta, x.shape[axis], default=0.0)
    mu, var = mean_var(x, axis)  # (4.1), (4.2)
    check_statistics(op, mu, var, eps, squares=x.dtype)
    inv_std = 1 / np.sqrt(var + eps)
    y = scale_shift(x, mu, gamma * inv_std, beta, axis, var=var)  # (4.3), (4.4)
    return y, BatchNormCache(x, mu, var, inv_std, gamma, eps, axis)


@quiet
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
    check_float(op, "mean", mean)  # None means 0 and 1 for gamma and beta alone
    check_float(op, "var", var)
    mean = check_vector(op, "mean", mean, x.shape[axis], default=0.0)
    var = check_vector(op, "var", var, x.shape[axis], default=1.0)
    check_statistics(op, mean, var, eps)
    return scale_shift(x, mean, gamma / np.sqrt(var + eps), beta, axis, var=var)
