"""Chapter 10: landscapes, the length of a gradient, and fair comparisons."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator
Four = tuple[Any, Any, Any, Any]
Pair = tuple[Any, Any]


def length(v: Array) -> Any:
    """Return the Euclidean length of each row."""
    return np.sqrt((v * v).sum(axis=-1))


def along(g: Array, steps: Array, losses: Array, gradients: Array) -> Four:
    """Return loss range, gradient change, beta and smallest cosine: (10.3) to (10.5)."""
    change = length(gradients - g)
    return (
        losses.max() - losses.min(),
        change.max(),
        (change / (steps * length(g))).max(),
        (gradients @ g / (length(gradients) * length(g))).min(),
    )


def instead(place: int, formula: Callable[..., Any]) -> Answer:
    """Return an `along` with one result computed by ``formula(g, steps, losses, G)``."""

    def answer(*arguments: Array) -> tuple[Any, ...]:
        right = along(*arguments)
        return (*right[:place], formula(*arguments), *right[place + 1 :])

    return answer


def change(g: Array, G: Array) -> Any:
    """Return how far each gradient lies from ``g``."""
    return length(G - g)


def probes(sizes: Sequence[tuple[int, int]]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with a gradient and what was found at K steps along it, K x n."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for K, n in sizes:
            g = rng.normal(0, 2, n)
            steps = rng.permutation(np.linspace(0.3, 2.5, K)) * rng.uniform(0.1, 0.4)
            gradients = g + steps[:, None] * rng.normal(0, 6, (K, n))
            found.append((g, steps, rng.normal(2, 1, K), gradients))
        return found

    return calls


RANGE, CHANGE, BETA, COSINE = "loss range", "gradient change", "beta", "smallest cosine"
SEVERAL = probes([(5, 4), (3, 6), (7, 2)])
ALONG = Exercise(
    name="ex10_q1",
    function="along",
    points=3,
    results=(RANGE, CHANGE, BETA, COSINE),
    reference=along,
    parts=(
        Part("the loss range", 1, SEVERAL, (RANGE,)),
        Part("the gradient change", 1, SEVERAL, (CHANGE,)),
        Part("beta", 2, SEVERAL, (BETA,)),
        Part("the smallest cosine", 1, SEVERAL, (COSINE,)),
        Part("a single step", 1, probes([(1, 3), (1, 5)])),
    ),
    mistakes={
        "a standard deviation of the losses": instead(0, lambda g, a, L, G: L.std()),
        "the loss of the last step minus that of the first":
            instead(0, lambda g, a, L, G: L[-1] - L[0]),
        "the largest loss, nothing subtracted": instead(0, lambda g, a, L, G: L.max()),
        "the mean over the steps, not the largest":
            instead(1, lambda g, a, L, G: change(g, G).mean()),
        "the square of the length":
            instead(1, lambda g, a, L, G: (change(g, G) ** 2).max()),
        "the largest entry of the difference, not its length":
            instead(1, lambda g, a, L, G: abs(G - g).max()),
        "a difference of lengths, not the length of the difference":
            instead(1, lambda g, a, L, G: abs(length(G) - length(g)).max()),
        "gradients that are not compared with g":
            instead(1, lambda g, a, L, G: length(G).max()),
        "one length of the whole array of differences":
            instead(1, lambda g, a, L, G: np.sqrt(((G - g) ** 2).sum())),
        "beta without the length of g": instead(2, lambda g, a, L, G: (change(g, G) / a).max()),
        "beta without the step": instead(2, lambda g, a, L, G: change(g, G).max() / length(g)),
        "the largest change divided by the largest step: each step has its own ratio":
            instead(2, lambda g, a, L, G: change(g, G).max() / (a.max() * length(g))),
        "the largest change divided by the smallest step: each step has its own ratio":
            instead(2, lambda g, a, L, G: change(g, G).max() / (a.min() * length(g))),
        "a multiplication by the step":
            instead(2, lambda g, a, L, G: (change(g, G) * a / length(g)).max()),
        "the mean of beta over the steps":
            instead(2, lambda g, a, L, G: (change(g, G) / a).mean() / length(g)),
        "the largest cosine": instead(
            3, lambda g, a, L, G: (G @ g / (length(G) * length(g))).max()
        ),
        "the product without the lengths": instead(3, lambda g, a, L, G: (G @ g).min()),
        "the mean cosine": instead(
            3, lambda g, a, L, G: (G @ g / (length(G) * length(g))).mean()
        ),
        "an angle, not its cosine": instead(
            3, lambda g, a, L, G: np.arccos(G @ g / (length(G) * length(g))).min()
        ),
        "one minus the cosine": instead(
            3, lambda g, a, L, G: (1 - G @ g / (length(G) * length(g))).min()
        ),
    },
)  # fmt: skip


def squared_length(
    x: Array,
    gamma: Array,
    g_hat: Array,
    mean: float = 1.0,
    second: float = 1.0,
    power: float = 1.0,
    gammas: int = 2,
    ddof: int = 0,
    by_m: bool = True,
    raw: bool = False,
) -> tuple[Array, Array]:
    """Return (10.7) and the share that is taken away. The keywords make mistakes."""
    d, m = x - x.mean(axis=0), len(x) if by_m else 1
    var = (d * d).sum(axis=0) / (len(x) - ddof)
    x_hat = x if raw else d / np.sqrt(var)
    removed = mean * g_hat.sum(axis=0) ** 2 / m + second * (x_hat * g_hat).sum(axis=0) ** 2 / m
    total = (g_hat**2).sum(axis=0)
    return gamma**gammas / var**power * (total - removed), removed / total


def gradients(rng: Rng) -> Sequence[Arguments]:
    """Return batches with gamma and the gradient to the output; m = 2 once."""
    return [
        (rng.normal(2, rng.uniform(0.5, 3, C), (m, C)), rng.normal(1, 1, C),
         rng.normal(0.5, 1, (m, C))) for m, C in ((8, 4), (3, 2), (40, 3))
    ]  # fmt: skip


def parallel(rng: Rng) -> Sequence[Arguments]:
    """Return gradients from which nothing is removed, and of which nothing remains."""
    x, gamma = rng.normal(size=(6, 3)), rng.uniform(0.5, 2, 3)
    d = x - x.mean(axis=0)
    free = rng.normal(size=x.shape)
    free -= free.mean(axis=0)
    free -= d * (d * free).sum(axis=0) / (d * d).sum(axis=0)
    return [(x, gamma, free), (x, gamma, d + np.array([0.5, 1.0, 2.0]))]


LENGTH = Exercise(
    name="ex10_q2",
    function="squared_length",
    points=2,
    results=("squared", "share"),
    reference=squared_length,
    parts=(
        Part("the squared length", 2, gradients, ("squared",)),
        Part("the share that is removed", 1, gradients, ("share",)),
        Part("a share of 0, and of 1", 1, parallel, ("share",), last=True),
    ),
    mistakes={
        "the part along x_hat left out": partial(squared_length, second=0.0),
        "the part along 1 left out": partial(squared_length, mean=0.0),
        "the parts added, not taken away": partial(squared_length, mean=-1.0, second=-1.0),
        "nothing taken away": partial(squared_length, mean=0.0, second=0.0),
        "a division by the standard deviation, where the length is squared":
            partial(squared_length, power=0.5),
        "no division by the variance": partial(squared_length, power=0.0),
        "gamma without its square": partial(squared_length, gammas=1),
        "gamma left out": partial(squared_length, gammas=0),
        "the unbiased variance": partial(squared_length, ddof=1),
        "inner products that are not divided by m": partial(squared_length, by_m=False),
        "x in the place of x_hat": partial(squared_length, raw=True),
        "the share that stays": lambda *a: (squared_length(*a)[0], 1 - squared_length(*a)[1]),
        "the length, not its square": lambda *a: (
            np.sqrt(squared_length(*a)[0]), squared_length(*a)[1]
        ),
        "the removed part itself, not its share": lambda x, gamma, g: (
            squared_length(x, gamma, g)[0], squared_length(x, gamma, g)[1] * (g * g).sum(axis=0)
        ),
    },
)  # fmt: skip


def tuned(errors: Array) -> Array:
    """Return the errors, one a seed, at the rate with the lowest mean error."""
    best: Array = errors[errors.mean(axis=1).argmin()]
    return best


def interval(difference: Array, t: float, ddof: int = 1, root: bool = True) -> Pair:
    """Return the interval of the mean of paired differences."""
    n = len(difference)
    half = t * difference.std(ddof=ddof) / (np.sqrt(n) if root else 1)
    return difference.mean() - half, difference.mean() + half


def compare(a: Array, b: Array, t: float) -> Pair:
    """Return the interval of how much larger the error of ``a`` is, each at its own rate."""
    if a.shape[1] < 2 or b.shape[1] < 2:
        raise ValueError("one seed gives no interval")
    return interval(tuned(a) - tuned(b), t)


def choosing(rows: Callable[[Array], Array], **how: Any) -> Answer:
    """Return a `compare` that looks at other runs, or computes the interval otherwise."""
    return lambda a, b, t: interval(rows(a) - rows(b), t, **how)


def at_rate_of(a: Array, b: Array, t: float, first: bool) -> Pair:
    """Give both arms the best rate of one of them."""
    i = (a if first else b).mean(axis=1).argmin()
    return interval(a[i] - b[i], t)


def unpaired(a: Array, b: Array, t: float) -> Pair:
    """Add the variances of the two means, as if the seeds were not shared."""
    a, b = tuned(a), tuned(b)
    half = t * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(a))
    return a.mean() - b.mean() - half, a.mean() - b.mean() + half


def tables(*sizes: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with the errors (rates, seeds) of two arms whose best rates differ."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        found: list[Arguments] = []
        for rates, seeds in sizes:
            split = rng.normal(0, 1.0, seeds)  # what the arms share
            a = b = tricky(rng, rates, split)
            while b.mean(axis=1).argmin() == a.mean(axis=1).argmin():
                b = tricky(rng, rates, split)
            found.append((a, b, rng.uniform(2.5, 4)))
        return found

    return calls


def tricky(rng: Rng, rates: int, split: Array) -> Array:
    """Return errors whose best rate is not the one that other rules choose."""
    while True:
        errors = split + rng.exponential(2.0, (rates, len(split))) + 6
        best = errors.mean(axis=1).argmin()
        others = [errors[:, 0].argmin(), errors.min(axis=1).argmin()]
        if len(split) > 2:
            others.append(np.median(errors, axis=1).argmin())
        if best not in (0, *others) or len(split) == 1:
            return errors


def use(answer: Answer, a: Array, b: Array, t: float) -> Pair:
    """Return the middle and the width of an answer's interval."""
    low, high = answer(a, b, t)
    return (low + high) / 2, high - low


