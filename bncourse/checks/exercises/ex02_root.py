"""Chapter 2: the inverse root of a covariance without eigenvectors."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex02_matrices import covariance

Rng = np.random.Generator


def power(cov: Array, exponent: float) -> Array:
    """Return a power of a symmetric matrix, by its eigenvectors."""
    lam, vectors = np.linalg.eigh(cov)
    result: Array = (vectors * lam**exponent) @ vectors.T
    return result


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
    order: str = "tz",
) -> Array:
    """Return the inverse root after some steps. The keywords make the usual mistakes."""
    size, eye = NORMS[norm](cov), np.eye(len(cov))
    y: Array = cov / size
    z: Array = eye
    for _ in range(steps + more):
        t = factor(eye, z, y) if order != "yz" else factor(eye, y, z)
        y = product(y, t)
        t = t if stale else factor(eye, z, y)
        z = product(t, z) if order != "zt" else product(z, t)
    root: Array = {"z": z, "y": y}[result] * size**back
    return root


def from_white(W: Array, cov: Array) -> Any:
    """Return how far the covariance of whitened data is from the identity."""
    return np.linalg.norm(W @ cov @ W - np.eye(len(cov)))


def measured(
    cov: Array,
    steps: int,
    *,
    root: Answer = newton_schulz,
    error: Callable[[Array, Array], Any] = from_white,
    **how: Any,
) -> tuple[Array, Any]:
    """Return the root after some steps, and how far from white it leaves data."""
    W = root(cov, steps, **how)
    return W, error(W, cov)


ERRORS: Mapping[str, Callable[[Array, Array], Any]] = {
    "the identity, not subtracted": lambda W, cov: np.linalg.norm(W @ cov @ W),
    "W Sigma: W belongs on both sides": lambda W, cov: np.linalg.norm(
        W @ cov - np.eye(len(cov))),
    "the largest entry, not the Frobenius norm": lambda W, cov: abs(
        W @ cov @ W - np.eye(len(cov))).max(),
    "the spectral norm, not the Frobenius norm": lambda W, cov: np.linalg.norm(
        W @ cov @ W - np.eye(len(cov)), 2),
    "the square of the distance": lambda W, cov: from_white(W, cov) ** 2,
    "the root of the mean square, not of the sum": lambda W, cov: (
        from_white(W, cov) / len(cov)),
    "Z, which is not scaled back, in the place of W": lambda W, cov: from_white(
        W * np.linalg.norm(cov) ** 0.5, cov),
    "the distance of W from the exact root": lambda W, cov: np.linalg.norm(
        W - power(cov, -0.5)),
}  # fmt: skip


def uncoupled(cov: Array, steps: int) -> Array:
    """Iterate with one matrix: equal on paper, unstable in rounding."""
    size = np.linalg.norm(cov)
    root = np.eye(len(cov))
    for _ in range(steps):
        root = (3 * root - root @ root @ root @ cov / size) / 2
    result: Array = root / np.sqrt(size)
    return result


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
    results=("W", "error"),
    reference=measured,
    parts=(
        Part("a few steps", 2, started((2, 1), (4, 2), (3, 4)), ("W",)),
        Part("a large covariance", 1, lambda rng: [(400 * covariance(rng, 3, 1.6), 3)], ("W",)),
        Part("many steps stay finite", 1, stretched, ("W",)),
        Part("how far from white", 1, started((2, 1), (4, 2), (3, 3)), ("error",), last=True),
    ),
    mistakes={
        **{text: partial(measured, **how) for text, how in STEPS.items()},
        **{text: partial(measured, error=error) for text, error in ERRORS.items()},
        "the exact inverse root, not what the given number of steps makes": partial(
            measured, root=lambda cov, steps: power(cov, -0.5)
        ),
        "factors in another order: equal on paper, unstable in rounding": (
            partial(measured, order="zt"),
            partial(measured, order="yz"),
            partial(measured, root=uncoupled),
        ),
    },
    rtol=1e-4,
)
