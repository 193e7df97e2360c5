"""A whitening transform that is fitted to data, in the manner of scikit-learn."""

import warnings
from typing import Self

import numpy as np

from bnlib.arguments import (
    ROUNDING,
    USUAL_EPS,
    check_finite,
    check_number,
    check_samples,
    quiet,
)
from bnlib.axes import Array, Vector
from bnlib.stats import mean_var
from bnlib.whitening.matrices import cholesky_matrices, pca_matrices, zca_matrices

METHODS = ("zca", "pca", "cholesky")


class RankWarning(UserWarning):
    """The covariance has directions without variance, so the output cannot be all white."""


class NotFittedError(ValueError, AttributeError):
    """A transform was asked for before `Whitener.fit`."""


class Whitener:
    """Shift and turn data so that its covariance is the identity: ``z = W (x - mean)``.

    Rows are samples. Covariances are *biased* (1/m): scikit-learn's ``PCA(whiten=True)``
    divides by m - 1, so its output is ``sqrt((m - 1) / m)`` times this one's.

    Parameters
    ----------
    method : "zca", "pca" or "cholesky"
        Which of the matrices W with ``W cov W.T = I``, for ``cov = U diag(lam) U.T``:

        - "zca": ``U diag(1 / sqrt(lam)) U.T``, symmetric; its output is the nearest to the
          centred input, in mean square, of all white ones.
        - "pca": ``diag(1 / sqrt(lam)) U.T``: the principal components, the largest first,
          each scaled to variance 1. The first of the largest entries of each (sizes within
          1/1000 taken as equal) is positive, so rounding does not choose the sign.
        - "cholesky": the inverse of the lower triangle L in ``cov = L L.T``. Output i is
          made from inputs 1 to i.
    eps : float
        Added to each eigenvalue, in units of the data squared. The default 0 makes the
        output white where the data has variance, at any scale of the data, and maps directions
        without variance to 0. An ``eps`` above 0 shrinks directions with little
        variance instead of blowing up their noise; output variances are then
        ``lam / (lam + eps)``.

    Attributes
    ----------
    mean_ : ndarray, shape (d,)
    covariance_ : ndarray, shape (d, d)
        Biased, without ``eps``.
    eigenvalues_ : ndarray, shape (d,)
        Of ``covariance_``, the largest first, none below 0.
    matrix_ : ndarray, shape (d, d)
        W.
    inverse_matrix_ : ndarray, shape (d, d)
        What undoes W: its inverse, or, where directions have no variance, its pseudoinverse.
    rank_ : int
        Directions whose variance is more than rounding. It is asked of features divided by
        their standard deviations, so units do not matter, up to ratios of some 1e15.

    All are float64. They are set by a `fit` that succeeds, and by nothing else.

    Notes
    -----
    Kessy, Lewin & Strimmer (2018) compare the methods and prove that ZCA stays closest.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(500, 2)) @ np.array([[2.0, 1.0], [0.0, 1.0]])
    >>> Z = Whitener("zca").fit_transform(X)
    >>> np.cov(Z.T, bias=True).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """

    mean_: Vector
    covariance_: Vector
    eigenvalues_: Vector
    matrix_: Vector
    inverse_matrix_: Vector
    rank_: int

    def __init__(self, method: str = "zca", eps: float = 0.0) -> None:
        if method not in METHODS:
            raise ValueError(f"Whitener: method must be one of {METHODS}, got {method!r}")
        self.method = method
        self.eps = check_number("Whitener", "eps", eps, hint=USUAL_EPS)

    def __repr__(self) -> str:
        return f"Whitener(method={self.method!r}, eps={self.eps!r})"

    @quiet
    def fit(self, X: Array) -> Self:
        """Learn mean and matrices from ``X``, shape (m, d), and return the whitener.

        Warns with `RankWarning` if the covariance has not full rank, as always when
        m <= d. Raises ``TypeError`` or ``ValueError`` if ``X`` is not a finite matrix of
        float32 or float64 with at least 2 rows, if its squares overflow
        (`bnlib.arguments.NonFiniteError`), or, for "cholesky", if a variance with ``eps`` is 0.
        """
        check_samples("Whitener.fit", X)
        if len(X) < 2:
            raise ValueError(
                f"Whitener.fit: needs at least 2 samples, got X of shape {X.shape}; "
                "rows are samples"
            )
        mean = mean_var(X)[0]
        centred = X - mean
        covariance: Vector = centred.T @ centred / len(X)
        check_finite("Whitener.fit", "the covariance", covariance)
        scales, vectors, rank = _principal(X, centred)
        full = np.hypot(scales, np.sqrt(self.eps))
        full[full <= X.shape[1] * ROUNDING * full.max()] = 0.0
        full[:rank] = np.hypot(scales, np.sqrt(self.eps))[:rank]
        if self.method == "cholesky":
            matrix, inverse = cholesky_matrices(covariance, self.eps, full)
        else:
            make = zca_matrices if self.method == "zca" else pca_matrices
            matrix, inverse = make(vectors, full)
        _warn_of_rank(X.shape, rank)
        self.mean_, self.covariance_, self.eigenvalues_ = mean, covariance, scales**2
        self.matrix_, self.inverse_matrix_, self.rank_ = matrix, inverse, rank
        return self

    @quiet
    def transform(self, X: Array) -> Array:
        """Return the whitened rows of ``X``, shape (n, d), in the dtype of ``X``.

        Raises `NotFittedError` before `fit`, and ``TypeError`` or ``ValueError`` if ``X`` is
        not a finite matrix of float32 or float64 with d columns, or if the result overflows
        (`bnlib.arguments.NonFiniteError`).
        """
        op = "Whitener.transform"
        self._check_fitted(op, X)
        Z = (X - self.mean_) @ self.matrix_.T
        return check_finite(op, "the result", Z.astype(X.dtype))

    @quiet
    def inverse_transform(self, Z: Array) -> Array:
        """Return the data that `transform` makes ``Z`` of; errors as there.

        Parts of the data in directions without variance are lost; the data that was fitted
        has none.
        """
        op = "Whitener.inverse_transform"
        self._check_fitted(op, Z)
        X = Z @ self.inverse_matrix_.T + self.mean_
        return check_finite(op, "the result", X.astype(Z.dtype))

    def fit_transform(self, X: Array) -> Array:
        """Return ``fit(X).transform(X)``."""
        return self.fit(X).transform(X)

    def _check_fitted(self, op: str, X: Array) -> None:
        """Raise unless the whitener is fitted and ``X`` has as many columns as the fit's."""
        if not hasattr(self, "matrix_"):
            raise NotFittedError(f"{op}: this Whitener has learnt nothing yet; call fit first")
        check_samples(op, X)
        if X.shape[1] != len(self.mean_):
            raise ValueError(
                f"{op}: expected {len(self.mean_)} columns as in fit, got shape {X.shape}; "
                "rows are samples"
            )


