"""Chapter 1: how gradients shrink, how inputs drift, and a layer for raw inputs."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Arguments, Exercise, Part

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
    sizes = []
    for values, w in zip(reversed(z), reversed(weights), strict=True):
        above = dz
        dh = dz @ turn(w)
        dz = dh * slope(values)
        sizes.append(norm({"at z": dz, "at h": dh, "above": above}[looks]))
    norms = np.array(sizes)[::order]
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
    "1 - h squared, the slope of tanh": {"slope": lambda z: 1 - sigmoid(z) ** 2},
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
    mistakes={text: partial(gradient_norms, **how) for text, how in NORMS.items()}
    | {
        "the slopes of a neighbouring layer": (
            lambda z, weights, dz: gradient_norms([*z[1:], z[-1]], weights, dz),
            lambda z, weights, dz: gradient_norms([z[-1], *z[:-1]], weights, dz),
        ),
        "no slope of the last hidden layer": lambda z, weights, dz: gradient_norms(
            [*z[:-1], np.full_like(z[-1], np.nan)], weights, dz,
            slope=lambda v: np.where(np.isnan(v), 1.0, slope(v))),
    },
)  # fmt: skip


def middle(z: Array) -> Array:
    """Return the median of each unit's inputs."""
    median: Array = np.median(z, axis=0)
    return median


def values_of(z: Array) -> Array:
    """Return one column for each unit, of all its values: from (N, units) or with places."""
    columns: Array = np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])
    return columns


def drift(
    before: Array,
    after: Array,
    *,
    flat: Callable[[Array], Array] = values_of,
    ends: tuple[float, float] = (15, 85),
    band_of: str = "before",
    band: Callable[[Array], Array] | None = None,
    move: Callable[[Array, Array], Array] = lambda a, b: abs(middle(b) - middle(a)),
    share: float = 1.0,
) -> Array:
    """Return the drift of each unit: (1.3). The keywords make the usual mistakes."""
    before, after = flat(before), flat(after)
    low, high = np.percentile({"before": before, "after": after}[band_of], ends, axis=0)
    if (np.percentile(before, 85, axis=0) == np.percentile(before, 15, axis=0)).any():
        raise ValueError("drift: a band has no width")
    size = high - low if band is None else band(before)
    d: Array = move(before, after) / (share * size)
    return d


DRIFTS: Mapping[str, Mapping[str, Any]] = {
    "the band after the training": {"band_of": "after"},
    "a division by the standard deviation, not by the band": {"band": lambda z: z.std(axis=0)},
    "half of the band": {"share": 0.5},
    "the quartiles, 25 and 75 percent": {"ends": (25, 75)},
    "the percentiles 5 and 95": {"ends": (5, 95)},
    "the percentiles 0.15 and 0.85: np.percentile counts from 0 to 100": {
        "ends": (0.15, 0.85)},
    "the percentiles 0.15, 0.5 and 0.85: np.percentile counts to 100": {
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
    "the channels mixed: reshape without moving the units' axis last": {
        "flat": lambda z: z.reshape(-1, z.shape[1])},
    "the mean over the places taken first": {
        "flat": lambda z: z if z.ndim == 2 else z.mean(axis=2)},
    "the median over the places taken first": {
        "flat": lambda z: z if z.ndim == 2 else np.median(z, axis=2)},
    "the first place alone": {"flat": lambda z: z if z.ndim == 2 else z[:, :, 0]},
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


def maps(n: int, units: int, places: int) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes the inputs of units with several places; each has its own mean."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        at = np.arange(places)[:, np.newaxis, np.newaxis]
        return [
            tuple((z.reshape(places, n, units) + at).transpose(1, 2, 0).copy() for z in pair)
            for pair in inputs((n * places, units))(rng)
        ]

    return calls


def bandless(rng: Rng) -> Sequence[Arguments]:
    """Return units without a band: one that is constant, one that seldom is another."""
    made = inputs((20, 3), (20, 3))(rng)
    made[0][0][:, 1] = 0.1
    made[1][0][1:-1, 2] = 0.1
    return made


def narrow(rng: Rng) -> Sequence[Arguments]:
    """Return units with narrow bands, and with equal values from the median upwards."""
    (narrow, half) = inputs((20, 3), (20, 3))(rng)
    half[0][:12, 1] = half[0][:, 1].max()
    return [tuple(1e-12 * z for z in narrow), half]


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
        Part("units with several places", 1, maps(12, 3, 4)),
        Part("one image with several places", 1, maps(1, 2, 9)),
        Part("narrow bands", 1, narrow, last=True),
        Part("the same values in another order give 0", 1, unmoved, last=True),
        Part("a unit without a band is refused", 1, bandless, refuses="a band without width"),
    ),
    mistakes={
        **{text: partial(drift, **how) for text, how in DRIFTS.items()},
        "the band divided by the move": lambda before, after: 1 / drift(before, after),
    },
)


def restate(
    w: Array,
    b: Array,
    mu: Array,
    sd: Array,
    mu_new: Array,
    sd_new: Array,
    *,
    scale: Callable[[Array, Array], Array] = lambda w, sd: w / sd,
    shift: Callable[[Array, Array, Array, Array], Any] = lambda w, w_raw, mu, sd: -w_raw @ mu,
    keep: float = 1.0,
    stretch: Callable[[Array, Array], Array] = lambda w_raw, sd_new: w_raw * sd_new,
    offset: Callable[[Array, Array, Array], Any] = lambda w_raw, w_new, mu: w_raw @ mu,
) -> tuple[Array, Array]:
    """Return weights and bias for inputs on another scale; ``w_raw`` is for raw ones.

    The keywords make the usual mistakes.
    """
    if (sd == 0).any():
        raise ValueError("restate: a standard deviation is 0")
    w_raw = scale(w, sd)
    w_new = stretch(w_raw, sd_new)
    return w_new, keep * b + shift(w, w_raw, mu, sd) + offset(w_raw, w_new, mu_new)


