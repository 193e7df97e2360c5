"""Chapter 1: the norms of a gradient on its way back through a network."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex01_drift import DRIFT
from bncourse.checks.exercises.ex01_inputs import TO_RAW
from bnlib.axes import Array

Rng = np.random.Generator


def sigmoid(z: Array) -> Array:
    """Return the sigmoid of ``z``."""
    h: Array = 1 / (1 + np.exp(-z))
    return h


def slope(z: Array) -> Array:
    """Return the slope of the sigmoid at ``z``."""
    return sigmoid(z) * (1 - sigmoid(z))


def root(norms: Array) -> Any:
    """Return the mean factor of a layer, as the chapter measures it."""
    return (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))


def gradient_norms(
    z: Sequence[Array],
    weights: Sequence[Array],
    dz: Array,
    *,
    slope: Callable[[Array], Array] = slope,
    turn: Callable[[Array], Array] = lambda w: w,
    norm: Callable[[Array], Any] = np.linalg.norm,
    looks: str = "at z",
    order: int = -1,
    factor: Callable[[Array], Any] = root,
) -> tuple[Array, Any]:
    """Send a gradient back through sigmoid layers: (1.1). The keywords make mistakes."""
    found = []
    for values, w in zip(reversed(z), reversed(weights), strict=True):
        above = dz
        dh = dz @ turn(w)
        dz = dh * slope(values)
        found.append(norm({"at z": dz, "at h": dh, "above": above}[looks]))
    norms = np.array(found)[::order]
    return norms, factor(norms)


# What to say, and the keywords of `gradient_norms` that make the mistake.
NORMS: Mapping[str, Mapping[str, Any]] = {
    "a factor upside down: from the first layer up": {
        "factor": lambda v: (v[-1] / v[0]) ** (1 / (len(v) - 1))},
    "the order from the last layer to the first": {"order": 1},
    "the weights alone, without the slopes": {"slope": np.ones_like},
    "z (1 - z): the slope needs the sigmoid's output there": {"slope": lambda z: z * (1 - z)},
    "the sigmoid itself, not its slope": {"slope": sigmoid},
    "the slope of tanh": {"slope": lambda z: 1 - np.tanh(z) ** 2},
    "the slope of ReLU": {"slope": lambda z: (z > 0) * 1.0},
    "the sigmoid taken twice": {"slope": lambda z: slope(sigmoid(z))},
    "a product with the transpose of the weights": {"turn": np.transpose},
    "the gradient at the layer's output, before the slope": {"looks": "at h"},
    "the gradient one layer too high": {"looks": "above"},
    "the square of the norm": {"norm": lambda d: (d * d).sum()},
    "the root of the mean square, not of the sum": {"norm": lambda d: np.sqrt((d * d).mean())},
    "the spectral norm, not that of all entries": {"norm": lambda d: np.linalg.norm(d, 2)},
    "the mean of the samples' norms": {"norm": lambda d: np.linalg.norm(d, axis=1).mean()},
    "the sum of the samples' norms": {"norm": lambda d: np.linalg.norm(d, axis=1).sum()},
    "the sum of the absolute values": {"norm": lambda d: abs(d).sum()},
    "the largest entry": {"norm": lambda d: abs(d).max()},
    "a root that counts the layers, not the steps between them": {
        "factor": lambda v: (v[0] / v[-1]) ** (1 / len(v))},
    "the factor of all layers together, without the root": {"factor": lambda v: v[0] / v[-1]},
    "the arithmetic mean of the factors": {"factor": lambda v: np.mean(v[:-1] / v[1:])},
    "the median of the factors": {"factor": lambda v: np.median(v[:-1] / v[1:])},
    "the logarithm of the factor": {"factor": lambda v: np.log(root(v))},
    "the ratio divided by the number of steps": {
        "factor": lambda v: v[0] / v[-1] / (len(v) - 1)},
}  # fmt: skip


def networks(*widths: Sequence[int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes pre-activations, weights and an output gradient for some widths."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        made = []
        for sizes in widths:
            z = [rng.normal(0, 1.5, (6, n)) for n in sizes[:-1]]
            shapes = zip(sizes[1:], sizes[:-1], strict=True)
            weights = [rng.normal(0, 4 / b**0.5, (a, b)) for a, b in shapes]
            made.append((z, weights, rng.normal(0, 0.3, (6, sizes[-1]))))
        return made

    return calls


several = networks((3, 5, 4), (6, 3, 5, 7, 2))

GRADIENTS = Exercise(
    name="ex01_q1",
    function="gradient_norms",
    points=4,
    results=("norms", "factor"),
    reference=gradient_norms,
    parts=(
        Part("layers of one width", 1, networks((4, 4, 4, 4)), looks_at=("norms",)),
        Part("layers of several widths", 2, several, looks_at=("norms",)),
        Part("the factor", 1, several, looks_at=("factor",)),
    ),
    mistakes={text: partial(gradient_norms, **how) for text, how in NORMS.items()},
)

EXERCISES = (GRADIENTS, DRIFT, TO_RAW)
