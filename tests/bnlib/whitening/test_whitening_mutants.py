"""What mutants of `bnlib.whitening` showed to be untested: names and whole messages."""

import re

import numpy as np
import pytest

from bnlib.arguments import NonFiniteError
from bnlib.whitening import RankWarning, Whitener, inverse_sqrt_eigh, inverse_sqrt_newton_schulz

ROOTS = {
    "inverse_sqrt_eigh": inverse_sqrt_eigh,
    "inverse_sqrt_newton_schulz": lambda cov: inverse_sqrt_newton_schulz(cov, 10),
}


@pytest.mark.parametrize("name", ROOTS)
def test_roots_name_themselves_and_the_matrix(name):
    with pytest.raises(TypeError, match=rf"^{name}: cov must be float32 or float64, got dtype"):
        ROOTS[name](np.eye(2, dtype=int))
    with pytest.raises(NonFiniteError, match=rf"^{name}: expected finite values in cov, got"):
        ROOTS[name](np.diag([1.0, np.nan]))
    message = r"transpose by 1; a covariance is \(X - mu\)\.T @ \(X - mu\) / m$"
    with pytest.raises(ValueError, match=message):
        ROOTS[name](np.array([[1.0, 1.0], [0.0, 1.0]]))


def test_a_singular_covariance_is_described():
    message = "smallest eigenvalue is 0 of 9, eps included; give a larger eps, or use more "
    with pytest.raises(ValueError, match=message + "samples than dimensions$"):
        inverse_sqrt_eigh(np.diag([0.0, 2.0, 9.0]))


def test_a_divergence_gets_advice():
    message = (
        r"negative eigenvalue or is nearly singular; compute it from centred data, or add "
    )
    with pytest.raises(NonFiniteError, match=message + r"eps to its diagonal$"):
        inverse_sqrt_newton_schulz(np.diag([1.0, -1.0]), 50)


def test_samples_are_checked_by_name():
    with pytest.raises(TypeError, match=r"^Whitener.fit: X must be float32 or float64, got"):
        Whitener().fit(np.ones((4, 2), int))
    message = r"got shape \(4,\); flatten images with X.reshape\(len\(X\), -1\)$"
    with pytest.raises(ValueError, match=message):
        Whitener().fit(np.ones(4))


def test_rows_are_samples():
    with pytest.raises(ValueError, match=r"got X of shape \(1, 2\); rows are samples$"):
        Whitener().fit(np.ones((1, 2)))
    whitener = Whitener().fit(np.random.default_rng(0).normal(size=(9, 2)))
    with pytest.raises(ValueError, match=r"got shape \(9, 3\); rows are samples$"):
        whitener.transform(np.ones((9, 3)))


def test_cholesky_says_what_to_do_without_full_rank():
    advice = 'factor; give a larger eps, more samples than features, or method="zca"'
    with pytest.raises(ValueError, match=f" and no Cholesky {re.escape(advice)}$"):
        Whitener("cholesky").fit(np.ones((4, 2)))


@pytest.mark.parametrize(
    ("samples", "cure"), [(2, "use more samples than features"), (9, "features depend on each")]
)
def test_a_warning_of_the_rank_says_what_to_do(samples, cure):
    x = np.random.default_rng(0).normal(size=(samples, 1)) * np.ones(2)
    with pytest.warns(UserWarning, match=f"cannot be whitened; {cure}(?: other)?$"):
        Whitener().fit(x)


def test_data_that_is_0_has_rank_0():
    with pytest.warns(RankWarning, match="has rank 0, so 2 directions"):
        whitener = Whitener().fit(np.zeros((4, 2)))
    assert whitener.rank_ == 0
    np.testing.assert_array_equal(whitener.matrix_, 0)
