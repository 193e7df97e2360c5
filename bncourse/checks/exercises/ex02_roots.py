"""Chapter 2: the inverse root of a covariance from products alone."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex02_zca_cor import covariance, power
from bnlib.axes import Array

Rng = np.random.Generator

NORMS: Mapping[str, Callable[[Array], Any]] = {
    "Frobenius": np.linalg.norm,
    "trace": np.trace,
    "spectral": lambda cov: np.linalg.norm(cov, 2),
    "largest": lambda cov: abs(cov).max(),
    "squared": lambda cov: (cov * cov).sum(),
    "none": lambda cov: 1.0,
}


def newton_schulz(
    cov: Array,
    steps: int,
    *,
    norm: str = "Frobenius",
    back: float = -0.5,
    factor: Callable[[Array, Array, Array], Array] = lambda eye, z, y: (3 * eye - z @ y) / 2,
    product: Callable[[Array, Array], Array] = np.matmul,
    more: int = 0,
    result: str = "z",
    stale: bool = True,
) -> Array:
    """Return the inverse root after some steps. The keywords make the usual mistakes."""
    size, eye = NORMS[norm](cov), np.eye(len(cov))
    y: Array = cov / size
    z: Array = eye
    for _ in range(steps + more):
        t = factor(eye, z, y)
        y = product(y, t)
        t = t if stale else factor(eye, z, y)
        z = product(t, z)
    root: Array = {"z": z, "y": y}[result] * size**back
    if not np.isfinite(root).all():  # mistakes that diverge cannot be told apart
        raise ValueError("newton_schulz: diverged")
    return root


STEPS: Mapping[str, Mapping[str, Any]] = {
    "a start that is not divided by the norm": {"norm": "none"},
    "the trace in place of the Frobenius norm": {"norm": "trace"},
    "the largest eigenvalue in place of the Frobenius norm": {"norm": "spectral"},
    "the largest entry in place of the Frobenius norm": {"norm": "largest"},
    "the square of the norm": {"norm": "squared"},
    "a result that is not scaled back by the norm": {"back": 0.0},
    "a result divided by the norm, not by its root": {"back": -1.0},
    "a result multiplied by the root of the norm": {"back": 0.5},
    "the root, not the inverse root: Y, not Z": {"result": "y", "back": 0.5},
    "Y, not Z": {"result": "y"},
    "one step too many": {"more": 1},
    "one step too few": {"more": -1},
    "a factor that is not divided by 2": {"factor": lambda eye, z, y: 3 * eye - z @ y},
    "3 subtracted entry by entry, without the identity": {
        "factor": lambda eye, z, y: (3 - z @ y) / 2},
    "products entry by entry, not of matrices": {
        "product": np.multiply, "factor": lambda eye, z, y: (3 * eye - z * y) / 2},
    "a factor with the identity where 3 times the identity belongs": {
        "factor": lambda eye, z, y: (eye - z @ y) / 2},
    "a plus in the factor": {"factor": lambda eye, z, y: (3 * eye + z @ y) / 2},
    "a factor with Y alone": {"factor": lambda eye, z, y: (3 * eye - y) / 2},
    "a Z that uses the new Y, where both need the same factor": {"stale": False},
}  # fmt: skip


def started(*how: tuple[int, int]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes covariances of some sizes, with the steps to take."""
    return lambda rng: [(covariance(rng, d, 1.6), steps) for d, steps in how]


def stretched(rng: Rng) -> Sequence[Arguments]:
    """Return a covariance with a condition number above 100, and many steps."""
    return [(covariance(rng, 3, 12.0), 120)]


ROOT = Exercise(
    name="ex02_q4",
    function="inverse_root",
    points=3,
    results=("W",),
    reference=newton_schulz,
    parts=(
        Part("a few steps", 2, started((2, 1), (4, 2), (3, 4))),
        Part("a large covariance", 1, lambda rng: [(400 * covariance(rng, 3, 1.6), 3)]),
        Part("many steps stay finite", 1, stretched),
    ),
    mistakes={
        **{text: partial(newton_schulz, **how) for text, how in STEPS.items()},
        "the exact inverse root, not what the given number of steps makes": (
            lambda cov, steps: power(cov, -0.5)
        ),
    },
    rtol=1e-4,
)
