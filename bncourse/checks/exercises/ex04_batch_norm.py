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
    mean_of_squares: bool = False,
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
    if mean_of_squares:
        var = (x * x).mean(axis=axes, keepdims=True) - x.mean(axis=axes, keepdims=True) ** 2
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
    "gamma x_hat - beta": lambda x_hat, gamma, beta, x: gamma * x_hat - beta,
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
    "beta subtracted": {"order": "gamma x_hat - beta"},
    "x scaled instead of x_hat": {"order": "gamma x + beta"},
    "a nonlinearity at the end, which is a layer of its own": {"order": "ReLU"},
}


def of_x_hat(x: Array, eps: float) -> Array:
    """Return x_hat alone; NaN spreads over its channel."""
    return normalize(x, eps=eps)


FAR = 1e8  # standard deviations: where the mean of the squares has lost its digits


def columns(rng: Rng) -> Sequence[Arguments]:
    """Return batches of many features, with their own scales and means; one lies far off."""
    scales, means = rng.uniform(0.5, 5, 4), rng.normal(0, 3, 4)
    means[rng.integers(4)] = FAR
    return [(rng.normal(means, scales, (m, 4)), eps) for m, eps in ((6, 1e-5), (50, 0.1))]


def one_column(rng: Rng) -> Sequence[Arguments]:
    """Return one feature with a mean far from 0 and a spread near eps."""
    return [(rng.normal(2.0, 0.3, (9, 1)), 0.05)]


def gaps(rng: Rng) -> Sequence[Arguments]:
    """Return batches with missing values: from no feature, one, several and all but one."""
    calls = []
    for m, eps, last in ((9, 0.1, 1), (12, 1e-3, 11)):
        x = rng.normal(rng.normal(3, 1, 4), rng.uniform(0.5, 2, 4), (m, 4))
        x[0, 1] = x[:2, 2] = x[-3:, 2] = x[:last, 3] = np.nan
        calls.append((rng.permutation(x, axis=1), eps))
    return calls


def constant(rng: Rng) -> Sequence[Arguments]:
    """Return batches with features that do not vary; 0.1 is not the mean of ten times 0.1."""
    x = rng.normal(size=(10, 3))
    x[:, 0], x[:, 1] = rng.integers(2, 9), 0.1
    return [(x, 1e-5)]


def affine(rng: Rng, *rest: int) -> Sequence[Arguments]:
    """Return batches with gamma, beta and eps; ``rest`` is the shape after (N, C)."""
    calls = [
        (rng.normal(rng.normal(0, 2), 2, (m, 3, *rest)), *rng.normal(1, 2, (2, 3)), eps)
        for m, eps in ((2, 0.1), (5, 1e-5), (16, 0.2))
    ]
    far = rng.normal(0, 2, (5, 4, *rest))
    far[:, 2] += FAR
    return [*calls, (far, *rng.normal(1, 2, (2, 4)), 0.01)]


def one_image(rng: Rng) -> Sequence[Arguments]:
    """Return one image with many positions and with two, and images of one pixel."""
    return [(rng.normal(1, 2, (N, 3, *rest)), *rng.normal(1, 2, (2, 3)), 0.1)
            for N, *rest in ((1, 4, 2), (1, 1, 2), (3, 1, 1), (2, 1, 1))]  # fmt: skip


def no_parameters(rng: Rng) -> Sequence[Arguments]:
    """Return calls without gamma, without beta and without both."""
    x, (gamma, beta) = rng.normal(1, 2, (6, 3)), rng.normal(2, 1, (2, 3))
    maps = rng.normal(1, 2, (2, 3, 2, 2))
    return [(x, None, beta, 0.1), (maps, gamma, None, 0.1), (x, None, None, 0.1)]


def flat_channels(rng: Rng) -> Sequence[Arguments]:
    """Return arrays in which some channels are constant, and one in which all are."""
    maps = rng.normal(1, 2, (5, 3, 1, 2))
    maps[:, 0], maps[:, 1] = 0.1, rng.integers(2, 9)
    return [(maps, *rng.normal(1, 2, (2, 3)), 1e-3),
            (np.full((4, 2), 0.1), *rng.normal(1, 2, (2, 2)), 1e-3)]  # fmt: skip


def alone(rng: Rng) -> Sequence[Arguments]:
    """Return what has one value for each channel."""
    return [(rng.normal(size=shape), *rng.normal(size=(2, shape[1])), 1e-5)
            for shape in ((1, 3), (1, 3, 1, 1), (1, 1))]  # fmt: skip


