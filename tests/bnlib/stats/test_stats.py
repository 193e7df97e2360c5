"""Mean and variance of small arrays: in two passes, in one, and by Welford."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, untouched
from strategies import cases

from bnlib.axes import reduction_axes
from bnlib.stats import (
    channel_sum,
    mean_var,
    one_pass_mean_var,
    update_running,
    welford_mean_var,
)

METHODS = [one_pass_mean_var, welford_mean_var]
each_method = pytest.mark.parametrize("method", [*METHODS, mean_var])


@given(cases())
def test_mean_var_match_numpy(case):
    mu, var = mean_var(case.x, case.axis)
    axes = reduction_axes(case.x.ndim, case.axis)
    assert_close(mu, case.x.mean(axis=axes))
    assert_close(var, case.x.var(axis=axes))
    assert_close(channel_sum(case.x, case.axis), case.x.sum(axis=axes), size=abs(case.x).sum())


@given(cases(dtype=np.float32, max_ratio=1e4))
def test_float32_statistics_are_those_of_the_same_values_in_float64(case):
    mu, var = mean_var(case.x, case.axis)
    expected = mean_var(case.x.astype(np.float64), case.axis)
    assert mu.dtype == var.dtype == np.float64
    assert_close(mu, expected[0], tol=1e-12)
    assert_close(var, expected[1], tol=1e-6)


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


@pytest.mark.parametrize("method", METHODS)
def test_the_other_methods_keep_the_dtype_and_the_input(method):
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
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_channel_that_is_not_finite_leaves_the_others_alone(method, bad):
    mu, var = method(np.array([[bad, 1.0], [0.0, 3.0]]))
    assert not np.isfinite(mu[0])
    assert np.isnan(var[0])
    assert (mu[1], var[1]) == (2.0, 1.0)


@each_method
def test_squares_that_overflow_give_no_warning(method):
    assert method(np.array([[1e200], [-1e200]]))[1] == math.inf


def test_channel_sum_adds_in_float64():
    x = np.array([[2.0**24], [1.0], [1.0]], np.float32)  # float32 would stay at 2**24
    assert channel_sum(x).dtype == np.float64
    assert channel_sum(x) == 2**24 + 2


def test_nan_and_infinity_come_out_where_they_go_in():
    inf, nan = math.inf, math.nan
    np.testing.assert_equal(channel_sum(np.array([[inf, 1.0], [-inf, 2.0]])), [nan, 3.0])
    running, value = np.array([inf, inf, 1.0, nan]), np.array([-inf, 1.0, inf, 1.0])
    np.testing.assert_equal(update_running(running, value, 0.5), [nan, inf, inf, nan])
