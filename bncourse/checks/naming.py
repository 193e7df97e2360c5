"""Name the mistake that an answer makes: a known one, a general one, or two at once.

A name is given only where it fits all results that count, and no other fits as well.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np

from bncourse.checks.compare import as_results, close
from bncourse.checks.exercise import Answer, Arguments, Exercise, Mistake, Part, Results
from bncourse.checks.general import general
from bncourse.checks.outcomes import Outcome, observe
from bncourse.checks.pairs import mixed, own, pairs

Seen = tuple[Part, list[Arguments], list[Outcome]]


@lru_cache(10_000)
def known(answer: Answer, exercise: Exercise, arguments: Arguments) -> tuple[Any, str]:
    """Return results and error of what is known: the reference, or a mistake."""
    outcome = observe(answer, exercise, arguments)
    return as_results(outcome.value, exercise), outcome.error


Kind = Callable[[Exercise], Iterable[Mistake]]
Namer = Callable[[Sequence[str]], str]
KINDS: Sequence[Kind] = (own, general, pairs, mixed)


def namer(exercise: Exercise, seen: Sequence[Seen], failed: set[str]) -> Namer:
    """Return what names the mistake that an answer makes, or nothing.

    It is asked for the results that differ in one part. If no mistake fits everything, there
    may be a second one: then other results that ``failed`` do not count, but for those in
    this part or the first of them, and neither do calls that ended in an error and parts
    that are judged last.
    """

    @cache
    def texts(kind: Kind, counts: frozenset[str], strict: bool) -> list[str]:
        return fitting(exercise, kind(exercise), seen, counts, strict)

    def name(here: Sequence[str]) -> str:
        everything = frozenset(exercise.results)
        right = everything - failed
        scopes = dict.fromkeys([
            (everything, True), (right.union(here), False), (right.union(here[:1]), False)
        ])  # fmt: skip
        for kind in KINDS:
            for counts, strict in scopes:
                fitted = texts(kind, counts, strict)
                if len(fitted) == 1:
                    return fitted[0]
                if fitted and strict:
                    return ""
        return ""

    return name


def fitting(
    exercise: Exercise,
    mistakes: Iterable[Mistake],
    seen: Sequence[Seen],
    counts: frozenset[str],
    strict: bool,
) -> list[str]:
    """Return a text for each kind of mistake that fits all results that count."""
    first = first_wrong(exercise, seen, counts)
    if first is None:
        return []  # NaN everywhere looks like every answer that diverges
    texts: dict[str, str] = {}
    for kind, text, answer in mistakes:
        if (
            kind not in texts
            and fits(answer, exercise, *first, counts, True)
            and all(fits(answer, exercise, *call, counts, strict) for call in seen)
        ):
            texts[kind] = text
    return list(texts.values())


def first_wrong(
    exercise: Exercise, seen: Sequence[Seen], counts: frozenset[str]
) -> Seen | None:
    """Return the first call with a wrong result, as a part of its own.

    There is none if the result has no number in any call.
    """
    wrong: dict[str, Seen] = {}
    numbers = set()
    for part, calls, outcomes in seen:
        looks_at = counts & set(part.looks_at or exercise.results)
        for arguments, outcome in zip(calls, outcomes, strict=True):
            got = as_results(outcome.value, exercise)
            if part.refuses or outcome.error or isinstance(got, str):
                continue
            want, _ = known(exercise.reference, exercise, arguments)
            for name, a, b in zip(exercise.results, got, want, strict=True):
                if name in looks_at and not close(a, b, exercise):
                    wrong.setdefault(name, (part, [arguments], [outcome]))
                if name in looks_at and np.isfinite(a).any():
                    numbers.add(name)
    return next((wrong[name] for name in wrong if name in numbers), None)


def fits(
    mistaken: Answer,
    exercise: Exercise,
    part: Part,
    calls: list[Arguments],
    outcomes: list[Outcome],
    counts: frozenset[str],
    strict: bool,
) -> bool:
    """Return whether a mistake gives one part's results, of those that count."""
    counts = counts & set(part.looks_at or exercise.results)
    if part.refuses or not counts or (part.last and not strict):
        return True
    for arguments, outcome in zip(calls, outcomes, strict=True):
        if outcome.error and not strict:
            continue
        want, error = known(mistaken, exercise, arguments)
        if outcome.error or error:
            if not (outcome.error and error):
                return False
            continue
        got = as_results(outcome.value, exercise)
        if isinstance(got, str) or isinstance(want, str):
            return False
        if not all_alike(got, want, exercise, counts):
            return False
    return True


def all_alike(got: Results, want: Results, exercise: Exercise, counts: frozenset[str]) -> bool:
    """Return whether all results that count agree."""
    triples = zip(exercise.results, got, want, strict=True)
    return all(alike(a, b, exercise) for name, a, b in triples if name in counts)


def alike(got: Any, want: Any, exercise: Exercise) -> bool:
    """Return whether two results agree; how rounding ends what diverges does not matter."""
    lost = not (np.isfinite(got).any() or np.isfinite(want).any())
    return (lost and got.shape == want.shape) or close(got, want, exercise)
