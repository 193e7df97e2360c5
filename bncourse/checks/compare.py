"""Compare what an answer returned with what is right, and put the difference in words.

Shapes first, then NaN and infinity, then values. The words never give the right numbers.
"""

from typing import Any

import numpy as np

from bncourse.checks.exercise import Exercise, Results


def as_results(value: Any, exercise: Exercise) -> Results | str:
    """Return one array for each result's name, or what is wrong with what was returned."""
    names = exercise.results
    if value is None:
        return f"returned nothing; {exercise.function} must return {', '.join(names)}"
    values = (value,) if len(names) == 1 else value
    stacked = None if isinstance(values, tuple | list) else as_array(values)
    if stacked is not None and stacked.shape[:1] == (len(names),):
        values = tuple(stacked)  # one array that holds all results
    if not isinstance(values, tuple | list) or len(values) != len(names):
        count = len(values) if isinstance(values, tuple | list) else 1
        return f"returned {count} results, expected {len(names)}: {', '.join(names)}"
    arrays = []
    for name, result in zip(names, values, strict=True):
        array = as_array(result)
        if array is None:
            return f"{name} is a {type(result).__name__}, expected numbers"
        arrays.append(array)
    return tuple(arrays)


def as_array(value: Any) -> Any:
    """Return an array of float64 of a number, an array or a tensor, else None.

    Examples
    --------
    >>> as_array([1, 2]), as_array("no") is None
    (array([1., 2.]), True)
    """
    try:
        if hasattr(value, "detach"):  # a tensor
            value = value.detach().cpu().numpy()
        array = np.array(value)
        return array.astype(np.float64) if array.dtype.kind in "biuf" else None
    except Exception:
        return None


def in_float32(value: Any, place: int, exercise: Exercise) -> bool:
    """Return whether one of the results came in float32, with its seven digits."""
    values = (value,) if len(exercise.results) == 1 else value
    return str(getattr(values[place], "dtype", "")).endswith("float32")


def tolerance(want: Any, exercise: Exercise) -> Any:
    """Return how far a number may lie from what is right.

    An error is measured against the largest value of the result, as float32 makes it.
    """
    return exercise.atol + exercise.rtol * np.abs(want[np.isfinite(want)]).max(initial=0.0)


def close(got: Any, want: Any, exercise: Exercise) -> bool:
    """Return whether two results agree, NaN and infinity included."""
    if got.shape != want.shape:
        return False
    with np.errstate(invalid="ignore"):  # infinity less infinity
        near = np.abs(got - want) <= tolerance(want, exercise)
    return bool((near | (got == want) | (np.isnan(got) & np.isnan(want))).all())


def difference(name: str, got: Any, want: Any, exercise: Exercise) -> str:
    """Say how ``got`` differs from ``want``; empty if it does not."""
    if got.shape != want.shape:
        return f"{name} has shape {got.shape}, expected {want.shape}"
    if close(got, want, exercise):
        return ""
    if not got.any():
        return f"{name} is 0" + (" everywhere" if got.size > 1 else "")
    strange, finite = ~np.isfinite(got), np.isfinite(want)
    if (strange & finite).any():
        return f"{name} has {(strange & finite).sum()} values that are NaN or infinite"
    if not (strange | finite).all():
        return f"{name} has finite values where none is right"
    error = np.abs(got[finite] - want[finite])
    if error.size == 0 or close(got[finite], want[finite], exercise):
        return f"{name} has NaN or infinity of another kind"
    scale = np.abs(want[finite]).max()
    right = exercise.atol < scale  # else 0 is right, and no share says anything
    share = f", that is {error.max() / scale:.2g} of the largest value" if right else ""
    return f"{name} is off by up to {error.max():.2g}{share}"
