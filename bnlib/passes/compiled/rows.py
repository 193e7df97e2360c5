"""Loops over contiguous ``(rows, width)``: every column a channel, or part of one.

Plain Python that `compiler` compiles. The rows are cut into ``T`` parts and
these into blocks of `BLOCK` rows. A block is summed in the dtype of ``x``, column beside
column, and blocks are merged in float64. A block is taken about the mean of the blocks
before it, so one pass over memory is enough and a large mean costs no digits.
"""

from typing import Any

import numpy as np

from bnlib.axes import Array, Vector
from bnlib.passes.compiled.compiler import inlined, prange

BLOCK = 64  # rows; float32 sums of so few values keep six digits
LONG = 4096  # bytes of a row; the sums of longer ones do not stay in the first cache
AT_ONCE = 8  # long rows, which share one way of the sums to the second cache and back
TILE = 4096  # columns that one task sums: its sums stay in the cache


@inlined
def sum_block(x: Array, j: int, center: Array, first: Array, second: Array) -> None:
    """Add the columns' sums of ``d`` and ``d * d``, ``d = x - center``, from column ``j``.

    Long rows are taken `AT_ONCE`. Columns are unsigned there: a number that could be
    negative, and so count from the end, would have to be tested for each value.
    """
    rows, done = x.shape[0], 0
    if x.shape[1] * x.itemsize > LONG:
        done = rows // AT_ONCE * AT_ONCE
        for i in range(0, done, AT_ONCE):
            for k in range(center.size):
                p = q = x.dtype.type(0)
                for r in range(AT_ONCE):
                    d = x[i + r, np.uint64(j) + np.uint64(k)] - center[k]
                    p += d
                    q += d * d
                first[k] += p
                second[k] += q
    for i in range(done, rows):
        row = x[i, j : j + center.size]
        for k in range(center.size):
            d = row[k] - center[k]
            first[k] += d
            second[k] += d * d


@inlined
def merge_block(
    center: Array, first: Array, second: Array, w: int, n: int, mu: Vector, m2: Vector
) -> None:
    """Merge ``w`` rows about ``center`` with ``n`` rows before (Chan et al. 1983, (2.1)).

    Leaves ``center`` at the new mean and the sums at zero.
    """
    share = w / (n + w)
    for k in range(center.size):
        offset = np.float64(first[k]) / w
        delta = center[k] + offset - mu[k]
        m2[k] += second[k] - w * offset * offset + delta * delta * n * share
        mu[k] += delta * share
        center[k] = mu[k]
        first[k] = second[k] = 0


def moments(x: Array, out: Vector) -> None:
    """Fill ``out``, shape (2, T, width), with means and squared deviations of ``T`` parts."""
    rows, width = x.shape
    T = out.shape[1]
    tiles = (width + TILE - 1) // TILE
    for task in prange(T * tiles):
        t = task // tiles
        j = (task - t * tiles) * TILE
        start, stop = rows * t // T, rows * (t + 1) // T
        mu, m2 = out[0, t, j : j + TILE], out[1, t, j : j + TILE]
        center = x[start, j : j + TILE].copy()
        first, second = np.zeros(mu.size, x.dtype), np.zeros(mu.size, x.dtype)
        for k in range(mu.size):
            mu[k], m2[k] = center[k], 0.0
        for i in range(start, stop, BLOCK):
            w = min(BLOCK, stop - i)
            sum_block(x[i : i + w], j, center, first, second)
            merge_block(center, first, second, w, i - start, mu, m2)


def apply(x: Array, table: Array, y: Array) -> None:
    """Set ``y`` to ``(x - center) * scale + shift``, the rows of ``table``, (3, width).

    Without ``center``, shape (2, width), to ``x * scale + shift``.
    """
    rows, width = x.shape
    if table.shape[0] == 3:
        for i in prange(rows):
            for k in range(width):
                y[i, k] = (x[i, k] - table[0, k]) * table[1, k] + table[2, k]
    else:
        for i in prange(rows):
            for k in range(width):
                y[i, k] = x[i, k] * table[0, k] + table[1, k]


@inlined
def product_block(
    x: Array, dy: Array, j: int, center: Array, unit: Any, first: Array, second: Array
) -> None:
    """Add the columns' sums of ``dy`` and ``dy * ((x - center) * unit)``, as `sum_block`."""
    rows, done = x.shape[0], 0
    if x.shape[1] * x.itemsize > LONG:
        done = rows // AT_ONCE * AT_ONCE
        for i in range(0, done, AT_ONCE):
            for k in range(center.size):
                p = q = x.dtype.type(0)
                for r in range(AT_ONCE):
                    column = np.uint64(j) + np.uint64(k)
                    p += dy[i + r, column]
                    q += dy[i + r, column] * ((x[i + r, column] - center[k]) * unit)
                first[k] += p
                second[k] += q
    for i in range(done, rows):
        row, given = x[i, j : j + center.size], dy[i, j : j + center.size]
        for k in range(center.size):
            first[k] += given[k]
            second[k] += given[k] * ((row[k] - center[k]) * unit)


def products(x: Array, dy: Array, center: Array, unit: float, out: Vector) -> None:
    """Fill ``out``, shape (2, T, width): sums of ``dy`` and ``dy * ((x - center) * unit)``.

    ``unit`` keeps the products of small numbers from underflow. One number does for all
    columns: with a second array to read, LLVM finds too many that could overlap.
    """
    rows, width = x.shape
    T = out.shape[1]
    tiles = (width + TILE - 1) // TILE
    for task in prange(T * tiles):
        t = task // tiles
        j = (task - t * tiles) * TILE
        start, stop = rows * t // T, rows * (t + 1) // T
        total, dot = out[0, t, j : j + TILE], out[1, t, j : j + TILE]
        first, second = np.zeros(total.size, x.dtype), np.zeros(total.size, x.dtype)
        for k in range(total.size):
            total[k] = dot[k] = 0.0
        for i in range(start, stop, BLOCK):
            w = min(BLOCK, stop - i)
            middle, one = center[j : j + TILE], x.dtype.type(unit)
            product_block(x[i : i + w], dy[i : i + w], j, middle, one, first, second)
            for k in range(total.size):
                total[k], dot[k] = total[k] + first[k], dot[k] + second[k]
                first[k] = second[k] = 0


def combine(x: Array, dy: Array, table: Array, dx: Array) -> None:
    """Set ``dx`` to ``((dy - mean) - (x - center) * slope) * scale``.

    ``table``, shape (4, width), holds center, mean, slope and scale. With ``scale``, ``slope
    * scale`` and ``(center * slope - mean) * scale``, shape (3, width), the same with less to
    read, for centers near 0.
    """
    rows, width = x.shape
    if table.shape[0] == 4:
        for i in prange(rows):
            for k in range(width):
                x_hat = (x[i, k] - table[0, k]) * table[2, k]
                dx[i, k] = ((dy[i, k] - table[1, k]) - x_hat) * table[3, k]
    else:
        for i in prange(rows):
            for k in range(width):
                dx[i, k] = (dy[i, k] * table[0, k] - x[i, k] * table[1, k]) + table[2, k]
