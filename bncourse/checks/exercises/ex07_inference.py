"""Chapter 7: population statistics, running averages and conventions; the layer is imported."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex07_layer import LAYER

Rng = np.random.Generator
Pair = tuple[Array, Array]


def pooled(means: Array, variances: Array, sizes: Array) -> Pair:
    """Return the population's mean and variance from batches of any sizes: (7.4)."""
    if sizes.max() < 2:
        raise ValueError("no batch has two values, so the variance is unknown")
    return weighted(sizes, means), (sizes @ variances) / (sizes - 1).sum()


def weighted(weights: Array, values: Array) -> Array:
    """Return the weighted mean of the rows of ``values``."""
    average: Array = weights @ values / weights.sum()
    return average


def spread(total: Callable[[Array, Array, Array], Any]) -> Callable[..., Pair]:
    """Return a `pooled` whose mean is right and whose variance is ``total(mu, v, m)``."""
    return lambda mu, v, m: (pooled(mu, v, m)[0], total(mu, v, m))


def everything(mu: Array, v: Array, m: Array, ddof: int) -> Array:
    """Return the variance of all values, the spread between batches included: (7.5)."""
    total: Array = (m @ v + m @ (mu - weighted(m, mu)) ** 2) / (m.sum() - ddof)
    return total


def own_factors(v: Array, m: Array) -> Array:
    """Return each batch's unbiased variance; a batch of one value keeps its 0."""
    unbiased: Array = v * (m / np.maximum(m - 1, 1))[:, None]
    return unbiased


