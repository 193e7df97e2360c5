"""Chapter 7: population statistics and running averages."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex07_fold import FOLD
from bncourse.checks.exercises.ex07_layer import LAYER
from bnlib.axes import Array

Rng = np.random.Generator
Pair = tuple[Array, Array]


def pooled(means: Array, variances: Array, sizes: Array) -> Pair:
    """Return the population's mean and variance from batches of any sizes: (7.4)."""
    if sizes.max() < 2:
        raise ValueError("no batch has two values, so the variance is unknown")
    return weighted(sizes, means), (sizes @ variances) / (sizes - 1).sum()


def weighted(weights: Array, values: Array) -> Array:
    """Return the weighted mean of the rows of ``values``."""
    average: Array = weights @ values / weights.sum()
    return average


def spread(total: Callable[[Array, Array, Array], Any]) -> Callable[..., Pair]:
    """Return a `pooled` whose mean is right and whose variance is ``total(mu, v, m)``."""
    return lambda mu, v, m: (weighted(m, mu), total(mu, v, m))


def everything(mu: Array, v: Array, m: Array, ddof: int) -> Array:
    """Return the variance of all values, the spread between batches included: (7.5)."""
    total: Array = (m @ v + m @ (mu - weighted(m, mu)) ** 2) / (m.sum() - ddof)
    return total


def own_factors(v: Array, m: Array) -> Array:
    """Return each batch's unbiased variance; a batch of one value keeps its 0."""
    unbiased: Array = v * (m / np.maximum(m - 1, 1))[:, None]
    return unbiased


