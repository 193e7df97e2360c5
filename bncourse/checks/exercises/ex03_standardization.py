"""Chapter 3: standardizing, and statistics of parts, of streams and of float32 values."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex03_stream import LOST, STREAM

Rng = np.random.Generator
Statistics = tuple[int, Array, Array]
Weight = Callable[[int, int], float]


def standardize(
    x_train: Array,
    x: Array,
    *,
    mean_of: str = "train",
    sd_of: str = "train",
    axis: int | None = 0,
    ddof: int = 0,
    power: float = 0.5,
    centered: bool = True,
    correction: bool = False,
    constant: float | None = 1.0,
    flat: Callable[[Array, Array], Any] = lambda spread, sd: spread == 0,
    more: float = 0.0,
    inside: float = 0.0,
    flat_of: str = "",
    keep_flat: bool = False,
) -> Array:
    """Standardize ``x`` by ``x_train``: (3.1). The keywords make the usual mistakes."""
    sources = {"train": x_train, "x": x, "both": np.concatenate([x_train, x])}
    mu = sources[mean_of].mean(axis=axis, keepdims=True)
    var = sources[sd_of].var(axis=axis, ddof=ddof, keepdims=True)
    scale = (var + inside) ** power
    spread = np.ptp(sources[flat_of or sd_of], axis=axis, keepdims=True)  # rounding spares it
    if constant is not None:
        scale = np.where(flat(spread, np.sqrt(var)), constant, scale)
    scale, mu = scale + more, np.where(keep_flat & (spread == 0), 0.0, mu)
    m = len(x)
    factor = np.sqrt(m / (m - 1)) if correction else 1.0
    x_hat: Array = (x - mu * centered) / scale * factor
    return x_hat


OWN = {"mean_of": "x", "sd_of": "x"}
ALL = {"mean_of": "both", "sd_of": "both"}
# What to say, and the keywords of `standardize` that make the mistake.
SCALES: Mapping[str, Mapping[str, Any]] = {
    "a division by the variance, not by its root": {"power": 1.0},
    "the note's formula as it stands": {"power": 1.0, "correction": True, **OWN},
    "the note's correction, still there": {"correction": True},
    "a division by the variance of x": {"power": 1.0, **OWN},
    "statistics of x, not of x_train": OWN,
    "statistics of x and x_train together": ALL,
    "the mean of x_train with the spread of x": {"sd_of": "x"},
    "the spread of x_train with the mean of x": {"mean_of": "x"},
    "the unbiased variance: divided by m - 1": {"ddof": 1},
    "x divided by the standard deviation without subtracting the mean": {"centered": False},
    "x - mean, never divided by the standard deviation": {"power": 0.0},
    "a product with the standard deviation, not a division": {"power": -0.5},
    "one mean and one variance for the whole array": {"axis": None},
    "a division by 0 where a feature does not vary": {"constant": None},
    "a feature set to 0 where it does not vary": {"constant": np.inf},
    "a deviation compared with 0 exactly; rounding makes it 1e-17 or so": {
        "flat": lambda spread, sd: sd == 0
    },
    "a small deviation taken for none": {"flat": lambda spread, sd: sd < 1e-8},
    "a deviation below 1e-12 taken for none, which is not so for every unit": {
        "flat": lambda spread, sd: sd < 1e-12
    },
    "a feature that does not vary left as it is, its mean not subtracted": {"keep_flat": True},
}


def min_max(x_train: Array, x: Array) -> Array:
    """Scale to the range of the training data, which standardizing is not."""
    low, high = x_train.min(axis=0), x_train.max(axis=0)
    scaled: Array = (x - low) / np.where(high > low, high - low, 1.0)
    return scaled


def by_rows(x_train: Array, x: Array) -> Array:
    """Standardize each sample by its own values."""
    scaled: Array = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return scaled


def ways(**how: Any) -> tuple[Answer, ...]:
    """Return a mistake, alone and beside one about features that do not vary."""
    besides: list[dict[str, Any]] = [
        {},
        {"flat": lambda spread, sd: sd == 0},
        {"constant": None},
        {"flat_of": "train"},
    ]
    alone = {"flat", "constant", "more", "keep_flat"} & set(how) or not how.get("power", 0.5)
    return tuple(partial(standardize, **how, **more) for more in besides[: 1 if alone else 4])


def small(where: str) -> tuple[Answer, ...]:
    """Return the mistake to add a small number, with and without a look at what is constant."""
    hows: list[dict[str, Any]] = [
        {where: 10.0**power, "constant": constant}
        for power in range(-12, -3)
        for constant in (None, 1.0)
    ]
    return tuple(partial(standardize, **how) for how in hows)  # fmt: skip


def same_data(rng: Rng) -> Sequence[Arguments]:
    """Return training data twice: as statistics' source and as what is standardized."""
    sets = [rng.normal(rng.normal(0, 3, 4), rng.uniform(0.4, 5, 4), (m, 4)) for m in (6, 40)]
    return [(x, x.copy()) for x in sets]


