"""Forward passes over an array: moments, scale and shift. No checks; arrays in and out.

Values per channel are float64 here. Each is split for the loops into what the array's
dtype can hold and the rest, which moves into the shift: a large mean costs no accuracy.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bnlib.axes import Array, Vector
from bnlib.passes import passes_for
from bnlib.passes.blocked import near_zero
from bnlib.passes.compiled import rows, slabs
from bnlib.passes.compiled.compiler import launch
from bnlib.passes.compiled.layout import WIDE, Layout, layout_of
from bnlib.passes.compiled.pooling import pool

CHUNK = 2048  # values that are summed in the array's own dtype
TASK = 1 << 16  # values that a task takes on
Counts = npt.NDArray[np.float64]
Parts = tuple[Vector, Counts]
LIMIT = {np.dtype(np.float32): 1e30, np.dtype(np.float64): 1e290}


def in_range(values: Vector, dtype: np.dtype[np.floating]) -> bool:
    """Return whether all values are 0 or far from where ``dtype`` over- or underflows.

    Examples
    --------
    >>> f4 = np.dtype(np.float32)
    >>> in_range(np.array([0.0, -1e9]), f4), in_range(np.array([1e-40]), f4)
    (True, False)
    """
    limit, size = LIMIT[dtype], np.abs(values)
    return bool(((size < limit) & ((size > 1 / limit) | (size == 0))).all())


def moments(x: Array, axis: int) -> tuple[Vector, Vector]:
    """Do what `bnlib.passes.plain.moments` does.

    Reads ``x`` once, unless a variance is so large or small that NumPy has to compute it.
    """
    layout = layout_of(x, axis)
    parts, n = (by_rows if layout.fold else by_slabs)(layout, layout.walk(x))
    C, B = layout.shape[1], layout.shape[2] if layout.fold else 1
    out = np.empty((3, C))
    launch(pool, parts, n, C, B, LIMIT[x.dtype], out)
    mu, var, exact = out
    return (mu, var) if exact.all() else passes_for(x).moments(x, axis)


def by_rows(layout: Layout, x: Array) -> Parts:
    """Return parts' means and squared deviations, (2, parts, columns), and their counts."""
    n = row_counts(len(x))
    parts = np.empty((2, len(n), layout.width))
    launch(rows.moments, x, parts)
    return parts, n


def by_slabs(layout: Layout, x: Array) -> Parts:
    """Return what `by_rows` does."""
    A, C, B = layout.shape
    chunk, group = min(B, CHUNK), max(1, CHUNK // B)
    n = slab_counts(A, B, chunk, group)
    parts = np.empty((2, len(n), C))
    launch(slabs.moments, x, chunk, group, n, parts)
    return parts, n


def scale_shift(
    x: Array, mu: Vector, var: Vector, gamma: Vector, beta: Vector, eps: float, axis: int
) -> Array:
    """Do what `bnlib.passes.plain.scale_shift` does.

    The result has the order in memory of ``x``, if that has no gaps. As in
    `bnlib.passes.blocked`, a mean near 0 joins the shift, which leaves less to read again
    for every row.
    """
    scale = gamma / np.sqrt(var + eps)
    layout = layout_of(x, axis, 2 * WIDE)
    walked, (y, out) = layout.walk(x), layout.like(x)
    columns = [mu, scale, beta - (mu - mu.astype(x.dtype)) * scale]
    if layout.fold and near_zero(mu, var):
        columns = [scale, beta - mu * scale]
    table = layout.spread(columns, x.dtype)
    loops = rows if layout.fold else slabs
    launch(loops.apply, walked, table, out)
    return y


def task_count(size: int) -> int:
    """Return how many tasks share an array: by its size, not by the number of threads."""
    return min(64, max(1, size // TASK))


@lru_cache(maxsize=256)
def row_counts(rows: int) -> Counts:
    """Return the rows in each of the parts that ``rows`` are cut into.

    Examples
    --------
    >>> row_counts(100), row_counts(1000)
    (array([100.]), array([333., 333., 334.]))
    """
    parts = min(64, max(1, rows // 256))
    return kept(np.diff(rows * np.arange(parts + 1) // parts))


@lru_cache(maxsize=256)
def slab_counts(A: int, B: int, chunk: int, group: int) -> Counts:
    """Return the values in each part: ``chunk`` values of a run in ``group`` images.

    The last piece of a run is shorter, and the last group of images smaller.

    Examples
    --------
    >>> slab_counts(A=5, B=3, chunk=3, group=2), slab_counts(A=1, B=5, chunk=2, group=1)
    (array([6., 6., 3.]), array([2., 2., 1.]))
    """
    images, pieces = (
        np.diff(np.minimum(np.arange(0, whole + step, step), whole))
        for whole, step in ((A, group), (B, chunk))
    )
    return kept(np.outer(images, pieces).ravel())


def kept(counts: npt.NDArray[np.integer]) -> Counts:
    """Return counts as a cache may hand them out again: nobody can write to them."""
    fixed = counts.astype(np.float64)
    fixed.flags.writeable = False
    return fixed
