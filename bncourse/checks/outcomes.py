"""Call an answer and record what came of it, as plain data."""

import contextlib
import copy
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise
from bncourse.checks.values import changed, refusal, told


@dataclass(frozen=True)
class Outcome:
    """What one call came to.

    ``value`` is what was returned; ``error`` is the exception's type and text, empty if
    there was none; ``refusal`` names the exception's classes if a `raise` made it;
    ``changed`` lists the positions of arguments that the call modified.
    """

    value: Any = None
    error: str = ""
    refusal: tuple[str, ...] = ()
    changed: tuple[int, ...] = ()


def observe(answer: Answer, exercise: Exercise, arguments: Arguments) -> Outcome:
    """Return what ``answer`` does with copies of ``arguments``; its output is swallowed."""
    given = copy.deepcopy(tuple(arguments))
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(io.StringIO()), np.errstate(all="ignore"):
                value = exercise.drive(answer, *given)
    except (Exception, SystemExit) as error:
        return Outcome(error=told(error), refusal=refusal(error))
    return Outcome(value, changed=changed(arguments, given))


def observe_all(
    answer: Answer, exercise: Exercise, calls: Sequence[Sequence[Arguments]]
) -> list[list[Outcome]]:
    """Return the outcomes of every call of every part."""
    return [[observe(answer, exercise, arguments) for arguments in part] for part in calls]
