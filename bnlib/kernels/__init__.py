"""The functions of `bnlib.functional`, compiled by numba: same signatures, same results.

An optional extra: ``pip install numba``. Importing this package does not import
numba; the first call does, and compiles the loops for the array's dtype. That takes some
seconds once, after which they are read from a cache on the disk. The number of threads
is numba's (``numba.set_num_threads``, ``NUMBA_NUM_THREADS``) and changes no result: how
a sum is split depends on the shape alone.
"""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnlib.kernels.functions import (
        batch_norm_backward,
        batch_norm_eval,
        batch_norm_eval_backward,
        batch_norm_train,
    )

__all__ = [
    "available",
    "batch_norm_backward",
    "batch_norm_eval",
    "batch_norm_eval_backward",
    "batch_norm_train",
]


def available() -> bool:
    """Return whether numba is installed; does not import it.

    Examples
    --------
    >>> isinstance(available(), bool)
    True
    """
    return find_spec("numba") is not None


def __getattr__(name: str) -> Any:
    """Return one of the four functions; `ImportError` where numba is not installed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not available():
        raise ImportError(
            f"bnlib.kernels.{name}: needs numba, which is not installed; "
            "run `pip install numba`, or use bnlib.functional"
        )
    from bnlib.kernels import functions

    return getattr(functions, name)
