"""The backward pass over an array. No checks; arrays in and out."""

import numpy as np

from bnlib.axes import Array, Vector
from bnlib.passes import passes_for
from bnlib.passes.blocked import NEAR
from bnlib.passes.compiled import rows, slabs
from bnlib.passes.compiled.compiler import launch
from bnlib.passes.compiled.forward import CHUNK, in_range, row_counts, task_count
from bnlib.passes.compiled.layout import Layout, layout_of


def gradients(
    dy: Array, x: Array, mu: Vector, var: Vector, gamma: Vector, eps: float, axis: int,
    through: bool = True,
) -> tuple[Array, Vector, Vector]:  # fmt: skip
    """Do what `bnlib.passes.plain.gradients` does.

    NumPy takes over where a number is NaN, or leaves the range of the dtype.
    """
    inv_std = 1 / np.sqrt(var + eps)
    try:
        return gradients_in_range(dy, x, mu, inv_std, gamma * inv_std, axis, through)
    except FloatingPointError:
        dx, dgamma, dbeta = passes_for(x).gradients(dy, x, mu, var, gamma, eps, axis, through)
        return dx, dgamma, dbeta


def gradients_in_range(
    dy: Array, x: Array, mu: Vector, inv_std: Vector, scale: Vector, axis: int, through: bool
) -> tuple[Array, Vector, Vector]:
    """Return what `gradients` does; ``scale`` is ``gamma * inv_std``.

    Raises
    ------
    FloatingPointError
        If a number is NaN, or leaves the range of the dtype: NumPy has to compute it.
    """
    layout = layout_of(x, axis)
    walked, given, (dx, out) = layout.walk(x), layout.walk(dy), layout.like(x)
    center = mu.astype(x.dtype).astype(np.float64)
    unit = 2.0 ** np.frexp(inv_std.max())[1]  # a power of 2: it costs no digit
    dbeta, dot = sums(layout, walked, given, center, unit)
    lost = (mu - center) * inv_std
    dgamma = dot * (inv_std / unit) - lost * dbeta
    if not (np.isfinite(dgamma).all() and np.isfinite(dbeta).all()):
        raise FloatingPointError("gradients: a sum is not finite; NumPy computes")
    loops = rows if layout.fold else slabs
    if not through:
        table = layout.spread([scale, np.zeros_like(scale)], x.dtype)
        launch(loops.apply, given, table, out)
        return dx, dgamma, dbeta
    m = layout.shape[0] * layout.shape[2]
    slope, mean = inv_std * dgamma / m, (dbeta - lost * dgamma) / m
    if not in_range(slope, x.dtype):
        raise FloatingPointError("gradients: a slope is out of range; NumPy computes")
    columns = [center, mean, slope, scale]
    near = layout.fold and (np.abs(center * inv_std) <= NEAR).all()
    if near and in_range(slope * scale, x.dtype):
        columns = [scale, slope * scale, (center * slope - mean) * scale]
    launch(loops.combine, walked, given, layout.spread(columns, x.dtype), out)
    return dx, dgamma, dbeta


def sums(layout: Layout, x: Array, dy: Array, center: Vector, unit: float) -> Vector:
    """Return each channel's sums of ``dy`` and ``dy * ((x - center) * unit)``, (2, C)."""
    values = layout.spread([center], x.dtype)[0]
    parts = len(row_counts(len(x))) if layout.fold else min(len(x), task_count(x.size))
    out = np.empty((2, parts, layout.width))
    if layout.fold:
        launch(rows.products, x, dy, values, unit, out)
        out = layout.gather(out)
    else:
        launch(slabs.products, x, dy, values, unit, min(x.shape[2], CHUNK), out)
    total: Vector = np.add.reduce(out, axis=1)
    return total
