"""Chapter 4: the forward pass, eps in its place, and the choice of gamma and beta."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, broadcast_shape, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex04_identity import CHOOSE
from bncourse.checks.exercises.ex04_running import FAR, ONE_PASS, TRACK

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
    mean_of: Callable[[Array], Array] = np.isfinite,
    missing: float = 0.0,
) -> Array:
    """Standardize the values that are there. The keywords make the usual mistakes."""
    mu = np.nansum(x, axis=axis, keepdims=True) / mean_of(x).sum(axis=axis, keepdims=True)
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
    "a mean divided by m, though some values are missing": {"mean_of": np.ones_like},
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
        Part("feature maps (N, C, H, W)", 2, lambda rng: affine(rng, 2, 3)),
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
        "beta left out where gamma is None": lambda x, gamma, beta, eps: (
            normalize(x, gamma, None if gamma is None else beta, eps)
        ),
        "gamma left out where beta is None": lambda x, gamma, beta, eps: (
            normalize(x, None if beta is None else gamma, beta, eps)
        ),
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
    "eps where the variance is 0 alone; it belongs to every variance": lambda var, eps: np.sqrt(
        np.where(var > 0, var, eps)
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


EXERCISES = (STANDARDIZE, TRAIN, REPAIR, CHOOSE, TRACK)
