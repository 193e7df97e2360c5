"""How a large array is cut into blocks, and sums and moments of the blocks.

A block fits in the processor's cache, so it is read from memory once however many passes
are made over it. Sums within a block are taken in the array's own precision, over so few
values that float32 is enough; the blocks are combined in float64. A single float32 sum
over a million values would lose half of its digits.
"""

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bnlib.axes import Array, Vector
from bnlib.passes.merging import combine

ROWS = 128  # values summed at a time where columns are added: error at most 128 roundings
WIDTH = 1024  # columns that make a sum over rows efficient
RUN = 64  # from this many neighbours per channel on, a channel's run is summed as one row
LONGEST = 4096  # values summed at a time along a row, where the sum keeps many partial sums
BLOCK = 2**17  # values in a block: 512 KiB of float32


class Table(NamedTuple):
    """A view (R, W) of some data; column ``w`` belongs to one channel.

    ``rows`` of it make a block. A row of columns has the shape ``fold``, (K, C, F), so
    summing a folded row over axes 0 and 2 leaves one value per channel.
    """

    values: Array
    fold: tuple[int, int, int]
    rows: int

    def blocks(self) -> Iterator[tuple[int, slice, Array]]:
        """Yield (number of the block of rows, columns, block)."""
        height, width = self.values.shape
        columns = max(1, BLOCK // self.rows)
        for i, top in enumerate(range(0, height, self.rows)):
            for left in range(0, width, columns):
                cut = slice(left, left + columns)
                yield i, cut, self.values[top : top + self.rows, cut]


def by_channel(x: Array, axis: int) -> Array:
    """Return ``x`` as (before, C, after), contiguous: a view if ``x`` has no gaps.

    The order of the values within a channel may change, which no statistic depends on.

    Examples
    --------
    >>> by_channel(np.zeros((8, 3, 5, 5)), 1).shape, by_channel(np.zeros((8, 5, 5, 3)), 3).shape
    ((8, 3, 25), (200, 3, 1))
    """
    order = sorted(range(x.ndim), key=lambda i: -abs(x.strides[i]))
    x = np.ascontiguousarray(x.transpose(order))
    axis = order.index(axis)
    return x.reshape(math.prod(x.shape[:axis]), x.shape[axis], -1)


def tables(x: Array) -> Iterator[Table]:
    """Yield all of ``x``, shape (before, C, after), as one or two tables."""
    before, channels, after = x.shape
    if after >= RUN or before < after:
        runs = x.reshape(before * channels, after).T
        yield Table(runs, (before, channels, 1), min(after, LONGEST))
        return
    k = max(1, min(WIDTH // (channels * after), before // ROWS))  # narrow: k rows as one
    cut = before - before % k
    for part, fold in ((x[:cut], k), (x[cut:], 1)):
        if len(part):
            width = fold * channels * after
            yield Table(part.reshape(-1, width), (fold, channels, after), ROWS)


def block_sum(x: Array) -> Vector:
    """Return the sum of each channel of ``x``, shape (before, C, after), in float64.

    Examples
    --------
    >>> block_sum(np.ones((1000, 2, 3), np.float32))
    array([3000., 3000.])
    """
    _, channels, after = x.shape
    if after >= RUN:  # NumPy adds a run in pairs, so its rounding errors do not pile up
        runs: Vector = x.sum(axis=2).sum(axis=0, dtype=np.float64)
        return runs
    if x.dtype == np.float64 and after == 1 and channels >= 4 * RUN:
        rows: Vector = x.sum(axis=(0, 2))  # exact enough, and wide rows are fast
        return rows
    total = np.zeros(channels)
    for table in tables(x):
        ones = np.ones(table.rows, x.dtype)
        sums = np.zeros(table.values.shape[1])
        for _, cut, block in table.blocks():
            sums[cut] += ones[: len(block)] @ block
        total += sums.reshape(table.fold).sum(axis=(0, 2))
    return total


def block_moments(x: Array) -> tuple[int, Vector, Vector]:
    """Return count, mean and summed squared deviation of each channel of (before, C, after).

    Two passes over each block give its mean and its ``m2``; Chan's formula joins them.
    """
    parts = [_join(table, *_passes(table)) for table in tables(x)]
    return functools.reduce(lambda a, b: combine(*a, *b), parts)


def _passes(table: Table) -> tuple[Array, Array, Array]:
    """Return a centre near each block's mean, and the sums of d = x - centre and of d * d."""
    x, _, rows = table
    ones = np.ones(rows, x.dtype)
    centre, total, square = np.empty((3, -(-len(x) // rows), x.shape[1]), x.dtype)
    scratch: Array | None = None
    for i, cut, block in table.blocks():
        if scratch is None:
            scratch = np.empty_like(block)  # in the memory order of the block
        d = scratch[: block.shape[0], : block.shape[1]]
        one = ones[: len(block)]
        c = one @ block
        c /= x.dtype.type(len(block))
        np.subtract(block, c, out=d)
        centre[i, cut] = c
        total[i, cut] = one @ d
        np.multiply(d, d, out=d)
        square[i, cut] = one @ d
    return centre, total, square


def _join(
    table: Table, centre: Array, total: Array, square: Array
) -> tuple[int, Vector, Vector]:
    """Return count, mean and m2 per channel from the passes over a table's blocks.

    Means are taken relative to the first block's, so that a constant channel gives 0.
    """
    folded = (len(centre), *table.fold)
    height = len(table.values)
    n = np.full((folded[0], 1, 1, 1), float(table.rows))
    n[-1] = height - (folded[0] - 1) * table.rows
    sums = total.astype(np.float64).reshape(folded)
    rest = sums / n  # small: what the centre's rounding left
    mean = centre.reshape(folded) + rest
    m2 = square.reshape(folded) - sums * rest
    first = mean[0, 0, :, 0].copy()
    delta = mean - first[:, np.newaxis]
    count = height * table.fold[0] * table.fold[2]
    axes = (0, 1, 3)  # all but the channel's
    shift = (n * delta).sum(axes)
    m2 = (m2 + n * delta * delta).sum(axes) - shift * shift / count
    return count, first + shift / count, m2
