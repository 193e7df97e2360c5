"""The inverse square root, by eigenvectors and by Newton-Schulz."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, untouched
from scipy.linalg import fractional_matrix_power

from bnlib.whitening import inverse_sqrt_eigh, inverse_sqrt_newton_schulz


def draw(d=8, condition=30.0, seed=0, dtype=np.float64):
    """Return a covariance with eigenvalues from 1 / condition to 1, and its inverse root."""
    vectors = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
    values = np.geomspace(1 / condition, 1, d)
    half, root = vectors * np.sqrt(values), vectors * values**-0.25
    return (half @ half.T).astype(dtype), root @ root.T


def newton_schulz(cov):
    return inverse_sqrt_newton_schulz(cov, 15)


each_root = pytest.mark.parametrize("root", [inverse_sqrt_eigh, newton_schulz])


@given(st.integers(1, 8), st.integers(0, 99), st.sampled_from([1.0, 1e-200, 1e200]))
def test_both_give_the_inverse_root(d, seed, scale):
    cov, expected = draw(d, seed=seed)
    for root in (inverse_sqrt_eigh, newton_schulz):
        assert_close(root(scale * cov) * math.sqrt(scale), expected, 1e-12)


def test_eigenvectors_give_scipys_fractional_power_and_eps():
    cov, _ = draw()
    W = inverse_sqrt_eigh(cov)
    np.testing.assert_array_equal(W, W.T)
    assert_close(W, fractional_matrix_power(cov, -0.5), 1e-12)
    shifted = fractional_matrix_power(cov + 0.2 * np.eye(8), -0.5)
    assert_close(inverse_sqrt_eigh(cov, eps=0.2), shifted, 1e-12)
    singular = np.ones((3, 3))
    assert_close(inverse_sqrt_eigh(singular, 1.0) @ np.ones(3), np.full(3, 0.5), 1e-14)


@each_root
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_roots_keep_the_dtype_and_the_input(root, dtype, tol):
    cov, expected = draw(dtype=dtype)
    with untouched(cov):
        W = root(cov)
    assert W.dtype == dtype
    assert_close(W, expected, tol)


def uncoupled(cov, steps):
    """Return what the same steps give without y: equal on paper."""
    norm = np.linalg.norm(cov)
    z = np.eye(len(cov), dtype=cov.dtype)
    for _ in range(steps):
        z = (3 * z - z @ z @ z @ cov / norm) / 2
    return z / np.sqrt(norm)


@pytest.mark.parametrize("d", [64, 128])
def test_the_coupled_form_stays_where_the_uncoupled_one_diverges(d):
    cov, expected = draw(d, dtype=np.float32)
    size = abs(expected).max()

    def errors(form):
        return [abs(form(cov, k) - expected).max() / size for k in (5, 10, 15, 20)]

    with np.errstate(over="ignore", invalid="ignore"):
        bad = errors(uncoupled)
    good = errors(inverse_sqrt_newton_schulz)
    assert good[0] > 0.05  # not there yet
    assert max(good[1:]) < 1e-5
    assert bad[1] < 0.1
    assert bad[2] > 100


@pytest.mark.parametrize("condition", [1.0, 30.0, 1e3, 1e6])
@pytest.mark.parametrize("d", [2, 30])
def test_the_stated_number_of_steps_is_enough_and_five_fewer_are_not(d, condition):
    cov, expected = draw(d, condition)
    smallest = np.linalg.eigvalsh(cov)[0]
    steps = math.ceil(5 + 1.25 * math.log(np.linalg.norm(cov) / smallest))
    rounding = 1e-13 * condition
    assert_close(inverse_sqrt_newton_schulz(cov, steps), expected, 1e-11 + rounding)
    assert (
        abs(inverse_sqrt_newton_schulz(cov, max(1, steps - 5)) - expected).max()
        > 1e-4 * abs(expected).max()
    )


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps_are_those_of_a_plain_loop(steps):
    cov, _ = draw(4)
    y, z = cov / np.linalg.norm(cov), np.eye(4)
    for _ in range(steps):
        y, z = y @ (3 * np.eye(4) - z @ y) / 2, (3 * np.eye(4) - z @ y) @ z / 2
    assert_close(
        inverse_sqrt_newton_schulz(cov, steps), z / np.sqrt(np.linalg.norm(cov)), 1e-14
    )


@each_root
@pytest.mark.parametrize("scale", [1.0, 1e12, 1e-12])
def test_roots_allow_asymmetry_of_the_size_of_rounding_and_no_more(root, scale):
    cov, expected = draw()
    cov[0, 1] += 1e-12
    assert_close(root(scale * cov) * math.sqrt(scale), expected, 1e-9)
    cov[0, 1] += 1e-6
    with pytest.raises(ValueError, match="cov must be symmetric"):
        root(scale * cov)
