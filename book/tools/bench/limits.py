"""The streaming limit: how long it takes to only read and write what an operation must.

Forward reads the input twice, since the statistics need all of it before the first output
is known, and writes once. Backward reads two arrays twice and writes one. Inference reads
once and writes once.
"""

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.candidates import Operations
from bench.problem import Array, Problem


def numpy_total(x: Array) -> Any:
    """Read ``x`` once, by BLAS."""
    return x @ x


def numpy_dot(x: Array, dy: Array) -> Any:
    """Read ``x`` and ``dy`` once, by BLAS."""
    return x @ dy


def numpy_scale(x: Array, a: Any, y: Array) -> None:
    """Read ``x`` once and write ``y``."""
    np.multiply(x, a, out=y)


def numpy_triad(x: Array, dy: Array, a: Any, y: Array) -> None:
    """Read ``x`` and ``dy`` once and write ``y``."""
    np.add(x, dy, out=y)


PLAIN = SimpleNamespace(total=numpy_total, dot=numpy_dot, scale=numpy_scale, triad=numpy_triad)


def find_loops() -> tuple[Any, str]:
    """Return the loops, and by what they run: numba if it is there, else NumPy."""
    try:
        return importlib.import_module("bench.loops"), "numba"
    except ImportError:
        return PLAIN, "NumPy"


def limit_operations(problem: Problem, loops: Any) -> Operations:
    """Return for each operation the loops that read and write as much."""
    x, dy = problem.x.reshape(-1), problem.dy.reshape(-1)
    y, a = np.full_like(x, 0), x.dtype.type(0.5)

    def forward() -> None:
        loops.total(x)
        loops.scale(x, a, y)

    def backward() -> None:
        loops.dot(x, dy)
        loops.triad(x, dy, a, y)

    return {
        "forward": forward,
        "backward": backward,
        "inference": lambda: loops.scale(x, a, y),
    }
