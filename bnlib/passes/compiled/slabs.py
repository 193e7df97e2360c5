"""Loops over contiguous ``(A, C, B)`` where each channel's runs of ``B`` values are long.

Plain Python that `compiler` compiles. All loops go through memory in order,
one image of the batch after the other: walking one channel through all images would read
short pieces at long distances, for which a processor fetches nothing ahead. Sums of at
most ``chunk`` values are in the dtype of ``x``, sums of sums in float64.

A file holds all that its loops call: numba's cache looks at one file's time stamp. Arrays
are indexed and not sliced, since each slice costs as much as some dozen values.
"""

from typing import Any

import numpy as np

from bnlib.axes import Array, Vector
from bnlib.passes.compiled.compiler import inlined, prange

HEAD = 16  # values whose mean a part is taken about
TASKS = 16  # where there are fewer images than this, they share out their channels


@inlined
def shares(parts: int, C: int) -> int:
    """Return into how many tasks the channels of each of ``parts`` are split.

    Examples
    --------
    >>> shares(100, C=8), shares(2, C=64), shares(2, C=3)
    (1, 8, 3)
    """
    return max(1, min(C, TASKS // parts))


@inlined
def sums(x: Array, a: int, c: int, start: int, stop: int, center: Any) -> tuple[Any, Any]:
    """Return the sums of ``d`` and ``d * d`` over a piece of a run, ``d = x - center``."""
    first = second = x.dtype.type(0)
    if stop - start == x.shape[2]:  # a whole run needs no slice
        for b in range(x.shape[2]):
            d = x[a, c, b] - center
            first += d
            second += d * d
        return first, second
    run = x[a, c, start:stop]
    for b in range(run.size):
        d = run[b] - center
        first += d
        second += d * d
    return first, second


@inlined
def middle(x: Array, a: int, c: int, start: int, stop: int) -> Any:
    """Return the mean of the first values of a piece, in the dtype of ``x``."""
    stop = min(stop, start + HEAD)
    total = x.dtype.type(0)
    for b in range(start, stop):
        total += x[a, c, b] - x[a, c, start]
    return x[a, c, start] + total / x.dtype.type(stop - start)


def moments(x: Array, chunk: int, group: int, n: Vector, out: Vector) -> None:
    """Fill ``out``, shape (2, parts, C), with means and squared deviations of parts.

    A part is a piece of ``chunk`` values in each of ``group`` images, ``n`` values in all;
    where a run holds several pieces, ``group`` is 1. Each part has a center of its own, so
    a large mean and a drifting one cost no digits.
    """
    A, C, B = x.shape
    runs = (B + chunk - 1) // chunk
    groups = out.shape[1] // runs
    split = shares(groups, C)
    for task in prange(groups * split):
        g = task // split
        k = task - g * split
        center, last = np.empty(C, x.dtype), min((g + 1) * group, A) - 1
        for a in range(g * group, last + 1):
            for c in range(C * k // split, C * (k + 1) // split):
                for r in range(runs):
                    p, start, stop = g * runs + r, r * chunk, min((r + 1) * chunk, B)
                    if a == g * group:
                        center[c] = middle(x, a, c, start, stop)
                        out[0, p, c] = out[1, p, c] = 0
                    first, second = sums(x, a, c, start, stop, center[c])
                    out[0, p, c] += first
                    out[1, p, c] += second
                    if a == last:
                        offset = out[0, p, c] / n[p]
                        out[1, p, c] -= offset * out[0, p, c]
                        out[0, p, c] = center[c] + offset


def apply(x: Array, table: Array, y: Array) -> None:
    """Set ``y`` to ``(x - center) * scale + shift``, the rows of ``table``, shape (3, C).

    Without ``center``, shape (2, C), to ``x * scale + shift``.
    """
    A, C, B = x.shape
    split = shares(A, C)
    for task in prange(A * split):
        a = task // split
        k = task - a * split
        for c in range(C * k // split, C * (k + 1) // split):
            center = table[0, c] if table.shape[0] == 3 else x.dtype.type(0)
            scale, shift = table[-2, c], table[-1, c]
            for b in range(B):
                y[a, c, b] = (x[a, c, b] - center) * scale + shift


@inlined
def dots(
    x: Array, dy: Array, a: int, c: int, start: int, stop: int, center: Any, unit: Any
) -> tuple[Any, Any]:
    """Return a piece's sums of ``dy`` and of ``dy * ((x - center) * unit)``."""
    run, given = x[a, c, start:stop], dy[a, c, start:stop]
    first = second = x.dtype.type(0)
    for b in range(run.size):
        first += given[b]
        second += given[b] * ((run[b] - center) * unit)
    return first, second


def products(x: Array, dy: Array, center: Array, unit: float, chunk: int, out: Vector) -> None:
    """Fill ``out``, shape (2, S, C): sums of ``dy`` and ``dy * ((x - center) * unit)``.

    The images are cut into ``S`` parts. ``unit`` keeps the products of small numbers from
    underflow.
    """
    A, C, B = x.shape
    S = out.shape[1]
    split = shares(S, C)
    one = x.dtype.type(unit)
    for task in prange(S * split):
        s = task // split
        k = task - s * split
        for c in range(C * k // split, C * (k + 1) // split):
            out[0, s, c] = out[1, s, c] = 0
        for a in range(A * s // S, A * (s + 1) // S):
            for c in range(C * k // split, C * (k + 1) // split):
                for start in range(0, B, chunk):
                    stop = min(start + chunk, B)
                    first, second = dots(x, dy, a, c, start, stop, center[c], one)
                    out[0, s, c] += first
                    out[1, s, c] += second


def combine(x: Array, dy: Array, table: Array, dx: Array) -> None:
    """Set ``dx`` to ``((dy - mean) - (x - center) * slope) * scale``.

    ``table``, shape (4, C), holds center, mean, slope and scale.
    """
    A, C, B = x.shape
    split = shares(A, C)
    for task in prange(A * split):
        a = task // split
        k = task - a * split
        for c in range(C * k // split, C * (k + 1) // split):
            center, mean, slope, scale = table[0, c], table[1, c], table[2, c], table[3, c]
            for b in range(B):
                x_hat = (x[a, c, b] - center) * slope
                dx[a, c, b] = ((dy[a, c, b] - mean) - x_hat) * scale
