"""Batch normalization backward: the gradients in closed form."""

from bnlib.arguments import check_backward, quiet
from bnlib.axes import Array
from bnlib.functional.forward import BatchNormCache
from bnlib.passes import Passes, passes_for


def backward(
    dy: Array, cache: BatchNormCache, through: bool, passes: Passes
) -> tuple[Array, Array, Array]:
    """Return dx, dgamma and dbeta; nothing is checked.

    ``through`` says whether the statistics depend on ``x``: true in training, false in
    evaluation.
    """
    x, mu, var, gamma, eps = cache.x, cache.mu, cache.var, cache.gamma, cache.eps
    dx, dgamma, dbeta = passes.gradients(
        dy, x, mu, var, gamma, eps, cache.channel_axis, through
    )  # (5.16)
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)


@quiet
def batch_norm_backward(
    dy: Array, cache: BatchNormCache, *, passes: Passes | None = None
) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_train` in closed form, through the statistics.

    Parameters
    ----------
    dy : ndarray, shape and dtype of the forward pass's ``x``
        Gradient of a scalar loss with respect to ``y``.
    cache : BatchNormCache
    passes : module, or None
        As in `batch_norm_train`.

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
    channel's ``m`` values, equation (5.16); Ioffe & Szegedy (2015), section 3, simplified.

    Examples
    --------
    >>> import numpy as np
    >>> from bnlib.functional import batch_norm_train
    >>> y, cache = batch_norm_train(np.array([[1.0], [2.0], [4.0]]), None, None)
    >>> dx, dgamma, dbeta = batch_norm_backward(np.array([[1.0], [0.0], [0.0]]), cache)
    >>> bool(abs(dx.sum()) < 1e-12), dbeta
    (True, array([1.]))
    """
    check_backward("batch_norm_backward", dy, cache, "cache", BatchNormCache)
    return backward(dy, cache, True, passes or passes_for(dy))


@quiet
def batch_norm_eval_backward(
    dy: Array, cache: BatchNormCache, *, passes: Passes | None = None
) -> tuple[Array, Array, Array]:
    """Differentiate `batch_norm_eval`, where the statistics are constants.

    Parameters, results and errors as in `batch_norm_backward`; ``cache.mu`` and
    ``cache.var`` are the statistics that the forward pass was given. Here ``dx`` is
    ``gamma * inv_std * dy``: no term goes through the statistics.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0], [2.0]])
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> cache = BatchNormCache(x, zero, one, 3 * one, 0.0, 1)
    >>> batch_norm_eval_backward(np.array([[1.0], [0.0]]), cache)[0].ravel()
    array([3., 0.])
    """
    check_backward("batch_norm_eval_backward", dy, cache, "cache", BatchNormCache)
    return backward(dy, cache, False, passes or passes_for(dy))
