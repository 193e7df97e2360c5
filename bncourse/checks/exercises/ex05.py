"""Chapter 5: the backward pass in steps. The checks hand in what a forward pass leaves."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex05_closed import CLOSED
from bncourse.checks.exercises.ex05_detached import DETACHED
from bncourse.checks.exercises.ex05_numeric import NUMERIC
from bnlib.axes import Array

Rng = np.random.Generator
Factor = Callable[[int], float]  # of m


def one(m: int) -> float:
    """Return 1: the factor that changes nothing."""
    return 1.0


def staged_backward(
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
    straight: float = 1.0,
    by_var: Factor = one,
    by_mu: Factor = one,
    gammas: int = 1,
) -> tuple[Array, ...]:
    """Return dgamma, dbeta, dvar, dmu, dx: (5.2) to (5.10). The keywords make mistakes."""
    m, inv_std, d = len(x), 1 / np.sqrt(var + eps), x - mu
    known = {"x": x, "x - mu": d, "x_hat": d * inv_std, "gamma x_hat": gamma * d * inv_std}
    first, second = SUMS[both](dy * known[dgamma], dy)
    g = gamma**gammas * dy
    to_var = dvar(m) * -(inv_std**power) / 2 * (g * known[distance]).sum(axis=0)
    to_mu = dmu(m) * -inv_std * g.sum(axis=0)
    dx = straight * g * inv_std + by_var(m) * 2 * d * to_var / m + by_mu(m) * to_mu / m
    return first, second, to_var, to_mu, dx


SUMS: Mapping[str, Callable[[Array, Array], tuple[Array, Array]]] = {
    "sum": lambda a, b: (a.sum(axis=0), b.sum(axis=0)),
    "mean": lambda a, b: (a.mean(axis=0), b.mean(axis=0)),
    "swapped": lambda a, b: (b.sum(axis=0), a.sum(axis=0)),
    "rows": lambda a, b: (a.sum(axis=1), b.sum(axis=1)),
    "all": lambda a, b: (np.asarray(a.sum()), np.asarray(b.sum())),
    "none": lambda a, b: (a, b),
    "minus": lambda a, b: (-a.sum(axis=0), -b.sum(axis=0)),
}
# What to say, and the keywords of `staged_backward` that make the mistake.
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
}
VARIANCE: Mapping[str, Mapping[str, Any]] = {
    "dvar with the other sign": {"dvar": lambda m: -1},
    "dvar without the 1/2 of the root's derivative": {"dvar": lambda m: 2},
    "dvar divided by m one step too early": {"dvar": lambda m: 1 / m},
    "dvar with inv_std in the first power": {"power": 1},
    "dvar with inv_std squared": {"power": 2},
    "dvar made with x, not with x - mu": {"distance": "x"},
    "dvar made with x_hat, not with x - mu": {"distance": "x_hat"},
    "dy used where dx_hat is needed: gamma left out": {"gammas": 0},
    "gamma multiplied twice": {"gammas": 2},
}
MEAN: Mapping[str, Mapping[str, Any]] = {
    "dmu with the other sign": {"dmu": lambda m: -1},
    "dmu divided by m one step too early": {"dmu": lambda m: 1 / m},
    "dmu multiplied by m": {"dmu": lambda m: m},
}
INPUT: Mapping[str, Mapping[str, Any]] = {
    "mean and variance taken as constants": {"by_var": lambda m: 0, "by_mu": lambda m: 0},
    "a dx without the way through the variance": {"by_var": lambda m: 0},
    "a dx without the way through the mean": {"by_mu": lambda m: 0},
    "a dx without the straight way": {"straight": 0.0},
    "dmu handed to each sample whole": {"by_mu": lambda m: m},
    "dvar handed to each sample whole": {"by_var": lambda m: m},
    "dmu and dvar handed to each sample whole": {"by_var": lambda m: m, "by_mu": lambda m: m},
    "a square's derivative without its 2": {"by_var": lambda m: 0.5},
    "m - 1 in the variance's share": {"by_var": lambda m: m / (m - 1)},
    "the mean's way with the other sign": {"by_mu": lambda m: -1},
    "the variance's way with the other sign": {"by_var": lambda m: -1},
}


def batches(rng: Rng, sizes: tuple[int, ...] = (2, 5, 16)) -> Sequence[Arguments]:
    """Return dy, x, its mean and biased variance, gamma and eps."""
    calls = []
    for m, eps in zip(sizes, (0.3, 1e-5, 0.2), strict=True):
        x = rng.normal(rng.normal(0, 2, 3), rng.uniform(0.5, 2, 3), (m, 3))
        gamma = rng.choice([-1, 1], 3) * rng.uniform(0.5, 2, 3)
        calls.append((rng.normal(0.5, 1, (m, 3)), x, x.mean(axis=0), x.var(axis=0), gamma, eps))
    return calls


STAGED = Exercise(
    name="ex05_q1",
    function="staged_backward",
    points=4,
    results=("dgamma", "dbeta", "dvar", "dmu", "dx"),
    reference=staged_backward,
    parts=(
        Part("dgamma and dbeta", 1, batches, looks_at=("dgamma", "dbeta")),
        Part("dvar", 1, batches, looks_at=("dvar",)),
        Part("dmu", 1, batches, looks_at=("dmu",)),
        Part("dx", 1, batches, looks_at=("dx",)),
    ),
    mistakes={
        text: partial(staged_backward, **how)
        for text, how in {**PARAMETERS, **INPUT, **VARIANCE, **MEAN}.items()
    },
)

EXERCISES = (STAGED, CLOSED, DETACHED, NUMERIC)