def other_data(rng: Rng, m: int = 7) -> Sequence[Arguments]:
    """Return training data and as many rows of data that are shifted against it."""
    means, sds = rng.normal(0, 3, 3), rng.uniform(0.4, 5, 3)
    return [(rng.normal(means, sds, (m, 3)), rng.normal(means + 1, 2 * sds, (m, 3)))]


def flat_feature(rng: Rng) -> Sequence[Arguments]:
    """Return training data with features that do not vary; their means get rounded."""
    made = []
    for m, value in ((8, rng.integers(2, 9)), (3, 0.1), (7, 1e6 + 0.1), (6, 0.7), (11, 1.1)):
        ((x_train, x),) = other_data(rng, m)
        x_train[:, 0], x[:, 0] = value, value + max(value, 1) * x[:, 1]
        made.append((x_train, x))
    return made


def small_feature(rng: Rng) -> Sequence[Arguments]:
    """Return training data in units in which the values are tiny."""
    return [(unit * x_train, unit * x)
            for unit in (1e-9, 1e-13) for x_train, x in other_data(rng, 8)]  # fmt: skip


STANDARDIZE = Exercise(
    name="ex03_q1",
    function="standardize",
    points=3,
    results=("x_hat",),
    reference=standardize,
    parts=(
        Part("the training data", 1, same_data),
        Part("other data", 1, other_data),
        Part("a feature that does not vary", 1, flat_feature),
        Part("features with tiny values", 1, small_feature),
    ),
    mistakes={
        **{text: ways(**how) for text, how in SCALES.items()},
        "a small number added to the standard deviation": small("more"),
        "a small number added to the variance, inside the root": small("inside"),
        "a scale by minimum and maximum": min_max,
        "statistics of each sample, over axis 1": by_rows,
        "x_train standardized, not x": tuple(
            lambda x_train, x, way=way: way(x_train, x_train) for way in ways()
        ),
    },
)


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


def by_moments(parts: Sequence[Statistics]) -> tuple[int, Array, Array, Array]:
    """Make the mistake of (3.7): add sums and sums of squares."""
    n, mean, _, _ = merge_all(parts)
    squares = sum(m2 + k * mu**2 for k, mu, m2 in parts)
    m2 = squares - n * mean**2
    return n, mean, m2 / n, m2 / (n - 1)


def plain_mean(parts: Sequence[Statistics]) -> tuple[int, Array, Array, Array]:
    """Average the parts' means as if all parts had the same size."""
    n, _, var, unbiased = merge_all(parts)
    return n, np.mean([mean for k, mean, _ in parts if k], axis=0), var, unbiased


def unguarded(parts: Sequence[Statistics]) -> tuple[int, Array, Array, Array]:
    """Merge empty parts by the formula, too, which is 0/0 for two of them."""
    if parts[0][0] == parts[1][0] == 0:
        lost = np.full(3, np.nan)
        return sum(n for n, *_ in parts), lost, lost, lost
    return merge_all(parts)


def apart(parts: Sequence[Statistics]) -> Array:
    """Return the variance that the distances of the parts' means make alone."""
    _, _, var, _ = merge_all([(n, mean, 0 * m2) for n, mean, m2 in parts])
    return var


def with_between(
    merge: Answer, between: Callable[[Sequence[Statistics]], Any] = apart
) -> Callable[[Sequence[Statistics]], Any]:
    """Return an answer of five results from one that merges."""
    return lambda parts: (*merge(parts), between(parts))


def inside(parts: Sequence[Statistics]) -> Any:
    """Return the share of the variance that the parts have in themselves."""
    return sum(m2 for _, _, m2 in parts) / sum(n for n, _, _ in parts)


