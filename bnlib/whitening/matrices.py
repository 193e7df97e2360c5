"""The matrices W of each method, with what undoes them; all float64."""

import numpy as np

from bnlib.axes import Vector


def zca_matrices(vectors: Vector, scales: Vector) -> tuple[Vector, Vector]:
    """Return ``U diag(1 / scales) U.T`` and its inverse, both exactly symmetric.

    ``vectors`` holds U in columns, shape (d, d); ``scales``, shape (d,), the standard
    deviation along each, 0 for a direction to drop.

    Examples
    --------
    >>> zca_matrices(np.eye(2), np.array([2.0, 0.0]))[0]
    array([[0.5, 0. ],
           [0. , 0. ]])
    """
    half, half_inverse = vectors * np.sqrt(reciprocals(scales)), vectors * np.sqrt(scales)
    return half @ half.T, half_inverse @ half_inverse.T


def pca_matrices(vectors: Vector, scales: Vector) -> tuple[Vector, Vector]:
    """Return ``diag(1 / scales) U.T`` and its inverse; arguments as in `zca_matrices`.

    An eigenvector's sign is free. The first of its largest entries is made positive, sizes
    within 1/1000 taken as equal: so rounding does not choose the sign.

    Examples
    --------
    >>> pca_matrices(np.array([[0.6, -0.8], [0.8, 0.6]]), np.array([2.0, 1.0]))[0]
    array([[ 0.3,  0.4],
           [ 0.8, -0.6]])
    """
    sizes = abs(vectors)
    first = (sizes > 0.999 * sizes.max(axis=0)).argmax(axis=0)
    vectors = vectors * np.sign(vectors[first, np.arange(len(vectors))])
    return (vectors * reciprocals(scales)).T, vectors * scales


def cholesky_matrices(
    covariance: Vector, eps: float, variances: Vector
) -> tuple[Vector, Vector]:
    """Return the inverse of L and L, lower triangular, for ``covariance + eps I = L L.T``.

    ``variances``, shape (d,), are its eigenvalues, 0 for those lost in rounding. Raises
    ``ValueError`` if there are any, or if rounding leaves it not positive definite.

    Examples
    --------
    >>> cholesky_matrices(np.diag([4.0, 24.0]), 1.0, np.array([25.0, 5.0]))[1].round(3)
    array([[2.236, 0.   ],
           [0.   , 5.   ]])
    """
    try:
        if not variances.all():
            raise np.linalg.LinAlgError
        lower = np.linalg.cholesky(covariance + eps * np.eye(len(covariance)))
    except np.linalg.LinAlgError:
        raise ValueError(
            f"Whitener.fit: the covariance, with eps = {eps:g}, has rank "
            f"{np.count_nonzero(variances)} of {len(variances)} or nearly so, and no Cholesky "
            'factor; give a larger eps, more samples than features, or method="zca"'
        ) from None
    return np.tril(np.linalg.inv(lower)), np.asarray(lower, dtype=np.float64)


def reciprocals(scales: Vector) -> Vector:
    """Return ``1 / scales``, and 0 where a scale is 0."""
    return np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)
