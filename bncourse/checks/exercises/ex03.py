"""Chapter 3: standardizing with the statistics of the training data."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex03_float32 import SAFE
from bncourse.checks.exercises.ex03_merging import MERGE
from bncourse.checks.exercises.ex03_streams import STREAM
from bnlib.axes import Array

Rng = np.random.Generator


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
) -> Array:
    """Standardize ``x`` by ``x_train``: (3.1). The keywords make the usual mistakes."""
    sources = {"train": x_train, "x": x, "both": np.concatenate([x_train, x])}
    mu = sources[mean_of].mean(axis=axis, keepdims=True)
    var = sources[sd_of].var(axis=axis, ddof=ddof, keepdims=True)
    scale = var**power
    if constant is not None:
        flat = np.ptp(sources[sd_of], axis=axis, keepdims=True) == 0  # rounding spares ptp
        scale = np.where(flat, constant, scale)
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


def same_data(rng: Rng) -> Sequence[Arguments]:
    """Return training data twice: as statistics' source and as what is standardized."""
    sets = [rng.normal(rng.normal(0, 3, 4), rng.uniform(0.4, 5, 4), (m, 4)) for m in (6, 40)]
    return [(x, x.copy()) for x in sets]


def other_data(rng: Rng, m: int = 7) -> Sequence[Arguments]:
    """Return training data and as many rows of data that are shifted against it."""
    means, sds = rng.normal(0, 3, 3), rng.uniform(0.4, 5, 3)
    return [(rng.normal(means, sds, (m, 3)), rng.normal(means + 1, 2 * sds, (m, 3)))]


def flat_feature(rng: Rng) -> Sequence[Arguments]:
    """Return training data whose first feature does not vary."""
    ((x_train, x),) = other_data(rng, 8)
    x_train[:, 0] = rng.integers(2, 9)
    return [(x_train, x)]


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
    ),
    mistakes={
        **{text: partial(standardize, **how) for text, how in SCALES.items()},
        "a scale by minimum and maximum": min_max,
        "statistics of each sample, over axis 1": by_rows,
        "x_train standardized, not x": lambda x_train, x: standardize(x_train, x_train),
    },
)

EXERCISES = (STANDARDIZE, MERGE, STREAM, SAFE)
