"""Chapter 2: the whitening matrices of a covariance."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.compare import as_array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator


def covariance(rng: Rng, d: int, spread: float = 2.0) -> Array:
    """Return a covariance whose eigenvalues differ by factors near ``spread``."""
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    cov = (turn * rng.uniform(0.8, 1.2, d) * spread ** np.arange(d)) @ turn.T
    symmetric: Array = (cov + cov.T) / 2
    return symmetric


def matrices(
    cov: Array,
    eps: float,
    *,
    power: float = -0.5,
    eps_at: str = "inside",
    first: str = "largest",
    turned: bool = True,
    refuses: bool = True,
    root: Callable[[Array, float], Array] | None = None,
    pca: Callable[[Array, Array], Array] = lambda U, scale: (U * scale).T,
    zca: Callable[[Array, Array], Array] = lambda U, scale: (U * scale) @ U.T,
    cholesky: Callable[[Array], Array] = lambda c: np.linalg.inv(np.linalg.cholesky(c)),
) -> tuple[Array, Array, Array]:
    """Return three whitening matrices: (2.4), (2.6). The keywords make the usual mistakes."""
    eye = np.eye(len(cov))
    inside = eps * (eps_at == "inside")
    lam, vectors = np.linalg.eigh(cov)
    if refuses and lam[0] + eps <= 1e-10 * (lam[-1] + eps):
        raise ValueError("whitening_matrices: no full rank")
    if first == "largest":
        lam, vectors = lam[::-1], vectors[:, ::-1]
    scale = (lam + inside) ** power
    if eps_at == "outside":
        scale = 1 / (np.sqrt(lam) + eps)
    if root is not None:
        scale = 1 / root(lam, eps)
    vectors = vectors if turned else vectors.T
    lower = cholesky(cov + inside * eye) if refuses else cov
    if refuses and eps_at == "outside":
        lower = np.linalg.inv(np.linalg.cholesky(cov) + eps * eye)
    return pca(vectors, scale), zca(vectors, scale), lower


def signs(answer: Answer, cov: Array, eps: float) -> Any:
    """Use an answer; turn each column of PCA so that its largest entry is positive."""
    results = answer(cov, eps)
    if not isinstance(results, tuple | list) or len(results) != 3:
        return results
    pca = as_array(results[0])
    if pca is None or pca.ndim != 2:
        return results
    largest = np.take_along_axis(pca, abs(pca).argmax(axis=0)[np.newaxis], axis=0)
    return pca * np.where(largest < 0, -1.0, 1.0), results[1], results[2]


# What to say, and the keywords of `matrices` that make the mistake.
MATRICES: Mapping[str, Mapping[str, Any]] = {
    "the root, not the inverse root: a product where (2.4) divides": {"power": 0.5},
    "a division by the eigenvalues, not by their roots": {"power": -1.0},
    "eps added after the root": {"eps_at": "outside"},
    "a result without eps": {"eps_at": "nowhere"},
    "the direction of the smallest variance first": {"first": "smallest"},
    "eigenvectors taken from the rows; eigh returns them in columns": {"turned": False},
    "the transpose: it is for columns, z = W (x - mu), not for rows": {
        "pca": lambda U, scale: U * scale,
        "cholesky": lambda c: np.linalg.inv(np.linalg.cholesky(c)).T},
    "the rotation alone, without the division": {
        "pca": lambda U, scale: U.T, "zca": lambda U, scale: U @ U.T},
    "the rows of U scaled, not its columns": {"pca": lambda U, scale: U.T * scale},
    "PCA: the last rotation is missing": {"zca": lambda U, scale: (U * scale).T},
    "L itself, not its inverse": {"cholesky": lambda c: np.linalg.cholesky(c).T},
    "the transpose of L, not its inverse": {"cholesky": np.linalg.cholesky},
    "the factor of the inverse: it whitens, too, but it is lower triangular": {
        "cholesky": lambda c: np.linalg.cholesky(np.linalg.inv(c)).T},
    "the transposed factor of the inverse, not the inverse of the factor": {
        "cholesky": lambda c: np.linalg.cholesky(np.linalg.inv(c))},
    "the inverse of the covariance, not of its root": {
        "cholesky": np.linalg.inv},
    "one over each entry of L": {
        "cholesky": lambda c: np.tril(1 / (np.linalg.cholesky(c) + np.triu(c * 0 + 1, 1)))},
}  # fmt: skip


def for_rows(cov: Array, eps: float, **how: Any) -> tuple[Array, ...]:
    """Return the matrices for data in rows, ``z = (x - mu) @ W``."""
    return tuple(W.T for W in matrices(cov, eps, **how))


def one_of(mistaken: Answer, which: int, cov: Array, eps: float) -> list[Array]:
    """Make a mistake in one of the three matrices alone."""
    ours, theirs = list(for_rows(cov, eps)), mistaken(cov, eps)
    ours[which] = theirs[which]
    return ours


def in_each(how: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Return a mistake in all matrices that it touches, and in each of them alone."""
    mistaken: Answer = partial(for_rows, **how)
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    pairs = zip(mistaken(cov, 0.3), for_rows(cov, 0.3), strict=True)
    touched = [i for i, (a, b) in enumerate(pairs) if not np.allclose(a, b)]
    alone = [partial(one_of, mistaken, i) for i in touched] if len(touched) > 1 else []
    return (mistaken, *alone)


