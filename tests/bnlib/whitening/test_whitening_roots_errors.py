"""Matrices that have no inverse square root are refused, with the reason."""

import math
import re

import numpy as np
import pytest
from strategies import BAD_EPS, REFUSED

from bnlib.arguments import NonFiniteError
from bnlib.whitening import inverse_sqrt_eigh, inverse_sqrt_newton_schulz


def newton_schulz(cov):
    return inverse_sqrt_newton_schulz(cov, 15)


each_root = pytest.mark.parametrize("root", [inverse_sqrt_eigh, newton_schulz])

BAD = {
    "vector": (np.ones(3), ValueError, "a square matrix, shape (d, d), got shape (3,)"),
    "not square": (np.ones((2, 3)), ValueError, "got shape (2, 3); for samples X in rows"),
    "empty": (np.ones((0, 0)), ValueError, "cov must be a square matrix"),
    "nan": (np.diag([1.0, math.nan]), NonFiniteError, "expected finite values in cov, got NaN"),
    "inf": (np.diag([1.0, math.inf]), NonFiniteError, "expected finite values in cov"),
    "not symmetric": (
        np.array([[1.0, 0.2], [0.1, 1.0]]), ValueError,
        "cov must be symmetric, but differs from its transpose by 0.1; a covariance is",
    ),
}  # fmt: skip


@each_root
@pytest.mark.parametrize("kind", BAD)
def test_roots_refuse(root, kind):
    cov, error, message = BAD[kind]
    with pytest.raises(error, match=re.escape(message)):
        root(cov)


@each_root
@pytest.mark.parametrize("kind", REFUSED)
def test_roots_take_float_arrays_only(root, kind):
    with pytest.raises(TypeError, match="cov must be"):
        root(REFUSED[kind])


@pytest.mark.parametrize(
    "cov",
    [
        np.ones((3, 3)),
        np.diag([1.0, 0.0]),
        np.diag([1.0, 1e-17]),
        np.diag([1.0, -0.1]),
        np.zeros((2, 2)),
        -np.eye(2),
    ],
    ids=["rank 1", "zero", "lost in rounding", "negative", "all zero", "all negative"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eigh_refuses_what_is_not_positive_definite(cov, dtype):
    message = "inverse_sqrt_eigh: cov is not positive definite to working precision"
    with pytest.raises(ValueError, match=message):
        inverse_sqrt_eigh(cov.astype(dtype))


def test_a_small_eps_is_not_enough_for_a_negative_eigenvalue():
    with pytest.raises(
        ValueError, match=r"smallest eigenvalue is -0\.05 of 1\.05, eps included"
    ):
        inverse_sqrt_eigh(np.diag([1.0, -0.1]), eps=0.05)


@pytest.mark.parametrize("kind", BAD_EPS)
def test_eps_is_checked(kind):
    eps, error, message = BAD_EPS[kind]
    with pytest.raises(error, match=f"inverse_sqrt_eigh: eps {message}"):
        inverse_sqrt_eigh(np.eye(2), eps)


@pytest.mark.parametrize(
    ("iterations", "error", "message"),
    [
        (0, ValueError, "iterations must be at least 1, got 0; 10 is usual"),
        (2.0, TypeError, "iterations must be an integer, got 2.0"),
        (True, TypeError, "iterations must be an integer, got True"),
    ],
)
def test_iterations_are_checked(iterations, error, message):
    with pytest.raises(error, match=re.escape(f"inverse_sqrt_newton_schulz: {message}")):
        inverse_sqrt_newton_schulz(np.eye(2), iterations)


def test_newton_schulz_refuses_zero_and_says_when_it_diverges():
    with pytest.raises(ValueError, match="newton_schulz: cov is 0, so it has no inverse root"):
        inverse_sqrt_newton_schulz(np.zeros((2, 2)), 5)
    with pytest.raises(NonFiniteError, match="diverged, so cov has a negative eigenvalue"):
        inverse_sqrt_newton_schulz(np.diag([1.0, -0.5]), 30)
