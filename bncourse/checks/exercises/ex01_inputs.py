"""Chapter 1: a layer for standardized inputs, rewritten for raw ones."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator


def to_raw(
    w: Array,
    b: Array,
    mu: Array,
    sd: Array,
    *,
    scale: Callable[[Array, Array], Array] = lambda w, sd: w / sd,
    shift: Callable[[Array, Array, Array, Array], Any] = lambda w, w_raw, mu, sd: -w_raw @ mu,
    keep: float = 1.0,
) -> tuple[Array, Array]:
    """Return weights and bias for raw inputs. The keywords make the usual mistakes."""
    if (sd == 0).any():
        raise ValueError("to_raw: a standard deviation is 0")
    w_raw = scale(w, sd)
    return w_raw, keep * b + shift(w, w_raw, mu, sd)


# What to say, and the keywords of `to_raw` that make the mistake.
LAYERS: Mapping[str, Mapping[str, Any]] = {
    "the way from raw to standardized inputs": {
        "scale": lambda w, sd: w * sd, "shift": lambda w, w_raw, mu, sd: w @ mu},
    "weights multiplied by the standard deviations": {"scale": lambda w, sd: w * sd},
    "weights divided by the variances": {"scale": lambda w, sd: w / sd**2},
    "weights as they were": {"scale": lambda w, sd: w},
    "rows of the weights divided, where the inputs are columns": {
        "scale": lambda w, sd: w / sd[:, np.newaxis],
        "shift": lambda w, w_raw, mu, sd: -(w_raw @ mu)},
    "one standard deviation for all features": {"scale": lambda w, sd: w / sd.mean()},
    "a bias corrected with the old weights": {"shift": lambda w, w_raw, mu, sd: -w @ mu},
    "a bias with the mean added, not subtracted": {
        "shift": lambda w, w_raw, mu, sd: w_raw @ mu},
    "a bias as it was": {"shift": lambda w, w_raw, mu, sd: 0.0},
    "a bias that is divided by sd twice": {
        "shift": lambda w, w_raw, mu, sd: -(w_raw / sd) @ mu},
    "the correction alone, without the old bias": {"keep": 0.0},
    "a correction that is the same for each output: the weights are missing in it": {
        "shift": lambda w, w_raw, mu, sd: -(mu / sd).sum()},
    "weights summed before the mean multiplies": {
        "shift": lambda w, w_raw, mu, sd: -w_raw.sum(axis=1) * mu.mean()},
    "a bias with the sign turned": {"keep": -1.0},
}  # fmt: skip


def layers(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes weights (C, D), bias (C,), means (D,) and deviations (D,)."""
    return lambda rng: [
        (
            rng.normal(size=(c, d)),
            rng.normal(size=c),
            rng.normal(1, 2, d),
            rng.uniform(0.4, 5, d),
        )
        for c, d in sizes
    ]


def flat(rng: Rng) -> Sequence[Arguments]:
    """Return a layer with an input feature that did not vary."""
    ((w, b, mu, sd),) = layers((2, 3))(rng)
    sd[rng.integers(3)] = 0.0
    return [(w, b, mu, sd)]


usual = layers((3, 3), (1, 4), (3, 5))

TO_RAW = Exercise(
    name="ex01_q3",
    function="to_raw",
    points=3,
    results=("w_raw", "b_raw"),
    reference=to_raw,
    parts=(
        Part("the weights", 1, usual, looks_at=("w_raw",)),
        Part("as many outputs as inputs", 1, layers((4, 4), (2, 2))),
        Part("the bias", 1, usual, looks_at=("b_raw",)),
        Part("a standard deviation of 0 is refused", 1, flat, refuses="a division by 0"),
    ),
    mistakes={text: partial(to_raw, **how) for text, how in LAYERS.items()},
)
