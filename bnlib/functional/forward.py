"""Batch normalization forward: by the batch's statistics, or by given ones.

`train_forward` and `eval_forward` are the algorithms. The public `batch_norm_train` and
`batch_norm_eval` check their arguments and call them.
"""

from dataclasses import dataclass

import numpy as np

from bnlib.arguments import check_forward, check_statistics, check_vectors, quiet
from bnlib.axes import Array, Vector
from bnlib.passes import Passes, passes_for

FEW = "use a larger batch or batch_norm_eval"


@dataclass(frozen=True, eq=False)
class BatchNormCache:
    """What the backward pass needs: the input by reference and one value per channel.

    ``x`` must not be changed between forward and backward. ``x_hat`` is computed anew
    each time it is asked for, so the cache holds nothing as large as the input.
    """

    x: Array  # (N, C) or (N, C, *spatial)
    mu: Vector  # (C,)
    var: Vector  # (C,), biased
    gamma: Vector  # (C,)
    eps: float
    channel_axis: int

    @property
    def inv_std(self) -> Vector:
        """``1 / sqrt(var + eps)``, shape (C,), float64."""
        return 1 / np.sqrt(self.var + self.eps)

    @property
    def x_hat(self) -> Array:
        """The normalized input, in the shape and dtype of ``x``; equation (4.3)."""
        one, zero = np.ones_like(self.mu), np.zeros_like(self.mu)
        x_hat: Array = passes_for(self.x).scale_shift(
            self.x, self.mu, self.var, one, zero, self.eps, self.channel_axis
        )
        return x_hat


def train_forward(
    x: Array, gamma: Vector, beta: Vector, eps: float, axis: int, passes: Passes
) -> tuple[Array, BatchNormCache]:
    """Normalize by the batch's statistics; nothing is checked."""
    mu, var = passes.moments(x, axis)  # (4.1), (4.2)
    y = passes.scale_shift(x, mu, var, gamma, beta, eps, axis)  # (4.3), (4.4)
    return y, BatchNormCache(x, mu, var, gamma, eps, axis)


def eval_forward(
    x: Array,
    gamma: Vector,
    beta: Vector,
    mean: Vector,
    var: Vector,
    eps: float,
    axis: int,
    passes: Passes,
) -> tuple[Array, BatchNormCache]:
    """Normalize by given statistics; nothing is checked."""
    y = passes.scale_shift(x, mean, var, gamma, beta, eps, axis)  # (4.3), (4.4)
    return y, BatchNormCache(x, mean, var, gamma, eps, axis)


@quiet
def batch_norm_train(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    eps: float = 1e-5,
    channel_axis: int = 1,
    *,
    passes: Passes | None = None,
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
    passes : module, or None
        What computes: `bnlib.passes.plain`, ``blocked`` or ``compiled``. ``None`` takes
        plain or blocked, by the size of ``x``.

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
        (`bnlib.arguments.NonFiniteError`).

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
    gamma, beta, eps, axis = check_forward(
        op, x, gamma, beta, eps, channel_axis, min_values=2, hint=FEW
    )
    y, cache = train_forward(x, gamma, beta, eps, axis, passes or passes_for(x))
    check_statistics(op, cache.mu, cache.var, eps, x.dtype)
    return y, cache


@quiet
def batch_norm_eval(
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    mean: Array,
    var: Array,
    eps: float = 1e-5,
    channel_axis: int = 1,
    *,
    passes: Passes | None = None,
) -> Array:
    """Normalize each channel by statistics that are given, then scale and shift.

    Parameters
    ----------
    x : ndarray, shape (N, C) or (N, C, *spatial), float32 or float64
    gamma, beta : ndarray, shape (C,), or None
        ``None`` means 1 and 0.
    mean, var : ndarray, shape (C,)
        Population estimates, as a rule the running mean and (unbiased) variance.
    eps, channel_axis, passes
        As in `batch_norm_train`.

    Returns
    -------
    y : ndarray, shape and dtype of ``x``
        Each sample's output depends on that sample alone; in NumPy but for a few roundings,
        since `bnlib.passes.blocked` rounds otherwise than ``plain``.

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
    gamma, beta, eps, axis = check_forward(op, x, gamma, beta, eps, channel_axis)
    mean, var = check_vectors(op, len(gamma), mean=mean, var=var)
    check_statistics(op, mean, var, eps)
    y: Array = (passes or passes_for(x)).scale_shift(x, mean, var, gamma, beta, eps, axis)
    return y  # as `eval_forward`, without a cache
