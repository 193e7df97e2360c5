"""Chapter 9: a step with weight decay, a schedule without it, and residual branches."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Arguments, Exercise, Part

Rng = np.random.Generator


def length(v: Array) -> Any:
    """Return the Euclidean length of all entries together."""
    return np.sqrt((v * v).sum())


def angle(a: Array, b: Array) -> Any:
    """Return the angle between two arrays, in radians, exact near 0 and near pi as well."""
    a, b = a / length(a), b / length(b)
    return 2 * np.arctan2(length(a - b), length(a + b))


def step(
    W: Array,
    g: Array,
    eta: float,
    lam: float,
    new: Callable[..., Any] = lambda W, g, eta, lam: (1 - eta * lam) * W - eta * g,
    turn: Callable[..., Any] = lambda W, new, g, eta: angle(W, new),
    rate: Callable[..., Any] = lambda W, new, eta: eta / (W * W).sum(),
) -> tuple[Any, Any, Any]:
    """Return new weights, angle and effective rate (9.3). The functions make mistakes."""
    if not W.any():
        raise ValueError("weights of length 0 have no direction")
    W_new = new(W, g, eta, lam)
    return W_new, turn(W, W_new, g, eta), rate(W, W_new, eta)


def steps(*shapes: tuple[int, ...]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with a gradient that is not orthogonal to W, and large angles."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        calls: list[Arguments] = []
        for shape, lam in zip(shapes, (0.5, 0.4, 0.6), strict=False):
            W, g = rng.normal(size=(2, *shape))
            g -= (g * W).sum() / (W * W).sum() * W  # orthogonal, then a known part along W
            g *= length(W) / length(g)
            W.flat[0] = 0.0  # one weight of 0 is fine
            calls.append((W, g + 0.5 * W, 0.8, lam))
        return calls

    return calls


def no_gradient(rng: Rng) -> Sequence[Arguments]:
    """Return calls with a gradient of zeros: decay alone turns nothing."""
    values = ([0.3, 2.1, 0.9], [3.3, 0.3, 1.2], [2.1, 0.3], [0.9, 0.3, 0.6, 2.7])
    return [(np.array(W), np.zeros(len(W)), 0.1, 0.3) for W in values]  # cosines round up


def short(rng: Rng) -> Sequence[Arguments]:
    """Return calls with tiny weights and gradients, which do have a length."""
    return [(1e-9 * W, 1e-9 * g, eta, lam) for W, g, eta, lam in steps((4, 3), (5,))(rng)]


def backwards(rng: Rng) -> Sequence[Arguments]:
    """Return calls whose step turns the weights by more than a right angle, or by two."""
    W = rng.normal(size=(2, 3))
    opposite = [(W, 3 * W, 1.0, 0.0) for W, *_ in no_gradient(rng)]
    return [(W, 2 * W + rng.normal(size=(2, 3)) * 0.1, 1.0, 0.1), *opposite]


def zeros(rng: Rng) -> Sequence[Arguments]:
    """Return a call with weights of length 0."""
    return [(np.zeros((2, 3)), rng.normal(size=(2, 3)), 0.1, 0.1)]


WEIGHTS, ANGLE, RATE = "the new weights", "the angle", "the effective rate"
STEP = Exercise(
    name="ex09_q1",
    function="step",
    points=3,
    results=(WEIGHTS, ANGLE, RATE),
    reference=step,
    parts=(
        Part("the new weights", 1, steps((4, 3), (5,)), (WEIGHTS,)),
        Part("the angle", 2, steps((4, 3), (5,), (2, 3, 2, 2)), (ANGLE,)),
        Part("the effective rate", 1, steps((4, 3), (5,)), (RATE,)),
        Part("short weights", 1, short, (ANGLE,), last=True),
        Part("without a gradient the angle is 0", 1, no_gradient, (ANGLE,), last=True),
        Part("a right angle and more", 1, backwards, (ANGLE,)),
        Part("weights of length 0 are refused", 1, zeros, refuses="weights of length 0"),
    ),
    mistakes={
        "decay that acts behind the step, on the new weights":
            partial(step, new=lambda W, g, eta, lam: (1 - eta * lam) * (W - eta * g)),
        "decay without the rate: (1 - lam) W":
            partial(step, new=lambda W, g, eta, lam: (1 - lam) * W - eta * g),
        "no decay": partial(step, new=lambda W, g, eta, lam: W - eta * g),
        "decay that makes the weights longer":
            partial(step, new=lambda W, g, eta, lam: (1 + eta * lam) * W - eta * g),
        "a step along the gradient, not against it":
            partial(step, new=lambda W, g, eta, lam: (1 - eta * lam) * W + eta * g),
        "the squared weights' derivative: a factor of 2 in the decay":
            partial(step, new=lambda W, g, eta, lam: (1 - 2 * eta * lam) * W - eta * g),
        "the ratio eta |g| / |W|, which is the angle only for small orthogonal steps":
            partial(step, turn=lambda W, new, g, eta: eta * length(g) / length(W)),
        "the arctangent of eta |g| / |W|: the gradient here is not orthogonal to W":
            (partial(step, turn=lambda W, new, g, eta: np.arctan(eta * length(g) / length(W))),
             partial(step, turn=lambda W, new, g, eta: np.arctan(
                 eta * length(g) / length(new + eta * g)))),
        "an angle that is never above a right one": partial(
            step, turn=lambda W, new, g, eta: min(angle(W, new), np.pi - angle(W, new))),
        "a cosine that rounding puts above 1, which has no angle": partial(
            step, turn=lambda W, new, g, eta: np.arccos(
                (W * new).sum() / (np.linalg.norm(W) * np.linalg.norm(new)))),
        "the cosine, not the angle":
            partial(step, turn=lambda W, new, g, eta: np.cos(angle(W, new))),
        "degrees": partial(step, turn=lambda W, new, g, eta: np.degrees(angle(W, new))),
        "the angle between W and the gradient":
            partial(step, turn=lambda W, new, g, eta: angle(W, g)),
        "the length of the chord, not the angle":
            partial(step, turn=lambda W, new, g, eta: 2 * np.sin(angle(W, new) / 2)),
        "the rate over the length, which is not squared":
            partial(step, rate=lambda W, new, eta: eta / length(W)),
        "the length of the new weights in the effective rate":
            partial(step, rate=lambda W, new, eta: eta / (new * new).sum()),
        "the mean of the squares in the place of their sum":
            partial(step, rate=lambda W, new, eta: eta / (W * W).mean()),
        "the rate times the squared length":
            partial(step, rate=lambda W, new, eta: eta * (W * W).sum()),
    },
)  # fmt: skip


def kept(eta: Array, lam: float) -> Array:
    """Return the product of 1 - eta lam over the steps before each, and over all: (T + 1,)."""
    product: Array = np.concatenate([[1.0], np.cumprod(1 - np.asarray(eta) * lam)])
    return product


def schedule(
    eta: Array,
    lam: float,
    rates: Callable[[Array, Array], Any] = lambda eta, c: eta / (c[:-1] * c[1:]),
    ratio: Callable[[Array], Any] = lambda c: c[-1],
    factors: Callable[[Array, float], Array] = kept,
) -> tuple[Any, Any]:
    """Return the rates without decay and W / V at the end. The functions make mistakes."""
    if (np.asarray(eta) * lam).max() >= 1:
        raise ValueError("1 - eta lam must stay above 0, or the direction turns round")
    c = factors(eta, lam)
    return rates(eta, c), ratio(c)


def plans(*kinds: str) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with rates that stay, fall or change at random, and one decay each."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        rates = {
            "constant": np.full(6, rng.uniform(0.2, 0.5)),
            "falling": np.linspace(0.6, 0.1, 5),
            "random": rng.uniform(0.1, 0.9, 7),
            "single": np.array([0.5]),
            "near": np.array([0.2, 0.999, 0.1]),  # eta lam just below 1
        }
        decays = {"near": 1.0}
        return [(rates[kind], decays.get(kind, 0.6)) for kind in kinds]

    return calls


def too_strong(rng: Rng) -> Sequence[Arguments]:
    """Return calls in which one step takes all of the weights, or more."""
    rates = [0.1, 0.5, 0.1], [0.1, 0.1, 0.9], [0.9, 0.1, 0.8]  # the last: it turns twice
    return [(np.array(eta), 2.0) for eta in rates]


RATES, RATIO = "the rates", "W / V at the end"
SCHEDULE = Exercise(
    name="ex09_q2",
    function="schedule",
    points=4,
    results=(RATES, RATIO),
    reference=schedule,
    parts=(
        Part("a constant rate", 1, plans("constant", "single"), (RATES,)),
        Part("rates that change", 2, plans("falling", "random"), (RATES,)),
        Part("W / V at the end", 1, plans("constant", "falling", "random"), (RATIO,)),
        Part("decay that takes nearly all of W", 1, plans("near")),
        Part("decay that takes all of W is refused", 1, too_strong,
             refuses="a step with eta lam of 1 or more"),
    ),
    mistakes={
        "the product before the step, squared": partial(
            schedule, rates=lambda eta, c: eta / c[:-1] ** 2),
        "the product with the step, squared": partial(
            schedule, rates=lambda eta, c: eta / c[1:] ** 2),
        "the product before the step, once: the gradient grows as well": partial(
            schedule, rates=lambda eta, c: eta / c[:-1]),
        "the product with the step, once: the gradient grows as well": partial(
            schedule, rates=lambda eta, c: eta / c[1:]),
        "a product in the place of a division": partial(
            schedule, rates=lambda eta, c: eta * c[:-1] * c[1:]),
        "(9.5) with the first rate for all steps": partial(
            schedule, factors=lambda eta, lam: (1 - eta[0] * lam) ** np.arange(len(eta) + 1)),
        "(9.5) with each step's own rate in the place of those before it": partial(
            schedule, rates=lambda eta, c: eta * (c[1:] / c[:-1])
            ** (-2.0 * np.arange(len(eta)) - 1)),
        "rates that stay as they are": partial(schedule, rates=lambda eta, c: eta),
        "decay without the rate: 1 - lam": partial(
            schedule, factors=lambda eta, lam: (1 - lam) ** np.arange(len(eta) + 1)),
        "exp(-eta lam) in the place of 1 - eta lam": partial(
            schedule, factors=lambda eta, lam: np.exp(-lam * np.append(0, np.cumsum(eta)))),
        "a sum in the place of a product": partial(
            schedule, factors=lambda eta, lam: 1 - lam * np.append(0, np.cumsum(eta))),
        "V / W, the other way round": partial(schedule, ratio=lambda c: 1 / c[-1]),
        "the ratio before the last step": partial(schedule, ratio=lambda c: c[-2]),
        "the squared ratio": partial(schedule, ratio=lambda c: c[-1] ** 2),
    },
)  # fmt: skip


def shares(
    variance: float,
    gammas: Array,
    added: Callable[[Array], Any] = lambda gammas: (gammas**2).mean(axis=1),
    skip: Callable[..., Any] = lambda before, after, added: before,
    share: Callable[..., Any] = lambda before, after, added: added / after,
) -> tuple[Any, Any]:
    """Return what enters each block and its branch's share. The functions make mistakes."""
    if variance <= 0:
        raise ValueError("an input of variance 0 carries nothing")
    increase = added(np.asarray(gammas))
    after = variance + np.cumsum(increase)
    before = after - increase
    return skip(before, after, increase), share(before, after, increase)


