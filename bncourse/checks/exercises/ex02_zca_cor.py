"""Chapter 2: ZCA of the correlations."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.exercise import Arguments, Exercise, Part
from bnlib.axes import Array

Rng = np.random.Generator


def covariance(rng: Rng, d: int, spread: float = 2.0) -> Array:
    """Return a covariance whose eigenvalues differ by factors near ``spread``."""
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    cov = (turn * rng.uniform(0.8, 1.2, d) * spread ** np.arange(d)) @ turn.T
    symmetric: Array = (cov + cov.T) / 2
    return symmetric


def power(cov: Array, exponent: float) -> Array:
    """Return a power of a symmetric matrix, by its eigenvectors."""
    lam, vectors = np.linalg.eigh(cov)
    result: Array = (vectors * lam**exponent) @ vectors.T
    return result


def zca_cor(
    cov: Array,
    *,
    root: float = -0.5,
    scale: float = -0.5,
    order: str = "root first",
    correlated: Callable[[Array, Array], Array] = lambda cov, v: cov / np.sqrt(np.outer(v, v)),
) -> Array:
    """Return ``P**-0.5 @ diag(v)**-0.5``, P the correlations. The keywords make mistakes."""
    v = np.diag(cov)
    half, inv_std = power(correlated(cov, v), root), np.diag(v**scale)
    return {"root first": half @ inv_std, "scale first": inv_std @ half}[order]


# What to say, and the keywords of `zca_cor` that make the mistake.
COR: Mapping[str, Mapping[str, Any]] = {
    "ZCA of the covariance, with no standardization": {
        "scale": 0.0, "correlated": lambda cov, v: cov},
    "the two steps in the wrong order": {"order": "scale first"},
    "the whitening of standardized data, without the step that standardizes": {"scale": 0.0},
    "standardization alone": {"root": 0.0},
    "a division by the variances, not by the standard deviations": {"scale": -1.0},
    "a product with the standard deviations, not a division": {"scale": 0.5},
    "the inverse of the correlations, not of their root": {"root": -1.0},
    "the root of the correlations, not its inverse": {"root": 0.5},
    "the correlations themselves, not their inverse root": {"root": 1.0},
    "ZCA of the covariance after the standardization": {"correlated": lambda cov, v: cov},
    "covariances divided by the product of the variances": {
        "correlated": lambda cov, v: cov / np.outer(v, v)},
    "covariances divided by one of the two standard deviations": {
        "correlated": lambda cov, v: (cov / np.sqrt(v) + (cov / np.sqrt(v)).T) / 2},
}  # fmt: skip


def cholesky_cor(cov: Array) -> Array:
    """Whiten the standardized data by Cholesky, which is another rotation."""
    inv_std = 1 / np.sqrt(np.diag(cov))
    lower = np.linalg.cholesky(cov * np.outer(inv_std, inv_std))
    result: Array = np.linalg.inv(lower) * inv_std
    return result


def pca_cor(cov: Array) -> Array:
    """Whiten the standardized data by PCA, which is another rotation."""
    inv_std = 1 / np.sqrt(np.diag(cov))
    lam, vectors = np.linalg.eigh(cov * np.outer(inv_std, inv_std))
    result: Array = (vectors / np.sqrt(lam)).T * inv_std
    return result


def scaled(*sizes: int) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes covariances of features with very different scales."""

    def calls(rng: Rng) -> Sequence[Arguments]:
        made = []
        for d in sizes:
            sd = rng.uniform(0.7, 1.3, d) * 1.7 ** np.arange(d)
            made.append((covariance(rng, d) * np.outer(sd, sd),))
        return made

    return calls


def diagonal(rng: Rng) -> Sequence[Arguments]:
    """Return the covariance of features without correlation: only scales remain."""
    return [(np.diag(rng.uniform(0.2, 9, 3)),)]


ZCA_COR = Exercise(
    name="ex02_q3",
    function="zca_cor_matrix",
    points=2,
    results=("W",),
    reference=zca_cor,
    parts=(
        Part("two features", 1, scaled(2, 2)),
        Part("more features", 2, scaled(3, 6)),
        Part("no correlation", 1, diagonal, last=True),
    ),
    mistakes={
        **{text: partial(zca_cor, **how) for text, how in COR.items()},
        "the rotation of Cholesky": cholesky_cor,
        "the rotation of PCA": pca_cor,
    },
)
