"""Whitening: zero mean and the identity as covariance, by PCA, ZCA or Cholesky."""

from bnlib.whitening.inverse_root import inverse_sqrt_eigh, inverse_sqrt_newton_schulz
from bnlib.whitening.whitener import NotFittedError, RankWarning, Whitener

__all__ = [
    "NotFittedError",
    "RankWarning",
    "Whitener",
    "inverse_sqrt_eigh",
    "inverse_sqrt_newton_schulz",
]
