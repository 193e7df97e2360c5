"""The passes of `bnlib.passes.plain` for large arrays: the same results, less memory and time.

They work block by block, in the dtype of ``x``, and write into one new array at most. Sums
of blocks are taken in float64. Where a float32 sum would lose digits or overflow, the plain
passes take over.
"""

import numpy as np

from bnlib.axes import Array, Vector, broadcast_shape, reduction_axes
from bnlib.passes import plain
from bnlib.passes.tables import block_moments, block_sum, by_channel

BLOCK = 2**16  # values that are scaled at a time; fewer are summed at once
NEAR = 4  # standard deviations: so far a mean may lie from 0 and still join the shift


def channel_sum(x: Array, axis: int) -> Vector:
    """Return the sum of each channel, shape (C,), in float64.

    Examples
    --------
    >>> channel_sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    array([4., 6.])
    """
    if x.size > BLOCK:
        total = block_sum(by_channel(x, axis))
        if np.isfinite(total).all():  # not so where a float32 sum overflows
            return total
    wide: Vector = x.sum(reduction_axes(x.ndim, axis), dtype=np.float64)
    return wide


def moments(x: Array, axis: int) -> tuple[Vector, Vector]:
    """Do what `bnlib.passes.plain.moments` does.

    In float32 the variance has a relative error below 1e-5, as a rule 1e-7, at any number
    of values and also where the mean is 10000 standard deviations.
    """
    x = by_channel(x, axis)
    n, mu, m2 = block_moments(x)
    var = m2 / n
    # The centre of a block is off by up to 128 roundings. Where that is not small beside the
    # spread (a constant channel), and where a sum overflowed, the plain passes take over.
    floor = (128 * np.finfo(x.dtype).eps * mu) ** 2
    again = np.flatnonzero(~((var >= floor) & (var < np.inf)))
    count = max(1, len(mu) // 8)  # so many at a time, to need little memory
    for i in range(0, len(again), count):
        group = again[i : i + count]
        mu[group], var[group] = plain.moments(x[:, group], 1)
    return mu, var


def scale_shift(
    x: Array, mu: Vector, var: Vector, gamma: Vector, beta: Vector, eps: float, axis: int
) -> Array:
    """Do what `bnlib.passes.plain.scale_shift` does."""
    scale = gamma / np.sqrt(var + eps)
    return affine(x, mu, scale, beta, axis, near_zero(mu, var), np.empty_like(x))


def near_zero(mu: Vector, var: Vector) -> bool:
    """Return whether every mean lies within 4 standard deviations of 0."""
    return bool((np.abs(mu) <= NEAR * np.sqrt(var)).all())


def affine(
    x: Array, mu: Vector, scale: Vector, shift: Vector, axis: int, near: bool, out: Array
) -> Array:
    """Return ``(x - mu) * scale + shift`` in ``out``.

    Where ``x`` is float32, the part of ``mu`` that float32 cannot hold moves into the shift,
    so a large mean costs no accuracy. Where ``near``, all of ``mu`` does: one operation
    less, for an error of a few roundings of a standard deviation.
    """
    near = near and x.size > BLOCK
    center = np.zeros_like(mu, x.dtype) if near else mu.astype(x.dtype)
    shape, shift = broadcast_shape(x.shape, axis), shift - (mu - center) * scale
    c, a, b = (row.astype(x.dtype).reshape(shape) for row in (center, scale, shift))
    step = max(1, BLOCK // x[:1].size) if axis else len(x)
    for i in range(0, len(x), step):  # blocks that stay in the cache
        block, part = x[i : i + step], out[i : i + step]
        if near:
            np.multiply(block, a, out=part)
        else:
            np.subtract(block, c, out=part)
            part *= a
        part += b
    return out


def gradients(
    dy: Array, x: Array, mu: Vector, var: Vector, gamma: Vector, eps: float, axis: int,
    through: bool = True,
) -> tuple[Array, Vector, Vector]:  # fmt: skip
    """Do what `bnlib.passes.plain.gradients` does, with one array as large as ``x``."""
    m, inv_std, near = x.size // len(mu), 1 / np.sqrt(var + eps), near_zero(mu, var)
    dx = affine(x, mu, inv_std, np.zeros_like(mu), axis, near, np.empty_like(x))  # x_hat
    dx *= dy
    dgamma, dbeta = channel_sum(dx, axis), channel_sum(dy, axis)
    if through:  # dx = dy - mean(dy) - x_hat * mean(dy * x_hat)
        affine(x, mu, -dgamma / m * inv_std, -dbeta / m, axis, near, dx)
        dx += dy
    else:
        dx[...] = dy
    dx *= (gamma * inv_std).astype(dx.dtype).reshape(broadcast_shape(x.shape, axis))
    return dx, dgamma, dbeta
