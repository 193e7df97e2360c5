"""Whitened data is white, each method by its own definition, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, untouched
from scipy.linalg import sqrtm
from sklearn.decomposition import PCA

from bnlib.whitening import RankWarning, Whitener

METHODS = ["zca", "pca", "cholesky"]
each_method = pytest.mark.parametrize("method", METHODS)
EYE = np.eye(5)


def draw(m=200, d=5, seed=0, mean=3.0):
    """Return correlated samples in rows, of condition number about 100."""
    rng = np.random.default_rng(seed)
    return mean + rng.standard_normal((m, d)) @ rng.standard_normal((d, d))


def covariance(X):
    """Return the biased covariance, by NumPy."""
    return np.cov(X, rowvar=False, bias=True).reshape(X.shape[1], X.shape[1])


@given(
    st.sampled_from(METHODS), st.integers(1, 6), st.integers(0, 99), st.sampled_from([1, 1e-6])
)
def test_output_has_mean_zero_and_covariance_identity(method, d, seed, scale):
    X = scale * draw(4 * d + 3, d, seed)
    Z = Whitener(method).fit_transform(X)
    assert_close(Z.mean(axis=0), np.zeros(d), 1e-9, size=1.0)
    assert_close(covariance(Z), np.eye(d), 1e-7)


@each_method
def test_attributes_are_those_of_the_data(method):
    X = draw()
    white = Whitener(method)
    with untouched(X):
        assert white.fit(X) is white
    W = white.matrix_
    assert_close(white.mean_, X.mean(axis=0), 1e-14)
    assert_close(white.covariance_, covariance(X), 1e-13)
    assert_close(white.eigenvalues_, np.linalg.eigvalsh(covariance(X))[::-1], 1e-13)
    assert_close(W @ covariance(X) @ W.T, EYE, 1e-11)
    assert_close(W @ white.inverse_matrix_, EYE, 1e-12)
    assert_close(white.transform(X[:3]), (X[:3] - X.mean(axis=0)) @ W.T, 1e-12)
    assert white.rank_ == 5


def test_zca_is_symmetric_and_the_inverse_root():
    X = draw()
    W = Whitener("zca").fit(X).matrix_
    np.testing.assert_array_equal(W, W.T)
    assert (np.linalg.eigvalsh(W) > 0).all()
    assert_close(W @ sqrtm(covariance(X)), EYE, 1e-11)


def test_pca_is_scikit_learns_up_to_sign_and_bessel():
    """Ours divides by m, scikit-learn by m - 1: the outputs differ by sqrt((m - 1) / m)."""
    X = draw(m=12)
    Z = Whitener("pca").fit_transform(X)
    theirs = PCA(whiten=True, svd_solver="full").fit_transform(X) / np.sqrt(11 / 12)
    assert_close(abs(Z), abs(theirs), 1e-11)
    assert_close(abs((Z * theirs).mean(axis=0)), np.ones(5), 1e-11)  # one sign a component


def test_pca_components_are_ordered_and_their_signs_fixed():
    X = draw()
    white = Whitener("pca").fit(X)
    W = white.matrix_
    lengths = np.linalg.norm(W, axis=1)  # 1 / sqrt(eigenvalue), so growing
    assert (np.diff(lengths) > 0).all()
    assert_close(lengths, white.eigenvalues_**-0.5, 1e-12)
    assert (W[np.arange(5), abs(W).argmax(axis=1)] > 0).all()
    mirrored = Whitener("pca").fit(2 * X.mean(axis=0) - X).matrix_
    assert_close(mirrored, W, 1e-11)


def test_cholesky_is_triangular_and_goes_feature_by_feature():
    X = draw()
    white = Whitener("cholesky").fit(X)
    W = white.matrix_
    np.testing.assert_array_equal(W, np.tril(W))
    assert (np.diag(W) > 0).all()
    assert_close(white.inverse_matrix_, np.linalg.cholesky(covariance(X)), 1e-12)
    first = (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()
    assert_close(white.transform(X)[:, 0], first, 1e-12)


@each_method
@pytest.mark.parametrize(("dtype", "tol"), [(np.float64, 1e-12), (np.float32, 2e-6)])
def test_there_and_back_again_in_the_dtype_of_the_data(method, dtype, tol):
    X, new = draw().astype(dtype), draw(m=7, seed=1).astype(dtype)
    white = Whitener(method).fit(X)
    for samples in (X, new):
        Z = white.transform(samples)
        back = white.inverse_transform(Z)
        assert Z.dtype == back.dtype == dtype
        assert_close(back, samples, tol)
    assert white.matrix_.dtype == white.mean_.dtype == np.float64


@each_method
def test_eps_is_added_to_the_eigenvalues(method):
    """With eps the variances are lam / (lam + eps), in the directions of the eigenvectors."""
    X, eps = draw(), 0.3
    white = Whitener(method, eps).fit(X)
    W = white.matrix_
    assert_close(W @ (covariance(X) + eps * EYE) @ W.T, EYE, 1e-12)
    shrunk = white.eigenvalues_ / (white.eigenvalues_ + eps)
    assert_close(np.linalg.eigvalsh(covariance(white.transform(X)))[::-1], shrunk, 1e-12)
    assert_close(white.inverse_transform(white.transform(X)), X, 1e-13)
    assert_close(white.covariance_, covariance(X), 1e-13)


@pytest.mark.parametrize("method", ["zca", "pca"])
@pytest.mark.parametrize(("m", "d"), [(5, 5), (4, 9), (2, 3), (3, 50)])
def test_fewer_samples_than_features_warn_with_the_rank(method, m, d):
    """A published notebook whitens 3072 pixels with 1000 images, which eps = 0.1 hides."""
    X = draw(m, d, mean=100.0)
    message = f"{m} samples in {d} dimensions has rank {m - 1}, so {d - m + 1} directions"
    message += ".* cannot be whitened; use more samples than features$"
    with pytest.warns(RankWarning, match=message) as caught:
        white = Whitener(method).fit(X)
    assert caught[0].filename == __file__
    Z = white.transform(X)
    variances = np.linalg.eigvalsh(covariance(Z))[::-1]
    assert_close(variances, [1.0] * (m - 1) + [0.0] * (d - m + 1), 1e-10)
    assert_close(white.inverse_transform(Z), X, 1e-12)
    assert white.rank_ == m - 1
    assert (white.eigenvalues_[m - 1 :] == 0).all()


@each_method
def test_a_rank_hidden_by_eps_is_still_said(method):
    with pytest.warns(RankWarning, match="rank 3"):
        white = Whitener(method, eps=0.1).fit(draw(4, 9))
    assert np.isfinite(white.matrix_).all()


@pytest.mark.parametrize("method", ["zca", "pca"])
@pytest.mark.parametrize("value", [0.1, 0.0])
def test_constant_data_maps_to_zero(method, value):
    with pytest.warns(RankWarning, match="rank 0, so 2 directions"):
        white = Whitener(method).fit(np.full((6, 2), value))
    assert white.rank_ == 0
    np.testing.assert_array_equal(white.matrix_, 0)
    assert (white.transform(np.full((6, 2), value)) == 0).all()


UNITS = {  # standard deviations of features, and how many samples
    "two": ([1e7, 1.0], 1000),
    "many samples": ([3e5, 1.0], 50000),
    "three": ([1.0, 1e-6, 1e6], 400),
    "far apart": ([1e-10, 1.0], 300),
    "in the wrong order": ([1.0, 1e9], 300),
}


@each_method
@pytest.mark.parametrize("mixed", [False, True], ids=["independent", "correlated"])
@pytest.mark.parametrize("case", UNITS)
def test_units_do_not_matter(method, mixed, case):
    """The covariance's eigenvalues lose the squares of such ratios; singular values do not."""
    (units, m), rng = UNITS[case], np.random.default_rng(0)
    tol = 1e-9 + 1e-15 * max(units) / min(units)  # what an SVD keeps
    X = rng.standard_normal((m, len(units)))
    X = (X @ rng.standard_normal((len(units),) * 2) if mixed else X) * units
    X += 10 * np.array(units)
    white = Whitener(method).fit(X)
    Z = white.transform(X)
    assert white.rank_ == len(units)
    assert_close(covariance(Z), np.eye(len(units)), tol)
    U = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[0] * np.sqrt(m)
    turn = U.T @ Z / m  # white output is that of an SVD, but for a rotation
    assert_close(turn @ turn.T, np.eye(len(units)), tol)
    assert_close(white.inverse_transform(Z) / units, X / units, tol)


