"""Mistakes that any exercise may see: something else in the place of a value.

Each is the reference with one value changed, an argument or a result. So its text is plain
arithmetic, as "1 - momentum in the place of momentum", and holds for every number that an
answer returned.
"""

import copy
import inspect
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations, permutations
from operator import itemgetter
from typing import Any

import numpy as np

from bncourse.checks.channels import broadcast_shape
from bncourse.checks.exercise import Answer, Exercise, Mistake, call

Change = Callable[[list[Any]], Any]  # from all values to one
Named = tuple[str, int, Change]  # what to say, which value changes, and what it becomes

# What may stand in the place of a value; one that its type does not allow fits nothing.
ALONE: Mapping[str, Callable[[Any], Any]] = {
    "0": lambda v: 0 * v,
    "1": lambda v: 1 + 0 * v,
    "1 - {}": lambda v: 1 - v,
    "-{}": lambda v: -v,
    "2 * {}": lambda v: 2 * v,
    "{} / 2": lambda v: v / 2,
    "{} ** 2": lambda v: v**2,
    "{} ** 0.5": lambda v: v**0.5,
    "1 / {}": lambda v: 1 / v,
    "{} + 1": lambda v: v + 1,
    "{} - 1": lambda v: v - 1,
    "abs({})": lambda v: abs(v),
    "{}.mean()": lambda v: 0 * v + v.mean(),
    "{}[::-1]": lambda v: v[::-1],
    "{}[:-1]": lambda v: v[:-1],
    "{}[1:]": lambda v: v[1:],
    "{}.T": lambda v: v.T,
}
# The same for a result, which may be made with another value, too.
WITH: Mapping[str, Callable[[Any, Any], Any]] = {
    "{0} - {1}": lambda v, a: v - a,
    "{0} + {1}": lambda v, a: v + a,
    "{0} * {1}": lambda v, a: v * a,
    "{0} / {1}": lambda v, a: v / a,
    "{0} / len({1})": lambda v, a: v / len(a),
    "{0} * len({1})": lambda v, a: v * len(a),
}


def alone(names: Sequence[str], first: int = 0, last: int = len(ALONE)) -> Iterator[Named]:
    """Yield changes of one value by itself, from the first to the last of them."""
    for i, name in enumerate(names):
        for text, change in list(ALONE.items())[first:last]:
            yield text.format(name), i, by_itself(change, i)


def others(names: Sequence[str], count: int) -> Iterator[Named]:
    """Yield changes of one of the first values to another one."""
    for i, j in permutations(range(len(names)), 2):
        if i < count:
            yield names[j], i, itemgetter(j)


def together(
    results: Sequence[str], arguments: Sequence[str], varying: Container[str]
) -> Iterator[Named]:
    """Yield changes of one result, made with an argument or with another result."""
    names = [*results, *arguments]
    for i, name in enumerate(results):
        for j in range(len(names)):
            for text, change in WITH.items():
                if i != j and ("len(" not in text or names[j] in varying):
                    yield text.format(name, names[j]), i, with_other(change, i, j)


def by_itself(change: Callable[[Any], Any], i: int) -> Change:
    """Return a change of value i by itself."""
    return lambda values: change(values[i])


def with_other(change: Callable[[Any, Any], Any], i: int, j: int) -> Change:
    """Return a change of value i by value j, which may be one for each channel of a map."""

    def made(values: list[Any]) -> Any:
        v, a = values[i], values[j]
        per_channel = np.ndim(a) == 1 and v.ndim > 2 and v.shape[1] == len(a)
        return change(v, a.reshape(broadcast_shape(v.shape)) if per_channel else a)

    return made


def before(answer: Answer, i: int, change: Change) -> Answer:
    """Return an answer that takes something else for argument i."""
    return lambda *given: answer(*given[:i], change(list(given)), *given[i + 1 :])


def after(answer: Answer, i: int, change: Change) -> Answer:
    """Return an answer that gives something else for result i."""

    def changed(*given: Any) -> Any:
        results = answer(*given)
        if not isinstance(results, tuple):
            return change([np.asarray(results), *given])
        values = [np.asarray(v) for v in results]
        return (*values[:i], change([*values, *given]), *values[i + 1 :])

    return changed


def exchanged(answer: Answer, i: int, j: int) -> Answer:
    """Return an answer that takes argument i for j, and j for i."""

    def changed(*given: Any) -> Any:
        values = list(given)
        values[i], values[j] = values[j], values[i]
        return answer(*values)

    return changed


def taken(exercise: Exercise) -> list[str]:
    """Return the names of what an answer is called with: no keywords of its mistakes."""
    parameters = inspect.signature(exercise.reference).parameters.values()
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    first = exercise.parts[0].calls(np.random.default_rng(0))[0]
    return names[: len(first)]


def varying(exercise: Exercise, names: Sequence[str]) -> set[str]:
    """Return the names of values that are longer in one call than in another.

    A length that is always 3 tells nothing: the factor may be any 3.
    """
    lengths: dict[str, set[int]] = {name: set() for name in names}
    for part in exercise.parts:
        for given in part.calls(np.random.default_rng(0)) if not part.refuses else ():
            results = exercise.reference(*copy.deepcopy(given))
            of_results = results if isinstance(results, tuple) else (results,)
            for name, value in zip(names, [*of_results, *given], strict=False):
                has_length = isinstance(value, list | tuple) or np.ndim(value)
                lengths[name].add(len(value) if has_length else 0)
    return {name for name in lengths if len(lengths[name]) > 1}


def changed(exercise: Exercise, answer: Answer, few: bool = False) -> list[Mistake]:
    """Return an answer with one value changed; ``few`` skips what is rare.

    There is none where an answer is not simply called.
    """
    if exercise.drive is not call:
        return []
    names, given = taken(exercise), exercise.results
    first, last = list(alone(names)), list(alone(given))
    copies, swaps = [], []
    if few:
        first, last = list(alone(names, 0, 2)), list(alone(given, 2, 9))
    else:
        copies = list(others([*given, *names], len(given)))
        first = [*others(names, len(names)), *first]
        swaps = [(f"{names[i]} and {names[j]} in each other's place", exchanged(answer, i, j))
                 for i, j in combinations(range(len(names)), 2)]  # fmt: skip
        last += together(given, names, varying(exercise, [*given, *names]))
    made = [(f"{text} in the place of {of[i]}", how(answer, i, change))
            for how, of, changes in ((after, given, copies), (before, names, first),
                                     (after, given, last))
            for text, i, change in changes]  # fmt: skip
    return [Mistake("general", text, wrong) for text, wrong in [*made, *swaps]]


@cache
def general(exercise: Exercise) -> list[Mistake]:
    """Return the general mistakes of an exercise.

    Examples
    --------
    >>> from bncourse.checks import find
    >>> general(find("ex04_q5"))[0].text
    'beta in the place of gamma'
    """
    return changed(exercise, exercise.reference)
