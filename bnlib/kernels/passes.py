"""Forward passes over an array: moments, scale and shift. No checks; arrays in and out.

Values per channel are float64 here. Each is split for the loops into what the array's
dtype can hold and the rest, which moves into the shift: a large mean costs no accuracy.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bnlib.functional.forward import NEAR
from bnlib.kernels import rows, slabs
from bnlib.kernels.compiler import launch
from bnlib.kernels.layout import Layout, layout_of
from bnlib.shapes import Array, Vector
from bnlib.stats import mean_var, quiet

CHUNK = 2048  # values that are summed in the array's own dtype
TASK = 1 << 16  # values that a task takes on
Counts = npt.NDArray[np.float64]
Parts = tuple[Vector, Vector, Counts]
LIMIT = {"float32": 1e30, "float64": 1e290}


def in_range(values: Vector, dtype: npt.DTypeLike) -> bool:
    """Return whether all values are 0 or far from where ``dtype`` over- or underflows.

    Examples
    --------
    >>> in_range(np.array([0.0, -1e9]), np.float32), in_range(np.array([1e-40]), np.float32)
    (True, False)
    """
    limit, size = LIMIT[np.dtype(dtype).name], np.abs(values)
    return bool(((size < limit) & ((size > 1 / limit) | (size == 0))).all())


@quiet
def moments(x: Array, channel_axis: int) -> tuple[Vector, Vector]:
    """Return each channel's mean and biased variance; `bnlib.stats.mean_var`, compiled.

    Reads ``x`` once, unless a variance is so large or small that NumPy has to compute it.
    NaN or infinite where ``x`` is, or where squares overflow.

    Examples
    --------
    >>> moments(np.array([[1.0, 10.0], [3.0, 10.0]]), 1)
    (array([ 2., 10.]), array([1., 0.]))
    """
    layout = layout_of(x, channel_axis)
    mu, var = pool(*(by_rows if layout.fold else by_slabs)(layout, layout.walk(x)))
    return (mu, var) if in_range(var, x.dtype) else mean_var(x, channel_axis)


def by_rows(layout: Layout, x: Array) -> Parts:
    """Return means, squared deviations, shape (parts, C), and counts of parts of ``x``."""
    n = row_counts(len(x))
    out = np.empty((2, len(n), layout.width))
    launch(rows.moments, x, out)
    mean, m2 = layout.gather(out)
    return mean, m2, np.repeat(n, layout.width // layout.shape[1])


def by_slabs(layout: Layout, x: Array) -> Parts:
    """Return what `by_rows` does."""
    A, C, B = layout.shape
    chunk = min(B, CHUNK)
    n = piece_counts(A, B, chunk, task=TASK // chunk)
    out = np.empty((2, len(n), C))
    launch(slabs.moments, x, chunk, CHUNK // chunk, TASK // chunk, out)
    return out[0], out[1], n


def pool(mean: Vector, m2: Vector, n: Counts) -> tuple[Vector, Vector]:
    """Return mean and biased variance of parts, shape (parts, C), with ``n`` values each.

    The parts' means are taken about the first, so equal values leave a variance of 0.

    Examples
    --------
    >>> pool(np.array([[1.0], [4.0]]), np.array([[0.0], [2.0]]), np.array([1, 2]))
    (array([3.]), array([2.66666667]))
    """
    m = n.sum()
    offset = mean - mean[0]
    shift = n @ offset / m
    offset -= shift
    np.square(offset, out=offset)
    var = (m2.sum(axis=0) + n @ offset) / m
    return mean[0] + shift, np.maximum(var, 0.0)


@quiet
def scale_shift(
    x: Array,
    mu: Vector,
    scale: Vector,
    shift: Vector,
    channel_axis: int,
    var: Vector | None = None,
) -> Array:
    """Return ``(x - mu) * scale + shift``; `bnlib.functional.scale_shift`, compiled.

    The result has the order in memory of ``x``, if that has no gaps. ``var`` as there: a
    mean near 0 joins the shift, which leaves less to read again for every row.

    Examples
    --------
    >>> scale_shift(np.array([[1.0], [3.0]]), np.array([2.0]), np.ones(1), np.zeros(1), 1)
    array([[-1.],
           [ 1.]])
    """
    layout = layout_of(x, channel_axis)
    walked, (y, out) = layout.walk(x), layout.like(x)
    columns = [mu, scale, shift - (mu - mu.astype(x.dtype)) * scale]
    if layout.fold and var is not None and (np.abs(mu) <= NEAR * np.sqrt(var)).all():
        columns = [scale, shift - mu * scale]
    table = layout.spread(columns, x.dtype)
    if layout.fold:
        launch(rows.apply, walked, table, task_count(x.size), out)
    else:
        chunk = min(layout.shape[2], CHUNK)
        launch(slabs.apply, walked, table, chunk, task_count(x.size), out)
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
    return np.diff(rows * np.arange(parts + 1) // parts).astype(np.float64)


@lru_cache(maxsize=256)
def piece_counts(A: int, B: int, chunk: int, task: int) -> Counts:
    """Return the values in each task of ``task`` pieces; the last piece of a run is shorter.

    Examples
    --------
    >>> piece_counts(A=2, B=5, chunk=2, task=4)
    array([7., 3.])
    """
    ends = np.minimum(np.arange(1, -(-B // chunk) + 1) * chunk, B)
    bounds = (np.arange(A)[:, None] * B + ends).ravel()
    last = np.arange(task, len(bounds) + task, task) - 1
    return np.diff(bounds[np.minimum(last, len(bounds) - 1)], prepend=0).astype(np.float64)
