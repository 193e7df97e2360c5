"""Chapter 5: the backward pass in one line, and a published one that lacks a term."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array, broadcast_shape, reduction_axes

Rng = np.random.Generator
Axes = Callable[[Array], tuple[int, ...]]


def over_all_but_channels(dy: Array) -> tuple[int, ...]:
    """Return the axes that the two means are taken over."""
    return reduction_axes(dy.ndim)


def closed_form(
    dy: Array,
    x_hat: Array,
    inv_std: Array,
    gamma: Array,
    *,
    mean: float = 1.0,
    along: float = 1.0,
    axes: Axes = over_all_but_channels,
    divisor: Callable[[int, int], float] = lambda m, N: m,
    inner: Callable[[Array, Array], Array] = lambda dy, x_hat: dy * x_hat,
    outer: Callable[[Array], Array] = lambda x_hat: x_hat,
    scale: Callable[[Array, Array], Array] = lambda gamma, inv_std: gamma * inv_std,
) -> Array:
    """Return dx by (5.15). The keywords make the usual mistakes."""

    def average(v: Array) -> Array:
        total = v.sum(axis=axes(dy), keepdims=True)
        average: Array = total / divisor(v.size // total.size, len(v))
        return average

    bracket = dy - mean * average(dy) - along * outer(x_hat) * average(inner(dy, x_hat))
    return scale(gamma, inv_std).reshape(broadcast_shape(dy.shape)) * bracket


# What to say, and the keywords of `closed_form` that make the mistake.
MISTAKES: Mapping[str, Mapping[str, Any]] = {
    "mean and variance taken as constants": {"mean": 0.0, "along": 0.0},
    "no way through the mean, as in the published code": {"mean": 0.0},
    "no way through the variance": {"along": 0.0},
    "sums where means should stand": {"divisor": lambda m, N: 1},
    "a division by m - 1": {"divisor": lambda m, N: max(m - 1, 1)},
    "the mean's term with the other sign": {"mean": -1.0},
    "the term along x_hat with the other sign": {"along": -1.0},
    "both terms with the other sign": {"mean": -1.0, "along": -1.0},
    "x_hat missing before the second mean": {"outer": np.ones_like},
    "x_hat missing inside the second mean": {"inner": lambda dy, x_hat: dy},
    "the mean of x_hat squared, without dy": {"inner": lambda dy, x_hat: x_hat**2},
    "gamma left out": {"scale": lambda gamma, inv_std: inv_std},
    "gamma multiplied twice": {"scale": lambda gamma, inv_std: gamma**2 * inv_std},
    "inv_std left out": {"scale": lambda gamma, inv_std: gamma},
    "inv_std multiplied twice": {"scale": lambda gamma, inv_std: gamma * inv_std**2},
    "a division by inv_std": {"scale": lambda gamma, inv_std: gamma / inv_std},
    "means over axis 0 alone": {"axes": lambda dy: (0,)},
    "one mean for all channels": {"axes": lambda dy: tuple(range(dy.ndim))},
    "means of each example": {"axes": lambda dy: tuple(range(1, dy.ndim))},
    "a division by N where more values stand behind a mean": {"divisor": lambda m, N: N},
}


def batches(rng: Rng, *rest: int) -> Sequence[Arguments]:
    """Return dy with x_hat and inv_std of a batch; ``rest`` is the shape after (N, C)."""
    calls = []
    for m, eps in ((2, 0.3), (5, 1e-5), (12, 0.4)):
        x = rng.normal(0, rng.uniform(0.5, 2), (m, 3, *rest))
        d = x - x.mean(axis=reduction_axes(x.ndim), keepdims=True)
        inv_std = 1 / np.sqrt((d * d).mean(axis=reduction_axes(x.ndim)) + eps)
        x_hat = d * inv_std.reshape(broadcast_shape(x.shape))
        gamma = rng.choice([-1, 1], 3) * rng.uniform(0.5, 2, 3)
        calls.append((rng.normal(0.5, 1, x.shape), x_hat, inv_std, gamma))
    return calls


CLOSED = Exercise(
    name="ex05_q2",
    function="closed_form",
    points=2,
    results=("dx",),
    reference=closed_form,
    parts=(
        Part("batches (N, C)", 1, batches),
        Part("feature maps (N, C, H, W)", 1, lambda rng: batches(rng, 3, 2)),
    ),
    mistakes={text: partial(closed_form, **how) for text, how in MISTAKES.items()},
)
