"""The ways in which the compiled kernels can walk an array, each forced upon small arrays."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numba
import numpy as np

from bnlib.passes import compiled
from bnlib.passes.compiled import backward, forward, layout, small

numba.set_num_threads(1)  # small arrays: a second thread would only wait

WAYS = ["rows in Python", "slabs in Python", "small in Python"]
if not numba.config.DISABLE_JIT:  # else they would do the same twice
    WAYS = ["rows", "slabs", "small", *WAYS]
FILLS = ("fill_moments", "fill_scaled", "fill_gradients")


@contextmanager
def walking(way: str) -> Iterator[None]:
    """Force one kind of loops, compiled or not, with pieces of very few values.

    In Python the loops' own source runs, so that coverage sees it. "as it comes" forces
    nothing.
    """
    patches = [] if way.startswith(("small", "as")) else [patch.object(compiled, "SMALL", 0)]
    if way.startswith("rows"):
        patches += [patch.object(layout, "SHORT", 10**9)]
    if way.startswith("slabs"):
        patches += [patch.object(layout, "SHORT", 1), patch.object(backward, "CHUNK", 4)]
        patches += [patch.multiple(forward, CHUNK=4, TASK=8)]
    if way.endswith("in Python"):
        patches += [patch.object(module, "launch", _run) for module in (forward, backward)]
        loops = {name: getattr(small, name) for name in FILLS}
        loops = {name: getattr(loop, "py_func", loop) for name, loop in loops.items()}
        patches += [patch.multiple(small, **loops)]
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        layout.arrange.cache_clear()
        yield
    layout.arrange.cache_clear()


def exact_var(x: np.ndarray, axis: int) -> np.ndarray:
    """Return the variance in float64, of deviations from each channel's first value."""
    by_channel = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1).astype(np.float64)
    return np.var(by_channel - by_channel[:, :1], axis=1)


def _run(loop, *arguments):
    loop(*arguments)