def _principal(X: Array, centred: Array) -> tuple[Vector, Vector, int]:
    """Return standard deviations along the principal directions, these as columns, the rank.

    By the singular values of the centred data: their squares, the covariance's eigenvalues,
    would lose twice as many digits. The first QR makes m rows d, column by column, so that
    the rank can be asked of features in units of their own standard deviations.
    """
    (m, d), rounding = X.shape, ROUNDING * abs(X).max(axis=0)
    root = np.linalg.qr(centred, mode="r") / np.sqrt(m)
    std = np.linalg.norm(root, axis=0)
    unit = np.where(std > 4 * rounding, std, np.inf)  # a constant feature becomes 0
    own = np.linalg.svd(root / unit, compute_uv=False)
    floor = np.sqrt(d) * (rounding / unit).max() + d * ROUNDING * own[0]
    scales = np.zeros(d)
    _, singular, directions = np.linalg.svd(root)
    rank = min(int((own > floor).sum()), m - 1)
    rank = min(rank, int((singular > d * ROUNDING * singular[0]).sum()))
    scales[:rank] = singular[:rank]
    return scales, directions.T, rank


def _warn_of_rank(shape: tuple[int, ...], rank: int) -> None:
    """Warn if the covariance of data of this shape has not full rank."""
    m, d = shape
    if rank < d:
        cure = "use more samples than features" if m <= d else "features depend on each other"
        warnings.warn(
            f"Whitener.fit: the covariance of {m} samples in {d} dimensions has rank {rank}, "
            f"so {d - rank} directions have no variance and cannot be whitened; {cure}",
            RankWarning,
            stacklevel=4,
        )
