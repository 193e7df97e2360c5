"""Call an answer and record what came of it, as plain data."""

import contextlib
import copy
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnlib.checks.exercise import Answer, Arguments, Exercise


@dataclass(frozen=True)
class Outcome:
    """What one call came to.

    ``value`` is what was returned; ``error`` is the exception's type and text, empty if
    there was none; ``changed`` lists the positions of arguments that the call modified.
    """

    value: Any = None
    error: str = ""
    changed: tuple[int, ...] = ()


def same(a: Any, b: Any) -> bool:
    """Return whether two arguments are equal, NaN included.

    Examples
    --------
    >>> same(np.array([np.nan, 1.0]), np.array([np.nan, 1.0])), same(1, 2)
    (True, False)
    """
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a is b or a == b)


def observe(answer: Answer, exercise: Exercise, arguments: Arguments) -> Outcome:
    """Return what ``answer`` does with copies of ``arguments``; its output is swallowed."""
    given = copy.deepcopy(arguments)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()), np.errstate(all="ignore"):
                value = exercise.drive(answer, *given)
    except (Exception, SystemExit) as error:
        return Outcome(error=f"{type(error).__name__}: {error}"[:300])
    changed = tuple(i for i, (a, b) in enumerate(zip(arguments, given, strict=True))
                    if not untouched(a, b))  # fmt: skip
    return Outcome(value, changed=changed)


def untouched(before: Any, after: Any) -> bool:
    """Return whether an argument is as it was; what cannot be compared counts as such."""
    try:
        return same(before, after)
    except Exception:
        return True


def observe_all(
    answer: Answer, exercise: Exercise, calls: Sequence[Sequence[Arguments]]
) -> list[list[Outcome]]:
    """Return the outcomes of every call of every part."""
    return [[observe(answer, exercise, each) for each in part] for part in calls]
