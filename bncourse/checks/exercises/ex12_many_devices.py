"""Chapter 12: statistics of several devices, their gradients, and parts of unequal sizes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Arguments, Exercise, Part

Rng = np.random.Generator
Calls = Callable[[Rng], Sequence[Arguments]]
Pair = tuple[Array, Array]


def mean_of(counts: Array, means: Array) -> Array:
    """Return the mean of all values: each part weighs its count."""
    mean: Array = counts @ means / counts.sum()
    return mean


def joined(
    counts: Array,
    means: Array,
    m2: Array,
    mean: Callable[[Array, Array], Array] = mean_of,
    spread: Callable[[Array, Array], Any] = lambda n, d: n @ d**2,
    within: Callable[[Array, Array], Any] = lambda n, m2: m2.sum(axis=0),
    divide: Callable[[Array], Any] = lambda n: n.sum(),
) -> Pair:
    """Return mean and biased variance of all values from counts, means and M2: (3.9).

    A wrong answer replaces one step: the mean, the spread between parts, that within them,
    or what their sum is divided by.
    """
    total = mean(counts, means)
    return total, (within(counts, m2) + spread(counts, means - total)) / divide(counts)


def squares(counts: Array, means: Array, m2: Array) -> Pair:
    """Return the same by mean(x**2) - mean(x)**2, which loses digits."""
    mean = mean_of(counts, means)
    return mean, (m2.sum(axis=0) + counts @ means**2) / counts.sum() - mean**2


def averaged(n: Array, m2: Array) -> Array:
    """Return the parts' variances, averaged with equal weights, times all values."""
    variances = m2 / np.maximum(n, 1)[:, None]
    total: Array = variances.mean(axis=0) * n.sum()
    return total


def parts(*sizes: int, far: float = 0.0) -> Calls:
    """Return a call with the statistics of parts, whose means are apart."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        shifts = far + 3.0 * np.array([1, -2, 4, -3])[: len(sizes)]
        drawn = [rng.normal(a, 1.0, (n, 3)) for n, a in zip(sizes, shifts, strict=True)]
        means = [x.mean(axis=0) if len(x) else np.zeros(3) for x in drawn]
        m2 = [((x - mu) ** 2).sum(axis=0) for x, mu in zip(drawn, means, strict=True)]
        return [(np.array(sizes), np.array(means), np.array(m2))]

    return calls


JOINED = Exercise(
    name="ex12_q1",
    function="joined",
    points=3,
    results=("mean", "var"),
    reference=joined,
    parts=(
        Part("parts of one size: the mean", 1, parts(4, 4, 4), ("mean",)),
        Part("parts of one size: the variance", 1, parts(5, 5, 5), ("var",)),
        Part("parts of several sizes", 2, parts(2, 9, 4, 3)),
        Part("a part of one value", 1, parts(6, 1, 3)),
        Part("a part without values", 1, lambda rng: [
            *parts(5, 0, 3)(rng), *parts(0, 4, 3)(rng), *parts(0, 0, 6)(rng)]),
        Part("a mean of a hundred million", 1, parts(4, 6, 2, far=1e8), ("var",),
             alone="digits that rounding takes: a difference of large numbers"),
    ),
    mistakes={
        "a mean of the means in which all parts weigh the same":
            partial(joined, mean=lambda n, mu: mu.mean(axis=0)),
        "parts that weigh the same, though an empty one is left out":
            partial(joined, mean=lambda n, mu: mu[n > 0].mean(axis=0)),
        "a variance without the spread between the parts":
            partial(joined, spread=lambda n, d: 0.0),
        "a plain average of the parts' variances": (
            partial(joined, spread=lambda n, d: 0.0, within=averaged),
            lambda n, mu, m2: (mean_of(n, mu), (m2[n > 0] / n[n > 0, None]).mean(axis=0))),
        "0 / 0 for a part without values": lambda n, mu, m2: (
            mean_of(n, mu), n @ (m2 / n[:, None] + (mu - mean_of(n, mu)) ** 2) / n.sum()),
        "the variance of the means added, all of one weight": lambda n, mu, m2:
            (mean_of(n, mu), m2.sum(axis=0) / n.sum() + mu.var(axis=0)),
        "the parts' variances averaged with equal weights, with the spread between them":
            partial(joined, within=averaged),
        "a spread between the parts in which all weigh the same":
            partial(joined, spread=lambda n, d: (d**2).sum(axis=0)),
        "a spread around the plain mean of the means": lambda n, mu, m2: (
            mean_of(n, mu), (m2.sum(axis=0) + n @ (mu - mu.mean(axis=0)) ** 2) / n.sum()),
        "the variance of the means alone": partial(joined, within=lambda n, m2: 0.0),
        "M2 used as if it were a variance": partial(joined, within=lambda n, m2: n @ m2),
        "a spread between the parts in which each that is not empty weighs the same":
            partial(joined, spread=lambda n, d: (d[n > 0] ** 2).sum(axis=0)),
        "the mean 0 of an empty part, counted in the spread":
            partial(joined, spread=lambda n, d: np.maximum(n, 1) @ d**2),
        "the variances of parts with values averaged, with the spread between them":
            partial(joined, within=lambda n, m2: (
                (m2[n > 0] / n[n > 0, None]).mean(axis=0) * n.sum())),
        "a spread between the parts that is not divided by the number of values":
            partial(joined, spread=lambda n, d: n.sum() * (n @ d**2)),
        "a division by m - 1": partial(joined, divide=lambda n: n.sum() - 1),
        "a division by m less the number of parts":
            partial(joined, divide=lambda n: max(n.sum() - len(n), 1)),
        "a division by the number of parts": partial(joined, divide=len),
        "M2, not divided by the number of values": partial(joined, divide=lambda n: 1.0),
        "mean(x**2) - mean(x)**2, which loses all digits far from 0": squares,
        "a standard deviation": lambda *given: (joined(*given)[0], joined(*given)[1] ** 0.5),
    },
)  # fmt: skip


def whole_mean(a: Array) -> Array:
    """Return the mean over all devices and all their values, (1, 1, C)."""
    mean: Array = a.mean(axis=(0, 1), keepdims=True)
    return mean


def own_mean(a: Array) -> Array:
    """Return the mean over each device's own values, (K, 1, C)."""
    mean: Array = a.mean(axis=1, keepdims=True)
    return mean


