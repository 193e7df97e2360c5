"""Chapter 4: the algorithm."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex04_affine import CHOOSE
from bncourse.checks.exercises.ex04_eps import REPAIR
from bnlib.axes import Array, broadcast_shape, reduction_axes

Rng = np.random.Generator


def normalize(
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    eps: float = 1e-5,
    *,
    axes: tuple[int, ...] | None = None,
    ddof: int = 0,
    centered: bool = True,
    power: float = 0.5,
    eps_at: str = "inside",
    squares: bool = False,
    order: str = "gamma x_hat + beta",
) -> Array:
    """Normalize, scale and shift: (4.1) to (4.4). The keywords make the usual mistakes."""
    axes = reduction_axes(x.ndim) if axes is None else axes
    shape = broadcast_shape(x.shape)
    one, zero = np.ones(x.shape[1]), np.zeros(x.shape[1])
    scale, shift = (one if gamma is None else gamma), (zero if beta is None else beta)
    scale, shift = scale.reshape(shape), shift.reshape(shape)
    d = x - x.mean(axis=axes, keepdims=True)
    m = d.size / d.mean(axis=axes).size
    var = ((x if squares else d) ** 2).sum(axis=axes, keepdims=True) / (m - ddof)
    inside, outside = EPS_AT[eps_at]
    std = (var + inside * eps) ** power + outside * eps
    y: Array = ORDERS[order]((d if centered else x) / std, scale, shift, x)
    return y


EPS_AT = {"inside": (1, 0), "outside": (0, 1), "nowhere": (0, 0)}
ORDERS: Mapping[str, Callable[..., Array]] = {
    "gamma x_hat + beta": lambda x_hat, gamma, beta, x: gamma * x_hat + beta,
    "beta x_hat + gamma": lambda x_hat, gamma, beta, x: beta * x_hat + gamma,
    "gamma (x_hat + beta)": lambda x_hat, gamma, beta, x: gamma * (x_hat + beta),
    "x_hat": lambda x_hat, gamma, beta, x: x_hat,
    "gamma x_hat": lambda x_hat, gamma, beta, x: gamma * x_hat,
    "x_hat + beta": lambda x_hat, gamma, beta, x: x_hat + beta,
    "gamma x + beta": lambda x_hat, gamma, beta, x: gamma * x + beta,
    "ReLU": lambda x_hat, gamma, beta, x: np.maximum(gamma * x_hat + beta, 0),
}
# What to say, and the keywords of `normalize` that make the mistake.
STATISTICS: Mapping[str, Mapping[str, Any]] = {
    "the unbiased variance: divided by m - 1": {"ddof": 1},
    "a division by the variance, not by its root": {"power": 1.0},
    "eps outside the root": {"eps_at": "outside"},
    "a division without eps": {"eps_at": "nowhere"},
    "a division by the mean of the squares of x, not of x - mean": {"squares": True},
    "x divided by the standard deviation without subtracting the mean": {"centered": False},
}
AFFINE: Mapping[str, Mapping[str, Any]] = {
    "gamma and beta in each other's place": {"order": "beta x_hat + gamma"},
    "beta added before gamma multiplies": {"order": "gamma (x_hat + beta)"},
    "gamma and beta left out": {"order": "x_hat"},
    "beta left out": {"order": "gamma x_hat"},
    "gamma left out": {"order": "x_hat + beta"},
    "x scaled instead of x_hat": {"order": "gamma x + beta"},
    "a nonlinearity at the end, which is a layer of its own": {"order": "ReLU"},
}


def columns(rng: Rng) -> Sequence[Arguments]:
    """Return batches of many features, with their own scales and means."""
    scales, means = rng.uniform(0.5, 5, 4), rng.normal(0, 3, 4)
    return [(rng.normal(means, scales, (m, 4)), eps) for m, eps in ((6, 1e-5), (50, 0.1))]


def one_column(rng: Rng) -> Sequence[Arguments]:
    """Return one feature with a mean far from 0 and a spread near eps."""
    return [(rng.normal(2.0, 0.3, (9, 1)), 0.05)]


def constant(rng: Rng) -> Sequence[Arguments]:
    """Return a batch with one feature that does not vary."""
    x = rng.normal(size=(5, 2))
    x[:, 0] = rng.integers(2, 9)
    return [(x, 1e-5)]


def affine(rng: Rng, *rest: int) -> Sequence[Arguments]:
    """Return batches with gamma, beta and eps; ``rest`` is the shape after (N, C)."""
    return [
        (rng.normal(rng.normal(0, 2), 2, (m, 3, *rest)), *rng.normal(1, 2, (2, 3)), eps)
        for m, eps in ((2, 0.1), (5, 1e-5), (16, 0.2))
    ]


def alone(rng: Rng) -> Sequence[Arguments]:
    """Return a batch of one example."""
    return [(rng.normal(size=(1, 3)), np.ones(3), np.zeros(3), 1e-5)]


def of_x_hat(x: Array, eps: float, **mistake: Any) -> Array:
    """Return x_hat alone."""
    return normalize(x, eps=eps, **mistake)


def over(axes: Callable[[Array], tuple[int, ...]]) -> Answer:
    """Return a batch norm whose statistics are taken over ``axes(x)``."""
    return lambda x, *rest: normalize(x, *rest, axes=axes(x))


STANDARDIZE = Exercise(
    name="ex04_q1",
    function="standardize",
    points=3,
    results=("x_hat",),
    reference=of_x_hat,
    parts=(
        Part("one feature", 1, one_column),
        Part("many features", 2, columns),
        Part("a constant feature gives 0", 1, constant, last=True),
    ),
    mistakes={
        **{text: partial(of_x_hat, **how) for text, how in STATISTICS.items()},
        "eps = 1e-5 whatever eps is given": lambda x, eps: normalize(x),
        "x - mean, never divided by the standard deviation": lambda x, eps: x - x.mean(axis=0),
        "one mean and one variance for the whole array": partial(of_x_hat, axes=(0, 1)),
        "statistics of each example, over axis 1": partial(of_x_hat, axes=(1,)),
        "a scale by minimum and maximum": lambda x, eps: (
            (x - x.min(axis=0)) / (np.ptp(x, axis=0) + eps)
        ),
    },
)

TRAIN = Exercise(
    name="ex04_q2",
    function="batch_norm_train",
    points=4,
    results=("y",),
    reference=normalize,
    parts=(
        Part("batches (N, C)", 2, affine),
        Part("feature maps (N, C, H, W)", 1, lambda rng: affine(rng, 3, 2)),
        Part("a batch of one is refused", 1, alone, refuses="a batch of one example"),
    ),
    mistakes={
        **{text: partial(normalize, **how) for text, how in {**STATISTICS, **AFFINE}.items()},
        "statistics over axis 0 alone": partial(normalize, axes=(0,)),
        "statistics of each example": over(lambda x: tuple(range(1, x.ndim))),
        "one mean and one variance for the whole array": over(lambda x: tuple(range(x.ndim))),
    },
)

EXERCISES = (STANDARDIZE, TRAIN, REPAIR, CHOOSE)
