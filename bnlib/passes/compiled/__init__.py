"""The passes of `bnlib.passes.plain`, as loops that numba compiles.

An optional extra: ``pip install numba``. The first call compiles the loops for the array's
dtype. That takes some seconds once, after which they are read from a cache on the disk. The
number of threads is numba's (``numba.set_num_threads``, ``NUMBA_NUM_THREADS``) and changes
no result: how a sum is split depends on the shape alone.

A forked process cannot use the threads of its parent, nor, as a rule, threads of its own:
there NumPy computes what is not small, equal but for rounding.
"""

from bnlib.axes import Array, Vector
from bnlib.passes import Passes, passes_for
from bnlib.passes.compiled import backward, compiler, forward, small

SMALL = 2**13  # values; up to here one thread is as fast

__all__ = ["gradients", "moments", "scale_shift"]


def _instead(x: Array) -> Passes | None:
    """Return what computes in place of the loops with threads, or None."""
    if x.size <= SMALL:
        return small
    return passes_for(x) if compiler.forked else None


def moments(x: Array, axis: int) -> tuple[Vector, Vector]:
    """Do what `bnlib.passes.plain.moments` does."""
    mu, var = (_instead(x) or forward).moments(x, axis)
    return mu, var


def scale_shift(
    x: Array, mu: Vector, var: Vector, gamma: Vector, beta: Vector, eps: float, axis: int
) -> Array:
    """Do what `bnlib.passes.plain.scale_shift` does."""
    y: Array = (_instead(x) or forward).scale_shift(x, mu, var, gamma, beta, eps, axis)
    return y


def gradients(
    dy: Array,
    x: Array,
    mu: Vector,
    var: Vector,
    gamma: Vector,
    eps: float,
    axis: int,
    through: bool = True,
) -> tuple[Array, Vector, Vector]:
    """Do what `bnlib.passes.plain.gradients` does."""
    passes = _instead(x) or backward
    dx, dgamma, dbeta = passes.gradients(dy, x, mu, var, gamma, eps, axis, through)
    return dx, dgamma, dbeta
