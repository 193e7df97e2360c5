"""The passes of `bnlib.passes.plain`, as loops that numba compiles.

An optional extra: ``pip install numba``. The first call compiles the loops for the array's
dtype. That takes some seconds once, after which they are read from a cache on the disk. The
number of threads is numba's (``numba.set_num_threads``, ``NUMBA_NUM_THREADS``) and changes
no result: how a sum is split depends on the shape alone.

A forked process cannot use the threads of its parent, nor, as a rule, threads of its own:
there NumPy computes what is not small, equal but for rounding.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from bnlib.axes import Array
from bnlib.passes import passes_for
from bnlib.passes.compiled import backward, compiler, forward, small

SMALL = 2**13  # values; up to here one thread is as fast

__all__ = ["gradients", "moments", "scale_shift"]


def _by_size(threaded: Callable[..., Any]) -> Callable[..., Any]:
    """Let one thread compute small arrays, and NumPy the others in a forked process."""
    name = threaded.__name__

    @wraps(threaded)
    def chosen(array: Array, *arguments: Any, **options: Any) -> Any:
        if array.size <= SMALL:
            return getattr(small, name)(array, *arguments, **options)
        if compiler.forked:
            return getattr(passes_for(array), name)(array, *arguments, **options)
        return threaded(array, *arguments, **options)

    return chosen


moments, scale_shift = _by_size(forward.moments), _by_size(forward.scale_shift)
gradients = _by_size(backward.gradients)
