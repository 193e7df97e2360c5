"""All exercises, by name."""

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from bncourse.checks.exercise import Exercise
from bncourse.checks.exercises import (
    capstone,
    ex01_why_normalize,
    ex02_whitening,
    ex03_standardization,
    ex04_batch_norm,
    ex05_backward,
    ex06_cnn,
    ex07_inference,
    ex08_in_practice,
    ex09_training,
    ex10_why_it_works,
    ex11_relatives,
    ex12_many_devices,
)

SHEETS = (
    capstone,
    ex01_why_normalize,
    ex02_whitening,
    ex03_standardization,
    ex04_batch_norm,
    ex05_backward,
    ex06_cnn,
    ex07_inference,
    ex08_in_practice,
    ex09_training,
    ex10_why_it_works,
    ex11_relatives,
    ex12_many_devices,
)
OWN = "own_exercises"  # a course may have a file of this name where it starts the grader


def own() -> tuple[Exercise, ...]:
    """Return the ``EXERCISES`` of ``own_exercises.py``, where there is such a file."""
    try:
        module = importlib.import_module("own_exercises")
    except ModuleNotFoundError as error:
        if error.name != OWN:  # the file is there, and asks for what is not
            raise
        return ()
    return tuple(module.EXERCISES)


ALL = [*(exercise for sheet in SHEETS for exercise in sheet.EXERCISES), *own()]
EXERCISES: Mapping[str, Exercise] = MappingProxyType(
    {exercise.name: exercise for exercise in ALL}
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
