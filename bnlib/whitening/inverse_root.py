"""The inverse square root of a covariance matrix: by eigenvectors, and by products alone."""

import numpy as np

from bnlib.arguments import (
    USUAL_EPS,
    NonFiniteError,
    check_covariance,
    check_integer,
    check_number,
    quiet,
)
from bnlib.axes import Array


@quiet
def inverse_sqrt_eigh(cov: Array, eps: float = 0.0) -> Array:
    """Return ``(cov + eps * I)**(-1/2)``, symmetric, from the eigendecomposition.

    Parameters
    ----------
    cov : ndarray, shape (d, d), float32 or float64
        Symmetric and positive definite, or positive semidefinite with ``eps`` above 0.
        Only its lower triangle is read once it has been found symmetric.
    eps : float
        Added to each eigenvalue, in units of ``cov``; at least 0.

    Returns
    -------
    ndarray, shape (d, d), dtype of ``cov``

    Raises
    ------
    TypeError, ValueError
        If ``cov`` is not a symmetric float matrix, is not finite
        (`bnlib.arguments.NonFiniteError`), or has an eigenvalue that, with ``eps``, is 0 or
        negative to working precision.

    Notes
    -----
    ``cov = U diag(lam) U.T`` gives ``U diag(1 / sqrt(lam + eps)) U.T``, the only symmetric
    positive definite solution W of ``W (cov + eps I) W = I``. It costs about 5 to 20
    matrix products, fewer the larger the matrix.

    Examples
    --------
    >>> inverse_sqrt_eigh(np.diag([4.0, 25.0])).round(12)
    array([[0.5, 0. ],
           [0. , 0.2]])
    """
    op = "inverse_sqrt_eigh"
    check_covariance(op, cov)
    eps = check_number(op, "eps", eps, hint=USUAL_EPS)
    values, vectors = np.linalg.eigh(cov)
    values = values + cov.dtype.type(eps)
    lowest = values[0]
    if lowest <= len(cov) * np.finfo(cov.dtype).eps * values[-1]:
        raise ValueError(
            f"{op}: cov is not positive definite to working precision, its smallest "
            f"eigenvalue is {lowest:.3g} of {values[-1]:.3g}, eps included; give a larger eps, "
            "or use more samples than dimensions"
        )
    half = vectors / values**0.25
    return half @ half.T


@quiet
def inverse_sqrt_newton_schulz(cov: Array, iterations: int) -> Array:
    """Return an approximation of ``cov**(-1/2)`` from matrix products alone.

    Every step is differentiable, equal eigenvalues or not, and a few steps give a partial
    whitening. The number of right digits doubles at each step once it is near; before that
    the smallest eigenvalue, relative to the norm, grows 2.25 times a step. So about
    ``5 + 1.25 * log(norm / smallest eigenvalue)`` steps give all digits, natural logarithm.

    Parameters
    ----------
    cov : ndarray, shape (d, d), float32 or float64
        Symmetric, positive definite.
    iterations : int
        At least 1. Whether they are enough is not tested.

    Returns
    -------
    ndarray, shape (d, d), dtype of ``cov``

    Raises
    ------
    TypeError, ValueError
        If ``cov`` is not a symmetric float matrix or is 0, if it or the result is not
        finite (`bnlib.arguments.NonFiniteError`: the iteration diverges where an eigenvalue is
        negative), or if ``iterations`` is not a positive integer.

    Notes
    -----
    The coupled form (Higham 2008, section 6.7): from ``y = cov / norm`` and ``z = I``, repeat
    ``t = (3 I - z y) / 2``, ``y = y t``, ``z = t z``; then ``y`` tends to the root and ``z``
    to the inverse root. The form with ``z`` alone, ``z = (3 z - z**3 cov / norm) / 2``, is
    equal on paper, but magnifies rounding errors: it comes near and then diverges, in
    float32 within 15 or so steps.

    Examples
    --------
    >>> inverse_sqrt_newton_schulz(np.diag([4.0, 25.0]), iterations=10).round(12)
    array([[0.5, 0. ],
           [0. , 0.2]])
    """
    op = "inverse_sqrt_newton_schulz"
    check_covariance(op, cov)
    iterations = check_integer(op, "iterations", iterations, 1, "10 is usual")
    largest = abs(cov).max()
    if largest == 0:
        raise ValueError(f"{op}: cov is 0, so it has no inverse root; look for constant data")
    y = cov / largest  # so that squares in the norm neither overflow nor vanish
    norm = np.linalg.norm(y)
    y /= norm
    eye = np.eye(len(cov), dtype=cov.dtype)
    z: Array = eye
    for _ in range(iterations):
        t = (3 * eye - z @ y) / 2
        y, z = y @ t, t @ z
    z = z / np.sqrt(norm) / np.sqrt(largest)
    if not np.isfinite(z).all():
        raise NonFiniteError(
            f"{op}: the iteration diverged, so cov has a negative eigenvalue or is nearly "
            "singular; compute it from centred data, or add eps to its diagonal"
        )
    return z