def stretched_to(rng: Rng, ratio: float, size: float = 1.0) -> Array:
    """Return a covariance whose smallest eigenvalue is ``ratio`` times its largest."""
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    cov: Array = size * (turn * np.array([1.0, 0.5, 0.2, ratio])) @ turn.T
    return (cov + cov.T) / 2


def flat(rng: Rng) -> Sequence[Arguments]:
    """Return covariances just below full rank, in several units; some with an eps too small."""
    made = [(stretched_to(rng, 1e-11, size), 0.0) for size in (1.0, 1e6)]
    return [*made, (stretched_to(rng, 0.0), 1e-12), (stretched_to(rng, 0.0, 1e6), 1e-6)]


def repaired(rng: Rng) -> Sequence[Arguments]:
    """Return covariances without full rank that eps repairs, and one just of full rank."""
    return [(stretched_to(rng, 1e-11), 0.3), (stretched_to(rng, 1e-11, 1e-9), 1e-10),
            (stretched_to(rng, 1e-8, 1e-3), 0.0)]  # fmt: skip


def singular(rng: Rng) -> Sequence[Arguments]:
    """Return a covariance with an eigenvalue of exactly 0, which eps repairs.

    No two entries of an eigenvector are equally large, so `signs` is sure of its choice.
    """
    cov = np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    return [(rng.uniform(0.5, 2) * cov, 0.2)]


def usual(rng: Rng) -> Sequence[Arguments]:
    """Return covariances of several sizes, one of them in small units."""
    sizes = [(3, 0.5), (6, 0.2), (2, 0.1)]
    return [(1e-6 * covariance(rng, 2), 0.0), *((covariance(rng, d), eps) for d, eps in sizes)]


MATRIX = Exercise(
    name="ex02_q1",
    function="whitening_matrices",
    points=4,
    results=("pca", "zca", "cholesky"),
    reference=for_rows,
    drive=signs,
    parts=(
        Part("PCA", 1, usual, looks_at=("pca",)),
        Part("ZCA", 1, usual, looks_at=("zca",)),
        Part("Cholesky", 1, usual, looks_at=("cholesky",)),
        Part("a singular covariance that eps repairs", 1, repaired),
        Part("a feature that never varies, with eps", 1, singular, last=True),
        Part("no full rank is refused", 1, flat, refuses="a covariance without full rank"),
    ),
    mistakes={
        **{text: in_each(how) for text, how in MATRICES.items()},
    },
    rtol=1e-4,  # just above full rank, rounding costs digits
)
