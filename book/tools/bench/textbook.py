"""Batch normalization as courses write it: one simple operation after another.

Nine steps forward, and the derivative of each step backward. Feature maps are turned into
rows of channels first, and back at the end.
"""

from collections import namedtuple

import numpy as np

from bench.problem import Array, Shape

# What the backward pass uses of the forward pass; ``shape`` is that of x.
Steps = namedtuple("Steps", "shape centered std inv_std var x_hat gamma")


def as_rows(x: Array) -> Array:
    """Return (N, C, H, W) as (N * H * W, C); leave (N, C) as it is."""
    return x if x.ndim == 2 else np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def as_maps(rows: Array, shape: Shape) -> Array:
    """Undo `as_rows`."""
    if len(shape) == 2:
        return rows
    maps = rows.reshape(shape[0], *shape[2:], shape[1])
    return np.ascontiguousarray(np.moveaxis(maps, -1, 1))


def batch_norm_train(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, Steps]:
    """Normalize each channel by its batch, in nine steps."""
    rows = as_rows(x)
    mu = rows.mean(axis=0)  # 1
    centered = rows - mu  # 2
    squared = centered**2  # 3
    var = squared.mean(axis=0)  # 4
    std = np.sqrt(var + rows.dtype.type(eps))  # 5
    inv_std = 1 / std  # 6
    x_hat = centered * inv_std  # 7
    scaled = gamma * x_hat  # 8
    y = scaled + beta  # 9
    return as_maps(y, x.shape), Steps(x.shape, centered, std, inv_std, var, x_hat, gamma)


def batch_norm_backward(dy: Array, steps: Steps) -> tuple[Array, Array, Array]:
    """Return dx, dgamma and dbeta: the nine steps' derivatives, last to first."""
    rows = as_rows(dy)
    m = rows.shape[0]
    ones = np.ones_like(rows)
    dbeta = rows.sum(axis=0)  # 9
    dscaled = rows
    dgamma = (dscaled * steps.x_hat).sum(axis=0)  # 8
    dx_hat = dscaled * steps.gamma
    dinv_std = (dx_hat * steps.centered).sum(axis=0)  # 7
    dcentered = dx_hat * steps.inv_std
    dstd = -dinv_std / steps.std**2  # 6
    dvar = dstd / (2 * steps.std)  # 5
    dsquared = ones / m * dvar  # 4
    dcentered = dcentered + 2 * steps.centered * dsquared  # 3
    dmu = -dcentered.sum(axis=0)  # 2
    dx = dcentered + ones / m * dmu  # 1
    return as_maps(dx, steps.shape), dgamma, dbeta


def batch_norm_eval(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float
) -> Array:
    """Normalize each channel by statistics that are given."""
    x_hat = (as_rows(x) - mean) / np.sqrt(var + x.dtype.type(eps))
    return as_maps(gamma * x_hat + beta, x.shape)
