"""Chapter 4: gamma and beta that undo the normalization."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from bncourse.checks.channels import Array, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex03_stream import LOST
from bncourse.checks.exercises.ex04_running import FAR, ONE_PASS

Rng = np.random.Generator
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Array]  # (var, eps) -> what x - mu is divided by
Gamma = Callable[[Array, float, Array], Array]  # (var, eps, std) -> gamma


def exactly(var: Array, eps: float, std: Array) -> Array:
    """Return the gamma that makes the standard deviation of y equal to std."""
    gamma: Array = std * np.sqrt((var + eps) / var)
    return gamma


def affine_for(
    x: Array,
    mean: Array,
    std: Array,
    eps: float,
    *,
    gamma: Gamma = exactly,
    ddof: int = 0,
    axes: tuple[int, ...] | None = None,
) -> Pair:
    """Return the gamma and beta that give y this mean and this standard deviation."""
    axes = reduction_axes(x.ndim) if axes is None else axes
    return gamma(np.asarray(x.var(axis=axes, ddof=ddof)), eps, std), mean


def with_beta(beta: Callable[[Array, Array, Array], Array]) -> Answer:
    """Return `affine_for` with a beta made of mean, mu and the scale of x."""

    def answer(x: Array, mean: Array, std: Array, eps: float) -> Pair:
        axes = reduction_axes(x.ndim)
        scale = std / np.sqrt(x.var(axis=axes))
        return affine_for(x, mean, std, eps)[0], beta(
            mean, np.asarray(x.mean(axis=axes)), scale
        )

    return answer


def scale_of_x(x: Array, mean: Array, std: Array, eps: float) -> Pair:
    """Return the scale and shift that make y out of x itself."""
    axes = reduction_axes(x.ndim)
    scale = std / np.sqrt(x.var(axis=axes))
    return scale, mean - scale * x.mean(axis=axes)


def identity(x: Array, mean: Array, std: Array, eps: float) -> Pair:
    """Return what gives x back."""
    axes = reduction_axes(x.ndim)
    return np.sqrt(x.var(axis=axes) + eps), np.asarray(x.mean(axis=axes))


def as_asked(rng: Rng, *rest: int) -> Sequence[Arguments]:
    """Return batches with the mean and the standard deviation that y is to have."""
    center = rng.normal(0, 2, (3, *[1] * len(rest)))
    return [
        (rng.normal(center, 1.5, (m, 3, *rest)), rng.normal(0, 2, 3), rng.uniform(0.5, 3, 3), e)
        for m, e in ((2, 0.3), (7, 0.1), (20, 0.5))
    ]


def distant(rng: Rng) -> Sequence[Arguments]:
    """Return batches with a channel far from 0."""
    x = rng.normal(0, 1.5, (8, 3, 1, 2))
    x[:, 1] += FAR
    return [(x, rng.normal(0, 2, 3), rng.uniform(0.5, 3, 3), 0.3)]


def undone(rng: Rng) -> Sequence[Arguments]:
    """Return a batch whose own mean and standard deviation are asked for."""
    x = rng.normal(rng.normal(0, 3, 3), 0.7, (9, 3))
    return [(x, x.mean(axis=0), x.std(axis=0), 0.2)]


# What to say, and the gamma in place of the right one.
GAMMAS: Mapping[str, Gamma] = {
    "x_hat taken for a batch of standard deviation 1": lambda var, eps, std: std,
    "what (4.3) divides by, whatever std is asked for": lambda var, eps, std: np.sqrt(
        var + eps
    ),
    "the spread of x left in gamma": lambda var, eps, std: std * np.sqrt(var + eps),
    "the scale that x needs, not the one that x_hat needs": lambda var, eps, std: (
        std / np.sqrt(var)
    ),
    "gamma divided by what (4.3) divides by": lambda var, eps, std: std / np.sqrt(var + eps),
    "a quotient upside down": lambda var, eps, std: std * np.sqrt(var / (var + eps)),
    "variances where standard deviations should stand": lambda var, eps, std: (
        std * (var + eps) / var
    ),
    "the square of std": lambda var, eps, std: std * exactly(var, eps, std),
    "std taken for a variance": lambda var, eps, std: np.sqrt(std * (var + eps) / var),
    "eps outside the root": lambda var, eps, std: std * (1 + eps / np.sqrt(var)),
    "eps = 1e-5 whatever eps is given": lambda var, eps, std: std * np.sqrt(1 + 1e-5 / var),
    "a minus sign before gamma": lambda var, eps, std: -exactly(var, eps, std),
}
OTHER_PAIRS: Mapping[str, Answer] = {
    "the unbiased variance: divided by m - 1": partial(affine_for, ddof=1),
    "one variance for the whole array": lambda x, mean, std, eps: (
        exactly(np.full(3, x.var()), eps, std), mean
    ),
    "statistics over axis 0 alone": lambda x, mean, std, eps: (
        affine_for(x, mean, std.reshape(-1, *[1] * (x.ndim - 2)), eps, axes=(0,))
    ),
    "gamma times the mean of x subtracted, which (4.3) has done already":
        lambda x, mean, std, eps: (
            affine_for(x, mean, std, eps)[0],
            mean - affine_for(x, mean, std, eps)[0] * x.mean(axis=reduction_axes(x.ndim))
    ),
    "the spread of each image, averaged": lambda x, mean, std, eps: (
        affine_for(x, mean, std, eps)[0] if x.ndim == 2
        else exactly(x.var(axis=(2, 3)), eps, std).mean(axis=0), mean
    ),
    "gamma and beta in each other's place": lambda *given: affine_for(*given)[::-1],
    "the scale and shift for x, not those for x_hat": scale_of_x,
    "the mean of x subtracted, which (4.3) has done already": with_beta(
        lambda mean, mu, scale: mean - mu
    ),
    "a beta for a scale that multiplies x, not x_hat": with_beta(
        lambda mean, mu, scale: mean - scale * mu
    ),
    "beta left at 0": with_beta(lambda mean, mu, scale: 0 * mean),
    "what gives x back, whatever is asked for": identity,
    ONE_PASS: lambda x, mean, std, eps: (
        exactly((x * x).mean(axis=reduction_axes(x.ndim))
                - x.mean(axis=reduction_axes(x.ndim)) ** 2, eps, std), mean
    ),
}  # fmt: skip

CHOOSE = Exercise(
    name="ex04_q5",
    function="affine_for",
    points=2,
    results=("gamma", "beta"),
    reference=affine_for,
    parts=(
        Part("batches (N, C)", 2, as_asked),
        Part("feature maps (N, C, H, W)", 1, lambda rng: as_asked(rng, 3, 2)),
        Part("a channel far from 0", 1, distant, last=True, alone=LOST),
        Part("the layer undone", 1, undone, last=True),
    ),
    mistakes={
        **{text: partial(affine_for, gamma=gamma) for text, gamma in GAMMAS.items()},
        **OTHER_PAIRS,
    },
)