def alike(row: Array, dy: Array) -> Array:
    """Return the same row for each device."""
    return np.tile(row, (len(dy), 1))


def synced(
    dy: Array,
    x_hat: Array,
    inv_std: Array,
    gamma: Array,
    first: Callable[[Array], Any] = whole_mean,
    second: Callable[[Array], Any] = whole_mean,
    scale: Callable[[Array, Array], Any] = lambda s, gamma: s * gamma,
    dgamma: Callable[[Array, Array], Array] = lambda dy, x_hat: (dy * x_hat).sum(axis=1),
) -> Pair:
    """Return dx and each device's dgamma where all share their statistics: (5.16).

    A wrong answer replaces one of the two means, the factor, or dgamma.
    """
    dx = scale(inv_std, gamma) * (dy - first(dy) - x_hat * second(dy * x_hat))
    return dx, dgamma(dy, x_hat)


def both(mean: Callable[[Array], Any]) -> Callable[..., Pair]:
    """Return `synced` with another mean in both places."""
    return partial(synced, first=mean, second=mean)


def devices(K: int, n: int, C: int) -> Calls:
    """Return a call with K devices of n values each, whose gradients are apart."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        shift = np.arange(1.0, K + 1)[:, None, None]
        x = rng.normal(0, 1, (K, n, C)) + shift
        inv_std = 1 / np.sqrt(x.var(axis=(0, 1)) + 0.1)
        x_hat = (x - x.mean(axis=(0, 1))) * inv_std
        dy = rng.normal(0, 1, (K, n, C)) + shift
        return [(dy, x_hat, inv_std, rng.uniform(0.5, 2, C) * np.array([-1, 1, 1])[:C])]

    return calls


SYNCED = Exercise(
    name="ex12_q2",
    function="synced_backward",
    points=3,
    results=("dx", "dgamma"),
    reference=synced,
    parts=(
        Part("three devices: dx", 2, devices(3, 4, 2), ("dx",)),
        Part("three devices: dgamma", 1, devices(3, 5, 2), ("dgamma",)),
        Part("one device", 1, devices(1, 6, 3)),
        Part("one value on each device", 1, devices(5, 1, 2)),
    ),
    mistakes={
        "each device's own means, as with local statistics": both(own_mean),
        "the first mean of each device, the second of all": partial(synced, first=own_mean),
        "the first mean of all, the second of each device": partial(synced, second=own_mean),
        "sums over all devices, divided by the values of one":
            both(lambda a: whole_mean(a) * len(a)),
        "each device's own sums, divided by the values of all":
            both(lambda a: own_mean(a) / len(a)),
        "sums, not means": both(lambda a: a.sum(axis=(0, 1))),
        "the mean of the products left out": partial(synced, second=lambda a: 0.0),
        "the mean of dy left out": partial(synced, first=lambda a: 0.0),
        "dy alone, scaled, as in evaluation": both(lambda a: 0.0),
        "gamma left out of dx": partial(synced, scale=lambda s, gamma: s),
        "inv_std left out of dx": partial(synced, scale=lambda s, gamma: gamma),
        "a division by inv_std": partial(synced, scale=lambda s, gamma: gamma / s),
        "dgamma of all devices together, which the average would count again":
            partial(synced, dgamma=lambda dy, h: alike((dy * h).sum(axis=(0, 1)), dy)),
        "dgamma averaged over the devices already":
            partial(synced, dgamma=lambda dy, h: alike((dy * h).sum(axis=1).mean(axis=0), dy)),
        "dgamma as a mean over a device's values":
            partial(synced, dgamma=lambda dy, h: (dy * h).mean(axis=1)),
        "dgamma divided by the number of devices: DistributedDataParallel does that":
            partial(synced, dgamma=lambda dy, h: (dy * h).sum(axis=1) / len(dy)),
        "gamma in dgamma, too": lambda dy, x_hat, s, gamma:
            (synced(dy, x_hat, s, gamma)[0], gamma * synced(dy, x_hat, s, gamma)[1]),
        "the term with x_hat added, not subtracted":
            partial(synced, second=lambda a: -whole_mean(a)),
        "dbeta where dgamma was asked": partial(synced, dgamma=lambda dy, h: dy.sum(axis=1)),
    },
)  # fmt: skip


def combined(gradients: Array, sizes: Array) -> Array:
    """Return the gradient of the mean loss over all images from those of the parts."""
    there = sizes > 0
    gradient: Array = sizes[there] @ gradients[there] / sizes.sum()
    return gradient


def uneven(*sizes: int) -> Calls:
    """Return a call with the gradients of parts; an empty part has NaN."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        shift = 2.0 * np.arange(1, len(sizes) + 1)[:, None]
        gradients = rng.normal(0, 1, (len(sizes), 4)) + shift
        gradients[np.array(sizes) == 0] = np.nan
        return [(gradients, np.array(sizes))]

    return calls


