"""All arithmetic of batch normalization: three passes over an array, in three versions.

`moments` (4.1, 4.2), `scale_shift` (4.3, 4.4) and `gradients` (5.16) stand in
`bnlib.passes.plain` as the equations do. `bnlib.passes.blocked` does the same for large
arrays, and `bnlib.passes.compiled`, an optional extra, with loops that numba compiles.
"""

from typing import Protocol

from bnlib.axes import Array, Vector
from bnlib.passes import blocked, plain

SMALL = 2**15  # values; up to here the plain passes are as fast


class Passes(Protocol):
    """What each version has; see `bnlib.passes.plain`."""

    def moments(self, x: Array, axis: int) -> tuple[Vector, Vector]:
        """Return each channel's mean and biased variance."""

    def scale_shift(
        self,
        x: Array,
        mu: Vector,
        var: Vector,
        gamma: Vector,
        beta: Vector,
        eps: float,
        axis: int,
    ) -> Array:
        """Return y, like ``x``."""

    def gradients(
        self,
        dy: Array,
        x: Array,
        mu: Vector,
        var: Vector,
        gamma: Vector,
        eps: float,
        axis: int,
        through: bool = True,
    ) -> tuple[Array, Vector, Vector]:
        """Return dx, dgamma and dbeta."""


def passes_for(x: Array) -> Passes:
    """Return the version in NumPy that suits the size of ``x``.

    Examples
    --------
    >>> import numpy as np
    >>> passes_for(np.ones((64, 64))).__name__, passes_for(np.ones((64, 1000))).__name__
    ('bnlib.passes.plain', 'bnlib.passes.blocked')
    """
    return plain if x.size <= SMALL else blocked
