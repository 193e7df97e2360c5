"""Extremes that are taken, or refused for a reason."""

import math

import numpy as np
import pytest
from fuzz import outcome
from reference import assert_close

from bnlib.functional import batch_norm_eval, batch_norm_train
from bnlib.stats import channel_sum, update_running

X = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 4.0]])


@pytest.mark.parametrize(
    "eps", [0, 1, 0.5, np.float32(0.1), np.int8(3), np.float16(0.5), 5e-324]
)
def test_a_number_of_any_type_is_an_eps(eps):
    y, cache = batch_norm_train(X, None, None, eps)
    np.testing.assert_array_equal(y, batch_norm_train(X, None, None, float(eps))[0])
    assert type(cache.eps) is float


def test_nan_and_infinity_pass_through_sums_and_averages():
    inf = math.inf
    np.testing.assert_equal(channel_sum(np.array([[inf, 1.0], [-inf, 2.0]])), [math.nan, 3.0])
    np.testing.assert_equal(channel_sum(np.array([[1e308, 1.0], [1e308, 2.0]])), [inf, 3.0])
    old, new = np.array([inf, inf, 1.0, math.nan]), np.array([-inf, 1.0, inf, 1.0])
    wanted = [math.nan, inf, inf, math.nan]
    np.testing.assert_equal(update_running(old, new, 0.5), wanted)


@pytest.mark.parametrize("huge", [1e306, math.inf, -math.inf, math.nan])
def test_a_huge_gamma_spoils_its_own_channel_alone(huge):
    gamma, x = np.array([1.0, huge]), 1e-3 * X
    y = outcome("batch_norm_train", batch_norm_train, x, gamma, None)[0]
    assert_close(y[:, 0], batch_norm_train(x, None, None)[0][:, 0])
    assert not np.isfinite(y[:, 1]).any()
    y = outcome(
        "batch_norm_eval", batch_norm_eval, x, gamma, None, np.ones(2), np.full(2, 1e-9)
    )
    assert np.isfinite(y).all(axis=0).tolist() == [True, False]


@pytest.mark.parametrize(
    ("dtype", "step"), [(np.float64, 3.4e-162), (np.float64, 1e-160), (np.float32, 1e-21)]
)
@pytest.mark.parametrize("eps", [0.0, 1e-310])
def test_a_spread_that_squares_cannot_hold_needs_eps(dtype, step, eps):
    """Without the check the first case would be off by a quarter, silently."""
    x = np.array([[0.0], [step]], dtype)
    result = outcome("batch_norm_train", batch_norm_train, x, None, None, eps)
    assert f"where {np.dtype(dtype)} squares" in str(result)
    assert "lose their digits; scale x up or use eps=1e-5" in str(result)
    y = batch_norm_train(x, None, None)[0]
    assert_close(y.ravel(), np.array([-step, step]) / 2e-5**0.5 / 2**0.5, tol=1e-6)