def nets(*starts: str) -> Callable[[Rng], Sequence[Arguments]]:
    """Return calls with gammas of both signs, of ones, or partly of zeros."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        mixed = rng.uniform(0.3, 2, (5, 4)) * np.where(rng.random((5, 4)) < 0.5, -1, 1)
        mixed[:, 0] = -1.5  # so that gamma, |gamma| and gamma squared differ in each row
        zero = np.concatenate([np.zeros((2, 3)), np.full((2, 3), 0.5), np.zeros((1, 3))])
        gammas = {"mixed": mixed, "ones": np.ones((6, 3)), "zero": zero, "one": mixed[:1]}
        least = {"zero": 1e-9}  # an input that has little variance
        return [(least.get(start, 0.4 + i), gammas[start]) for i, start in enumerate(starts)]

    return calls


def nothing(rng: Rng) -> Sequence[Arguments]:
    """Return calls with an input that has no variance, and with a negative number."""
    return [(0.0, np.ones((3, 2))), (-1.0, np.ones((3, 2)))]


SKIP, SHARE = "the variance that enters", "the branch's share"
SHARES = Exercise(
    name="ex09_q3",
    function="shares",
    points=3,
    results=(SKIP, SHARE),
    reference=shares,
    parts=(
        Part("the variance that enters", 1, nets("ones", "mixed", "one"), (SKIP,)),
        Part("the branch's share", 2, nets("ones", "mixed", "one"), (SHARE,)),
        Part("blocks that start at gamma = 0", 1, nets("zero"), last=True),
        Part("an input without variance is refused", 1, nothing,
             refuses="an input of variance 0, or below"),
    ),
    mistakes={
        "gamma without its square":
            partial(shares, added=lambda gammas: gammas.mean(axis=1)),
        "|gamma| in the place of its square":
            partial(shares, added=lambda gammas: abs(gammas).mean(axis=1)),
        "the mean gamma, squared: square first":
            partial(shares, added=lambda gammas: gammas.mean(axis=1) ** 2),
        "a sum over the channels, not their mean":
            partial(shares, added=lambda gammas: (gammas**2).sum(axis=1)),
        "the variance of gamma over the channels":
            partial(shares, added=lambda gammas: gammas.var(axis=1)),
        "a branch of variance 1, whatever gamma is":
            partial(shares, added=lambda gammas: np.ones(len(gammas))),
        "the largest channel":
            partial(shares, added=lambda gammas: (gammas**2).max(axis=1)),
        "the variance behind each block, not before it":
            partial(shares, skip=lambda before, after, added: after),
        "a standard deviation":
            partial(shares, skip=lambda before, after, added: np.sqrt(before)),
        "the input's variance for all blocks": partial(
            shares, skip=lambda before, after, added: np.full(len(before), before[0])),
        "the branch relative to what enters: behind the block both are there":
            partial(shares, share=lambda before, after, added: added / before),
        "the skip's share": partial(shares, share=lambda before, after, added: before / after),
        "the share at the end of the network, not behind the block":
            partial(shares, share=lambda before, after, added: added / after[-1]),
        "a share of the standard deviation":
            partial(shares, share=lambda before, after, added: np.sqrt(added / after)),
        "what the branch adds, not its share":
            partial(shares, share=lambda before, after, added: added),
    },
)  # fmt: skip

EXERCISES = (STEP, SCHEDULE, SHARES)
