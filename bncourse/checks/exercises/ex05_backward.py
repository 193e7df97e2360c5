"""Chapter 5: the backward pass in steps and in one line, and what tests it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array, broadcast_shape, reduction_axes
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex05_differences import NUMERIC

Rng = np.random.Generator
Factor = Callable[[int], float]  # of m
Axes = Callable[[Array], tuple[int, ...]]
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Pair]  # (var, eps) -> std and its derivative to var
Function = Callable[[Array], Array]


def one(m: int) -> float:
    """Return 1: the factor that changes nothing."""
    return 1.0


def graph_backward(
    dy: Array,
    x: Array,
    mu: Array,
    var: Array,
    gamma: Array,
    eps: float,
    *,
    dgamma: str = "x_hat",
    both: str = "sum",
    distance: str = "x - mu",
    dvar: Factor = one,
    power: int = 3,
    dmu: Factor = one,
    mean_power: int = 1,
    straight: float = 1.0,
    straight_power: int = 1,
    by_var: Factor = one,
    by_mu: Factor = one,
    gammas: int = 1,
    values: Callable[[Array], int] = lambda x: x[:, 0].size,
    root: Callable[[Array, float], Array] = lambda var, eps: np.sqrt(var + eps),
) -> tuple[Array, ...]:
    """Return dgamma, dbeta, dvar, dmu, dx: (5.2) to (5.10). The keywords make mistakes."""
    axes, shape, m = reduction_axes(x.ndim), broadcast_shape(x.shape), values(x)
    inv_std, d = (1 / root(var, eps)).reshape(shape), x - mu.reshape(shape)
    scale = gamma.reshape(shape)
    known = {"x": x, "x - mu": d, "x_hat": d * inv_std, "gamma x_hat": scale * d * inv_std}
    first, second = SUMS[both](dy * known[dgamma], dy)
    g = scale**gammas * dy
    to_var = dvar(m) * -(inv_std**power) / 2 * (g * known[distance]).sum(axes, keepdims=True)
    to_mu = dmu(m) * -(inv_std**mean_power) * g.sum(axes, keepdims=True)
    shares = by_var(m) * 2 * d * to_var / m + by_mu(m) * to_mu / m
    dx = straight * g * inv_std**straight_power + shares
    return first, second, to_var.ravel(), to_mu.ravel(), dx


def per_channel(v: Array) -> Array:
    """Return the sum over all but the channels."""
    total: Array = v.sum(axis=reduction_axes(v.ndim))
    return total


SUMS: Mapping[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "sum": lambda a, b: (per_channel(a), per_channel(b)),
    "mean": lambda a, b: (a.mean(reduction_axes(a.ndim)), b.mean(reduction_axes(b.ndim))),
    "swapped": lambda a, b: (per_channel(b), per_channel(a)),
    "rows": lambda a, b: (a.sum(axis=1), b.sum(axis=1)),
    "all": lambda a, b: (np.asarray(a.sum()), np.asarray(b.sum())),
    "none": lambda a, b: (a, b),
    "minus": lambda a, b: (-per_channel(a), -per_channel(b)),
    "mean and sum": lambda a, b: (a.mean(reduction_axes(a.ndim)), per_channel(b)),
    "axis 0": lambda a, b: (a.sum(axis=0), b.sum(axis=0)),
}
# What to say, and the keywords of `graph_backward` that make the mistake.
PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "a mean over the batch, where samples share a value": {"both": "mean"},
    "dgamma and dbeta in each other's place": {"both": "swapped"},
    "sums over the channels, not over the batch": {"both": "rows"},
    "one number for all channels": {"both": "all"},
    "no sum over the batch, though all samples share gamma and beta": {"both": "none"},
    "dgamma and dbeta with a minus sign": {"both": "minus"},
    "dgamma made with x, which is not what gamma multiplies": {"dgamma": "x"},
    "dgamma made with x - mu, which is not what gamma multiplies": {"dgamma": "x - mu"},
    "gamma inside its own gradient": {"dgamma": "gamma x_hat"},
    "dgamma divided by m": {"both": "mean and sum"},
}
SPREAD: Mapping[str, Mapping[str, Any]] = {
    "eps left out": {"root": lambda var, eps: np.sqrt(var)},
    "eps outside the root": {"root": lambda var, eps: np.sqrt(var) + eps},
    "eps = 1e-5 whatever eps is given": {"root": lambda var, eps: np.sqrt(var + 1e-5)},
    "a division by the variance, not by its root": {"root": lambda var, eps: var + eps},
    "N in the place of m, though a map has many values": {"values": len},
    "m - 1 in the place of m": {"values": lambda x: x[:, 0].size - 1},
    "H W in the place of m, the values of one map": {"values": lambda x: x[0, 0].size},
}
VARIANCE: Mapping[str, Mapping[str, Any]] = {
    "dvar with the other sign": {"dvar": lambda m: -1},
    "dvar without the 1/2 of the root's derivative": {"dvar": lambda m: 2},
    "dvar divided by m one step too early": {"dvar": lambda m: 1 / m},
    "dvar with inv_std in the first power": {"power": 1},
    "the gradient of the standard deviation, given as dvar":
        {"power": 2, "dvar": lambda m: 2},
    "dvar with inv_std squared": {"power": 2},
    "dvar made with x, not with x - mu": {"distance": "x"},
    "dvar made with x_hat, not with x - mu": {"distance": "x_hat"},
    "dy used where dx_hat is needed: gamma left out": {"gammas": 0},
    "gamma multiplied twice": {"gammas": 2},
}  # fmt: skip
MEAN: Mapping[str, Mapping[str, Any]] = {
    "dmu with the other sign": {"dmu": lambda m: -1},
    "dmu divided by m one step too early": {"dmu": lambda m: 1 / m},
    "dmu multiplied by m": {"dmu": lambda m: m},
    "dmu without inv_std": {"mean_power": 0},
    "dmu with inv_std squared": {"mean_power": 2},
}
INPUT: Mapping[str, Mapping[str, Any]] = {
    "mean and variance taken as constants": {"by_var": lambda m: 0, "by_mu": lambda m: 0},
    "a dx without the way through the variance": {"by_var": lambda m: 0},
    "a dx without the way through the mean": {"by_mu": lambda m: 0},
    "the gradients of evaluation mode: dvar and dmu are 0":
        {"dvar": lambda m: 0, "dmu": lambda m: 0},
    "a dx without the straight way": {"straight": 0.0},
    "a straight way without inv_std": {"straight_power": 0},
    "dmu handed to each sample whole": {"by_mu": lambda m: m},
    "dvar handed to each sample whole": {"by_var": lambda m: m},
    "dmu and dvar handed to each sample whole": {"by_var": lambda m: m, "by_mu": lambda m: m},
    "a square's derivative without its 2": {"by_var": lambda m: 0.5},
    "m - 1 in the variance's share": {"by_var": lambda m: m / (m - 1)},
    "the mean's way with the other sign": {"by_mu": lambda m: -1},
    "the variance's way with the other sign": {"by_var": lambda m: -1},
}  # fmt: skip


def batches(rng: Rng, *rest: int) -> Sequence[Arguments]:
    """Return dy, x, its mean and biased variance, gamma and eps; ``rest`` is (H, W)."""
    calls = []
    for m, eps in ((2, 0.3), (5, 1e-3), (16, 0.2)):
        shape = (1, 3, *[1] * len(rest))
        center, spread = rng.normal(0, 2, shape), rng.uniform(0.5, 2, shape)
        x = rng.normal(center, spread, (m, 3, *rest))
        axes, gamma = reduction_axes(x.ndim), rng.choice([-1, 1], 3) * rng.uniform(0.5, 2, 3)
        calls.append((rng.normal(0.5, 1, x.shape), x, x.mean(axes), x.var(axes), gamma, eps))
    return calls


STAGED = Exercise(
    name="ex05_q1",
    function="graph_backward",
    points=4,
    results=("dgamma", "dbeta", "dvar", "dmu", "dx"),
    reference=graph_backward,
    parts=(
        Part("dgamma and dbeta", 3, batches, looks_at=("dgamma", "dbeta")),
        Part("dvar", 3, batches, looks_at=("dvar",)),
        Part("dmu", 3, batches, looks_at=("dmu",)),
        Part("dx", 3, batches, looks_at=("dx",)),
        Part("feature maps (N, C, H, W)", 4, lambda rng: batches(rng, 3, 2)),
    ),
    mistakes={
        text: partial(graph_backward, **how)
        for text, how in {**PARAMETERS, **SPREAD, **INPUT, **VARIANCE, **MEAN}.items()
    }
    | {
        "dvar and dmu in each other's place": lambda *given: swap(graph_backward(*given), 2, 3),
        "dx first, though it is asked for last": lambda *given: (
            graph_backward(*given)[4:] + graph_backward(*given)[:4]
        ),
    },
)


def swap(results: tuple[Array, ...], i: int, j: int) -> tuple[Array, ...]:
    """Return the results with two of them exchanged."""
    swapped = list(results)
    swapped[i], swapped[j] = swapped[j], swapped[i]
    return tuple(swapped)


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
    exact: bool = False,
    everywhere: bool = False,
) -> Array:
    """Return dx by (5.15). The keywords make the usual mistakes."""

    def average(v: Array) -> Array:
        total = v.sum(axis=axes(dy), keepdims=True)
        average: Array = total / divisor(v.size // total.size, len(v))
        return average

    slope = average(inner(dy, x_hat)) / (average(x_hat**2) if exact else 1.0)
    level = dy.mean() if everywhere else average(dy)
    bracket = dy - mean * level - along * outer(x_hat) * slope
    dx: Array = scale(gamma, inv_std).reshape(broadcast_shape(dy.shape)) * bracket
    return dx


# What to say, and the keywords of `closed_form` that make the mistake.
CLOSED_FORMS: Mapping[str, Mapping[str, Any]] = {
    "mean and variance taken as constants": {"mean": 0.0, "along": 0.0},
    "no way through the mean, as in the published code: it is missing, or 0": {"mean": 0.0},
    "no way through the variance: it is missing, or 0": {"along": 0.0},
    "an exact projection, which leaves out what eps leaves over": {"exact": True},
    "one mean of dy for all channels": {"everywhere": True},
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
    "means of each image and channel": {"axes": lambda dy: tuple(range(2, dy.ndim)) or (0,)},
    "means of each example": {"axes": lambda dy: tuple(range(1, dy.ndim))},
    "a division by N where more values stand behind a mean": {"divisor": lambda m, N: N},
}


def on_axis(closed: Answer) -> Callable[..., Any]:
    """Return a closed form for channels on any axis from one for axis 1."""

    def answer(
        dy: Array, x_hat: Array, inv_std: Array, gamma: Array, axis: int, **how: Any
    ) -> Array:
        dy, x_hat = np.moveaxis(dy, axis, 1), np.moveaxis(x_hat, axis, 1)
        return np.moveaxis(closed(dy, x_hat, inv_std, gamma, **how), 1, axis)

    return answer


on_any_axis = on_axis(closed_form)


def gamma_before(dy: Array, x_hat: Array, inv_std: Array, gamma: Array) -> Array:
    """Multiply dy by gamma, but not the two means that are subtracted."""
    shape = broadcast_shape(dy.shape)
    straight = (gamma * inv_std).reshape(shape) * dy
    rest = closed_form(dy, x_hat, inv_std, np.ones_like(gamma)) - inv_std.reshape(shape) * dy
    total: Array = straight + rest
    return total


def positive(dy: Array, x_hat: Array, inv_std: Array, gamma: Array, axis: int) -> Array:
    """Compare each axis with ``axis``, which a negative one never equals."""
    axes = tuple(i for i in range(dy.ndim) if i != axis)
    mean, along = (v.mean(axis=axes, keepdims=True) for v in (dy, dy * x_hat))
    shape = [1] * dy.ndim
    shape[axis] = -1
    dx: Array = (gamma * inv_std).reshape(shape) * (dy - mean - x_hat * along)
    return dx


def after_forward(
    rng: Rng,
    *rest: int,
    axis: int = 1,
    sizes: Sequence[tuple[int, float]] = ((2, 0.3), (5, 1e-3), (12, 0.4)),
) -> Sequence[Arguments]:
    """Return dy with x_hat and inv_std of a batch; ``rest`` is the shape after (N, C)."""
    calls = []
    for m, eps in sizes:
        x = rng.normal(0, rng.uniform(0.5, 2), (m, 3, *rest))
        d = x - x.mean(axis=reduction_axes(x.ndim), keepdims=True)
        inv_std = 1 / np.sqrt((d * d).mean(axis=reduction_axes(x.ndim)) + eps)
        x_hat = d * inv_std.reshape(broadcast_shape(x.shape))
        gamma = rng.choice([-1, 1], 3) * rng.uniform(0.5, 2, 3)
        turned = (np.moveaxis(v, 1, axis) for v in (rng.normal(0.5, 1, x.shape), x_hat))
        calls.append((*(v.copy() for v in turned), inv_std, gamma, axis))
    return calls


CLOSED = Exercise(
    name="ex05_q2",
    function="closed_form",
    points=2,
    results=("dx",),
    reference=on_any_axis,
    parts=(
        Part("batches (N, C)", 1, after_forward),
        Part(
            "channels on other axes, counted from both ends",
            1,
            lambda rng: [
                *after_forward(rng, 3, axis=2),
                *after_forward(rng, 3, 2, axis=-1),
                *after_forward(rng, 2, axis=-3, sizes=((3, 0.3),)),
                *after_forward(rng, axis=0, sizes=((3, 0.4),)),
            ],
        ),
        Part(
            "feature maps (N, C, H, W)",
            1,
            lambda rng: (
                [*after_forward(rng, 3, 2), *after_forward(rng, 1, 4, sizes=((1, 0.3),))]
            ),
        ),
    ),
    mistakes={text: partial(on_any_axis, **how) for text, how in CLOSED_FORMS.items()}
    | {
        "the channels on axis 1, whatever axis is": lambda *given: closed_form(*given[:4]),
        "an axis that is not counted from the end": positive,
        "gamma that multiplies dy alone, not the two means": on_axis(gamma_before),
        "channels that stay on axis 1, not moved back": lambda dy, x_hat, s, gamma, axis: (
            np.moveaxis(on_any_axis(dy, x_hat, s, gamma, axis), axis, 1)
        ),
    },
)


SPREADS: Mapping[str, Spread] = {
    "inside": lambda var, eps: (np.sqrt(var + eps), 0.5 / np.sqrt(var + eps)),
    "outside": lambda var, eps: (np.sqrt(var) + eps, 0.5 / np.sqrt(var)),
    "nowhere": lambda var, eps: (np.sqrt(var), 0.5 / np.sqrt(var)),
    "no root": lambda var, eps: (var + eps, np.ones_like(var)),
}


def gradients(
    x: Array,
    dy: Array,
    gamma: Array,
    beta: Array,
    eps: float,
    *,
    ddof: int = 0,
    by_mean: float = 1.0,
    by_var: float = 1.0,
    spread: str = "inside",
) -> Pair:
    """Return dx and dgamma, the gradients of sum(dy * y). The keywords make mistakes."""
    m, d = len(x), x - x.mean(axis=0)
    std, slope = SPREADS[spread]((d * d).sum(axis=0) / (m - ddof), eps)
    g = gamma * dy
    dvar = -(g * d).sum(axis=0) / std**2 * slope
    dx = (g - by_mean * g.mean(axis=0)) / std + by_var * 2 * d / (m - ddof) * dvar
    return dx, (dy * d / std).sum(axis=0)


def times(factor: Callable[[Array], float]) -> Answer:
    """Return `gradients` of another loss, ``factor(x)`` times as large."""

    def answer(x: Array, *rest: Any) -> Pair:
        dx, dgamma = gradients(x, *rest)
        return factor(x) * dx, factor(x) * dgamma

    return answer


def one_for_all(x: Array, dy: Array, gamma: Array, beta: Array, eps: float) -> Pair:
    """Normalize by the mean and the variance of the whole array."""
    d, g, std = x - x.mean(), gamma * dy, np.sqrt(x.var() + eps)
    x_hat = d / std
    return (g - g.mean() - x_hat * (g * x_hat).mean()) / std, (dy * x_hat).sum(axis=0)


# What to say, and the keywords of `gradients` that make the mistake.
DETACHED_FORMS: Mapping[str, Mapping[str, Any]] = {
    "the course's code as it was": {"ddof": 1, "by_mean": 0.0, "by_var": 0.0},
    "mean and variance still outside the gradient": {"by_mean": 0.0, "by_var": 0.0},
    "the mean still outside the gradient": {"by_mean": 0.0},
    "the variance still outside the gradient": {"by_var": 0.0},
    "a variance divided by m - 1": {"ddof": 1},
    "eps outside the root": {"spread": "outside"},
    "no eps": {"spread": "nowhere"},
    "eps outside the root, and a variance divided by m - 1": {"spread": "outside", "ddof": 1},
    "a division by the variance, not by its root": {"spread": "no root"},
}
OTHER_GRADIENTS: Mapping[str, Answer] = {
    "the gradient of sum(y): dy is not used": lambda x, dy, *rest: gradients(
        x, np.ones_like(dy), *rest
    ),
    "the gradient of mean(dy * y), not of sum(dy * y)": times(lambda x: 1 / x.size),
    "the gradient of sum(dy * y) / m": times(lambda x: 1 / len(x)),
    "gradients of two backward calls, added up": times(lambda x: 2.0),
    "eps = 1e-5 whatever eps is given": lambda x, dy, gamma, beta, eps: gradients(
        x, dy, gamma, beta, 1e-5
    ),
    "one mean and one variance for all columns": one_for_all,
    "dgamma made with y, not with x_hat": lambda x, dy, gamma, beta, eps: (
        gradients(x, dy, gamma, beta, eps)[0],
        gamma * gradients(x, dy, gamma, beta, eps)[1] + beta * dy.sum(axis=0),
    ),
    "dgamma made with x - mu, not divided by the standard deviation": (
        lambda x, dy, gamma, beta, eps: (
            gradients(x, dy, gamma, beta, eps)[0],
            (dy * (x - x.mean(axis=0))).sum(axis=0),
        )
    ),
    "dgamma made with x, not with x_hat": lambda x, dy, gamma, beta, eps: (
        gradients(x, dy, gamma, beta, eps)[0],
        (dy * x).sum(axis=0),
    ),
    "the gradient of beta, not of gamma": lambda x, dy, *rest: (
        gradients(x, dy, *rest)[0],
        dy.sum(axis=0),
    ),
    "gamma left out": lambda x, dy, gamma, beta, eps: gradients(
        x, dy, np.ones_like(gamma), beta, eps
    ),
    "dx and dgamma in each other's place": lambda *given: gradients(*given)[::-1],
    "the gradients of gamma and beta": lambda x, dy, *rest: (
        gradients(x, dy, *rest)[1],
        dy.sum(axis=0),
    ),
    "the gradient of gamma, not summed over the batch": lambda x, dy, gamma, beta, eps: (
        gradients(x, dy, gamma, beta, eps)[0],
        dy * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps),
    ),
}


def before_forward(rng: Rng) -> Sequence[Arguments]:
    """Return x, dy, gamma, beta and eps."""
    calls = []
    for m, eps in ((6, 1e-3), (2, 0.3), (15, 0.2)):
        x = rng.normal(rng.normal(0, 2, 4), rng.uniform(0.5, 2, 4), (m, 4))
        gamma = rng.choice([-1, 1], 4) * rng.uniform(0.5, 2, 4)
        calls.append((x, rng.normal(0.5, 1, x.shape), gamma, rng.normal(size=4), eps))
    return calls


DETACHED = Exercise(
    name="ex05_q4",
    function="gradients",
    points=2,
    results=("dx", "dgamma"),
    reference=gradients,
    parts=(
        Part("dgamma", 1, before_forward, looks_at=("dgamma",)),
        Part("dx", 1, before_forward, looks_at=("dx",)),
    ),
    mistakes={
        **{text: partial(gradients, **how) for text, how in DETACHED_FORMS.items()},
        **OTHER_GRADIENTS,
    },
)


EXERCISES = (STAGED, CLOSED, DETACHED, NUMERIC)
