"""What readers and graded cells call."""

import os
from collections.abc import Callable
from typing import Any

from bncourse.checks.exercise import Answer
from bncourse.checks.judge import Report, examine
from bncourse.checks.registry import find

SEED = "BNLIB_CHECKS_SEED"


class NotYetError(AssertionError):
    """An answer that is not right yet. In a notebook it shows its text, no traceback."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [str(self)]


def answer_of(answer: Any) -> Answer:
    """Return a function or class as it is, and a value as a function that returns it."""
    return answer if callable(answer) else lambda *arguments: answer


def report(name: str, answer: Any, seed: int = 0) -> Report:
    """Return the full report on an answer.

    Parameters
    ----------
    name : str
        The exercise, as "ex05_q2".
    answer : callable or value
        What the exercise asks for.
    seed : int
        Changes the hidden cases; 0 is what readers see.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> print(report("ex04_q1", lambda x, eps: x))
    not yet one feature: x_hat is off by up to ...
    not yet ...
    ex04_q1: 0 of 3 points
    """
    exercise = find(name)
    return examine(answer_of(answer), exercise, seed)


def require(name: str, answer: Any) -> None:
    """Check your own answer: print what is right, or raise with what is not.

    Raises
    ------
    NotYetError
        If a part is wrong. Its text names the mistake where it is a known one, and never
        the right numbers.
    ValueError
        If there is no such exercise.

    Examples
    --------
    >>> import numpy as np
    >>> def standardize(x, eps):
    ...     d = x - np.nanmean(x, axis=0)
    ...     return np.nan_to_num(d / np.sqrt(np.nanmean(d * d, axis=0) + eps))
    >>> require("ex04_q1", standardize)
    right   one feature
    right   many features
    right   missing values
    right   a constant feature gives 0
    ex04_q1: 3 of 3 points
    """
    judged = report(name, answer)
    if not judged.passed:
        raise NotYetError(str(judged))
    print(judged)


def score(name: str, answer: Any, seed: int | None = None) -> float:
    """Return an answer's points as a Python float, for a graded cell; never raises for it.

    Parameters and errors as in `report`. Without ``seed`` the instructor's own is taken,
    from the environment's BNLIB_CHECKS_SEED, or 0.

    Examples
    --------
    >>> score("ex04_q1", lambda x, eps: None)
    0.0
    """
    exercise = find(name)
    secret = int(os.environ.get(SEED, "0")) if seed is None else seed
    return guarded(lambda: examine(answer_of(answer), exercise, secret).score)


def guarded(marks: Callable[[], float]) -> float:
    """Return the marks, or 0.0 where judging itself breaks on what came back."""
    try:
        return marks()
    except Exception:
        return 0.0
