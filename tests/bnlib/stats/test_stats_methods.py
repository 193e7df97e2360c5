"""One pass, Welford, and the merging of partial statistics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, untouched
from strategies import cases

from bnlib.stats import mean_var, merge, one_pass_mean_var, welford_mean_var

METHODS = [one_pass_mean_var, welford_mean_var]
each_method = pytest.mark.parametrize("method", METHODS)


@given(cases(max_ratio=10))
def test_all_methods_agree_in_float64_where_the_mean_is_not_large(case):
    expected = mean_var(case.x, case.axis)
    for method in METHODS:
        mu, var = method(case.x, case.axis)
        assert mu.dtype == var.dtype == np.float64
        assert_close(mu, expected[0])
        assert_close(var, expected[1])


@pytest.mark.parametrize(
    ("mean", "one_pass", "welford", "two_pass"),
    [(0, 1e-5, 1e-5, 1e-6), (1e2, 1, 1e-5, 1e-6), (1e4, 1e4, 1e-2, 1e-6)],
)
def test_float32_errors_of_the_three_methods(mean, one_pass, welford, two_pass):
    """Welford rounds its running mean at every step, so it is less exact than two passes."""
    x = np.random.default_rng(0).normal(mean, 1, (4000, 8)).astype(np.float32)
    exact = x.astype(np.float64).var(axis=0)
    errors = [abs(f(x)[1] / exact - 1).max() for f in (*METHODS, mean_var)]
    assert np.less(errors, [one_pass, welford, two_pass]).all()
    assert errors[1] > 10 * errors[2]
    if mean == 1e4:
        assert np.greater(errors[:2], [10, 2e-5]).all()


@each_method
def test_methods_keep_the_dtype_and_the_input(method):
    x = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
    with untouched(x):
        mu, var = method(x, channel_axis=-1)
    assert mu.dtype == var.dtype == np.float32
    assert mu.shape == var.shape == (2,)


@each_method
def test_one_value_has_variance_zero(method):
    mu, var = method(np.array([[7.0, -2.0]]))
    assert (mu.tolist(), var.tolist()) == ([7.0, -2.0], [0.0, 0.0])


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=30))
def test_welford_is_never_negative(values):
    x = np.array(values, np.float32)[:, None]
    assert welford_mean_var(x)[1] >= 0


@each_method
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_methods_leave_other_channels_alone(method, bad):
    mu, var = method(np.array([[bad, 1.0], [0.0, 3.0]]))
    assert not np.isfinite(mu[0])
    assert np.isnan(var[0])
    assert (mu[1], var[1]) == (2.0, 1.0)


@each_method
def test_squares_that_overflow_give_no_warning(method):
    assert method(np.array([[1e200], [-1e200]]))[1] == math.inf


def moments(x):
    """Return count, mean and summed squared deviation of the rows of x."""
    return len(x), x.mean(axis=0), len(x) * x.var(axis=0)


@given(st.integers(1, 9), st.integers(1, 9), st.floats(-1e6, 1e6), st.integers(0, 99))
def test_merge_equals_the_statistics_of_all_values(n_a, n_b, shift, seed):
    x = shift + np.random.default_rng(seed).standard_normal((n_a + n_b, 3))
    x[:n_a] *= 2
    n, mean, m2 = merge(*moments(x[:n_a]), *moments(x[n_a:]))
    expected = moments(x)
    assert n == expected[0]
    assert_close(mean, expected[1], 1e-13)
    np.testing.assert_allclose(m2, expected[2], rtol=1e-6)


@given(st.integers(0, 99))
def test_merge_gives_the_same_in_any_order(seed):
    rng = np.random.default_rng(seed)
    a, b, c = (moments(rng.standard_normal((n, 2))) for n in (2, 3, 5))
    left, right = merge(*merge(*a, *b), *c), merge(*merge(*c, *a), *b)
    for one, other in zip(left, right, strict=True):
        assert_close(one, other, 1e-14)


def test_an_empty_part_changes_nothing_whatever_it_holds():
    part = moments(np.array([[1.0, 2.0], [3.0, 7.0]]))
    empty = (0, np.array([math.nan, 5.0]), np.array([math.inf, -1.0]))
    for result in (merge(*part, *empty), merge(*empty, *part)):
        np.testing.assert_equal(result, part)
    np.testing.assert_equal(merge(*empty, *empty), (0, np.zeros(2), np.zeros(2)))


def test_merge_takes_float32_and_numpy_counts_and_answers_in_float64():
    one = np.ones(2, np.float32)
    with untouched(one):
        n, mean, m2 = merge(np.int64(1), one, 0 * one, np.int64(3), 2 * one, one)
    assert (type(n), n) == (int, 4)
    assert mean.dtype == m2.dtype == np.float64
    assert (mean.tolist(), m2.tolist()) == ([1.75, 1.75], [1.75, 1.75])
