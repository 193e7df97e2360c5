"""What the whitening functions ask of their arguments."""

import numpy as np

from bnlib.shapes import Array, NonFiniteError, check_float


def check_covariance(op: str, cov: Array) -> None:
    """Raise unless ``cov`` is a finite, symmetric matrix of float32 or float64."""
    check_float(op, "cov", cov)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or cov.size == 0:
        raise ValueError(
            f"{op}: cov must be a square matrix, shape (d, d), got shape {cov.shape}; "
            "for samples X in rows it is (X - mu).T @ (X - mu) / m"
        )
    need_finite(op, "cov", cov)
    gap = abs(cov - cov.T).max()
    if gap > np.sqrt(np.finfo(cov.dtype).eps) * abs(cov).max():
        raise ValueError(
            f"{op}: cov must be symmetric, but differs from its transpose by {gap:.3g}; "
            "a covariance is (X - mu).T @ (X - mu) / m"
        )


def check_samples(op: str, X: Array) -> None:
    """Raise unless ``X`` is a finite, non-empty matrix of float32 or float64."""
    check_float(op, "X", X)
    if X.ndim != 2 or X.size == 0:
        raise ValueError(
            f"{op}: expected a matrix, shape (samples, features), got shape {X.shape}; "
            "flatten images with X.reshape(len(X), -1)"
        )
    need_finite(op, "X", X)


def need_finite(op: str, name: str, array: Array) -> Array:
    """Return the array, or raise if it is not finite."""
    if not np.isfinite(array).all():
        raise NonFiniteError(
            f"{op}: expected finite values in {name}, got NaN or infinity; look for NaN or "
            "infinity in the data, or values so large that it overflows"
        )
    return array
