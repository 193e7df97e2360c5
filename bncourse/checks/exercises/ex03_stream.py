"""Chapter 3: mean and variance of rows that arrive one at a time."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Statistics = tuple[int, Array, Array]
Weight = Callable[[int, int], float]
LOST = "digits that rounding takes where the mean is large: a difference of large numbers"


class Stream:
    """Weighted mean and variance of the rows so far: (3.8). The keywords make mistakes."""

    def __init__(
        self,
        *,
        product: Callable[[Array, Array], Array] = lambda before, after: before * after,
        rate: Callable[[float, float], float] = lambda w, total: w / total,
        shrink: Callable[[float], float] = lambda total: total,
        power: float = 1.0,
        start: float = 0.0,
        weigh: Callable[[float], float] = lambda w: w,
        within: Callable[[float], float] = lambda w: w,
    ) -> None:
        self.product, self.rate, self.shrink, self.power = product, rate, shrink, power
        self.weigh, self.within = weigh, within
        self.total, self.empty = start, True
        self.mean: Any = 0.0
        self.m2: Any = 0.0

    def add(self, row: Array, weight: float) -> None:
        """Take in one row, shape (D,), with its weight."""
        self.total, self.empty = self.total + self.weigh(weight), False
        before = row - self.mean
        self.mean = self.mean + before * self.rate(self.weigh(weight), self.total)
        self.m2 = self.m2 + self.within(weight) * self.product(before, row - self.mean)

    def mean_var(self) -> tuple[Array, Array]:
        """Return mean and variance of the rows so far."""
        if self.empty:
            raise ValueError("Stream: has no rows yet")
        return self.mean, (self.m2 / self.shrink(self.total)) ** self.power


class SumsOfSquares(Stream):
    """Make the mistake of (3.7): keep the sums of x and of x * x."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: Any = 0.0
        self.squares: Any = 0.0

    def add(self, row: Array, weight: float) -> None:
        """Take in one row."""
        super().add(row, weight)
        self.sums = self.sums + weight * row
        self.squares = self.squares + weight * row * row

    def mean_var(self) -> tuple[Array, Array]:
        """Return the mean and the difference of two large numbers."""
        mean = self.sums / self.total
        return mean, self.squares / self.total - mean * mean


class Keeper(Stream):
    """Make the mistake to keep every row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[Array, float]] = []

    def add(self, row: Array, weight: float) -> None:
        """Take in one row, and keep a copy."""
        super().add(row, weight)
        self.rows.append((row.copy(), weight))


class Lender(Stream):
    """Make the mistake to change arrays that were handed out: both, or the mean alone."""

    def __init__(self, both: bool = True) -> None:
        super().__init__()
        self.both = both

    def add(self, row: Array, weight: float) -> None:
        """Take in one row, in place."""
        first, mean, m2 = self.empty, self.mean + 0 * row, self.m2 + 0 * row
        super().add(row, weight)
        if first:
            self.lent = mean, m2
        self.lent[0][...], self.lent[1][...] = self.mean, self.m2 / self.total

    def mean_var(self) -> tuple[Array, Array]:
        """Return arrays that the next row changes."""
        var = super().mean_var()[1]
        return self.lent if self.both else (self.lent[0], var)


class Borrower(Stream):
    """Make the mistake to keep every row itself, which the caller uses again."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Array] = []
        self.weights: list[float] = []

    def add(self, row: Array, weight: float) -> None:
        """Take in one row, without a copy."""
        self.rows.append(row)
        self.weights.append(weight)

    def mean_var(self) -> tuple[Array, Array]:
        """Return statistics of what the rows have become."""
        mean = np.average(self.rows, axis=0, weights=self.weights)
        return mean, np.average((self.rows - mean) ** 2, axis=0, weights=self.weights)


class Divider(Stream):
    """Make the mistake to divide M for good at each question."""

    def mean_var(self) -> tuple[Array, Array]:
        """Return mean and variance, and spoil the next ones."""
        mean, var = super().mean_var()
        self.m2 = var
        return mean, var


class Aliased(Stream):
    """Make the mistake to keep the first row itself, which the caller uses again."""

    def add(self, row: Array, weight: float) -> None:
        """Take in one row; the first one is the mean."""
        if self.total:
            super().add(row, weight)
        else:
            self.total, self.empty, self.mean, self.m2 = weight, False, row, 0 * row


def held(value: Any) -> int:
    """Return how many numbers an object keeps in arrays and lists."""
    if hasattr(value, "shape"):
        return int(np.prod(value.shape))
    if hasattr(value, "__dict__"):
        value = vars(value)
    values = value.values() if hasattr(value, "values") else value
    return sum(map(held, values)) if hasattr(values, "__len__") and values != "" else 1