def standardize(
    x: Array,
    eps: float,
    *,
    axis: int | tuple[int, ...] = 0,
    ddof: int = 0,
    centered: bool = True,
    power: float = 0.5,
    eps_at: str = "inside",
    spread: Callable[..., Array] = lambda x, d: d,
    counted: Callable[[Array], Array] = np.isfinite,
    missing: float = 0.0,
) -> Array:
    """Standardize the values that are there. The keywords make the usual mistakes."""
    mu = np.nanmean(x, axis=axis, keepdims=True)
    count = np.sum(counted(x), axis=axis, keepdims=True)
    squares = np.nansum(spread(x, x - mu) ** 2, axis=axis, keepdims=True)
    inside, outside = EPS_AT[eps_at]
    std = (squares / (count - ddof) + inside * eps) ** power + outside * eps
    x_hat = np.nan_to_num((x - mu if centered else x) / std)  # 0 / 0 in some mistakes
    filled: Array = np.where(np.isnan(x), missing, x_hat)
    return filled


def complete_rows(x: Array, eps: float) -> Array:
    """Take the statistics from the rows without a gap."""
    rows = x[np.isfinite(x).all(axis=1)]
    x_hat: Array = np.nan_to_num((x - rows.mean(axis=0)) / np.sqrt(rows.var(axis=0) + eps))
    return x_hat


def one_pass(x: Array, eps: float) -> Array:
    """Subtract two large numbers."""
    mu = np.nanmean(x, axis=0)
    var = np.nanmean(x * x, axis=0) - mu * mu
    x_hat: Array = np.nan_to_num((x - mu) / np.sqrt(var + eps))
    return x_hat


def over(axes: Callable[[Array], tuple[int, ...]]) -> Answer:
    """Return a batch norm whose statistics are taken over ``axes(x)``."""
    return lambda x, *rest: normalize(x, *rest, axes=axes(x))


ONE_PASS = "the mean of the squares minus the square of the mean, which is rounding far from 0"
# What to say, and the keywords of `standardize` that make the mistake.
STANDARDS: Mapping[str, Mapping[str, Any]] = {
    "the unbiased variance: divided by m - 1": {"ddof": 1},
    "a division by the variance, not by its root": {"power": 1.0},
    "eps outside the root": {"eps_at": "outside"},
    "a division without eps": {"eps_at": "nowhere"},
    "a division by the mean of the squares of x, not of x - mean": {"spread": lambda x, d: x},
    "x divided by the standard deviation without subtracting the mean": {"centered": False},
    "one mean and one variance for the whole array": {"axis": (0, 1)},
    "statistics of each example, over axis 1": {"axis": 1},
    "a missing value left as NaN": {"missing": np.nan},
    "a sum of squares divided by m, though some values are missing": {"counted": np.ones_like},
}
STANDARDIZE = Exercise(
    name="ex04_q1",
    function="standardize",
    points=3,
    results=("x_hat",),
    reference=standardize,
    parts=(
        Part("one feature", 1, one_column),
        Part("many features", 1, columns),
        Part("missing values", 3, gaps),
        Part("a constant feature gives 0", 1, constant, last=True),
    ),
    mistakes={
        **{text: partial(standardize, **how) for text, how in STANDARDS.items()},
        "eps = 1e-5 whatever eps is given": lambda x, eps: standardize(x, 1e-5),
        "x - mean, never divided by the standard deviation": lambda x, eps: np.nan_to_num(
            x - np.nanmean(x, axis=0)
        ),
        "a scale by minimum and maximum": lambda x, eps: np.nan_to_num(
            (x - np.nanmin(x, axis=0)) / (np.nanmax(x, axis=0) - np.nanmin(x, axis=0) + eps)
        ),
        "a plain mean, which one missing value turns into NaN": of_x_hat,
        "a feature with a missing value set to 0 as a whole": lambda x, eps: np.nan_to_num(
            of_x_hat(x, eps)
        ),
        "missing values taken as 0 before the statistics": lambda x, eps: of_x_hat(
            np.nan_to_num(x), eps
        ),
        "missing values taken as 0 in the statistics": lambda x, eps: np.where(
            np.isnan(x), 0.0, of_x_hat(np.nan_to_num(x), eps)
        ),
        "rows with a missing value left out": lambda x, eps: of_x_hat(
            x[np.isfinite(x).all(axis=1)], eps
        ),
        "statistics of the rows without a gap": complete_rows,
        ONE_PASS: one_pass,
    },
)


def flattened(x: Array, *rest: Any) -> Array:
    """Turn maps into rows that mix the channels."""
    return normalize(x.reshape(-1, x.shape[1]), *rest).reshape(x.shape)


