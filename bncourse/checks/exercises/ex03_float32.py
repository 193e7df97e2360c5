"""Chapter 3: the variance of float32 values far from 0."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array, reduction_axes

Rng = np.random.Generator


def variance(x: Array, **how: Any) -> Array:
    """Return the biased variance of each channel, computed in float64."""
    var: Array = x.astype(np.float64).var(axis=reduction_axes(x.ndim), **how)
    return var


def one_pass(x: Array, squares: Any = None, mean: Any = None) -> Array:
    """Make the published mistake: (3.7) in float32; sums in the types given."""
    axes = reduction_axes(x.ndim)
    mu = x.mean(axis=axes, dtype=mean)
    var: Array = (x * x).mean(axis=axes, dtype=squares) - mu * mu
    return var


def first_of(x: Array) -> Array:
    """Return the first value of each channel, with axes of length 1."""
    return x[(slice(0, 1), slice(None), *[slice(0, 1)] * (x.ndim - 2))]


def around_first(x: Array) -> Array:
    """Make the mistake to leave out the second term of (3.7) after a shift."""
    d = x.astype(np.float64) - first_of(x)
    around: Array = (d * d).mean(axis=reduction_axes(x.ndim))
    return around


def far(*shapes: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes float32 data whose means lie thousands of deviations from 0."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        made = []
        for m, c, *rest in shapes:
            size = (1, c, *[1] * len(rest))
            means = rng.uniform(6000, 9000, size) * rng.choice([-1, 1], size)
            x = rng.normal(means, rng.uniform(0.6, 2, size), (m, c, *rest))
            made.append((x.astype(np.float32),))
        return made

    return calls


def constants(rng: Rng) -> Sequence[Arguments]:
    """Return channels that do not vary."""
    return [(np.ones((8, 3), np.float32) * rng.integers(2, 9, 3).astype(np.float32) * 1000,)]


SAFE = Exercise(
    name="ex03_q4",
    function="safe_var",
    points=3,
    results=("var",),
    reference=variance,
    rtol=3e-3,  # two passes in float32 keep three digits here
    parts=(
        Part("two values far from 0", 1, far((2, 6), (2, 3))),
        Part("many values far from 0", 2, far((20, 4), (300, 3))),
        Part("feature maps far from 0", 2, far((6, 3, 5, 2))),
        Part("a constant gives 0", 1, constants, last=True),
    ),
    mistakes={
        "the formula as it was given": one_pass,
        "negative results cut off at 0; the others are as wrong as before": lambda x: (
            np.maximum(one_pass(x), 0)
        ),
        "a minus sign removed; the digits are lost as before": lambda x: abs(one_pass(x)),
        "squares rounded to float32 before they are added": partial(
            one_pass, squares=np.float64, mean=np.float64
        ),
        "squares in float32, though their mean is taken in float64": partial(
            one_pass, squares=np.float64
        ),
        "squares in float32, though the mean of x is in float64": partial(
            one_pass, mean=np.float64
        ),
        "the mean square around the shift, not around the mean": around_first,
        "the unbiased variance: divided by m - 1": partial(variance, ddof=1),
        "the standard deviation, not the variance": lambda x: np.sqrt(variance(x)),
        "the sum of squared distances, not their mean": lambda x: (
            variance(x) * x.size / x.shape[1]
        ),
        "the variance of all channels together": lambda x: np.full(
            x.shape[1], x.astype(np.float64).var()
        ),
    },
)