def use(
    answer: Answer, x: Array, weights: Array, looks: Sequence[int]
) -> tuple[Array, Array, int]:
    """Feed the rows of ``x`` to one object, and others to a second; look after some rows.

    Each row comes in the same array. Each look asks twice. The last result says how many
    numbers more the object keeps after the last row than after the first.
    """
    stream, other = answer(), answer()
    seen = [stream.mean_var()] if 0 in looks else []
    row, first = np.empty(x.shape[1]), 0
    for k, (values, weight) in enumerate(zip(x, weights, strict=True), start=1):
        row[...] = values
        stream.add(row, float(weight))
        other.add(3 - 2 * row, float(weight))
        if k in looks:
            stream.mean_var()
            seen.append(stream.mean_var())
        first = first or held(stream)
    more = max(held(stream) - first, 0)
    return np.array([mean for mean, _ in seen]), np.array([var for _, var in seen]), more


def weighted(rng: Rng, x: Array, alike: bool = False) -> tuple[Array, Array]:
    """Return rows with their weights: all 1, or below and above 1."""
    return x, np.ones(len(x)) if alike else rng.uniform(0.3, 3, len(x))


def rows(
    *sizes: int, mean: float = 0.0, alike: bool = False
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes streams of these lengths, looked at once, at the end."""
    return lambda rng: [
        (*weighted(rng, rng.normal(mean or rng.normal(0, 2), 1.5, (m, 3)), alike), (m,))
        for m in sizes
    ]


def each_row(rng: Rng) -> Sequence[Arguments]:
    """Return a stream that is looked at after each row."""
    return [(*weighted(rng, rng.normal(rng.normal(0, 2), 1.5, (6, 2))), tuple(range(1, 7)))]


# What to say, and the keywords of `Stream` that make the mistake.
STREAMS: Mapping[str, Mapping[str, Any]] = {
    "the distance from the old mean, squared": {"product": lambda b, a: b * b},
    "the distance from the new mean, squared": {"product": lambda b, a: a * a},
    "the unbiased variance: divided by the weights less 1": {"shrink": lambda k: k - 1},
    "M, not divided by the weight of all rows": {"shrink": lambda k: 1},
    "the standard deviation, not the variance": {"power": 0.5},
    "an exponential average of the rows, with momentum 0.1": {"rate": lambda w, k: 0.1},
    "a weight of all rows that starts at 1 before the first row": {"start": 1.0},
    "a mean that moves too little: divided by the weights and 1 more": {
        "rate": lambda w, k: w / (k + 1)},
    "a mean that moves half of the way at each row": {
        "rate": lambda w, k: 1.0 if w == k else 0.5},
    "a mean that jumps to each row": {"rate": lambda w, k: 1.0},
    "distances that are not multiplied": {"product": lambda b, a: b},
    "an M that never grows": {"product": lambda b, a: b * 0},
    "rows that all count alike: the weights are not used": {
        "weigh": lambda w: 1.0, "within": lambda w: 1.0},
    "an M whose rows all count alike": {"within": lambda w: 1.0},
    "a mean that does not weigh the new row": {"rate": lambda w, k: 1 / k},
    "a mean that divides by the new row's weight": {"rate": lambda w, k: 1 / (w * k)},
    "weights that are squared in M": {"within": lambda w: w * w},
}  # fmt: skip

STREAM = Exercise(
    name="ex03_q3",
    function="Stream",
    points=3,
    results=("mean", "var", "the memory's growth"),
    reference=Stream,
    drive=use,
    parts=(
        Part("rows of weight 1", 1, rows(2, 5, 40, alike=True), looks_at=("mean", "var")),
        Part("the mean", 1, rows(2, 5, 40), looks_at=("mean",)),
        Part("the variance", 1, rows(2, 5, 40), looks_at=("var",)),
        Part("after each row", 1, each_row, looks_at=("mean", "var")),
        # of weight 1: with others, row * weight / weight loses digits in a right answer, too
        Part("rows far from 0", 1, rows(9, mean=2e8, alike=True), looks_at=("mean", "var"),
             alone=LOST),
        Part("no row is kept", 1, rows(40), looks_at=("the memory's growth",), last=True),
        Part("no rows yet", 1,
             lambda rng: [(*weighted(rng, rng.normal(size=(0, 2))), (0,))],
             refuses="a question before the first row"),
    ),
    mistakes={
        **{text: partial(Stream, **how) for text, how in STREAMS.items()},
        "mean(x * x) - mean(x)**2, which loses its digits far from 0": SumsOfSquares,
        "an object that keeps every row": Keeper,
        "arrays handed out, and changed by the next row": (Lender, partial(Lender, both=False)),
        "rows that are kept, and not even copied; the caller uses its array again": Borrower,
        "an M that each question divides for good": Divider,
        "the first row kept without a copy; the caller uses its array again": Aliased,
    },
)  # fmt: skip
