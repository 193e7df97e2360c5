"""Judge outcomes: which parts earn their share, and what to tell the reader."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from bncourse.checks.compare import as_results, close, difference
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.outcomes import Outcome, observe, observe_all


@dataclass(frozen=True)
class Verdict:
    """One part's result: its share of the points, and why it was not earned."""

    part: str
    weight: float
    passed: bool
    message: str = ""


@dataclass(frozen=True)
class Report:
    """All parts' verdicts on one answer."""

    exercise: str
    points: float
    verdicts: tuple[Verdict, ...]

    @property
    def score(self) -> float:
        """Points earned, a Python float between 0 and ``points``, to two decimals."""
        total = sum(v.weight for v in self.verdicts)
        earned = sum(v.weight for v in self.verdicts if v.passed)
        return float(min(max(round(self.points * earned / total, 2), 0.0), self.points))

    @property
    def passed(self) -> bool:
        """Whether every part was right."""
        return all(v.passed for v in self.verdicts)

    def __str__(self) -> str:
        """Return one line for each part, then the points."""
        marks = {True: "right", False: "not yet"}
        lines = [f"{marks[v.passed]:8}{v.part}" + (f": {v.message}" if v.message else "")
                 for v in self.verdicts]  # fmt: skip
        return "\n".join([*lines, f"{self.exercise}: {self.score:g} of {self.points:g} points"])


def plan(exercise: Exercise, seed: int) -> list[list[Arguments]]:
    """Return the arguments of every call of every part; ``seed`` changes them all."""
    calls = []
    for i, part in enumerate(exercise.parts):
        rng = np.random.default_rng([seed, i, zlib.crc32(exercise.name.encode())])
        calls.append(list(part.calls(rng)))
    return calls


def examine(answer: Answer, exercise: Exercise, seed: int = 0) -> Report:
    """Call an answer and judge it, in this process."""
    calls = plan(exercise, seed)
    return judge(exercise, calls, observe_all(answer, exercise, calls))


def judge(
    exercise: Exercise, calls: list[list[Arguments]], outcomes: list[list[Outcome]]
) -> Report:
    """Return the verdict on each part from what its calls came to."""
    verdicts: list[Verdict] = []
    for part, arguments, came in zip(exercise.parts, calls, outcomes, strict=True):
        message = fault(exercise, part, arguments, came)
        waits = part.last or part.refuses  # what a wrong answer can have by accident
        if not message and waits and not all(v.passed for v in verdicts):
            message = "counts once the parts before it are right"
        verdicts.append(Verdict(part.name, part.weight, not message, message))
    return Report(exercise.name, exercise.points, tuple(verdicts))


def fault(
    exercise: Exercise, part: Part, calls: list[Arguments], outcomes: list[Outcome]
) -> str:
    """Return what is wrong with one part's outcomes, empty if nothing is."""
    for outcome in outcomes:
        if part.refuses:
            if not outcome.error:
                return f"accepts {part.refuses}; raise an error that says what to do"
        elif outcome.error:
            written = not outcome.error.startswith("NotImplementedError")
            return f"raised {outcome.error}" if written else "not written yet"
        elif outcome.changed:
            return "changes the array that it is given; work on a copy"
    if part.refuses:
        return ""
    return wrong_values(exercise, part, calls, [outcome.value for outcome in outcomes])


def wrong_values(
    exercise: Exercise, part: Part, calls: list[Arguments], values: list[Any]
) -> str:
    """Return how results differ from the reference's, by the mistake's name if it has one."""
    looks_at = part.looks_at or exercise.results
    for arguments, value in zip(calls, values, strict=True):
        got = as_results(value, exercise)
        if isinstance(got, str):
            return got
        want = as_results(observe(exercise.reference, exercise, arguments).value, exercise)
        for name, a, b in zip(exercise.results, got, want, strict=True):
            text = difference(name, a, b, exercise) if name in looks_at else ""
            if text:
                named = named_mistake(exercise, looks_at, calls, values)
                return f"{text}; looks like {named}" if named else text
    return ""


def named_mistake(
    exercise: Exercise, looks_at: tuple[str, ...], calls: list[Arguments], values: list[Any]
) -> str:
    """Return the first known mistake that gives just these results, or nothing."""
    which = [i for i, name in enumerate(exercise.results) if name in looks_at]
    given = [as_results(value, exercise) for value in values]
    if any(isinstance(results, str) for results in given):
        return ""
    if not any(has_numbers(results, which) for results in given):
        return ""  # NaN everywhere looks like every answer that diverges
    for text, mistaken in exercise.mistakes.items():
        theirs = [observe(mistaken, exercise, arguments).value for arguments in calls]
        pairs = zip(given, (as_results(value, exercise) for value in theirs), strict=True)
        if all(
            not isinstance(b, str) and all(close(a[i], b[i], exercise) for i in which)
            for a, b in pairs
        ):
            return text
    return ""


def has_numbers(results: Any, which: list[int]) -> bool:
    """Return whether any of the results that count has a finite value."""
    return any(np.isfinite(results[i]).any() for i in which)
