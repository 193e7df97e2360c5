"""Mean and variance in two passes."""

import math

import numpy as np
import pytest
from hypothesis import given
from reference import assert_close
from strategies import cases

from bnlib.axes import reduction_axes
from bnlib.stats import channel_sum, mean_var


@given(cases())
def test_mean_var_match_numpy(case):
    mu, var = mean_var(case.x, case.axis)
    axes = reduction_axes(case.x.ndim, case.axis)
    assert_close(mu, case.x.mean(axis=axes))
    assert_close(var, case.x.var(axis=axes))


@given(cases(dtype=np.float32, max_ratio=1e4))
def test_float32_statistics_are_those_of_the_same_values_in_float64(case):
    mu, var = mean_var(case.x, case.axis)
    expected = mean_var(case.x.astype(np.float64), case.axis)
    assert mu.dtype == var.dtype == np.float64
    assert_close(mu, expected[0], tol=1e-12)
    assert_close(var, expected[1], tol=1e-6)


@pytest.mark.parametrize(("mean", "std"), [(4096, 1), (1e4, 1), (1e4, 0.01), (-1e6, 1)])
def test_variance_is_not_taken_in_one_pass(mean, std):
    """In float32, mean(x²) - mean(x)² is off by 1 or more here, and can be negative."""
    x = np.random.default_rng(0).normal(mean, std, (1000, 3)).astype(np.float32)
    one_pass = (x * x).mean(axis=0) - x.mean(axis=0) ** 2
    exact = x.astype(np.float64).var(axis=0)
    assert (np.abs(one_pass / exact - 1) > 0.1).any()
    assert_close(mean_var(x)[1] / exact, np.ones(3), tol=1e-6)


@pytest.mark.parametrize("value", [0.1, -123.456, 1e300])
@pytest.mark.parametrize("m", [1, 3, 1000])
def test_a_constant_channel_has_variance_zero(value, m):
    mu, var = mean_var(np.full((m, 1), value / m))
    assert_close(mu, [value / m], tol=1e-15)
    assert var == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_channel_that_is_not_finite_leaves_the_others_alone(bad):
    mu, var = mean_var(np.array([[bad, 1.0], [0.0, 3.0]]))
    assert not np.isfinite(mu[0])
    assert np.isnan(var[0])
    assert (mu[1], var[1]) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("dtype", "big", "wanted"),
    [(np.float32, 2.0**100, 2.0**200), (np.float64, 1e200, math.inf)],
)
def test_squares_are_float64_and_may_overflow_without_a_warning(dtype, big, wanted):
    mu, var = mean_var(np.array([[big], [-big]], dtype))
    assert (mu, var) == (0.0, wanted)


def test_channel_sum_adds_in_float64():
    x = np.array([[2.0**24], [1.0], [1.0]], np.float32)  # float32 would stay at 2**24
    assert channel_sum(x).dtype == np.float64
    assert channel_sum(x) == 2**24 + 2
