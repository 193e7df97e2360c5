"""What `Whitener` and the inverse roots refuse, with the reason, and nothing changed."""

import math
import warnings

import numpy as np
import pytest
from reference import untouched
from refusals import NonFiniteError, Row, each_row, no_eps, no_float_array

from bnlib.whitening import (
    NotFittedError,
    RankWarning,
    Whitener,
    inverse_sqrt_eigh,
    inverse_sqrt_newton_schulz,
)
from bnlib.whitening.matrices import cholesky_matrices

X = np.random.default_rng(0).standard_normal((20, 3))
CALLS = {
    "fit": Whitener.fit,
    "fit_transform": Whitener.fit_transform,
    "transform": Whitener.transform,
    "inverse_transform": Whitener.inverse_transform,
}


def newton_schulz(cov, iterations=15):
    """Take so many steps."""
    return inverse_sqrt_newton_schulz(cov, iterations)


ROOTS = {"inverse_sqrt_eigh": inverse_sqrt_eigh, "inverse_sqrt_newton_schulz": newton_schulz}


def fitted():
    """Return a whitener that has learnt from X."""
    return Whitener("pca").fit(X)


# fmt: off
def of_every_call():
    """Yield the rows of samples that no method takes, and those of `fit` alone."""
    for name, call in CALLS.items():
        op = "Whitener." + ("fit" if name.startswith("fit") else name)
        yield from no_float_array(op, "X", call, fitted)
        yield from [
            Row(ValueError,
                f"{op}: expected a matrix, shape (samples, features), got shape {{0.shape}}; "
                "flatten ...", call, (X[0], X.reshape(5, 4, 3), X[:0], X[:, :0]), fitted),
            Row(NonFiniteError,
                f"{op}: expected finite values in X, got NaN or infinity; look for ...", call,
                (np.full((20, 3), math.nan), np.full((20, 3), math.inf)), fitted),
        ]
        if name.startswith("fit"):
            yield from [
                Row(ValueError, f"{op}: needs at least 2 samples, got X of shape (1, 3); ...",
                    call, (X[:1],), Whitener),
                Row(NonFiniteError, f"{op}: expected finite values in the covariance...",
                    call, (1e200 * X, np.full((2, 1), 1.7e308)), fitted),
            ]
            continue
        yield from [
            Row(NotFittedError, f"{op}: ... learnt nothing yet; ...", call, (X,), Whitener),
            Row(ValueError, f"{op}: expected 3 columns as in fit, got shape (20, 2); ...",
                call, (X[:, :2],), fitted),
        ]


WHITENER = [
    *no_eps("Whitener", lambda eps: Whitener(eps=eps)),
    Row(ValueError, "Whitener: method must be one of ('zca', 'pca', 'cholesky'), got {0!r}",
        Whitener, ("ZCA", "", None, "qr")),
    Row(NonFiniteError, "Whitener.inverse_transform: ... in the result...",
        lambda white: white.inverse_transform(np.full((1, 3), 1e30, np.float32)),
        on=lambda: Whitener().fit(np.float32(1e30) * X.astype(np.float32))),
    Row(NonFiniteError, "Whitener.transform: ... in the result...",
        lambda white: white.transform(np.full((1, 3), 1e300)),
        on=lambda: Whitener().fit(1e-30 * X)),
    *[Row(ValueError,
          f"Whitener.fit: ... with eps = 0, has rank {rank} of {x.shape[1]} or nearly so, and "
          "no Cholesky factor; give a larger eps, more samples than features ...", Whitener.fit,
          (x,), lambda: Whitener("cholesky"))
      for x, rank in [(X[:3], 2), (X[:, [0, 1, 0, 1]], 2), (np.ones((9, 2)), 0)]],
    Row(ValueError, "... has rank 2 of 2 or nearly so, and no Cholesky factor; ...",
        lambda cov: cholesky_matrices(cov, 0.0, np.ones(2)),
        (np.array([[1, 1.1], [1.1, 1]]),)),
]


