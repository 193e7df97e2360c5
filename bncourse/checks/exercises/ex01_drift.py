"""Chapter 1: the drift of a unit's input."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator


def middle(z: Array) -> Array:
    """Return the median of each unit's inputs."""
    median: Array = np.median(z, axis=0)
    return median


def drift(
    before: Array,
    after: Array,
    *,
    ends: tuple[float, float] = (15, 85),
    band_of: str = "before",
    band: Callable[[Array], Array] | None = None,
    move: Callable[[Array, Array], Array] = lambda a, b: abs(middle(b) - middle(a)),
    share: float = 1.0,
) -> Array:
    """Return the drift of each unit: (1.3). The keywords make the usual mistakes."""
    low, high = np.percentile({"before": before, "after": after}[band_of], ends, axis=0)
    size = high - low if band is None else band(before)
    d: Array = move(before, after) / (share * size)
    return d


DRIFTS: Mapping[str, Mapping[str, Any]] = {
    "the band after the training": {"band_of": "after"},
    "a division by the standard deviation, not by the band": {"band": lambda z: z.std(axis=0)},
    "half of the band": {"share": 0.5},
    "the quartiles, 25 and 75 percent": {"ends": (25, 75)},
    "the percentiles 5 and 95": {"ends": (5, 95)},
    "the percentiles 0.15 and 0.85: np.percentile counts to 100": {
        "ends": (0.15, 0.85),
        "move": lambda a, b: abs(np.percentile(b, 0.5, 0) - np.percentile(a, 0.5, 0))},
    "the whole range, from the smallest to the largest value": {"ends": (0, 100)},
    "the move of the mean, not of the median": {
        "move": lambda a, b: abs(b.mean(axis=0) - a.mean(axis=0))},
    "a move with its sign": {"move": lambda a, b: middle(b) - middle(a)},
    "the median of the single moves, not the move of the median": {
        "move": lambda a, b: abs(np.median(b - a, axis=0))},
    "the median size of the single moves": {
        "move": lambda a, b: np.median(abs(b - a), axis=0)},
    "the mean size of the single moves": {"move": lambda a, b: abs(b - a).mean(axis=0)},
    "the square of the move": {
        "move": lambda a, b: (middle(b) - middle(a)) ** 2},
    "a move that is not divided by the band": {"band": lambda z: np.ones(z.shape[1])},
    "one band for all units": {
        "band": lambda z: np.percentile(z, 85) - np.percentile(z, 15)},
    "q85 alone, without q15 subtracted": {"band": lambda z: np.percentile(z, 85, axis=0)},
    "q85 + q15": {"band": lambda z: np.percentile(z, [15, 85], axis=0).sum(axis=0)},
}  # fmt: skip


def inputs(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes the inputs of some units at two looks; some units move down."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        made = []
        for m, units in sizes:
            before = rng.gamma(2.0, rng.uniform(0.4, 2, units), (m, units))
            after = before * rng.uniform(0.5, 2, units) + rng.normal(0, 3, (m, units)) - 2
            made.append((before + rng.normal(0, 2, units), after))
        return made

    return calls


def unmoved(rng: Rng) -> Sequence[Arguments]:
    """Return the same inputs in another order."""
    ((before, _),) = inputs((21, 3))(rng)
    return [(before, before[::-1].copy())]


DRIFT = Exercise(
    name="ex01_q2",
    function="drift",
    points=3,
    results=("d",),
    reference=drift,
    parts=(
        Part("one unit", 1, inputs((20, 1), (9, 1))),
        Part("many units", 2, inputs((30, 5), (7, 3))),
        Part("the same values in another order give 0", 1, unmoved, last=True),
    ),
    mistakes={
        **{text: partial(drift, **how) for text, how in DRIFTS.items()},
        "percentiles of each sample, over axis 1": lambda before, after: drift(
            before.T, after.T
        ),
        "the band divided by the move": lambda before, after: 1 / drift(before, after),
    },
)
