"""Double backward: the gradient of a function of the gradients, in closed form.

A loss may depend on ``dx``, as a gradient penalty does. Its gradient then goes through
the backward pass, to ``x``, to ``dy`` and to ``gamma``.
"""

import numpy as np

from bnlib.arguments import check_backward, check_like, check_vectors, quiet
from bnlib.axes import Array, Vector, broadcast_shape, values_per_channel
from bnlib.functional.forward import BatchNormCache
from bnlib.passes.blocked import channel_sum


@quiet
def batch_norm_double_backward(
    ddx: Array | None,
    ddgamma: Array | None,
    ddbeta: Array | None,
    dy: Array,
    cache: BatchNormCache,
) -> tuple[Array, Array, Array]:
    r"""Differentiate `batch_norm_backward` in closed form.

    Parameters
    ----------
    ddx : ndarray, shape and dtype of ``x``, or None
        Gradient of a scalar L with respect to ``dx``; ``None`` where L does not depend on
        ``dx``.
    ddgamma, ddbeta : ndarray, shape (C,), or None
        Gradient of L with respect to ``dgamma`` and ``dbeta``.
    dy : ndarray, shape and dtype of ``x``
        What `batch_norm_backward` was given.
    cache : BatchNormCache
        What `batch_norm_train` returned.

    Returns
    -------
    gx, gdy : ndarray, shape and dtype of ``x``
        Gradient of L with respect to ``x`` and ``dy``.
    ggamma : ndarray, shape (C,), dtype of ``x``
        Gradient of L with respect to ``gamma``. That to ``beta`` is zero: no gradient of
        the first order depends on it.

    Raises
    ------
    TypeError, ValueError
        If an array has another dtype or shape than described, if all three gradients
        are ``None``, or if ``cache`` is not a cache.

    Notes
    -----
    Write ``P(v) = v - mean(v) - x_hat * mean(v * x_hat)``, means over the channel's m
    values, so that ``dx = gamma * inv_std * P(dy)``. With ``u = ddx``,
    ``b = mean(dy * x_hat)``, ``q = mean(u * x_hat)`` and ``t = mean(u * P(dy))``::

        gdy    = gamma * inv_std * P(u) + ddgamma * x_hat + ddbeta
        ggamma = m * inv_std * t
        gx     = inv_std * ((ddgamma - gamma * inv_std * q) * P(dy)
                            - gamma * inv_std * (b * P(u) + t * x_hat))

    Derived by differentiating the closed form of Ioffe & Szegedy (2015), section 3.

    Examples
    --------
    >>> from bnlib.functional import batch_norm_train
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [4.0]]), None, None)
    >>> dy, ddx = np.array([[1.0], [0.0], [0.0]]), np.array([[0.0], [1.0], [0.0]])
    >>> gx, gdy, ggamma = batch_norm_double_backward(ddx, None, None, dy, cache)
    >>> bool(abs(gx.sum()) < 1e-12), gdy.ravel().round(4), ggamma.round(4)
    (True, array([-0.3436,  0.5154, -0.1718]), array([-0.3436]))
    """
    op = "batch_norm_double_backward"
    u, ddgamma, ddbeta = _check(op, ddx, ddgamma, ddbeta, dy, cache)
    axis, m = cache.channel_axis, values_per_channel(dy.shape, cache.channel_axis)
    shape = broadcast_shape(dy.shape, axis)
    x_hat = _x_hat(cache)

    def mean(v: Array) -> Array:
        """Return the channels' means, in a shape that broadcasts."""
        return (channel_sum(v, axis) / m).reshape(shape)

    v, w, gamma, s = (a.reshape(shape) for a in (ddgamma, ddbeta, cache.gamma, cache.inv_std))
    b, q = mean(dy * x_hat), mean(u * x_hat)
    p_dy, p_u = dy - mean(dy) - x_hat * b, u - mean(u) - x_hat * q
    t = mean(u * p_dy)
    gdy = gamma * s * p_u + v * x_hat + w
    gx = s * ((v - gamma * s * q) * p_dy - gamma * s * (b * p_u + t * x_hat))
    ggamma = m * cache.inv_std * t.reshape(-1)
    return gx.astype(dy.dtype), gdy.astype(dy.dtype), ggamma.astype(dy.dtype)


@quiet
def batch_norm_eval_double_backward(
    ddx: Array | None,
    ddgamma: Array | None,
    ddbeta: Array | None,
    dy: Array,
    cache: BatchNormCache,
) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_eval_backward`, where the statistics are constants.

    Parameters, results and errors as in `batch_norm_double_backward`. Here
    ``dx = gamma * inv_std * dy``, so the gradient to ``x`` comes from ``dgamma`` alone:
    ``gx = ddgamma * inv_std * dy``.

    Examples
    --------
    >>> x, one = np.array([[1.0], [2.0]]), np.ones(1)
    >>> cache = BatchNormCache(x, 0 * one, one, 3 * one, 0.0, 1)
    >>> dy = np.array([[1.0], [0.0]])
    >>> gx, gdy, ggamma = batch_norm_eval_double_backward(x, one, None, dy, cache)
    >>> gx.ravel(), gdy.ravel(), ggamma
    (array([1., 0.]), array([4., 8.]), array([1.]))
    """
    op = "batch_norm_eval_double_backward"
    u, ddgamma, ddbeta = _check(op, ddx, ddgamma, ddbeta, dy, cache)
    axis, shape = cache.channel_axis, broadcast_shape(dy.shape, cache.channel_axis)
    v, w, gamma, s = (a.reshape(shape) for a in (ddgamma, ddbeta, cache.gamma, cache.inv_std))
    gx, gdy = v * s * dy, gamma * s * u + v * _x_hat(cache) + w
    ggamma = cache.inv_std * channel_sum(u * dy, axis)
    return gx.astype(dy.dtype), gdy.astype(dy.dtype), ggamma.astype(dy.dtype)


def _x_hat(cache: BatchNormCache) -> Array:
    """Return the normalized input in float64, whatever the dtype of ``x``."""
    shape = broadcast_shape(cache.x.shape, cache.channel_axis)
    return (cache.x - cache.mu.reshape(shape)) * cache.inv_std.reshape(shape)


def _check(
    op: str,
    ddx: Array | None,
    ddgamma: Array | None,
    ddbeta: Array | None,
    dy: Array,
    cache: BatchNormCache,
) -> tuple[Array, Vector, Vector]:
    """Return the three gradients in float64, zeros for None, or say what is wrong."""
    check_backward(op, dy, cache, "cache", BatchNormCache)
    if ddx is None and ddgamma is None and ddbeta is None:
        raise ValueError(
            f"{op}: expected at least one of ddx, ddgamma and ddbeta, got None three times; "
            "a loss that depends on no gradient has no double backward"
        )
    if ddx is not None:
        check_like(op, "ddx", ddx, cache.x)
    C = len(cache.gamma)
    u = np.zeros(dy.shape) if ddx is None else ddx.astype(np.float64)
    ddgamma = np.zeros(C) if ddgamma is None else ddgamma
    ddbeta = np.zeros(C) if ddbeta is None else ddbeta
    v, w = check_vectors(op, C, ddgamma=ddgamma, ddbeta=ddbeta)
    return u, v, w