SAME = tables((4, 5), (3, 8), (5, 3))
COMPARE = Exercise(
    name="ex10_q3",
    function="compare",
    points=3,
    results=("middle", "width"),
    reference=compare,
    drive=use,
    parts=(
        Part("the middle of the interval", 2, SAME, ("middle",)),
        Part("its width", 2, SAME, ("width",)),
        Part("two seeds", 1, tables((3, 2), (4, 2))),
        Part("one seed is refused", 1, tables((3, 1)), refuses="a single seed"),
    ),
    mistakes={
        "the best single run of each arm": choosing(lambda e: e.ravel()[[e.argmin()] * 2]),
        "the best rate chosen for each seed anew": choosing(lambda e: e.min(axis=0)),
        "the average over all rates, good and bad": choosing(lambda e: e.mean(axis=0)),
        "the worst rate of each arm": choosing(lambda e: e[e.mean(axis=1).argmax()]),
        "the rate of the best single run": choosing(lambda e: e[e.min(axis=1).argmin()]),
        "the rate with the best median": choosing(lambda e: e[np.median(e, axis=1).argmin()]),
        "the rate that is best on the first seed": choosing(lambda e: e[e[:, 0].argmin()]),
        "the first rate for both arms": choosing(lambda e: e[0]),
        "the best rate of the first arm for both": partial(at_rate_of, first=True),
        "the best rate of the second arm for both": partial(at_rate_of, first=False),
        "b - a instead of a - b": lambda a, b, t: compare(b, a, t),
        "seeds that are not paired: both spreads added": unpaired,
        "the spread of single differences, not of their mean": choosing(tuned, root=False),
        "the biased standard deviation: divided by n": choosing(tuned, ddof=0),
        "half of the width": lambda a, b, t: compare(a, b, t / 2),
        "the normal value 1.96, whatever t is given": lambda a, b, t: compare(a, b, 1.96),
        "the interval without t": lambda a, b, t: compare(a, b, 1.0),
        "the ends in each other's place": lambda a, b, t: compare(a, b, t)[::-1],
    },
)  # fmt: skip


EXERCISES = (ALONG, LENGTH, COMPARE)
