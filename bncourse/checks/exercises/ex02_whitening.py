"""Chapter 2: whitened data, and ZCA of the correlations."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.exercise import Arguments, Exercise, Part
from bncourse.checks.exercises.ex02_matrices import MATRIX, covariance, matrices
from bncourse.checks.exercises.ex02_root import ROOT, power

Rng = np.random.Generator


def whiten(
    x: Array,
    eps: float,
    *,
    centre: str = "both",
    divisor: Callable[[int], int] = lambda m: m,
    axis: int | None = 0,
    scale: Callable[[Array], Array] = lambda cov: cov,
    which: int = 1,
    **how: Any,
) -> Array:
    """Whiten data by ZCA: (2.1), (2.6). The keywords make the usual mistakes."""
    d = x - x.mean(axis=axis, keepdims=True)
    inner, outer = {"both": (d, d), "outer": (x, d), "inner": (d, x), "none": (x, x)}[centre]
    cov = scale(inner.T @ inner / divisor(len(x)))
    z: Array = outer @ matrices(cov, eps, refuses=which == 2, **how)[which].T
    return z


WHITE: Mapping[str, Mapping[str, Any]] = {
    "the note's formula as it stands": {"centre": "none", "divisor": lambda m: 1},
    "a covariance without its mean and without 1/m": {
        "centre": "outer", "divisor": lambda m: 1},
    "a covariance without 1/m": {"divisor": lambda m: 1},
    "no mean subtracted, neither in the covariance nor from x": {"centre": "none"},
    "a covariance of values from which no mean was subtracted": {"centre": "outer"},
    "x without its mean subtracted, though the covariance is right": {"centre": "inner"},
    "the unbiased covariance: divided by m - 1": {"divisor": lambda m: m - 1},
    "one mean for the whole array": {"axis": None},
    "the mean of each sample, over axis 1": {"axis": 1},
    "Cholesky whitening": {"which": 2},
    "standardization: the covariances between features are ignored": {
        "scale": lambda cov: np.diag(np.diag(cov))},
    "a division by the eigenvalues, not by their roots": {"power": -1.0},
    "the root, not the inverse root: a product where (2.6) divides": {"power": 0.5},
    "eps added after the root": {"eps_at": "outside"},
    "a result without eps": {"eps_at": "nowhere"},
    "two rotations in the wrong order": {
        "zca": lambda U, scale: (U.T * scale) @ U, "first": "smallest"},
    "PCA: the last rotation is missing": {"which": 0, "first": "smallest"},
    "the root of eps added to the root of the eigenvalue": {
        "root": lambda lam, eps: np.sqrt(lam) + np.sqrt(eps)},
    "eps as the least eigenvalue, not added": {
        "root": lambda lam, eps: np.sqrt(np.maximum(lam, eps))},
}  # fmt: skip


def eps_everywhere(x: Array, eps: float) -> Array:
    """Make the mistake ``cov + eps``, which adds eps to the covariances, too."""
    return whiten(x, 0.0, scale=lambda cov: cov + eps)


def data(*sizes: tuple[int, int, float]) -> Callable[[Rng], Sequence[Arguments]]:
    """Return what makes correlated data (m, D) with means far from 0."""
    return lambda rng: [
        (rng.normal(rng.normal(0, 2, d), 1, (m, d)) @ covariance(rng, d, 1.5) + 1, eps)
        for m, d, eps in sizes
    ]


def few(rng: Rng) -> Sequence[Arguments]:
    """Return four samples of six features, of which three are 0: so are the eigenvalues."""
    ((x, eps),) = data((4, 3, 0.5))(rng)
    return [(np.hstack([x, np.zeros((4, 3))]), eps)]


ZCA = Exercise(
    name="ex02_q2",
    function="zca",
    points=3,
    results=("z",),
    reference=whiten,
    parts=(
        Part("white data: eps = 0", 1, data((40, 2, 0.0), (9, 3, 0.0))),
        Part("with eps", 1, data((30, 3, 0.4), (8, 2, 1.0))),
        Part("fewer samples than features", 1, few),
    ),
    mistakes={
        **{text: partial(whiten, **how) for text, how in WHITE.items()},
        "eps added to each entry of the covariance, not to its diagonal": eps_everywhere,
    },
)


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
    "variances in both steps, where standard deviations belong": {
        "scale": -1.0, "correlated": lambda cov, v: cov / np.outer(v, v)},
    "covariances divided by one of the two standard deviations": {
        "correlated": lambda cov, v: (cov / np.sqrt(v) + (cov / np.sqrt(v)).T) / 2},
}  # fmt: skip


def cholesky_cor(cov: Array) -> Array:
    """Whiten the standardized data by Cholesky, which is another rotation."""
    inv_std = 1 / np.sqrt(np.diag(cov))
    lower = np.linalg.cholesky(cov * np.outer(inv_std, inv_std))
    result: Array = np.linalg.inv(lower) * inv_std
    return result


def pca_cor(cov: Array, order: int = 1) -> Array:
    """Whiten the standardized data by PCA, which is another rotation."""
    inv_std = 1 / np.sqrt(np.diag(cov))
    lam, vectors = np.linalg.eigh(cov * np.outer(inv_std, inv_std))
    result: Array = (vectors / np.sqrt(lam)).T[::order] * inv_std
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
        "the rotation of PCA": (pca_cor, partial(pca_cor, order=-1)),
    },
)


EXERCISES = (MATRIX, ZCA, ZCA_COR, ROOT)