def of_every_root():
    """Yield the rows of matrices that have no inverse root."""
    for op, root in ROOTS.items():
        yield from no_float_array(op, "cov", root)
        yield from [
            Row(ValueError,
                f"{op}: cov must be a square matrix, shape (d, d), got shape {{0.shape}}; ...",
                root, (np.ones(3), np.ones((2, 3)), np.ones((0, 0)))),
            Row(NonFiniteError,
                f"{op}: expected finite values in cov, got NaN or infinity; look ...", root,
                (np.diag([1.0, math.nan]), np.diag([1.0, math.inf]))),
            Row(ValueError,
                f"{op}: cov must be symmetric, but differs from its transpose by 0.1; a "
                "covariance is (X - mu).T @ ...", root, (np.array([[1.0, 0.2], [0.1, 1.0]]),)),
        ]


NOT_POSITIVE = (  # rank 1, zero, lost in rounding, negative, all zero, all negative
    np.ones((3, 3)), np.diag([1.0, 0.0]), np.diag([1.0, 1e-17]), np.diag([1.0, -0.1]),
    np.zeros((2, 2)), -np.eye(2),
)
POSITIVE = (
    "inverse_sqrt_eigh: cov is not positive definite to working precision, its smallest "
    "eigenvalue is {}, eps included; give a larger eps, or use more samples than dimensions"
)
DIVERGED = (
    "inverse_sqrt_newton_schulz: ...diverged, so cov has a negative eigenvalue or is nearly "
    "singular; compute it from centred data, or add eps to its diagonal"
)
EIGH_AND_NEWTON_SCHULZ = [
    *no_eps("inverse_sqrt_eigh", lambda eps: inverse_sqrt_eigh(np.eye(2), eps)),
    Row(ValueError, POSITIVE.format("... of ..."), inverse_sqrt_eigh,
        (*NOT_POSITIVE, *(cov.astype(np.float32) for cov in NOT_POSITIVE))),
    Row(ValueError, POSITIVE.format("0 of 9"), inverse_sqrt_eigh, (np.diag([0.0, 2.0, 9.0]),)),
    Row(ValueError, POSITIVE.format("-0.05 of 1.05"),
        lambda cov: inverse_sqrt_eigh(cov, eps=0.05), (np.diag([1.0, -0.1]),)),
    Row(ValueError, "inverse_sqrt_newton_schulz: iterations must be at least 1, got 0; ...",
        lambda steps: newton_schulz(np.eye(2), steps), (0,)),
    Row(TypeError, "inverse_sqrt_newton_schulz: iterations must be an integer, got {0}; ...",
        lambda steps: newton_schulz(np.eye(2), steps), (2.0, True)),
    Row(ValueError, "inverse_sqrt_newton_schulz: cov is 0, so it has no inverse root...",
        newton_schulz, (np.zeros((2, 2)),)),
    Row(NonFiniteError, DIVERGED, lambda cov: newton_schulz(cov, 50),
        (np.diag([1.0, -0.5]), np.diag([1.0, -1.0]))),
]
# fmt: on


@each_row(of_every_call(), WHITENER, of_every_root(), EIGH_AND_NEWTON_SCHULZ)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


def test_errors_and_warnings_are_of_the_kinds_that_scikit_learn_has():
    assert issubclass(NotFittedError, ValueError)
    assert issubclass(NotFittedError, AttributeError)
    assert issubclass(RankWarning, UserWarning)


def test_a_warning_made_an_error_leaves_the_whitener_as_it_was():
    white = Whitener()
    with warnings.catch_warnings(), untouched(white):
        warnings.simplefilter("error")
        with pytest.raises(RankWarning, match="rank 2"):
            white.fit(X[:3])


def test_a_whitener_shows_how_it_was_made():
    assert repr(Whitener("pca", 0.5)) == "Whitener(method='pca', eps=0.5)"
