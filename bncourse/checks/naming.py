"""Name the mistake that an answer makes: a known one, a general one, or two at once.

A name is given only where it fits all results that count, and no other fits as well.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from bncourse.checks.compare import as_results, close, tolerance
from bncourse.checks.exercise import Answer, Arguments, Exercise, Mistake, Part, Results
from bncourse.checks.general import general
from bncourse.checks.outcomes import Outcome, observe
from bncourse.checks.pairs import mixed, own, pairs

Seen = tuple[Part, list[Arguments], list[Outcome]]


@lru_cache(20_000)
def known(answer: Answer, exercise: Exercise, arguments: Arguments) -> tuple[Any, str]:
    """Return results and error of what is known: the reference, or a mistake."""
    outcome = observe(answer, exercise, arguments)
    return as_results(outcome.value, exercise), outcome.error


Kind = Callable[[Exercise], Iterable[Mistake]]
Namer = Callable[[Sequence[str]], str]
KINDS: Sequence[Kind] = (own, general, pairs, mixed)


class Scope(NamedTuple):
    """What a mistake must fit: which results, and of which calls.

    ``calls`` is "all"; "numbers", which leaves out parts that are judged last and calls that
    ended in an error; or "some": then results that ``failed`` need not fit in calls where
    they are right, or where the mistake has no numbers, since an answer may guard against NaN.
    """

    counts: frozenset[str]
    calls: str = "all"
    failed: frozenset[str] = frozenset()


def namer(exercise: Exercise, seen: Sequence[Seen], failed: set[str]) -> Namer:
    """Return what names the mistake that an answer makes, or nothing.

    It is asked for the results that differ in one part. If no mistake fits everything, there
    may be a second one: then other results that ``failed`` do not count, but for those in
    this part or the first of them. Or the answer makes a known mistake in some calls only.
    Where most calls end in an error, all must fit.
    """
    everything = frozenset(exercise.results)
    right = everything - failed
    seen = [(part, calls, [replace(o, value=as_results(o.value, exercise)) for o in outcomes])
            for part, calls, outcomes in seen]  # fmt: skip

    @cache
    def texts(kind: Kind, scope: Scope) -> list[str]:
        zeros = kind is own and (scope.calls == "all" or bool(scope.counts & right))
        return fitting(exercise, kind(exercise), seen, scope, zeros)

    def name(here: Sequence[str]) -> str:
        scopes = [Scope(everything)]
        some = Scope(everything, "some", frozenset(failed))
        if mostly_numbers(seen):
            wide, narrow = right.union(here), right.union(here[:1])
            scopes += dict.fromkeys([Scope(wide, "numbers"), Scope(narrow, "numbers")])
        asked = [(kind, scope) for kind in KINDS for scope in scopes]
        for kind, scope in [*asked, *[(own, some)][: len(scopes) - 1]]:
            fitted = texts(kind, scope)
            if len(fitted) == 1:
                return fitted[0]
            if fitted and scope.calls == "all":
                return ""
        return ""

    return name


def mostly_numbers(seen: Sequence[Seen]) -> bool:
    """Return whether at least half of the calls that should give results did so."""
    errors = [bool(outcome.error) for part, _, outcomes in seen if not part.refuses
              for outcome in outcomes]  # fmt: skip
    return 2 * sum(errors) <= len(errors)


def fitting(
    exercise: Exercise,
    mistakes: Iterable[Mistake],
    seen: Sequence[Seen],
    scope: Scope,
    zeros: bool,
) -> list[str]:
    """Return a text for each kind of mistake that fits all results that count."""
    first = first_wrong(exercise, seen, scope, zeros)
    if first is None:
        return []  # NaN everywhere looks like every answer that diverges, 0 like many
    texts: dict[str, str] = {}
    for kind, text, answer in mistakes:
        if (
            kind not in texts
            and fits(answer, exercise, *first, Scope(scope.counts))
            and all(fits(answer, exercise, *part, scope) for part in seen)
        ):
            texts[kind] = text
    return list(texts.values())


def first_wrong(
    exercise: Exercise, seen: Sequence[Seen], scope: Scope, zeros: bool
) -> Seen | None:
    """Return the first call with a wrong result, as a part of its own.

    There is none if the result has no number in any call; 0 is one if ``zeros`` count. Where
    not all calls count, the wrong result itself must have one.
    """
    wrong: dict[str, Seen] = {}
    numbers = set()
    for part, calls, outcomes in seen:
        looks_at = scope.counts & set(part.looks_at or exercise.results)
        for arguments, outcome in zip(calls, outcomes, strict=True):
            got = outcome.value
            if part.refuses or outcome.error or isinstance(got, str):
                continue
            want, _ = known(exercise.reference, exercise, arguments)
            for name, a, b in zip(exercise.results, got, want, strict=True):
                least = -1 if zeros else tolerance(b, exercise)
                telling = (np.isfinite(a) & (abs(a) > least)).any()
                if name in looks_at and telling:
                    numbers.add(name)
                counts = telling or scope.calls == "all"
                if name in looks_at and counts and not close(a, b, exercise):
                    wrong.setdefault(name, (part, [arguments], [outcome]))
    return next((wrong[name] for name in wrong if name in numbers), None)


def fits(
    mistaken: Answer,
    exercise: Exercise,
    part: Part,
    calls: list[Arguments],
    outcomes: list[Outcome],
    scope: Scope,
) -> bool:
    """Return whether a mistake gives one part's results, of those that count."""
    counts = scope.counts & set(part.looks_at or exercise.results)
    if part.refuses or not counts or (part.last and scope.calls != "all"):
        return True
    return all(
        fits_call(mistaken, exercise, arguments, outcome, scope._replace(counts=counts))
        for arguments, outcome in zip(calls, outcomes, strict=True)
    )


def fits_call(
    mistaken: Answer, exercise: Exercise, arguments: Arguments, outcome: Outcome, scope: Scope
) -> bool:
    """Return whether a mistake gives what one call came to, or the call does not count."""
    want, error = known(mistaken, exercise, arguments)
    if outcome.error or error:
        both = bool(outcome.error and error)
        return {"all": both, "numbers": bool(outcome.error), "some": True}[scope.calls]
    got = outcome.value
    if isinstance(got, str) or isinstance(want, str):
        return False
    counts = set(scope.counts)
    if scope.calls == "some":
        right, _ = known(exercise.reference, exercise, arguments)
        named = zip(exercise.results, want, strict=True)
        lost = {name for name, v in named if not np.isfinite(v).all()}
        counts -= scope.failed & lost
        if all_alike(got, right, exercise, counts & scope.failed):
            counts -= scope.failed
    return all_alike(got, want, exercise, counts)


def all_alike(got: Results, want: Results, exercise: Exercise, counts: Set[str]) -> bool:
    """Return whether all results that count agree."""
    triples = zip(exercise.results, got, want, strict=True)
    return all(alike(a, b, exercise) for name, a, b in triples if name in counts)


def alike(got: Any, want: Any, exercise: Exercise) -> bool:
    """Return whether two results agree; how rounding ends what diverges does not matter."""
    lost = not (np.isfinite(got).any() or np.isfinite(want).any())
    return (lost and got.shape == want.shape) or close(got, want, exercise)
