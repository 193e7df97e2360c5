"""Chapter 3: merging the statistics of parts."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator
Statistics = tuple[int, Array, Array]
Weight = Callable[[int, int], float]


def share(a: int, b: int) -> float:
    """Return the weight of part b in the mean of both: (3.9)."""
    return b / (a + b)


def between(a: int, b: int) -> float:
    """Return the weight of the squared distance of the means: (3.9)."""
    return a * b / (a + b)


def merge_all(
    parts: Sequence[Statistics],
    *,
    share: Weight = share,
    between: Weight = between,
    power: int = 2,
    biased: Weight = lambda n, k: n,
    unbiased: Weight = lambda n, k: n - 1,
    times_n: bool = False,
    counts_parts: bool = False,
) -> tuple[int, Array, Array, Array]:
    """Merge the statistics of parts: (3.9). The keywords make the usual mistakes."""
    parts = [part for part in parts if part[0]]
    if sum(part[0] for part in parts) < 2:
        raise ValueError("merge_all: needs at least 2 values")
    n, mean, m2 = parts[0]
    m2 = m2 * n if times_n else m2
    for n_b, mean_b, m2_b in parts[1:]:
        delta = mean_b - mean
        m2_b = m2_b * n_b if times_n else m2_b
        mean = mean + delta * share(n, n_b)
        m2 = m2 + m2_b + delta**power * between(n, n_b)
        n = n + n_b
    k = len(parts)
    return (k if counts_parts else n), mean, m2 / biased(n, k), m2 / unbiased(n, k)


def averaged(parts: Sequence[Statistics]) -> tuple[int, Array, Array, Array]:
    """Average the parts' variances as if all parts had the same size."""
    parts = [part for part in parts if part[0]]
    n, mean, *_ = merge_all(parts)
    var = np.mean([m2 / k for k, _, m2 in parts], axis=0)
    return n, mean, var, var * n / (n - 1)


def zero(a: int, b: int) -> float:
    """Return the weight of a term that is forgotten."""
    return 0.0


# What to say, and the keywords of `merge_all` that make the mistake.
MERGES: Mapping[str, Mapping[str, Any]] = {
    "n_a / n as the weight of part b": {"share": lambda a, b: a / (a + b)},
    "equal weights for parts of different sizes": {"share": lambda a, b: 0.5},
    "a sum of the means' distances, without a weight": {"share": lambda a, b: 1.0},
    "the spread inside the parts alone, without the distance of their means": {
        "between": zero},
    "the pooled variance, which ignores that the parts' means differ": {
        "between": zero, "unbiased": lambda n, k: n - k},
    "the distance of the means without its square": {"power": 1},
    "n_a n_b, not divided by n": {"between": lambda a, b: a * b},
    "n_a n_b, divided by n twice": {"between": lambda a, b: a * b / (a + b) ** 2},
    "n_b / n as the weight of the squared distance": {"between": share},
    "n_b as the weight of the squared distance": {"between": lambda a, b: b},
    "n as the weight of the squared distance": {"between": lambda a, b: a + b},
    "the distance of the means subtracted, not added": {
        "between": lambda a, b: -between(a, b)},
    "the distance from the new mean, not from the old one": {
        "between": lambda a, b: between(a, b) * (a / (a + b)) ** 2},
    "m2, not divided by the count": {
        "biased": lambda n, k: 1, "unbiased": lambda n, k: 1},
    "the unbiased variance: divided by n - 1": {"biased": lambda n, k: n - 1},
    "the biased variance: divided by n": {"unbiased": lambda n, k: n},
    "Bessel's factor upside down": {"unbiased": lambda n, k: n * n / (n - 1)},
    "a division by the number of parts": {"biased": lambda n, k: k},
    "m2 read as if it were a variance": {"times_n": True},
    "the number of parts, not of values": {"counts_parts": True},
}  # fmt: skip


def part_of(rng: Rng, n: int) -> Statistics:
    """Return count, mean and m2 of ``n`` values in three channels; zeros if there are none."""
    if n == 0:
        return 0, np.zeros(3), np.zeros(3)
    x = rng.normal(rng.normal(0, 2, 3), rng.uniform(0.5, 2, 3), (n, 3))
    mean = x.mean(axis=0)
    return n, mean, ((x - mean) ** 2).sum(axis=0)


def of_sizes(*sizes: Sequence[int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes one list of parts for each of ``sizes``."""
    return lambda rng: [([part_of(rng, n) for n in each],) for each in sizes]


several = of_sizes((3, 5), (1, 1), (1, 2, 7), (12, 1, 4, 3))

MERGE = Exercise(
    name="ex03_q2",
    function="merge_all",
    points=3,
    results=("n", "mean", "var", "var_unbiased"),
    reference=merge_all,
    parts=(
        Part("count and mean", 2, several, looks_at=("n", "mean")),
        Part("the biased variance", 2, several, looks_at=("var",)),
        Part("the unbiased variance", 2, several, looks_at=("var_unbiased",)),
        Part("empty parts", 1, of_sizes((4, 0, 3), (0, 0, 5, 2))),
        Part(
            "fewer than two values are refused", 1, of_sizes((0, 1), (1,)),
            refuses="a single value, which has no unbiased variance",
        ),
    ),
    mistakes={
        **{text: partial(merge_all, **how) for text, how in MERGES.items()},
        "an average of the parts' variances, whatever their sizes": averaged,
        "the first two parts alone": lambda parts: merge_all(parts[:2]),
        "the last two parts alone": lambda parts: merge_all(parts[-2:]),
    },
)  # fmt: skip