@pytest.mark.parametrize("units", [[1, 1, 1], [1e6, 1, 1e-3], [1, 1e8, 1e4], [1e-9] * 3])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_dependent_features_are_found_in_any_units(units, offset):
    X = draw(d=3, mean=offset)
    assert Whitener().fit(X * units).rank_ == 3
    X[:, 2] = X[:, 0] - 2 * X[:, 1]
    message = "rank 2, so 1 directions .*; features depend on each other$"
    for method in ("zca", "pca"):
        with pytest.warns(RankWarning, match=message):
            assert Whitener(method).fit(X * units).rank_ == 2
    with pytest.raises(ValueError, match="rank 2 of 3"):
        Whitener("cholesky").fit(X * units)
    X[:, 2] = 7.7
    with pytest.warns(RankWarning, match="rank 2"):
        assert_close(covariance(Whitener().fit_transform(X * units)).trace(), 2.0, 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("correlation", [-0.6, 0.6])
def test_rounding_does_not_choose_the_sign_where_entries_are_equal(dtype, correlation):
    """Two standardized features always have the eigenvectors (1, 1) and (1, -1)."""
    rng = np.random.default_rng(0)
    X = (
        rng.standard_normal((300, 2))
        @ np.linalg.cholesky([[1, correlation], [correlation, 1]]).T
    )
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    want = np.array([[1, 1], [1, -1]])[:: int(np.sign(correlation))]
    for _ in range(50):
        for scale in (1, 3):
            rows = (scale * rng.permutation(X)).astype(dtype)
            np.testing.assert_array_equal(np.sign(Whitener("pca").fit(rows).matrix_), want)
