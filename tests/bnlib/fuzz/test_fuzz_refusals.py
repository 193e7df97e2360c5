"""Numbers and arrays that small functions refuse, and extremes that they survive."""

import math
from decimal import Decimal

import numpy as np
import pytest
from fuzz import OTHER_TYPES, outcome
from reference import assert_close

from bnlib.functional import batch_norm_eval, batch_norm_train
from bnlib.layers import BatchNorm
from bnlib.axes import broadcast_shape, reduction_axes, values_per_channel
from bnlib.stats import bessel, channel_sum, mean_var, update_running

X = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 4.0]])
ONE = np.ones(1)
NO_NUMBERS = ["1", [1], True, np.True_, 1j, np.complex64(1), Decimal(1), np.array(1), X, {}]
NO_SHAPES = [5, None, "ab", (2.5, 3), (2, -3), (2, "3"), {2, 3}, X, (None, 2)]


@pytest.mark.parametrize("thing", [*NO_NUMBERS, None, 2.0, 2.5, math.nan, math.inf], ids=repr)
def test_what_is_no_integer_is_refused(thing):
    assert type(outcome("bessel", bessel, thing)) is TypeError
    assert type(outcome("reduction_axes", reduction_axes, thing)) is TypeError
    assert type(outcome("BatchNorm", BatchNorm, thing)) is TypeError


@pytest.mark.parametrize("thing", NO_NUMBERS, ids=repr)
def test_a_momentum_that_is_no_number_is_refused(thing):
    assert type(outcome("update_running", update_running, ONE, ONE, thing)) is TypeError
    result = outcome("BatchNorm", lambda momentum: BatchNorm(2, momentum=momentum), thing)
    assert type(result) is TypeError


@pytest.mark.parametrize("shape", NO_SHAPES, ids=repr)
def test_what_is_no_shape_is_refused(shape):
    assert type(outcome("broadcast_shape", broadcast_shape, shape)) is TypeError
    assert type(outcome("values_per_channel", values_per_channel, shape)) is TypeError


@pytest.mark.parametrize("dtype", OTHER_TYPES, ids=str)
def test_arrays_of_other_types_are_refused(dtype):
    array = np.zeros((2, 2), dtype)
    assert type(outcome("channel_sum", channel_sum, array)) is TypeError
    assert type(outcome("update_running", update_running, array[0], ONE, 0.1)) is TypeError
    assert type(outcome("update_running", update_running, ONE, array[0], 0.1)) is TypeError


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("thing", [[[1.0]], None, 1.0, np.ma.masked_array(X, X > 1), "matrix"])
def test_what_is_no_plain_array_is_refused(thing):
    thing = np.matrix(X) if isinstance(thing, str) else thing
    assert type(outcome("channel_sum", channel_sum, thing)) is TypeError
    assert type(outcome("mean_var", mean_var, thing)) is TypeError
    assert type(outcome("batch_norm_train", batch_norm_train, thing, None, None)) is TypeError


@pytest.mark.parametrize("eps", [10**400, -(10**400)])
def test_an_integer_beyond_float64_is_no_eps(eps):
    result = outcome("batch_norm_train", batch_norm_train, X, None, None, eps)
    assert type(result) is ValueError


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
    assert f"where {np.dtype(dtype)} squares have" in str(result)
    assert "lost their digits; scale x up or use eps=1e-5" in str(result)
    y = batch_norm_train(x, None, None)[0]
    assert_close(y.ravel(), np.array([-step, step]) / 2e-5**0.5 / 2**0.5, tol=1e-6)
