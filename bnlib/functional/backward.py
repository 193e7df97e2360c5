"""Batch normalization backward: the gradients in closed form."""

from bnlib.functional.forward import BatchNormCache, scale_shift
from bnlib.shapes import Array, broadcast_shape, check_float, values_per_channel
from bnlib.stats import channel_sum, quiet


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
    >>> import numpy as np
    >>> from bnlib.functional import batch_norm_train
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [4.0]]), None, None)
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> bool(abs(dx.sum()) < 1e-12), dbeta
    (True, array([1.]))
    """
    check_backward("batch_norm_backward", dy, cache)
    axis, x, mu, inv_std = cache.channel_axis, cache.x, cache.mu, cache.inv_std
    m = values_per_channel(dy.shape, axis)
    dx = cache.x_hat  # the one large array: first x_hat, then x_hat * dy, at last dx
    dx *= dy
    dgamma, dbeta = channel_sum(dx, axis), channel_sum(dy, axis)
    scale_shift(x, mu, -dgamma / m * inv_std, -dbeta / m, axis, out=dx, var=cache.var)
    dx += dy  # dy - mean(dy) - x_hat * mean(dy * x_hat)
    shape = broadcast_shape(dy.shape, axis)
    dx *= (cache.gamma * inv_std).astype(dy.dtype).reshape(shape)
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


@quiet
def batch_norm_eval_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_eval`, where the statistics are constants.

    Parameters, results and errors as in `batch_norm_backward`; ``cache.mu`` and
    ``cache.var`` are the statistics that the forward pass was given. Here ``dx`` is
    ``gamma * inv_std * dy``: no term goes through the statistics.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0]])
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> cache = BatchNormCache(x, zero, one, one, 3 * one, 0.0, 1)
    >>> batch_norm_eval_backward(np.array([[1.0], [0.0]]), cache)[0].ravel()
    array([3., 0.])
    """
    check_backward("batch_norm_eval_backward", dy, cache)
    axis = cache.channel_axis
    shape = broadcast_shape(dy.shape, axis)
    dx = dy * (cache.gamma * cache.inv_std).astype(dy.dtype).reshape(shape)
    dgamma, dbeta = channel_sum(dy * cache.x_hat, axis), channel_sum(dy, axis)
    return dx, dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def check_backward(op: str, dy: Array, cache: BatchNormCache) -> None:
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