# What to say, and the keywords of `restate` that make the mistake.
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
    "a correction summed over the outputs, too": {
        "shift": lambda w, w_raw, mu, sd: -(w_raw * mu).sum(),
        "offset": lambda w_raw, w_new, mu: (w_raw * mu).sum()},
    "weights for raw inputs: the new deviations are missing": {
        "stretch": lambda w_raw, sd_new: w_raw},
    "a division by the new deviations": {"stretch": lambda w_raw, sd_new: w_raw / sd_new},
    "a bias for raw inputs: the new means are missing": {
        "offset": lambda w_raw, w_new, mu: 0.0},
    "weights and bias for raw inputs: the new scale is not used": {
        "stretch": lambda w_raw, sd_new: w_raw, "offset": lambda w_raw, w_new, mu: 0.0},
    "the new weights before the new means": {"offset": lambda w_raw, w_new, mu: w_new @ mu},
    "the new means subtracted, too": {"offset": lambda w_raw, w_new, mu: -w_raw @ mu},
}  # fmt: skip


def at_once(
    w: Array,
    b: Array,
    *scales: Array,
    weights: Callable[..., Array] = lambda w, mu, sd, mu_new, sd_new: w * sd_new / sd,
    shift: Callable[..., Any] = lambda w, mu, sd, mu_new, sd_new: w @ ((mu_new - mu) / sd),
) -> tuple[Array, Array]:
    """Return the same without the way over raw inputs. The keywords make mistakes."""
    if (scales[1] == 0).any():
        raise ValueError("at_once: a standard deviation is 0")
    return weights(w, *scales), b + shift(w, *scales)


AT_ONCE: Mapping[str, Mapping[str, Any]] = {
    "the ratio of the two deviations upside down": {
        "weights": lambda w, mu, sd, mu_new, sd_new: w * sd / sd_new},
    "the product of the two deviations, not their ratio": {
        "weights": lambda w, mu, sd, mu_new, sd_new: w * sd * sd_new},
    "the variances' ratio, not that of the deviations": {
        "weights": lambda w, mu, sd, mu_new, sd_new: w * (sd_new / sd) ** 2},
    "the means' difference with the other sign": {
        "shift": lambda w, mu, sd, mu_new, sd_new: w @ ((mu - mu_new) / sd)},
    "the means' difference, not divided by sd": {
        "shift": lambda w, mu, sd, mu_new, sd_new: w @ (mu_new - mu)},
    "the means' difference, multiplied by sd": {
        "shift": lambda w, mu, sd, mu_new, sd_new: w @ ((mu_new - mu) * sd)},
    "the means' difference, divided by sd_new": {
        "shift": lambda w, mu, sd, mu_new, sd_new: w @ ((mu_new - mu) / sd_new)},
    "each mean divided by its own deviation": {
        "shift": lambda w, mu, sd, mu_new, sd_new: w @ (mu_new / sd_new - mu / sd)},
    "the new weights before the means' difference": {
        "shift": lambda w, mu, sd, mu_new, sd_new: (w * sd_new / sd) @ (mu_new - mu)},
    "the new weights before the means' difference over sd": {
        "shift": lambda w, mu, sd, mu_new, sd_new: (w * sd_new / sd) @ ((mu_new - mu) / sd)},
    "old and new scale in each other's place": {
        "weights": lambda w, mu, sd, mu_new, sd_new: w * sd / sd_new,
        "shift": lambda w, mu, sd, mu_new, sd_new: w @ ((mu - mu_new) / sd_new)},
}  # fmt: skip


def layers(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes weights (C, D), bias (C,), means and deviations (D,), old and new."""
    return lambda rng: [
        (
            rng.normal(size=(c, d)),
            rng.normal(size=c),
            *(v for _ in range(2) for v in (rng.normal(1, 2, d), rng.uniform(0.4, 5, d))),
        )
        for c, d in sizes
    ]


def flat(rng: Rng) -> Sequence[Arguments]:
    """Return layers with an input feature that did not vary: each of them once."""
    made = layers((2, 3), (2, 3), (2, 3))(rng)
    for j, (_, _, _, sd, *_) in enumerate(made):
        sd[j] = 0.0
    return made


def tiny(rng: Rng) -> Sequence[Arguments]:
    """Return a layer for features in a unit in which their values are tiny."""
    return [(w, b, *(1e-9 * v for v in scales)) for w, b, *scales in layers((2, 3))(rng)]


usual = layers((3, 3), (1, 4), (3, 5))

RESTATE = Exercise(
    name="ex01_q3",
    function="restate",
    points=3,
    results=("w_new", "b_new"),
    reference=restate,
    parts=(
        Part("the weights", 1, usual, looks_at=("w_new",)),
        Part("square weights, where rows pass for columns", 1, layers((4, 4), (2, 2))),
        Part("the bias", 1, usual, looks_at=("b_new",)),
        Part("features with tiny values", 1, tiny),
        Part("a standard deviation of 0 is refused", 1, flat, refuses="a division by 0"),
    ),
    mistakes={
        **{text: partial(restate, **how) for text, how in LAYERS.items()},
        **{text: partial(at_once, **how) for text, how in AT_ONCE.items()},
        "a bias as it was": (partial(restate, **LAYERS["a bias as it was"]),
                             partial(at_once, shift=lambda w, *scales: 0.0)),
    },
)  # fmt: skip


EXERCISES = (GRADIENTS, DRIFT, RESTATE)
