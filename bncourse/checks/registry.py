"""All exercises, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from bncourse.checks.exercise import Exercise
from bncourse.checks.exercises import capstone, ex01, ex02, ex03, ex04, ex05, ex06, ex07, ex08

EXERCISES: Mapping[str, Exercise] = MappingProxyType(
    {
        exercise.name: exercise
        for module in (capstone, ex01, ex02, ex03, ex04, ex05, ex06, ex07, ex08)
        for exercise in module.EXERCISES
    }
)


def find(name: str) -> Exercise:
    """Return the exercise of this name.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> find("ex04_q1").function
    'standardize'
    """
    if not isinstance(name, str) or name not in EXERCISES:
        raise ValueError(
            f"checks: there is no exercise {name!r}; choose one of {', '.join(EXERCISES)}"
        )
    return EXERCISES[name]
