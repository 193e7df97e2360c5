"""Chapter 4: the forward pass, eps in its place, and the choice of gamma and beta."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, broadcast_shape, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Array]  # (var, eps) -> what x - mu is divided by
Gamma = Callable[[Array, float, Array], Array]  # (var, eps, std) -> gamma


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


def root(var: Array, eps: float) -> Array:
    """Return the denominator of (4.3)."""
    std: Array = np.sqrt(var + eps)
    return std


def normalize_by(
    x: Array, mu: Array, var: Array, eps: float, forward: Spread = root, kept: Spread = root
) -> Pair:
    """Return x_hat, made with one spread, and inv_std, made with the other."""
    shape = broadcast_shape(x.shape)
    x_hat = (x - mu.reshape(shape)) / forward(var, eps).reshape(shape)
    return x_hat, 1 / kept(var, eps)


def own_statistics(x: Array, mu: Array, var: Array, eps: float) -> Pair:
    """Normalize by the statistics of x, whatever is given."""
    axes = reduction_axes(x.ndim)
    return normalize_by(x, np.asarray(x.mean(axis=axes)), np.asarray(x.var(axis=axes)), eps)


def corrected(x: Array, mu: Array, var: Array, eps: float) -> Pair:
    """Make the given variance larger, as if it were not yet unbiased."""
    m = x.size // x.shape[1]
    return normalize_by(x, mu, var * m / (m - 1), eps)


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
OTHER_SPREADS: Mapping[str, Answer] = {
    "statistics of x itself, not the given ones": own_statistics,
    "the given variance made unbiased once more": corrected,
    "mu not subtracted": lambda x, mu, var, eps: normalize_by(x, 0 * mu, var, eps),
    "mu and var along the last axis, not along the channels": last_axis,
}

REPAIR = Exercise(
    name="ex04_q4",
    function="normalize",
    points=2,
    results=("x_hat", "inv_std"),
    reference=normalize_by,
    parts=(
        Part("maps as wide as they have channels", 1, lambda rng: (
            maps(rng, (2, 3, 4, 3), (5, 3, 1, 3)))),
        Part("maps of other sizes", 1, lambda rng: (
            maps(rng, (2, 3, 5, 2), (2, 3, 1, 1), (4, 3, 2, 4)))),
    ),
    mistakes={
        **{text: partial(normalize_by, forward=how) for text, how in IN_X_HAT.items()},
        **{text: partial(normalize_by, forward=how, kept=how) for text, how in IN_BOTH.items()},
        **{text: partial(normalize_by, kept=how) for text, how in IN_INV_STD.items()},
        **OTHER_SPREADS,
    },
)  # fmt: skip


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
        Part("the layer undone", 1, undone, last=True),
    ),
    mistakes={
        **{text: partial(affine_for, gamma=gamma) for text, gamma in GAMMAS.items()},
        **OTHER_PAIRS,
    },
)


EXERCISES = (STANDARDIZE, TRAIN, REPAIR, CHOOSE)