COMBINED = Exercise(
    name="ex12_q3",
    function="combined",
    points=2,
    results=("gradient",),
    reference=combined,
    parts=(
        Part("parts of one size", 1, uneven(4, 4, 4)),
        Part("a smaller last part", 2, uneven(16, 16, 5)),
        Part("sizes far apart", 1, uneven(1, 30, 3)),
        Part("a part without images", 1, uneven(8, 0, 3)),
    ),
    mistakes={
        "a mean in which all parts weigh the same": lambda g, n: g[n > 0].mean(axis=0),
        "a weight of 0 for the empty part: 0 times NaN is NaN": lambda g, n: n @ g / n.sum(),
        "a weighted sum, divided by the number of parts with images":
            lambda g, n: combined(g, n) * n.sum() / (n > 0).sum(),
        "a mean that counts the empty part": lambda g, n: np.nansum(g, axis=0) / len(n),
        "a sum of the gradients": lambda g, n: np.nansum(g, axis=0),
        "a weighted sum that nothing divides": lambda g, n: combined(g, n) * n.sum(),
        "a weighted sum, divided by the number of parts":
            lambda g, n: combined(g, n) * n.sum() / len(n),
        "weights n - 1": lambda g, n: combined(g, np.maximum(n - 1, 0)),
        "a sum of the gradients, divided by all images":
            lambda g, n: np.nansum(g, axis=0) / n.sum(),
        "weights of the squares of the sizes": lambda g, n: combined(g, n**2),
        "weights of one over the sizes": lambda g, n: combined(
            g, np.divide(1.0, n, out=np.zeros(len(n)), where=n > 0)),
        "weights of the square roots of the sizes": lambda g, n: combined(g, np.sqrt(n)),
        "a smaller part left out": lambda g, n: g[n == n.max()].mean(axis=0),
    },
)  # fmt: skip

EXERCISES = (JOINED, SYNCED, COMBINED)
