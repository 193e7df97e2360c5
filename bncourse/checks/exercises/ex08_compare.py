"""Chapter 8: which of two arms has the lower error, over rates and seeds."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator
Pair = tuple[Any, Any]


def tuned(errors: Array) -> Array:
    """Return the errors, one a seed, at the rate with the lowest mean error."""
    best: Array = errors[errors.mean(axis=1).argmin()]
    return best


def interval(difference: Array, t: float, ddof: int = 1, root: bool = True) -> Pair:
    """Return the interval of the mean of paired differences."""
    n = len(difference)
    half = t * difference.std(ddof=ddof) / (np.sqrt(n) if root else 1)
    return difference.mean() - half, difference.mean() + half


def compare(a: Array, b: Array, t: float) -> Pair:
    """Return the interval of how much larger the error of ``a`` is, each at its own rate."""
    if a.shape[1] < 2 or b.shape[1] < 2:
        raise ValueError("one seed gives no interval")
    return interval(tuned(a) - tuned(b), t)


def choosing(rows: Callable[[Array], Array], **how: Any) -> Answer:
    """Return a `compare` that looks at other runs, or computes the interval otherwise."""
    return lambda a, b, t: interval(rows(a) - rows(b), t, **how)


def at_rate_of(a: Array, b: Array, t: float, first: bool) -> Pair:
    """Give both arms the best rate of one of them."""
    i = (a if first else b).mean(axis=1).argmin()
    return interval(a[i] - b[i], t)


def unpaired(a: Array, b: Array, t: float) -> Pair:
    """Add the variances of the two means, as if the seeds were not shared."""
    a, b = tuned(a), tuned(b)
    half = t * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    return a.mean() - b.mean() - half, a.mean() - b.mean() + half


def tables(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the errors (rates, seeds) of two arms whose best rates differ."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for rates, seeds in sizes:
            split = rng.normal(0, 1.0, seeds)  # what the arms share
            a = b = tricky(rng, rates, split)
            while b.mean(axis=1).argmin() == a.mean(axis=1).argmin():
                b = tricky(rng, rates, split)
            found.append((a, b, rng.uniform(2.5, 4)))
        return found

    return calls


def tricky(rng: Rng, rates: int, split: Array) -> Array:
    """Return errors whose best rate is not the one that other rules choose."""
    while True:
        errors = split + rng.exponential(2.0, (rates, len(split))) + 6
        best = errors.mean(axis=1).argmin()
        others = [errors[:, 0].argmin(), errors.min(axis=1).argmin()]
        if len(split) > 2:
            others.append(np.median(errors, axis=1).argmin())
        if best not in (0, *others) or len(split) == 1:
            return errors


def use(answer: Answer, a: Array, b: Array, t: float) -> Pair:
    """Return the middle and the width of an answer's interval."""
    low, high = answer(a, b, t)
    return (low + high) / 2, high - low


SAME = tables((4, 5), (3, 8), (5, 3))
COMPARE = Exercise(
    name="ex08_q3",
    function="compare",
    points=3,
    results=("middle", "width"),
    reference=compare,
    drive=use,
    parts=(
        Part("the middle of the interval", 2, SAME, ("middle",)),
        Part("its width", 2, SAME, ("width",)),
        Part("two seeds", 1, tables((3, 2), (4, 2))),
        Part("one seed is refused", 1, tables((3, 1)), refuses="a single seed"),
    ),
    mistakes={
        "the best single run of each arm": choosing(lambda e: e.ravel()[[e.argmin()] * 2]),
        "the best rate chosen for each seed anew": choosing(lambda e: e.min(axis=0)),
        "the average over all rates, good and bad": choosing(lambda e: e.mean(axis=0)),
        "the worst rate of each arm": choosing(lambda e: e[e.mean(axis=1).argmax()]),
        "the rate of the best single run": choosing(lambda e: e[e.min(axis=1).argmin()]),
        "the rate with the best median": choosing(lambda e: e[np.median(e, axis=1).argmin()]),
        "the rate that is best on the first seed": choosing(lambda e: e[e[:, 0].argmin()]),
        "the first rate for both arms": choosing(lambda e: e[0]),
        "the best rate of the first arm for both": partial(at_rate_of, first=True),
        "the best rate of the second arm for both": partial(at_rate_of, first=False),
        "b - a instead of a - b": lambda a, b, t: compare(b, a, t),
        "seeds that are not paired: both spreads added": unpaired,
        "the spread of single differences, not of their mean": choosing(tuned, root=False),
        "the biased standard deviation: divided by n": choosing(tuned, ddof=0),
        "half of the width": lambda a, b, t: compare(a, b, t / 2),
        "the normal value 1.96, whatever t is given": lambda a, b, t: compare(a, b, 1.96),
        "the interval without t": lambda a, b, t: compare(a, b, 1.0),
        "the ends in each other's place": lambda a, b, t: compare(a, b, t)[::-1],
    },
)  # fmt: skip
