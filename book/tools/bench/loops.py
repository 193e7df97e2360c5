"""Loops that do the least: read, write, and one operation in between. Compiled by numba."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from bench.problem import Array

OPTIONS: dict[str, Any] = {
    "parallel": True,
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "cache": True,
}
prange: Any = numba.prange
Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Return the loop, compiled at its first call and then kept on the disk."""
    dispatcher: Loop = numba.njit(**OPTIONS)(loop)
    return dispatcher


@compiled
def total(x: Array) -> Any:
    """Return the sum of ``x``: one read."""
    result = x.dtype.type(0)
    for i in prange(x.size):
        result += x[i]
    return result


@compiled
def dot(x: Array, dy: Array) -> Any:
    """Return the sum of the products: two reads."""
    result = x.dtype.type(0)
    for i in prange(x.size):
        result += x[i] * dy[i]
    return result


@compiled
def scale(x: Array, a: Any, y: Array) -> None:
    """Set ``y`` to ``a * x + a``: one read, one write."""
    for i in prange(x.size):
        y[i] = a * x[i] + a


@compiled
def triad(x: Array, dy: Array, a: Any, y: Array) -> None:
    """Set ``y`` to ``dy + a * x``: two reads, one write."""
    for i in prange(x.size):
        y[i] = dy[i] + a * x[i]