def both_or_none(x: Array, gamma: Array | None, beta: Array | None, eps: float) -> Array:
    """Scale and shift only where both are given."""
    given = gamma is not None and beta is not None
    return normalize(x, gamma, beta, eps, order="gamma x_hat + beta" if given else "x_hat")


TRAIN = Exercise(
    name="ex04_q2",
    function="batch_norm_train",
    points=4,
    results=("y",),
    reference=normalize,
    parts=(
        Part("batches (N, C)", 3, affine),
        Part("feature maps (N, C, H, W)", 2, lambda rng: affine(rng, 3, 2)),
        Part("one image of many pixels, and images of one pixel", 1, one_image),
        Part("gamma or beta is None", 1, no_parameters),
        Part("a constant channel gives beta", 1, flat_channels, last=True),
        Part("a channel with a single value is refused", 2, alone,
             refuses="a single value per channel, as in shape (1, 3) or (1, 3, 1, 1)"),
    ),
    mistakes={
        **{text: partial(normalize, **how) for text, how in {**STATISTICS, **AFFINE}.items()},
        "eps = 1e-5 whatever eps is given": lambda x, gamma, beta, eps: (
            normalize(x, gamma, beta)
        ),
        "statistics over axis 0 alone": partial(normalize, axes=(0,)),
        "statistics of each example": over(lambda x: tuple(range(1, x.ndim))),
        "statistics of each image and channel":
            over(lambda x: tuple(range(2, x.ndim)) or (0,)),
        "one mean and one variance for the whole array": over(lambda x: tuple(range(x.ndim))),
        "a reshape to (-1, C) that does not move the channels first": flattened,
        "a division without eps, and 0 where that gives NaN": lambda x, *rest: (
            np.nan_to_num(normalize(x, *rest, eps_at="nowhere"))
        ),
        "gamma and beta left out together where one of them is None": both_or_none,
        "gamma = 0 where gamma is None": lambda x, gamma, *rest: (
            normalize(x, np.zeros(x.shape[1]) if gamma is None else gamma, *rest)
        ),
        "beta = 1 where beta is None": lambda x, gamma, beta, eps: (
            normalize(x, gamma, np.ones(x.shape[1]) if beta is None else beta, eps)
        ),
        ONE_PASS: partial(normalize, mean_of_squares=True),
    },
)  # fmt: skip


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


def column(v: Array) -> Array:
    """Return one value per channel in the shape that maps need."""
    return v.reshape(-1, 1, 1)


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
        if eps == 0.02:
            var[1] = 0.0  # eps alone
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
    "the larger of variance and eps, not their sum": lambda var, eps: np.sqrt(
        np.maximum(var, eps)
    ),
    "the published 0.000001 in both results": lambda var, eps: np.sqrt(var) + 1e-6,
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
    "x_hat and inv_std in each other's place": lambda *given: normalize_by(*given)[::-1],
    "inv_std multiplied before mu is subtracted": lambda x, mu, var, eps: (
        (x * column(1 / root(var, eps)) - column(mu)),
        1 / root(var, eps),
    ),
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
            maps(rng, (4, 3, 2, 3), (5, 3, 1, 3)))),
        Part("maps of other sizes", 1, lambda rng: (
            maps(rng, (3, 3, 5, 2), (2, 3, 1, 1), (4, 3, 2, 4)))),
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
        Part("a channel far from 0", 1, distant, last=True),
        Part("the layer undone", 1, undone, last=True),
    ),
    mistakes={
        **{text: partial(affine_for, gamma=gamma) for text, gamma in GAMMAS.items()},
        **OTHER_PAIRS,
    },
)


def new_weight(step: int, momentum: float | None) -> float:
    """Return the weight of the new value; without momentum all batches count alike."""
    return 1 / step if momentum is None else momentum


def track(
    batches: Sequence[Array],
    momentum: float | None,
    *,
    weight: Callable[[int, float | None], float] = new_weight,
    start: tuple[float, float] | None = (0.0, 1.0),
    factor: Callable[[Array, int], float] = lambda x, m: m / (m - 1),
    power: float = 1.0,
    mean_of_squares: bool = False,
) -> Pair:
    """Return the running statistics, (4.5) and (4.6). The keywords make mistakes."""
    running: Any = None if start is None else np.multiply.outer(start, np.ones(3))
    for step, x in enumerate(batches, 1):
        over, m = reduction_axes(x.ndim), x.size // 3
        mu, var = x.mean(axis=over), x.var(axis=over)
        if mean_of_squares:
            var = (x * x).mean(axis=over) - mu**2
        found = np.stack([mu, (factor(x, m) * var) ** power])
        new = weight(step, momentum)
        running = found if running is None else (1 - new) * running + new * found
    return running[0], running[1]


