"""Chapter 5: a course's batch norm, whose statistics stand outside the gradient."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator
Pair = tuple[Array, Array]
Spread = Callable[[Array, float], Pair]  # (var, eps) -> std and its derivative to var

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


# What to say, and the keywords of `gradients` that make the mistake.
KEYWORDS: Mapping[str, Mapping[str, Any]] = {
    "the course's code as it was": {"ddof": 1, "by_mean": 0.0, "by_var": 0.0},
    "mean and variance still outside the gradient": {"by_mean": 0.0, "by_var": 0.0},
    "the mean still outside the gradient": {"by_mean": 0.0},
    "the variance still outside the gradient": {"by_var": 0.0},
    "a variance divided by m - 1": {"ddof": 1},
    "eps outside the root": {"spread": "outside"},
    "no eps": {"spread": "nowhere"},
    "a division by the variance, not by its root": {"spread": "no root"},
}
OTHERS: Mapping[str, Answer] = {
    "the gradient of sum(y): dy is not used": lambda x, dy, *rest: gradients(
        x, np.ones_like(dy), *rest
    ),
    "the gradient of mean(dy * y), not of sum(dy * y)": times(lambda x: 1 / x.size),
    "the gradient of sum(dy * y) / m": times(lambda x: 1 / len(x)),
    "gradients of two backward calls, added up": times(lambda x: 2.0),
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


def batches(rng: Rng) -> Sequence[Arguments]:
    """Return x, dy, gamma, beta and eps."""
    calls = []
    for m, eps in ((2, 0.3), (6, 1e-3), (15, 0.2)):
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
        Part("dgamma", 1, batches, looks_at=("dgamma",)),
        Part("dx", 1, batches, looks_at=("dx",)),
    ),
    mistakes={**{text: partial(gradients, **how) for text, how in KEYWORDS.items()}, **OTHERS},
)
