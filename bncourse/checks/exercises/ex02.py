"""Chapter 2: the whitening matrices of a covariance, and whitened data."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.compare import as_array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part
from bncourse.checks.exercises.ex02_roots import ROOT
from bncourse.checks.exercises.ex02_zca_cor import ZCA_COR, covariance
from bnlib.axes import Array

Rng = np.random.Generator


def matrices(
    cov: Array,
    eps: float,
    *,
    power: float = -0.5,
    eps_at: str = "inside",
    first: str = "largest",
    turned: bool = True,
    pca: Callable[[Array, Array], Array] = lambda U, scale: (U * scale).T,
    zca: Callable[[Array, Array], Array] = lambda U, scale: (U * scale) @ U.T,
    cholesky: Callable[[Array], Array] = lambda c: np.linalg.inv(np.linalg.cholesky(c)),
) -> tuple[Array, Array, Array]:
    """Return three whitening matrices: (2.4), (2.6). The keywords make the usual mistakes."""
    eye = np.eye(len(cov))
    inside = eps * (eps_at == "inside")
    lam, vectors = np.linalg.eigh(cov)
    if lam[0] + inside <= 1e-10 * (lam[-1] + inside):
        raise ValueError("whitening_matrices: no full rank")
    if first == "largest":
        lam, vectors = lam[::-1], vectors[:, ::-1]
    scale = (lam + inside) ** power
    if eps_at == "outside":
        scale = 1 / (np.sqrt(lam) + eps)
    vectors = vectors if turned else vectors.T
    lower = cholesky(cov + inside * eye)
    if eps_at == "outside":
        lower = np.linalg.inv(np.linalg.cholesky(cov) + eps * eye)
    return pca(vectors, scale), zca(vectors, scale), lower


def signs(answer: Answer, cov: Array, eps: float) -> Any:
    """Use an answer; turn each row of PCA so that its largest entry is positive."""
    found = answer(cov, eps)
    if not isinstance(found, tuple | list) or len(found) != 3:
        return found
    pca = as_array(found[0])
    if pca is None or pca.ndim != 2:
        return found
    largest = np.take_along_axis(pca, abs(pca).argmax(axis=1)[:, np.newaxis], axis=1)
    return pca * np.where(largest < 0, -1.0, 1.0), found[1], found[2]


# What to say, and the keywords of `matrices` that make the mistake.
MATRICES: Mapping[str, Mapping[str, Any]] = {
    "the root, not the inverse root: a product where (2.4) divides": {"power": 0.5},
    "a division by the eigenvalues, not by their roots": {"power": -1.0},
    "eps added after the root": {"eps_at": "outside"},
    "a result without eps": {"eps_at": "nowhere"},
    "the direction of the smallest variance first": {"first": "smallest"},
    "eigenvectors taken from the rows; eigh returns them in columns": {"turned": False},
    "the transpose: it whitens columns, not z = W (x - mu)": {
        "pca": lambda U, scale: U * scale,
        "cholesky": lambda c: np.linalg.inv(np.linalg.cholesky(c)).T},
    "the rotation alone, without the division": {
        "pca": lambda U, scale: U.T, "zca": lambda U, scale: U @ U.T},
    "the columns of U.T scaled, not its rows": {"pca": lambda U, scale: U.T * scale},
    "PCA: the last rotation is missing": {"zca": lambda U, scale: (U * scale).T},
    "L itself, not its inverse": {"cholesky": np.linalg.cholesky},
    "the transpose of L, not its inverse": {"cholesky": lambda c: np.linalg.cholesky(c).T},
    "the factor of the inverse, which is upper triangular": {
        "cholesky": lambda c: np.linalg.cholesky(np.linalg.inv(c)).T},
    "the factor of the inverse, not the inverse of the factor": {
        "cholesky": lambda c: np.linalg.cholesky(np.linalg.inv(c))},
    "the inverse of the covariance, not of its root": {
        "zca": lambda U, scale: (U * scale**2) @ U.T, "cholesky": np.linalg.inv},
    "one over each entry of L": {
        "cholesky": lambda c: np.tril(1 / (np.linalg.cholesky(c) + np.triu(c * 0 + 1, 1)))},
}  # fmt: skip


def flat(rng: Rng) -> Sequence[Arguments]:
    """Return the covariance of fewer samples than features, with eps = 0."""
    return [(np.cov(rng.normal(size=(m, 4)).T, bias=True), 0.0) for m in (2, 4)]


def usual(rng: Rng) -> Sequence[Arguments]:
    """Return covariances of several sizes, one of them in small units."""
    sizes = [(3, 0.5), (6, 0.2), (2, 0.1)]
    return [(1e-6 * covariance(rng, 2), 0.0), *((covariance(rng, d), eps) for d, eps in sizes)]


MATRIX = Exercise(
    name="ex02_q1",
    function="whitening_matrices",
    points=4,
    results=("pca", "zca", "cholesky"),
    reference=matrices,
    drive=signs,
    parts=(
        Part("PCA", 1, usual, looks_at=("pca",)),
        Part("ZCA", 1, usual, looks_at=("zca",)),
        Part("Cholesky", 1, usual, looks_at=("cholesky",)),
        Part("no full rank is refused", 1, flat, refuses="a covariance without full rank"),
    ),
    mistakes={text: partial(matrices, **how) for text, how in MATRICES.items()},
)


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
    z: Array = outer @ matrices(cov, eps, **how)[which].T
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


ZCA = Exercise(
    name="ex02_q2",
    function="zca",
    points=3,
    results=("z",),
    reference=whiten,
    parts=(
        Part("white data: eps = 0", 1, data((40, 2, 0.0), (9, 3, 0.0))),
        Part("with eps", 1, data((30, 3, 0.4), (8, 2, 1.0))),
        Part("fewer samples than features", 1, data((4, 6, 0.5))),
    ),
    mistakes={
        **{text: partial(whiten, **how) for text, how in WHITE.items()},
        "eps added to each entry of the covariance, not to its diagonal": eps_everywhere,
    },
)

EXERCISES = (MATRIX, ZCA, ZCA_COR, ROOT)