BETWEEN: Mapping[str, Callable[[Sequence[Statistics]], Any]] = {
    "the variance of the means, whatever the parts' sizes": lambda parts: np.var(
        [mean for n, mean, _ in parts if n], axis=0),
    "the spread inside the parts, not between them": inside,
    "a share of the variance, not its part": lambda parts: apart(parts) / merge_all(parts)[2],
    "a sum of squares, not divided by the count": lambda parts: (
        apart(parts) * sum(n for n, _, _ in parts)),
    "a division by n - 1: var is the biased variance": lambda parts: merge_all(
        [(n, mean, 0 * m2) for n, mean, m2 in parts])[3],
    "the mean of the parts' own variances subtracted, whatever their sizes": lambda parts: (
        merge_all(parts)[2] - averaged(parts)[2]),
    "a division by the number of parts, not of values": lambda parts: apart(parts) * sum(
        n for n, *_ in parts) / sum(n > 0 for n, *_ in parts),
    "var, with the spread inside the parts": lambda parts: merge_all(parts)[2],
}  # fmt: skip


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
    "one value lost in each part, not one in all": {"unbiased": lambda n, k: n - k},
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


def far_parts(rng: Rng) -> Sequence[Arguments]:
    """Return parts whose means lie 10 million deviations from 0."""
    return [([(n, mean + 1e7, m2) for n, mean, m2 in map(partial(part_of, rng), (4, 6))],)]


def of_sizes(*sizes: Sequence[int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes one list of parts for each of ``sizes``."""
    return lambda rng: [([part_of(rng, n) for n in lengths],) for lengths in sizes]


several = of_sizes((3, 5), (1, 1), (1, 2, 7), (12, 1, 4, 3))

MERGE = Exercise(
    name="ex03_q2",
    function="merge_all",
    points=3,
    results=("n", "mean", "var", "var_unbiased", "between"),
    reference=with_between(merge_all),
    parts=(
        Part("count and mean", 2, several, looks_at=("n", "mean")),
        Part("the biased variance", 2, several, looks_at=("var",)),
        Part("the unbiased variance", 2, several, looks_at=("var_unbiased",)),
        Part("the variance between the parts", 2, several, looks_at=("between",)),
        Part("empty parts", 1, of_sizes((4, 0, 3), (0, 0, 5, 2), (6, 0), (1, 0, 0, 1))),
        Part("means far from 0", 1, far_parts, last=True, alone=LOST),
        Part(
            "fewer than two values are refused", 1, of_sizes((0, 1), (1,), (0, 0), ()),
            refuses="a single value or none, which have no unbiased variance",
        ),
    ),
    mistakes={
        **{text: with_between(partial(merge_all, **how)) for text, how in MERGES.items()},
        **{text: with_between(merge_all, between) for text, between in BETWEEN.items()},
        "an average of the parts' variances, whatever their sizes": with_between(averaged),
        "sums of squares, from which n mean**2 is subtracted: the digits are lost":
            with_between(by_moments),
        "the plain mean of the parts' means, whatever their sizes": with_between(plain_mean),
        "0/0 where two empty parts meet": with_between(unguarded),
        "the first two parts alone": with_between(lambda parts: merge_all(parts[:2])),
        "the last two parts alone": with_between(lambda parts: merge_all(parts[-2:])),
    },
)  # fmt: skip


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
        Part("feature maps far from 0", 2, far((6, 3, 5, 2), (1, 4, 3, 3))),
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
        "the channels mixed: reshape without moving their axis last": lambda x: variance(
            x.reshape(-1, x.shape[1])
        ),
        "a sum over all values, divided by the number of images": lambda x: (
            variance(x) * x.size / x.shape[1] / len(x)
        ),
        "the mean of the images' own variances": lambda x: (
            variance(x) if x.ndim == 2 else x.astype(float).var(axis=(2, 3)).mean(axis=0)
        ),
        "a shift by the first image, a different one at each place": lambda x: variance(
            x - x[:1]
        ),
        "one shift for all channels, their mean": lambda x: one_pass(x - x.mean()),
        "one shift for all channels, the first value": lambda x: one_pass(x - x.flat[0]),
        "one shift for all channels, 4096": lambda x: one_pass(x - np.float32(4096)),
        "the variance of all channels together": lambda x: np.full(
            x.shape[1], x.astype(np.float64).var()
        ),
    },
)


EXERCISES = (STANDARDIZE, MERGE, STREAM, SAFE)
