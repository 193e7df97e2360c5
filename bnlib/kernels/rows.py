"""Loops over contiguous ``(rows, width)``: every column a channel, or part of one.

Plain Python that `bnlib.kernels.compiler` compiles. The rows are cut into ``T`` parts and
these into blocks of `BLOCK` rows. A block is summed in the dtype of ``x``, column beside
column, and blocks are merged in float64. As in `bnlib.kernels.slabs`, a block is taken
about the mean of the blocks before it.
"""

from typing import Any

import numpy as np

from bnlib.kernels.compiler import inlined, prange
from bnlib.shapes import Array, Vector

BLOCK = 64  # rows; float32 sums of so few values keep six digits
TILE = 4096  # columns that one task sums: its sums stay in the cache


@inlined
def sum_block(x: Array, j: int, center: Array, first: Array, second: Array) -> None:
    """Set ``first`` and ``second`` to the columns' sums of ``d`` and ``d * d``."""
    for i in range(x.shape[0]):
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


def apply(x: Array, table: Array, tasks: int, y: Array) -> None:
    """Set ``y`` to ``(x - center) * scale + shift``, the rows of ``table``, (3, width).

    Without ``center``, shape (2, width), to ``x * scale + shift``.
    """
    rows, width = x.shape
    centered = table.shape[0] == 3
    center, scale, shift = table[0], table[-2], table[-1]
    for t in prange(tasks):
        for i in range(rows * t // tasks, rows * (t + 1) // tasks):
            row, out = x[i], y[i]
            if centered:
                for k in range(width):
                    out[k] = (row[k] - center[k]) * scale[k] + shift[k]
            else:
                for k in range(width):
                    out[k] = row[k] * scale[k] + shift[k]


@inlined
def product_block(
    x: Array, dy: Array, j: int, center: Array, unit: Any, first: Array, second: Array
) -> None:
    """Add the columns' sums of ``dy`` and ``dy * ((x - center) * unit)``."""
    for i in range(x.shape[0]):
        row, given = x[i, j : j + first.size], dy[i, j : j + first.size]
        for k in range(first.size):
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


def combine(x: Array, dy: Array, table: Array, tasks: int, dx: Array) -> None:
    """Set ``dx`` to ``((dy - mean) - (x - center) * slope) * scale``.

    ``table``, shape (4, width), holds center, mean, slope and scale.
    """
    rows, width = x.shape
    center, mean, slope, scale = table[0], table[1], table[2], table[3]
    for t in prange(tasks):
        for i in range(rows * t // tasks, rows * (t + 1) // tasks):
            row, given, out = x[i], dy[i], dx[i]
            for k in range(width):
                out[k] = ((given[k] - mean[k]) - (row[k] - center[k]) * slope[k]) * scale[k]
