"""Chapter 2: the whitening matrices of a covariance, and whitened data."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from bncourse.checks.channels import Array
from bncourse.checks.compare import as_array
from bncourse.checks.exercise import Answer, Arguments, Exercise, Part

Rng = np.random.Generator


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
        "cholesky": np.linalg.inv},
    "one over each entry of L": {
        "cholesky": lambda c: np.tril(1 / (np.linalg.cholesky(c) + np.triu(c * 0 + 1, 1)))},
}  # fmt: skip


def one_of(mistaken: Answer, which: int, cov: Array, eps: float) -> list[Array]:
    """Make a mistake in one of the three matrices alone."""
    found, theirs = list(matrices(cov, eps)), mistaken(cov, eps)
    found[which] = theirs[which]
    return found


def in_each(how: Mapping[str, Any]) -> tuple[Answer, ...]:
    """Return a mistake in all matrices that it touches, and in each of them alone."""
    mistaken: Answer = partial(matrices, **how)
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    pairs = zip(mistaken(cov, 0.3), matrices(cov, 0.3), strict=True)
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
        Part("a singular covariance that eps repairs", 1, repaired),
        Part("no full rank is refused", 1, flat, refuses="a covariance without full rank"),
    ),
    mistakes={
        **{text: in_each(how) for text, how in MATRICES.items()},
    },
    rtol=1e-4,  # just above full rank, rounding costs digits
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
        "np.corrcoef of the covariance, which takes it for data": lambda cov: zca_cor(
            cov, correlated=lambda c, v: np.asarray(np.corrcoef(c))
        ),
    },
)


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
    root: Answer, error: Callable[[Array, Array], Any] = from_white
) -> Callable[[Array, int], tuple[Array, Any]]:
    """Return an answer of two results from one that returns the root."""

    def answer(cov: Array, steps: int) -> tuple[Array, Any]:
        W = root(cov, steps)
        return W, error(W, cov)

    return answer


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
    reference=measured(newton_schulz),
    parts=(
        Part("a few steps", 2, started((2, 1), (4, 2), (3, 4)), ("W",)),
        Part("a large covariance", 1, lambda rng: [(400 * covariance(rng, 3, 1.6), 3)], ("W",)),
        Part("many steps stay finite", 1, stretched, ("W",)),
        Part("how far from white", 1, started((2, 1), (4, 2), (3, 3)), ("error",), last=True),
    ),
    mistakes={
        **{text: measured(partial(newton_schulz, **how)) for text, how in STEPS.items()},
        **{text: measured(newton_schulz, error) for text, error in ERRORS.items()},
        "the exact inverse root, not what the given number of steps makes": measured(
            lambda cov, steps: power(cov, -0.5)
        ),
        "factors in another order: equal on paper, unstable in rounding": (
            measured(partial(newton_schulz, order="zt")),
            measured(partial(newton_schulz, order="yz")),
            measured(uncoupled),
        ),
    },
    rtol=1e-4,
)


EXERCISES = (MATRIX, ZCA, ZCA_COR, ROOT)
