"""The passes of `bnlib.passes.plain`, as loops that numba compiles.

An optional extra: ``pip install numba``. The first call compiles the loops for the array's
dtype. That takes some seconds once, after which they are read from a cache on the disk. The
number of threads is numba's (``numba.set_num_threads``, ``NUMBA_NUM_THREADS``) and changes
no result: how a sum is split depends on the shape alone.
"""

from bnlib.passes.compiled.backward import gradients
from bnlib.passes.compiled.forward import moments, scale_shift

__all__ = ["gradients", "moments", "scale_shift"]
