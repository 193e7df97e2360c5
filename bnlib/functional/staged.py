"""Batch normalization one small step at a time, forward and backward.

The nine steps of the forward pass, and their derivatives from the last to the first.
`batch_norm_train` and `batch_norm_backward` compute the same in closed form.
"""

from dataclasses import dataclass

import numpy as np

from bnlib.arguments import check_backward, check_forward, check_statistics, quiet
from bnlib.axes import Array, Vector, broadcast_shape, values_per_channel
from bnlib.functional.forward import FEW
from bnlib.passes.blocked import channel_sum


@dataclass(frozen=True, eq=False)
class Stages:
    """Every intermediate of the forward pass, in the order of the steps.

    Arrays like ``x`` have its shape and dtype, the others are float64, one value per
    channel.
    """

    x: Array  # (N, C) or (N, C, *spatial), the input itself
    mu: Vector  # (C,), mean of x
    centered: Array  # as x, x - mu
    squared: Array  # as x, centered ** 2
    var: Vector  # (C,), mean of squared: biased
    std: Vector  # (C,), sqrt(var + eps)
    inv_std: Vector  # (C,), 1 / std
    x_hat: Array  # as x, centered * inv_std
    scaled: Array  # as x, gamma * x_hat
    y: Array  # as x, scaled + beta
    gamma: Vector  # (C,)
    beta: Vector  # (C,)
    eps: float
    channel_axis: int


@dataclass(frozen=True, eq=False)
class StageGradients:
    """The gradient of the loss with respect to every intermediate, from last to first.

    ``d<name>`` has the shape and dtype of ``<name>`` in `Stages`; ``dgamma`` and
    ``dbeta`` have the dtype of ``x``.
    """

    dy: Array  # as x, given
    dbeta: Array  # (C,)
    dscaled: Array  # as x
    dgamma: Array  # (C,)
    dx_hat: Array  # as x
    dinv_std: Vector  # (C,)
    dstd: Vector  # (C,)
    dvar: Vector  # (C,)
    dsquared: Array  # as x
    dcentered: Array  # as x, the sum of two paths
    dmu: Vector  # (C,)
    dx: Array  # as x, the sum of two paths


@quiet
def staged_forward(
    x: Array, gamma: Array | None, beta: Array | None, eps: float = 1e-5, channel_axis: int = 1
) -> Stages:
    """Normalize each channel by its own batch, and keep every intermediate.

    Parameters
    ----------
    x, gamma, beta, eps, channel_axis
        As in `bnlib.functional.batch_norm_train`.

    Returns
    -------
    Stages
        About five arrays as large as ``x``; `batch_norm_train` needs one.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm_train`.

    Notes
    -----
    Ioffe & Szegedy (2015), Algorithm 1, in nine steps.

    Examples
    --------
    >>> stages = staged_forward(np.array([[1.0], [2.0], [6.0]]), None, None, eps=2.0)
    >>> stages.mu, stages.centered.ravel(), stages.var, stages.std
    (array([3.]), array([-2., -1.,  3.]), array([4.66666667]), array([2.5819889]))
    """
    op = "staged_forward"
    gamma, beta, eps, axis = check_forward(
        op, x, gamma, beta, eps, channel_axis, min_values=2, hint=FEW
    )
    m, shape = values_per_channel(x.shape, axis), broadcast_shape(x.shape, axis)
    mu = channel_sum(x, axis) / m
    mu += channel_sum(x - mu.reshape(shape), axis) / m  # what rounding left over
    centered = (x - mu.reshape(shape)).astype(x.dtype)
    squared = centered**2
    var = channel_sum(squared, axis) / m
    check_statistics(op, mu, var, eps, x.dtype)
    std = np.sqrt(var + eps)
    inv_std = 1 / std
    x_hat = (centered * inv_std.reshape(shape)).astype(x.dtype)
    scaled = (gamma.reshape(shape) * x_hat).astype(x.dtype)
    y = (scaled + beta.reshape(shape)).astype(x.dtype)
    arrays = x, mu, centered, squared, var, std, inv_std, x_hat, scaled, y
    return Stages(*arrays, gamma, beta, eps, axis)


@quiet
def staged_backward(dy: Array, stages: Stages) -> StageGradients:
    """Differentiate `staged_forward` step by step, from the last to the first.

    Parameters
    ----------
    dy : ndarray, shape and dtype of ``x``
        Gradient of a scalar loss with respect to ``y``.
    stages : Stages

    Returns
    -------
    StageGradients
        Its ``dx``, ``dgamma`` and ``dbeta`` are those of `batch_norm_backward`.

    Raises
    ------
    TypeError, ValueError
        If ``dy`` differs from ``x`` in dtype or shape, or ``stages`` are not `Stages`.

    Notes
    -----
    Ioffe & Szegedy (2015), section 3, the six equations of the chain rule, in smaller
    steps. A value that is used twice (``centered``, ``x``) collects two gradients.

    Examples
    --------
    >>> stages = staged_forward(np.array([[1.0], [2.0], [6.0]]), None, None, eps=2.0)
    >>> gradients = staged_backward(np.array([[1.0], [0.0], [0.0]]), stages)
    >>> gradients.dinv_std, gradients.dstd.round(4), abs(gradients.dx.sum()) < 1e-12
    (array([-2.]), array([0.3]), np.True_)
    """
    check_backward("staged_backward", dy, stages, "stages", Stages)
    axis = stages.channel_axis
    m, shape = values_per_channel(dy.shape, axis), broadcast_shape(dy.shape, axis)
    gamma, inv_std = stages.gamma.reshape(shape), stages.inv_std.reshape(shape)
    dbeta = channel_sum(dy, axis)  # y = scaled + beta
    dscaled = dy
    dgamma = channel_sum(dscaled * stages.x_hat, axis)  # scaled = gamma * x_hat
    dx_hat = dscaled * gamma
    dinv_std = channel_sum(dx_hat * stages.centered, axis)  # x_hat = centered * inv_std
    dstd = -dinv_std * stages.inv_std**2  # inv_std = 1 / std
    dvar = dstd * 0.5 * stages.inv_std  # std = sqrt(var + eps)
    dsquared = np.broadcast_to((dvar / m).reshape(shape), dy.shape)  # var = mean(squared)
    dcentered = dx_hat * inv_std + dsquared * 2 * stages.centered  # squared = centered ** 2
    dmu = -channel_sum(dcentered, axis)  # centered = x - mu
    dx = dcentered + (dmu / m).reshape(shape)  # mu = mean(x)

    def like_x(a: Array) -> Array:
        """Return a new array in the dtype of ``x``."""
        return a.astype(dy.dtype)

    return StageGradients(
        like_x(dy), like_x(dbeta), like_x(dscaled), like_x(dgamma), like_x(dx_hat),
        dinv_std, dstd, dvar, like_x(dsquared), like_x(dcentered), dmu, like_x(dx),
    )  # fmt: skip
