"""How the loops are compiled, kept and launched. The only import of numba is here."""

import importlib
import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

numba: Any = importlib.import_module("numba")
prange: Any = numba.prange

# Sums may be reordered and products fused. Nothing here promises that NaN and infinity
# do not occur (``nnan``, ``ninf``), so they pass through the loops as they should.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}

Loop = TypeVar("Loop", bound=Callable[..., Any])
one_at_a_time = threading.Lock()  # numba's fallback thread pool allows no second caller


def is_fork() -> bool:
    """Return whether this process was forked, and has not started a program since.

    Linux alone says so, in the sixth bit of the flags, see proc_pid_stat(5).
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return bool(int(fields[6]) & 0x40)


# GNU OpenMP, as a rule numba's threads and often PyTorch's, ends or hangs a forked process
# whose parent has used it.
forked = is_fork()


def _in_child() -> None:
    """Remember that this process was forked."""
    global forked
    forked = True
    one_at_a_time.release()


if hasattr(os, "register_at_fork"):  # a fork waits until no other thread is in a loop
    os.register_at_fork(
        before=one_at_a_time.acquire,
        after_in_parent=one_at_a_time.release,
        after_in_child=_in_child,
    )


def inlined(part: Loop) -> Loop:
    """Let compiled loops call ``part``; from Python it stays an ordinary function."""
    register = numba.extending.register_jitable(fastmath=FASTMATH)
    same: Loop = register(part)
    return same


def alone(loop: Loop) -> Loop:
    """Return the compiled form of ``loop`` for one thread."""
    return _compile(loop, error_model="numpy")


@cache
def compiled(loop: Loop) -> Loop:
    """Return the compiled form of ``loop`` for numba's threads."""
    return _compile(loop, parallel=True, fastmath=FASTMATH)


def _compile(loop: Loop, **options: Any) -> Loop:
    """Return the compiled form of ``loop``, from numba's cache on the disk where it can be."""
    try:
        dispatcher: Loop = numba.njit(cache=True, **options)(loop)
    except RuntimeError:  # no folder that numba may write to
        dispatcher = numba.njit(**options)(loop)
    return dispatcher


def launch(loop: Callable[..., None], *arguments: Any) -> None:
    """Run the compiled form of ``loop``, one caller at a time."""
    with one_at_a_time:
        compiled(loop)(*arguments)
