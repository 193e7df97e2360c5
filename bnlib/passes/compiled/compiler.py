"""How the loops are compiled, kept and launched. The only import of numba is here."""

import importlib
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

numba: Any = importlib.import_module("numba")
prange: Any = numba.prange

# Sums may be reordered and products fused. Nothing here promises that NaN and infinity
# do not occur (``nnan``, ``ninf``), so they pass through the loops as they should.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}

Loop = TypeVar("Loop", bound=Callable[..., Any])
_one_at_a_time = threading.Lock()  # numba's fallback thread pool allows no second caller


def inlined(part: Loop) -> Loop:
    """Let compiled loops call ``part``; from Python it stays an ordinary function.

    Examples
    --------
    >>> @inlined
    ... def double(a):
    ...     return 2 * a
    >>> double(3)
    6
    """
    register = numba.extending.register_jitable(fastmath=FASTMATH)
    same: Loop = register(part)
    return same


@cache
def compiled(loop: Loop) -> Loop:
    """Return the compiled form of ``loop``, from numba's cache on the disk where it can be."""
    options: dict[str, Any] = {"parallel": True, "fastmath": FASTMATH}
    try:
        dispatcher: Loop = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # no folder that numba may write to
        dispatcher = numba.njit(**options)(loop)
    return dispatcher


def launch(loop: Callable[..., None], *arguments: Any) -> None:
    """Run the compiled form of ``loop``, one caller at a time."""
    with _one_at_a_time:
        compiled(loop)(*arguments)
