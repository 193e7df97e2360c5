"""The ways in which the compiled kernels can walk an array, each forced upon small arrays."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numba

from bnlib.passes import compiled
from bnlib.passes.compiled import backward, forward, layout, pooling, rows, small

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
        patches += [patch.multiple(small, **loops), patch.object(pooling, "TILE", 2)]
        patches += [patch.multiple(rows, BLOCK=7, LONG=500, AT_ONCE=2, TILE=30)]
    with ExitStack() as stack:
        for one in patches:
            stack.enter_context(one)
        layout.arrange.cache_clear()
        yield
    layout.arrange.cache_clear()


def _run(loop, *arguments):
    loop(*arguments)
