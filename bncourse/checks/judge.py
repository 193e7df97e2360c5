"""Judge outcomes: which parts earn their share, and what to tell the reader."""

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bncourse.checks.compare import as_results, difference, in_float32
from bncourse.checks.exercise import Answer, Arguments, Exercise, Given, Part
from bncourse.checks.naming import known, namer
from bncourse.checks.outcomes import Outcome, observe_all


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


@lru_cache(64)
def plan(exercise: Exercise, seed: int) -> list[list[Arguments]]:
    """Return the arguments of every call of every part; ``seed`` changes them all."""
    calls: list[list[Arguments]] = []
    for i, part in enumerate(exercise.parts):
        rng = np.random.default_rng([seed, i, zlib.crc32(exercise.name.encode())])
        calls.append([Given(arguments) for arguments in part.calls(rng)])
    return calls


def examine(answer: Answer, exercise: Exercise, seed: int = 0, names: bool = True) -> Report:
    """Call an answer and judge it, in this process."""
    calls = plan(exercise, seed)
    return judge(exercise, calls, observe_all(answer, exercise, calls), names)


def judge(
    exercise: Exercise,
    calls: list[list[Arguments]],
    outcomes: list[list[Outcome]],
    names: bool = True,
) -> Report:
    """Return the verdict on each part from what its calls came to.

    Without ``names`` no mistake is named, which takes most of the time.
    """
    seen = list(zip(exercise.parts, calls, outcomes, strict=True))
    wrong = [wrong_results(exercise, *observed) for observed in seen]
    failed = {name for differences in wrong for name in differences}

    name = namer(exercise, seen, failed)
    wrong_parts = [
        part for (part, _, came), differences in zip(seen, wrong, strict=True)
        if differences or (unlike_asked(part, came) and not part.refuses)
    ]  # fmt: skip
    verdicts: list[Verdict] = []
    for (part, _, came), differences in zip(seen, wrong, strict=True):
        message = unlike_asked(part, came) or next(iter(differences.values()), "")
        if names and differences:
            mistake = name([*differences]) or (part.alone if wrong_parts == [part] else "")
            message += f"; looks like {mistake}" if mistake else ""
        waits = part.last or part.refuses  # what a wrong answer can have by accident
        if not message and waits and not all(v.passed for v in verdicts):
            message = "counts once the parts before it are right"
        verdicts.append(Verdict(part.name, part.weight, not message, message))
    return Report(exercise.name, exercise.points, tuple(verdicts))


def unlike_asked(part: Part, outcomes: list[Outcome]) -> str:
    """Return what is wrong with calls that end otherwise than they should."""
    for outcome in outcomes:
        if outcome.error.startswith("NotImplementedError"):
            return "not written yet"
        if part.refuses and not outcome.error:
            return f"accepts {part.refuses}; raise a {part.raises} that says what to do"
        if part.refuses and part.raises not in outcome.refusal:
            return f"raised {outcome.error}; refuse it yourself: `raise {part.raises}(...)`"
        if outcome.refusal and not part.refuses:
            return f"raised {outcome.error}; this call must be accepted"
        if outcome.error and not part.refuses:
            return f"raised {outcome.error}"
        if outcome.changed and not part.refuses:
            return "changes the array that it is given; work on a copy"
    return ""


def wrong_results(
    exercise: Exercise, part: Part, calls: list[Arguments], outcomes: list[Outcome]
) -> dict[str, str]:
    """Return how results that count differ from the reference's, by the result's name.

    What is no result at all counts as all of them.
    """
    looks_at = part.looks_at or exercise.results
    faults: dict[str, str] = {}
    for arguments, outcome in zip(calls, outcomes, strict=True):
        if part.refuses or outcome.error:
            continue
        got = as_results(outcome.value, exercise)
        if isinstance(got, str):
            faults = dict.fromkeys(looks_at, got) | faults
            continue
        want, _ = known(exercise.reference, exercise, arguments)
        for i, (name, a, b) in enumerate(zip(exercise.results, got, want, strict=True)):
            text = difference(name, a, b, exercise) if name in looks_at else ""
            if "off by" in text and in_float32(outcome.value, i, exercise):
                text += ", in float32"
            if text:
                faults.setdefault(name, text)
    return faults