def epochs(sizes: Callable[[Rng], Sequence[int]]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the statistics of two epochs, cut into batches of these sizes."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for _ in range(2):
            m = np.array(sizes(rng))
            parts = [rng.normal(rng.normal(0, 3, 3), 2.0, (n, 3)) for n in m]
            statistics = [(p.mean(axis=0), p.var(axis=0)) for p in parts]
            calls.append((*map(np.array, zip(*statistics, strict=True)), m))
        return calls

    return calls


POOLED = Exercise(
    name="ex07_q1",
    function="pooled",
    points=3,
    results=("mean", "var"),
    reference=pooled,
    parts=(
        Part("batches of one size", 1, epochs(lambda rng: [int(rng.integers(3, 7))] * 4)),
        Part("batches of any sizes: the mean", 1, epochs(lambda rng: [7, 4, 6, 2]), ("mean",)),
        Part("batches of any sizes: the variance", 2, epochs(lambda rng: [7, 3, 5]), ("var",)),
        Part("batches of one value among others", 1, lambda rng: [
            *epochs(lambda rng: [6, 1, 3, 1, 4])(rng), *epochs(lambda rng: [1, 2, 1])(rng)]),
        Part("batches of one value only are refused", 1, epochs(lambda rng: [1, 1, 1]),
             refuses="batches of one value only"),
    ),
    mistakes={
        "the biased variance: no correction by m - 1": spread(lambda mu, v, m: weighted(m, v)),
        "a plain average of the biased variances": spread(lambda mu, v, m: v.mean(axis=0)),
        "one common factor m / (m - 1) for all batches":
            spread(lambda mu, v, m: v.mean(axis=0) * m[0] / (m[0] - 1)),
        "own factors, averaged as if all batches told the same":
            (spread(lambda mu, v, m: own_factors(v, m).mean(axis=0)),
             spread(lambda mu, v, m: own_factors(v, m)[m > 1].mean(axis=0))),
        "corrected variances that weigh m, not what a variance of m values tells":
            spread(lambda mu, v, m: weighted(m, own_factors(v, m))),
        "uncorrected variances that weigh m - 1": spread(lambda mu, v, m: weighted(m - 1, v)),
        "one degree of freedom lost in all, not one in each batch":
            spread(lambda mu, v, m: m @ v / (m.sum() - 1)),
        "the variance of all values: the spread between the batches is counted, too":
            (spread(partial(everything, ddof=1)),
             spread(lambda mu, v, m: everything(mu, v, m, len(m)))),
        "the biased variance of all values": spread(partial(everything, ddof=0)),
        "the batches' means without weights":
            lambda mu, v, m: (mu.mean(axis=0), pooled(mu, v, m)[1]),
        "means that weigh m - 1": lambda mu, v, m: (weighted(m - 1, mu), pooled(mu, v, m)[1]),
        "batches of one value that are left out of the mean":
            lambda mu, v, m: (weighted(m * (m > 1), mu), pooled(mu, v, m)[1]),
        "a last batch that is left out":
            lambda mu, v, m: pooled(mu[:-1], v[:-1], m[:-1]),
        "neither the means nor the variances weighed":
            lambda mu, v, m: (pooled(mu, v, m)[0] * 0 + mu.mean(axis=0),
                              own_factors(v, m).mean(axis=0)),
        "equal weights, and one factor m / (m - 1) for the mean size":
            lambda mu, v, m: (mu.mean(axis=0), v.mean(axis=0) * m.mean() / (m.mean() - 1)),
        "standard deviations averaged, then squared":
            spread(lambda mu, v, m: (m @ np.sqrt(v) / (m - 1).sum()) ** 2),
        "a standard deviation": spread(lambda mu, v, m: np.sqrt(m @ v / (m - 1).sum())),
    },
)  # fmt: skip


def exponential(
    values: Array, momentum: float, new: float | None = None, start: float = 0.0
) -> Pair:
    """Return the running values and the same without the weight of the start: (7.6)."""
    new = 1 - momentum if new is None else new
    running, rows = np.full(values.shape[1:], start), []
    for value in values:
        running = momentum * running + new * value
        rows.append(running)
    k = np.arange(1, len(values) + 1)[:, None]
    course = np.array(rows).reshape(values.shape)
    return course, course / (1 - momentum**k)


def average(answer: Answer, values: Array, momentum: float) -> Any:
    """Call an answer; one stacked array counts as two results."""
    result = answer(values, momentum)
    return tuple(result) if hasattr(result, "shape") and result.ndim == 3 else result


def divided(by: Callable[[Any, float], Any]) -> Callable[..., Pair]:
    """Return an `exponential` whose second result is divided by ``by(k, momentum)``."""

    def answer(values: Array, momentum: float) -> Pair:
        k = np.arange(1, len(values) + 1)[:, None]
        running = exponential(values, momentum)[0]
        return running, running / by(k, momentum)

    return answer


def from_first(values: Array, momentum: float) -> Pair:
    """Start from the first batch instead of zero."""
    first, rest = values[:1], values[1:]
    k = np.arange(len(values))[:, None]
    later = exponential(rest, momentum)[0] + first * momentum ** k[1:]
    running = np.concatenate([first, later])
    return running, running / (1 - momentum ** (k + 1))


def fed_back(values: Array, momentum: float) -> Pair:
    """Average on with the corrected value."""
    running, rows, corrected = np.zeros(values.shape[1:]), [], []
    for k, value in enumerate(values, start=1):
        rows.append(momentum * running + (1 - momentum) * value)
        running = rows[-1] / (1 - momentum**k)
        corrected.append(running)
    return np.array(rows), np.array(corrected)


def courses(rng: Rng) -> Sequence[Arguments]:
    """Return batch statistics over time, momenta far from 1/2."""
    sizes = ((5, 3, 0.9), (2, 2, 0.8), (30, 2, 0.95), (3, 2, 0.2))
    return [(rng.normal(4, 2, (K, C)), momentum) for K, C, momentum in sizes]


EXPONENTIAL = Exercise(
    name="ex07_q2",
    function="exponential",
    points=3,
    results=("running", "corrected"),
    reference=exponential,
    drive=average,
    parts=(
        Part("the running values", 2, courses, ("running",)),
        Part("without the cold start", 1, courses, ("corrected",)),
    ),
    mistakes={
        "momentum that multiplies the new value": lambda v, a: exponential(v, 1 - a),
        "momentum 0.9, whatever the caller gives": lambda v, a: exponential(v, 0.9),
        "a start from the first batch, not from zero": from_first,
        "a start from one, not from zero": partial(exponential, start=1.0),
        "a new value with its full weight": partial(exponential, new=1.0),
        "an old value that is never multiplied down":
            lambda v, a: ((1 - a) * np.cumsum(v, axis=0), exponential(v, a)[1]),
        "the plain average of all batches so far":
            lambda v, a: (np.cumsum(v, axis=0) / np.arange(1, len(v) + 1)[:, None],) * 2,
        "the plain average in the place of the corrected value": lambda v, a:
            (exponential(v, a)[0], np.cumsum(v, axis=0) / np.arange(1, len(v) + 1)[:, None]),
        "every row is the last one: the same array was stored each time":
            lambda v, a: (0 * v + exponential(v, a)[0][-1], exponential(v, a)[1]),
        "the corrected value goes back into the average": fed_back,
        "weights in each other's place in the divisor only":
            divided(lambda k, a: 1 - (1 - a) ** k),
        "no correction: the start still counts": divided(lambda k, a: 1.0),
        "a power of k + 1, one batch too many": divided(lambda k, a: 1 - a ** (k + 1)),
        "a power of k - 1, one batch too few": (
            divided(lambda k, a: 1 - a ** (k - 1)),
            divided(lambda k, a: np.where(k == 1, 1.0, 1 - a ** (k - 1))),
            divided(lambda k, a: 1 - a ** np.maximum(k - 1, 1))),
        "a division by the weight of the start": divided(lambda k, a: a**k),
        "the same divisor for every batch": divided(lambda k, a: 1 - a ** k.max()),
        "a division by 1 - momentum at every batch": divided(lambda k, a: 1 - a),
        "the results in each other's place": lambda v, a: exponential(v, a)[::-1],
    },
)  # fmt: skip


def to_torch(
    momentum: float, var: Array, m: int, eps: float, torch_eps: float
) -> tuple[Any, Array, Array]:
    """Return momentum and two running variances for PyTorch, from Keras 3's conventions."""
    same = var + (eps - torch_eps)
    if (same < 0).any():
        raise ValueError("no variance gives the same outputs; keep the library's eps")
    return 1 - momentum, var * m / (m - 1), same


def moved(
    unbiased: Callable[[Array, int], Array] = lambda v, m: v * m / (m - 1),
    same: Callable[[Array, float, float], Array] = lambda v, e, t: v + (e - t),
    momentum: Callable[[float], float] = lambda a: 1 - a,
) -> Callable[..., tuple[Any, Array, Array]]:
    """Return `to_torch` with one step replaced."""

    def answer(a: float, v: Array, m: int, e: float, t: float) -> tuple[Any, Array, Array]:
        if (v + (e - t) < 0).any():
            raise ValueError("no such variance")
        return momentum(a), unbiased(v, m), same(v, e, t)

    return answer


def layers(rng: Rng) -> Sequence[Arguments]:
    """Return layers with momenta at both ends, large and small eps."""
    settings = ((0.99, 4, 0.1, 1e-3), (0.9, 2, 1e-3, 0.3), (0, 16, 0.2, 0.05), (1, 3, 0.1, 0.1))
    return [(a, rng.uniform(0.6, 3, 3), *rest) for a, *rest in settings]


def fixed(*calls: tuple[list[float], float, float]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with these variances and both eps, exact in binary."""
    return lambda rng: [(0.9, np.array(var), 4, *both) for var, *both in calls]


CONVERTED = Exercise(
    name="ex07_q4",
    function="to_torch",
    points=2,
    results=("momentum", "unbiased", "same"),
    reference=to_torch,
    parts=(
        Part("the momentum", 1, layers, ("momentum",)),
        Part("the variance that PyTorch would have found", 1, layers, ("unbiased",)),
        Part("the variance that gives the same outputs", 2, layers, ("same",)),
        Part("a variance of 0 is accepted", 1,
             fixed(([0.25, 1.5, 2.0], 0.25, 0.5), ([1.5, 0.0, 2.0], 0.5, 0.5))),
        Part("no such variance: refused", 1,
             fixed(([1.5, 0.125, 2.0], 0.25, 0.5), ([0.0, 0.0625, 0.1], 0.125, 0.25)),
             refuses="a layer that no variance makes the same"),
    ),
    mistakes={
        "momentum that stays as it is": moved(momentum=lambda a: a),
        "PyTorch's default, whatever the layer had": moved(momentum=lambda a: 0.1),
        "a biased variance: PyTorch averages unbiased ones": moved(lambda v, m: v),
        "a factor (m - 1) / m, which makes the variance smaller":
            moved(lambda v, m: v * (m - 1) / m),
        "a factor (m + 1) / m": moved(lambda v, m: v * (m + 1) / m),
        "the factor m / (m - 1) on the wrong one of the two variances":
            lambda *given: [to_torch(*given)[i] for i in (0, 2, 1)],
        "a variance that stays as it is: the outputs change with eps":
            moved(same=lambda v, e, t: v),
        "eps added, and not that of PyTorch taken away": moved(same=lambda v, e, t: v + e),
        "PyTorch's eps taken away, and the layer's not added":
            moved(same=lambda v, e, t: v - t),
        "the two eps in each other's place": moved(same=lambda v, e, t: v + (t - e)),
        "a standard deviation": moved(same=lambda v, e, t: np.sqrt(v + (e - t))),
        "the roots' difference, squared: eps stands inside the root":
            moved(same=lambda v, e, t: (np.sqrt(v) + np.sqrt(e) - np.sqrt(t)) ** 2),
        "m / (m - 1) in the variance for the same outputs, too": (
            lambda a, v, m, e, t:
                (1 - a, v * m / (m - 1), to_torch(a, v, m, e, t)[2] * m / (m - 1)),
            lambda a, v, m, e, t: (1 - a, v * m / (m - 1), v * m / (m - 1) + e - t)),
    },
)  # fmt: skip


EXERCISES = (POOLED, EXPONENTIAL, LAYER, CONVERTED)
