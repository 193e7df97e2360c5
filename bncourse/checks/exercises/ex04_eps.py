"""Chapter 4: a published forward pass with eps in the wrong place."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bnlib.axes import Array, broadcast_shape, reduction_axes

Rng = np.random.Generator
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Array]  # (var, eps) -> what x - mu is divided by


def root(var: Array, eps: float) -> Array:
    """Return the denominator of (4.3)."""
    std: Array = np.sqrt(var + eps)
    return std


def normalize(
    x: Array, mu: Array, var: Array, eps: float, forward: Spread = root, kept: Spread = root
) -> Pair:
    """Return x_hat, made with one spread, and inv_std, made with the other."""
    shape = broadcast_shape(x.shape)
    x_hat = (x - mu.reshape(shape)) / forward(var, eps).reshape(shape)
    return x_hat, 1 / kept(var, eps)


def own_statistics(x: Array, mu: Array, var: Array, eps: float) -> Pair:
    """Normalize by the statistics of x, whatever is given."""
    axes = reduction_axes(x.ndim)
    return normalize(x, np.asarray(x.mean(axis=axes)), np.asarray(x.var(axis=axes)), eps)


def corrected(x: Array, mu: Array, var: Array, eps: float) -> Pair:
    """Make the given variance larger, as if it were not yet unbiased."""
    m = x.size // x.shape[1]
    return normalize(x, mu, var * m / (m - 1), eps)


def last_axis(x: Array, mu: Array, var: Array, eps: float) -> Pair:
    """Let NumPy broadcast against the last axis."""
    inv_std = 1 / root(var, eps)
    return (x - mu) * inv_std, inv_std


def maps(rng: Rng, *shapes: tuple[int, ...]) -> Sequence[Arguments]:
    """Return maps with statistics near their own; one channel's variance is near eps."""
    calls = []
    for shape, eps in zip(shapes, (1e-3, 0.02, 0.3), strict=False):
        mu, column = rng.normal(0, 2, shape[1]), broadcast_shape(shape)
        var = rng.uniform(0.5, 2, shape[1]) * np.array([eps, 30 * eps, 4.0])
        noise = rng.normal(size=shape) * np.sqrt(var).reshape(column)
        calls.append((mu.reshape(column) + noise, mu, var, eps))
    return calls


# What to say, and the spread in place of the right one: in x_hat alone, and in both results.
IN_X_HAT: Mapping[str, Spread] = {
    "the published code as it was": lambda var, eps: np.sqrt(var) + 1e-6,
    "eps outside the root": lambda var, eps: np.sqrt(var) + eps,
    "a constant where the given eps should stand": lambda var, eps: np.sqrt(var + 1e-6),
    "a division without eps": lambda var, eps: np.sqrt(var),
    "a division by the variance, not by its root": lambda var, eps: var + eps,
}
IN_BOTH: Mapping[str, Spread] = {
    "eps outside the root, in both results": lambda var, eps: np.sqrt(var) + eps,
    "a constant where the given eps should stand, in both results": lambda var, eps: np.sqrt(
        var + 1e-5
    ),
    "no eps in either result": lambda var, eps: np.sqrt(var),
    "a division by the variance, not by its root, in both results": lambda var, eps: var + eps,
    "the square of eps inside the root": lambda var, eps: np.sqrt(var + eps**2),
    "the root of eps added to the root of the variance": lambda var, eps: (
        np.sqrt(var) + np.sqrt(eps)
    ),
    "eps counted twice, inside and outside": lambda var, eps: root(var, eps) + eps,
}
IN_INV_STD: Mapping[str, Spread] = {
    "inv_std with eps outside the root": lambda var, eps: np.sqrt(var) + eps,
    "the standard deviation given as inv_std": lambda var, eps: 1 / root(var, eps),
    "the variance, not the standard deviation, behind inv_std": lambda var, eps: var + eps,
}
OTHERS: Mapping[str, Answer] = {
    "statistics of x itself, not the given ones": own_statistics,
    "the given variance made unbiased once more": corrected,
    "mu not subtracted": lambda x, mu, var, eps: normalize(x, 0 * mu, var, eps),
    "mu and var along the last axis, not along the channels": last_axis,
}

REPAIR = Exercise(
    name="ex04_q4",
    function="normalize",
    points=2,
    results=("x_hat", "inv_std"),
    reference=normalize,
    parts=(
        Part("maps as wide as they have channels", 1, lambda rng: (
            maps(rng, (2, 3, 4, 3), (5, 3, 1, 3)))),
        Part("maps of other sizes", 1, lambda rng: (
            maps(rng, (2, 3, 5, 2), (2, 3, 1, 1), (4, 3, 2, 4)))),
    ),
    mistakes={
        **{text: partial(normalize, forward=how) for text, how in IN_X_HAT.items()},
        **{text: partial(normalize, forward=how, kept=how) for text, how in IN_BOTH.items()},
        **{text: partial(normalize, kept=how) for text, how in IN_INV_STD.items()},
        **OTHERS,
    },
)  # fmt: skip
