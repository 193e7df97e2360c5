"""The backward pass over an array. No checks; arrays in and out."""

import numpy as np

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
    constants = np.stack([mu, inv_std, scale])
    by = by_rows if layout.fold else by_slabs
    dx, dgamma, dbeta = by(layout, layout.walk(x), layout.walk(dy), constants, through)
    if not (np.isfinite(dgamma).all() and np.isfinite(dbeta).all()):
        raise FloatingPointError("gradients: a sum is not finite; use bnlib.functional")
    return dx, dgamma, dbeta


def by_slabs(
    layout: Layout, x: Array, dy: Array, constants: Vector, through: bool
) -> tuple[Array, Vector, Vector]:
    """Return dx, dgamma and dbeta of ``x`` and ``dy`` as the loops take them."""
    dx, out = layout.like(x)
    sums = np.empty((2, constants.shape[1]))
    chunk = min(layout.shape[2], CHUNK)
    launch(slabs.backward, x, dy, constants, through, chunk, sums, out)
    return dx, sums[1], sums[0]


def by_rows(
    layout: Layout, x: Array, dy: Array, constants: Vector, through: bool
) -> tuple[Array, Vector, Vector]:
    """Return what `by_slabs` does."""
    mu, inv_std, scale = constants
    center = mu.astype(x.dtype).astype(np.float64)
    unit = 2.0 ** np.frexp(inv_std.max())[1]  # a power of 2: it costs no digit
    parts = np.empty((2, len(row_counts(len(x))), layout.width))
    launch(rows.products, x, dy, layout.spread([center], x.dtype)[0], unit, parts)
    dbeta, dot = layout.gather(parts).sum(axis=1)
    lost = (mu - center) * inv_std
    dgamma = dot * (inv_std / unit) - lost * dbeta
    dx, out = layout.like(x)
    if not through:
        table = layout.spread([scale, np.zeros_like(scale)], x.dtype)
        launch(rows.apply, dy, table, task_count(dy.size), out)
        return dx, dgamma, dbeta
    share = dgamma / layout.m
    if not in_range(inv_std * share, x.dtype):
        raise FloatingPointError("gradients: a slope is out of range; use bnlib.functional")
    mean = dbeta / layout.m - lost * share
    table = layout.spread([center, mean, inv_std * share, scale], x.dtype)
    launch(rows.combine, x, dy, table, task_count(dy.size), out)
    return dx, dgamma, dbeta
