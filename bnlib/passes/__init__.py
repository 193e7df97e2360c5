"""All arithmetic of batch normalization: three passes over an array, in three versions.

`moments` (4.1, 4.2), `scale_shift` (4.3, 4.4) and `gradients` (5.16) stand in
`bnlib.passes.plain` as the equations do. `bnlib.passes.blocked` does the same for large
arrays, and `bnlib.passes.compiled`, an optional extra, with loops that numba compiles.
"""

from types import ModuleType

from bnlib.axes import Array
from bnlib.passes import blocked, plain

SMALL = 2**15  # values; up to here the plain passes are as fast
Passes = ModuleType  # with `moments`, `scale_shift` and `gradients`, as in `bnlib.passes.plain`


def passes_for(x: Array) -> Passes:
    """Return the version in NumPy that suits the size of ``x``.

    Examples
    --------
    >>> import numpy as np
    >>> passes_for(np.ones((64, 64))).__name__, passes_for(np.ones((64, 1000))).__name__
    ('bnlib.passes.plain', 'bnlib.passes.blocked')
    """
    return plain if x.size <= SMALL else blocked
