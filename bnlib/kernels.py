"""The functions of `bnlib.functional`, computed by `bnlib.passes.compiled`.

Same signatures, same results; plain arrays also for a `numpy.memmap`, which the others
keep. They need numba, an optional extra; importing this module
does not import it, the first use of a function does.
"""

from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bnlib import functional

if TYPE_CHECKING:
    from bnlib.functional import (
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
    return _function(name)


class _Compiled(partial[Any]):
    """A function of `bnlib.functional` by the loops; goes to another process by its name."""

    def __reduce__(self) -> str:
        return str(self.func.__name__)


@cache
def _function(name: str) -> _Compiled:
    """Return one of the functions; the same one each time, as pickle wants."""
    from bnlib.passes import compiled

    return _Compiled(getattr(functional, name), passes=compiled)