def pooled(batches: Sequence[Array], momentum: float | None) -> Pair:
    """Treat all batches as one where there is no momentum."""
    if momentum is not None:
        return track(batches, momentum)
    values = np.concatenate([np.moveaxis(x, 1, 0).reshape(3, -1) for x in batches], axis=1)
    return values.mean(axis=1), values.var(axis=1, ddof=1)


def from_running_mean(batches: Sequence[Array], momentum: float | None) -> Pair:
    """Take the distances from the running mean, not from the batch's."""
    mean, var = np.zeros(3), np.ones(3)
    for step, x in enumerate(batches, 1):
        new, axes, m = new_weight(step, momentum), reduction_axes(x.ndim), x.size // 3
        mean = (1 - new) * mean + new * x.mean(axis=axes)
        d = x - mean.reshape(broadcast_shape(x.shape))
        var = (1 - new) * var + new * (d * d).sum(axis=axes) / (m - 1)
    return mean, var


def training(
    momenta: Sequence[float | None], *shapes: tuple[int, ...], shift: float = 0.0
) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with batches of these shapes and each momentum."""
    return lambda rng: [
        ([rng.normal(rng.normal(2, 1) + shift, 2, shape) for shape in shapes], momentum)
        for momentum in momenta
    ]


def with_one_value(rng: Rng) -> Sequence[Arguments]:
    """Return lists in which some batch has one value for each channel."""
    good = rng.normal(size=(4, 3))
    return [([batch, good], 0.1) for batch in (good[:1], good[:1, :, None, None])] + [
        ([good, good[1:2]], None)
    ]


# What to say, and the keywords of `track` that make the mistake.
RUNNING: Mapping[str, Mapping[str, Any]] = {
    "the biased variance, where (4.6) has the factor m / (m - 1)":
        {"factor": lambda x, m: 1.0},
    "N in the place of m in the factor m / (m - 1)":
        {"factor": lambda x, m: len(x) / (len(x) - 1)},
    "the factor m / (m - 1) used twice": {"factor": lambda x, m: (m / (m - 1)) ** 2},
    "momentum as the weight of the old value":
        {"weight": lambda t, p: 1 / t if p is None else 1 - p},
    "momentum 0.1 where momentum is None": {"weight": lambda t, p: 0.1 if p is None else p},
    "momentum 0 taken for None": {"weight": lambda t, p: p or 1 / t},
    "1 / (t + 1) in the place of 1 / t":
        {"weight": lambda t, p: 1 / (t + 1) if p is None else p},
    "old and new value in each other's place, where momentum is None":
        {"weight": lambda t, p: 1 - 1 / t if p is None else p},
    "a running variance that starts at 0": {"start": (0.0, 0.0)},
    "a running mean that starts at 1": {"start": (1.0, 1.0)},
    "the first batch taken as the start": {"start": None},
    "standard deviations, where variances are asked for": {"power": 0.5},
    ONE_PASS: {"mean_of_squares": True},
}  # fmt: skip
TRACK = Exercise(
    name="ex04_q7",
    function="running_statistics",
    points=3,
    results=("running_mean", "running_var"),
    reference=track,
    parts=(
        Part("batches (N, C)", 2, training((0.1, 0.6), (5, 3), (2, 3), (8, 3))),
        Part("feature maps (N, C, H, W)", 1,
             training((0.1, 0.3), (2, 3, 2, 2), (3, 3, 1, 4))),
        Part("one image, and images of one pixel", 1,
             training((0.1,), (1, 3, 2, 2), (3, 3, 1, 1), (1, 3, 1, 2))),
        Part("momentum is None", 2, lambda rng: [
            *training((None,), (4, 3), (2, 3), (9, 3), (3, 3))(rng),
            *training((None,), (5, 3))(rng),
        ]),
        Part("momentum 0 and 1", 1, training((0.0, 1.0), (3, 3), (4, 3)), last=True),
        Part("channels far from 0", 1, training((0.5,), (6, 3), (5, 3), shift=FAR),
             last=True),
        Part("a batch with one value per channel is refused", 1, with_one_value,
             refuses="a batch with a single value per channel"),
    ),
    mistakes={
        **{text: partial(track, **how) for text, how in RUNNING.items()},
        "all batches pooled to one, where momentum is None": pooled,
        "distances from the running mean, not from the batch's": from_running_mean,
        "the last batch alone": lambda batches, momentum: track(batches[-1:], momentum),
        "running_mean and running_var in each other's place": lambda *given: (
            track(*given)[::-1]
        ),
    },
)  # fmt: skip


EXERCISES = (STANDARDIZE, TRAIN, REPAIR, CHOOSE, TRACK)
