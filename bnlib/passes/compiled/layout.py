"""How an array of any shape, axis and strides becomes one that the loops can walk."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnlib.axes import Array, Vector

SHORT = 32  # runs below this are too short for a loop of their own
LINE = 64  # bytes of a cache line
WIDE = 2048  # bytes in a row that are enough for one


@dataclass(frozen=True)
class Layout:
    """A contiguous view of an array as ``(A, C, B)``: before, channels, after.

    Where runs of ``B`` values are long, the loops of `slabs` walk it as it
    is. Else ``fold`` of the first axis join the channels: ``(A / fold, fold * C * B)``,
    columns for `rows`. Neither moves a value.
    """

    order: tuple[int, ...]  # the axes by stride, longest first: the order in memory
    inverse: tuple[int, ...] | None  # where in ``order`` each axis stands; None: in place
    sizes: tuple[int, ...]  # along these axes
    shape: tuple[int, int, int]
    fold: int  # 0 for slabs
    walked: tuple[int, ...]  # the shape that the loops see

    @property
    def width(self) -> int:
        """Columns that the loops see; in slabs, channels."""
        return self.walked[1]

    def walk(self, array: Array) -> Array:
        """Return ``array`` as the loops take it, read-only; copied if its order differs."""
        view = np.asarray(array)
        if self.inverse is not None:
            view = view.transpose(self.order)
        flags = view.flags
        if not (flags.c_contiguous and flags.aligned):
            view = view.copy(order="C")
        view = view.reshape(self.walked)
        view.setflags(write=False)  # one type for numba, whatever came
        return view

    def like(self, array: Array) -> tuple[Array, Array]:
        """Return a new array in this order, and the view of it that the loops fill."""
        y = np.empty(self.sizes, array.dtype)
        out = y.reshape(self.walked)
        return y if self.inverse is None else y.transpose(self.inverse), out

    def spread(self, rows: list[Vector], dtype: np.dtype[np.floating]) -> Array:
        """Return values per channel as the rows of a table, in ``dtype``; there, per column.

        It begins 16 bytes after a cache line does. On the machine of the stored benchmark
        loops over it took a tenth longer where it began with a line; why is not known.
        """
        C, B = self.shape[1:]
        memory = np.empty(len(rows) * self.width + 2 * LINE // dtype.itemsize, dtype)
        start = (LINE // 4 - memory.ctypes.data) % LINE // dtype.itemsize
        table = memory[start : start + len(rows) * self.width].reshape(len(rows), -1)
        if self.width == C:
            for i, row in enumerate(rows):
                table[i] = row
        else:
            table.reshape(-1, self.fold, C, B)[...] = np.array(rows)[:, None, :, None]
        return table

    def gather(self, parts: Vector) -> Vector:
        """Return (2, T, width) as (2, parts, C): all columns of all parts, by channel."""
        C, B = self.shape[1:]
        split = parts.reshape(2, -1, self.fold, C, B)
        return np.moveaxis(split, 3, 4).reshape(2, -1, C)


def layout_of(x: Array, channel_axis: int, wide: int = WIDE) -> Layout:
    """Return the layout that needs no copy of ``x``, or the plain order where all do.

    Examples
    --------
    >>> layout_of(np.ones((2, 3, 8, 8)), 1).shape
    (2, 3, 64)
    >>> channels_last = layout_of(np.ones((2, 8, 8, 3)).transpose(0, 3, 1, 2), 1)
    >>> channels_last.order, channels_last.shape, channels_last.walked
    ((0, 2, 3, 1), (128, 3, 1), (2, 192))
    """
    order, sizes = tuple(range(x.ndim)), x.shape
    if not x.flags.c_contiguous:
        by_stride = tuple(sorted(order, key=lambda i: -x.strides[i]))
        order = by_stride if x.transpose(by_stride).flags.c_contiguous else order
        sizes = tuple(x.shape[i] for i in order)
    return arrange(order, sizes, order.index(channel_axis), wide // x.itemsize)


@lru_cache(maxsize=256)
def arrange(order: tuple[int, ...], sizes: tuple[int, ...], position: int, wide: int) -> Layout:
    """Return the layout for axes of ``sizes`` in memory, the channel's at ``position``.

    ``wide`` values in a row are enough; with 0 the loops see ``(A, C, B)`` in any case.
    """
    A, C, B = math.prod(sizes[:position]), sizes[position], math.prod(sizes[position + 1 :])
    places = tuple(sorted(order, key=order.__getitem__))
    inverse = None if order == tuple(range(len(order))) else places
    if B >= SHORT or wide == 0:
        return Layout(order, inverse, sizes, (A, C, B), 0, (A, C, B))
    fold = fold_of(A, C * B, wide)
    return Layout(order, inverse, sizes, (A, C, B), fold, (A // fold, fold * C * B))


def fold_of(rows: int, width: int, wide: int) -> int:
    """Return how many rows to join, so that short ones become up to ``wide`` values long.

    Examples
    --------
    >>> fold_of(rows=1000, width=3, wide=256), fold_of(rows=1000, width=300, wide=256)
    (8, 1)
    """
    return max(
        k for k in (1, 2, 4, 8, 16, 32, 64) if k == 1 or (rows % k == 0 and k * width <= wide)
    )
