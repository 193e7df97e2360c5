"""What `Whitener` refuses, with its reasons, and that a failed fit changes nothing."""

import math
import re
import warnings

import numpy as np
import pytest
from strategies import BAD_EPS, REFUSED

from bnlib.arguments import NonFiniteError
from bnlib.whitening import NotFittedError, RankWarning, Whitener
from bnlib.whitening.matrices import cholesky_matrices

X = np.random.default_rng(0).standard_normal((20, 3))
BAD = {
    "vector": (X[0], ValueError, r"expected a matrix, shape \(samples, features\), got shape"),
    "images": (X.reshape(5, 4, 3), ValueError, r".* got shape \(5, 4, 3\); flatten images"),
    "no samples": (X[:0], ValueError, r"expected a matrix.*got shape \(0, 3\)"),
    "no features": (X[:, :0], ValueError, r"expected a matrix.*got shape \(20, 0\)"),
    "nan": (np.full((20, 3), math.nan), NonFiniteError, "expected finite values in X, got NaN"),
    "inf": (np.full((20, 3), math.inf), NonFiniteError, "expected finite values in X"),
}  # fmt: skip
BAD_FIT = BAD | {
    "one sample": (X[:1], ValueError, r"needs at least 2 samples, got X of shape \(1, 3\)"),
    "squares overflow": (1e200 * X, NonFiniteError, "expected finite values in the covariance"),
    "means overflow": (
        np.full((2, 1), 1.7e308),
        NonFiniteError,
        "expected finite values in the covariance",
    ),
}
CALLS = ["fit", "fit_transform", "transform", "inverse_transform"]


def state(white):
    return {k: np.copy(v) for k, v in vars(white).items()}


@pytest.mark.parametrize("kind", BAD_FIT)
def test_fit_refuses_and_stays_as_it_was(kind):
    samples, error, message = BAD_FIT[kind]
    for white in (Whitener(), Whitener("pca").fit(X)):
        before = state(white)
        for call in (white.fit, white.fit_transform):
            with pytest.raises(error, match=f"^Whitener.fit: {message}"):
                call(samples)
        np.testing.assert_equal(state(white), before)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("name", ["transform", "inverse_transform"])
def test_transforms_refuse(name, kind):
    samples, error, message = BAD[kind]
    with pytest.raises(error, match=f"^Whitener.{name}: {message}"):
        getattr(Whitener().fit(X), name)(samples)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("name", CALLS)
def test_only_float_arrays_are_taken(name, kind):
    with pytest.raises(TypeError, match="X must be"):
        getattr(Whitener().fit(X), name)(REFUSED[kind])


@pytest.mark.parametrize("name", ["transform", "inverse_transform"])
def test_transforms_need_a_fit_and_its_columns(name):
    white = Whitener()
    with pytest.raises(
        NotFittedError, match=f"Whitener.{name}: .*learnt nothing yet; call fit"
    ):
        getattr(white, name)(X)
    message = rf"Whitener.{name}: expected 3 columns as in fit, got shape \(20, 2\)"
    with pytest.raises(ValueError, match=message):
        getattr(white.fit(X), name)(X[:, :2])


def test_not_fitted_is_the_error_that_scikit_learn_raises():
    assert issubclass(NotFittedError, ValueError)
    assert issubclass(NotFittedError, AttributeError)


def test_results_that_overflow_are_refused():
    white = Whitener().fit(np.float32(1e30) * X.astype(np.float32))
    with pytest.raises(NonFiniteError, match=r"Whitener.inverse_transform: .* in the result"):
        white.inverse_transform(np.full((1, 3), 1e30, np.float32))
    narrow = Whitener().fit(1e-30 * X)
    with pytest.raises(NonFiniteError, match=r"Whitener.transform: .* in the result"):
        narrow.transform(np.full((1, 3), 1e300))


@pytest.mark.parametrize("method", ["ZCA", "", None, "qr"])
def test_methods_have_names(method):
    message = f"method must be one of ('zca', 'pca', 'cholesky'), got {method!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Whitener(method)


@pytest.mark.parametrize("kind", BAD_EPS)
def test_eps_is_checked(kind):
    eps, error, message = BAD_EPS[kind]
    with pytest.raises(error, match=f"Whitener: eps {message}"):
        Whitener(eps=eps)


@pytest.mark.parametrize(
    ("samples", "rank", "d"),
    [(X[:3], 2, 3), (X[:, [0, 1, 0]], 2, 3), (np.ones((9, 2)), 0, 2)],
    ids=["few samples", "a copy", "constant"],
)
def test_cholesky_needs_full_rank(samples, rank, d):
    white = Whitener("cholesky")
    before = state(white)
    with pytest.raises(ValueError, match=f"with eps = 0, has rank {rank} of {d} or nearly so"):
        white.fit(samples)
    np.testing.assert_equal(state(white), before)


def test_cholesky_says_so_where_rounding_decides():
    with pytest.raises(ValueError, match="has rank 2 of 2 or nearly so, and no Cholesky"):
        cholesky_matrices(np.array([[1.0, 1.1], [1.1, 1.0]]), 0.0, np.ones(2))


def test_a_warning_made_an_error_leaves_the_whitener_as_it_was():
    white = Whitener()
    before = state(white)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RankWarning, match="rank 2"):
            white.fit(X[:3])
    np.testing.assert_equal(state(white), before)
    assert issubclass(RankWarning, UserWarning)


def test_a_whitener_shows_how_it_was_made():
    assert repr(Whitener("pca", 0.5)) == "Whitener(method='pca', eps=0.5)"