def batches(sizes: Callable[[Rng], Sequence[int]]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the statistics of two epochs, cut into batches of these sizes."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for _ in range(2):
            m = np.array(sizes(rng))
            parts = [rng.normal(rng.normal(0, 3, 3), 2.0, (n, 3)) for n in m]
            statistics = [(p.mean(axis=0), p.var(axis=0)) for p in parts]
            found.append((*map(np.array, zip(*statistics, strict=True)), m))
        return found

    return calls


POOLED = Exercise(
    name="ex07_q1",
    function="pooled",
    points=3,
    results=("mean", "var"),
    reference=pooled,
    parts=(
        Part("batches of one size", 1, batches(lambda rng: [int(rng.integers(3, 7))] * 4)),
        Part("a ragged last batch: the mean", 1, batches(lambda rng: [6, 6, 6, 2]), ("mean",)),
        Part("a ragged last batch: the variance", 2, batches(lambda rng: [6, 6, 2]), ("var",)),
        Part("a last batch of one value", 1, batches(lambda rng: [5, 5, 5, 1])),
        Part("batches of one value only are refused", 1, batches(lambda rng: [1, 1, 1]),
             refuses="batches that all have one value"),
    ),
    mistakes={
        "the biased variance: no correction by m - 1": spread(lambda mu, v, m: weighted(m, v)),
        "a plain average of the biased variances": spread(lambda mu, v, m: v.mean(axis=0)),
        "one common factor m / (m - 1) for all batches":
            spread(lambda mu, v, m: v.mean(axis=0) * m[0] / (m[0] - 1)),
        "own factors, averaged as if all batches told the same":
            spread(lambda mu, v, m: own_factors(v, m).mean(axis=0)),
        "corrected variances that weigh m, not what a variance of m values tells":
            spread(lambda mu, v, m: weighted(m, own_factors(v, m))),
        "uncorrected variances that weigh m - 1": spread(lambda mu, v, m: weighted(m - 1, v)),
        "one degree of freedom lost in all, not one in each batch":
            spread(lambda mu, v, m: m @ v / (m.sum() - 1)),
        "the variance of all values: the spread between the batches is counted, too":
            spread(partial(everything, ddof=1)),
        "the biased variance of all values": spread(partial(everything, ddof=0)),
        "the batches' means without weights":
            lambda mu, v, m: (mu.mean(axis=0), pooled(mu, v, m)[1]),
        "means that weigh m - 1": lambda mu, v, m: (weighted(m - 1, mu), pooled(mu, v, m)[1]),
        "neither the means nor the variances weighed":
            lambda mu, v, m: (mu.mean(axis=0), own_factors(v, m).mean(axis=0)),
        "a standard deviation": spread(lambda mu, v, m: np.sqrt(m @ v / (m - 1).sum())),
    },
)  # fmt: skip


def exponential(
    values: Array, momentum: float, new: float | None = None, start: float = 0.0
) -> Pair:
    """Return the running values and the same without the weight of the start: (7.6)."""
    new = 1 - momentum if new is None else new
    running, rows = np.full(values.shape[1:], start), []
    for value in values:
        running = momentum * running + new * value
        rows.append(running)
    k = np.arange(1, len(values) + 1)[:, None]
    course = np.array(rows).reshape(values.shape)
    return course, course / (1 - momentum**k)


def divided(by: Callable[[Any, float], Any]) -> Callable[..., Pair]:
    """Return an `exponential` whose second result is divided by ``by(k, momentum)``."""

    def answer(values: Array, momentum: float) -> Pair:
        k = np.arange(1, len(values) + 1)[:, None]
        running = exponential(values, momentum)[0]
        return running, running / by(k, momentum)

    return answer


def from_first(values: Array, momentum: float) -> Pair:
    """Start from the first batch instead of zero."""
    first, rest = values[:1], values[1:]
    k = np.arange(len(values))[:, None]
    later = exponential(rest, momentum)[0] + first * momentum ** k[1:]
    running = np.concatenate([first, later])
    return running, running / (1 - momentum ** (k + 1))


def plain(values: Array, momentum: float) -> Pair:
    """Return the cumulative average."""
    average: Array = np.cumsum(values, axis=0) / np.arange(1, len(values) + 1)[:, None]
    return average, average


def courses(rng: Rng) -> Sequence[Arguments]:
    """Return batch statistics over time, and momenta far from 1/2."""
    sizes = ((5, 3, 0.9), (1, 2, 0.8), (30, 2, 0.95))
    return [(rng.normal(4, 2, (K, C)), momentum) for K, C, momentum in sizes]


EXPONENTIAL = Exercise(
    name="ex07_q2",
    function="exponential",
    points=3,
    results=("running", "corrected"),
    reference=exponential,
    parts=(
        Part("the running values", 2, courses, ("running",)),
        Part("without the cold start", 1, courses, ("corrected",)),
    ),
    mistakes={
        "momentum that multiplies the new value": lambda v, a: exponential(v, 1 - a),
        "a start from the first batch, not from zero": from_first,
        "a start from one, not from zero": partial(exponential, start=1.0),
        "a new value with its full weight": partial(exponential, new=1.0),
        "an old value that is never multiplied down":
            lambda v, a: ((1 - a) * np.cumsum(v, axis=0), exponential(v, a)[1]),
        "the plain average of all batches so far": plain,
        "weights in each other's place in the divisor only":
            divided(lambda k, a: 1 - (1 - a) ** k),
        "no correction: the start still counts": divided(lambda k, a: 1.0),
        "a power of k + 1, one batch too many": divided(lambda k, a: 1 - a ** (k + 1)),
        "a power of k - 1, one batch too few": divided(lambda k, a: 1 - a ** (k - 1)),
        "a division by the weight of the start": divided(lambda k, a: a**k),
        "the same divisor for every batch": divided(lambda k, a: 1 - a ** k.max()),
        "a division by 1 - momentum at every batch": divided(lambda k, a: 1 - a),
        "the results in each other's place": lambda v, a: exponential(v, a)[::-1],
    },
)  # fmt: skip


EXERCISES = (POOLED, EXPONENTIAL, LAYER, FOLD)
