"""The backward pass over an array. No checks; arrays in and out."""

import numpy as np

from bnlib.functional.forward import NEAR
from bnlib.kernels import rows, slabs
from bnlib.kernels.compiler import launch
from bnlib.kernels.layout import Layout, layout_of
from bnlib.kernels.passes import CHUNK, in_range, row_counts, task_count
from bnlib.shapes import Array, Vector
from bnlib.stats import quiet


@quiet
def gradients(
    dy: Array,
    x: Array,
    mu: Vector,
    inv_std: Vector,
    scale: Vector,
    channel_axis: int,
    through: bool = True,
) -> tuple[Array, Vector, Vector]:
    """Return ``dx``, dgamma and dbeta.

    ``scale`` is ``gamma * inv_std``. ``through`` says whether the statistics depend on ``x``:
    true for training, false for evaluation.

    Raises
    ------
    FloatingPointError
        If a number is NaN, or leaves the range of the dtype: NumPy has to compute it.

    Examples
    --------
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> dy, x = np.array([[1.0], [0.0]]), np.array([[-1.0], [1.0]])
    >>> dx, dgamma, dbeta = gradients(dy, x, zero, one, one, 1)
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([-1.]), array([1.]))
    """
    layout = layout_of(x, channel_axis)
    walked, given, (dx, out) = layout.walk(x), layout.walk(dy), layout.like(x)
    center = mu.astype(x.dtype).astype(np.float64)
    unit = 2.0 ** np.frexp(inv_std.max())[1]  # a power of 2: it costs no digit
    dbeta, dot = sums(layout, walked, given, center, unit)
    lost = (mu - center) * inv_std
    dgamma = dot * (inv_std / unit) - lost * dbeta
    if not (np.isfinite(dgamma).all() and np.isfinite(dbeta).all()):
        raise FloatingPointError("gradients: a sum is not finite; use bnlib.functional")
    loops = rows if layout.fold else slabs
    if not through:
        table = layout.spread([scale, np.zeros_like(scale)], x.dtype)
        launch(loops.apply, given, table, out)
        return dx, dgamma, dbeta
    slope, mean = inv_std * dgamma / layout.m, (dbeta - lost * dgamma) / layout.m
    if not in_range(slope, x.dtype):
        raise FloatingPointError("gradients: a slope is out of range; use bnlib.functional")
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
