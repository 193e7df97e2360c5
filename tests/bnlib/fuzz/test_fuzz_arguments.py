"""Things of other kinds in the place of arrays and numbers, and extremes that are taken."""

import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from fuzz import OTHER_TYPES, outcome
from reference import assert_close

from bnlib import functional
from bnlib.functional import batch_norm_eval, batch_norm_train
from bnlib.layers import BatchNorm
from bnlib.stats import bessel, channel_sum, mean_var, update_running

X = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 4.0]])
ONES = np.ones(2)
CACHE = batch_norm_train(X, None, None)[1]
FLOATS = [None, 1.0, 0.5, math.nan, math.inf, np.float64(1)]


def views(dtype):
    """Yield arrays of one dtype in all ranks and layouts."""
    wide = np.zeros((4, 4), dtype)
    yield from (wide[:2, :2], wide[0, :2], wide[::-2, ::2].T, wide[:0], wide[..., None])
    yield from (np.zeros((), dtype), np.zeros((1,) * 6, dtype))


NO_NUMBERS = ["1", b"1", [1], (1,), {}, True, np.True_, 1j, np.complex64(1), Decimal(1),
              np.array(1.0), X]  # fmt: skip
NO_ARRAYS = [3, 1.5, 1j, "x", b"x", [[1.0, 2.0]], (1.0,), {}, np.float64(1), torch.ones(2, 2),
             np.ma.masked_array(X, X > 1)]  # fmt: skip
THINGS = {  # what is no array of floats, no number, no integer
    "array": [*NO_ARRAYS, *[view for dtype in OTHER_TYPES for view in views(dtype)]],
    "number": NO_NUMBERS,
    "integer": [*NO_NUMBERS, *FLOATS],
}
# What is given, the function's name in errors, and a call with one thing in one place.
PLACES = {
    "x of mean_var": ("array", "mean_var", mean_var),
    "x of channel_sum": ("array", "channel_sum", channel_sum),
    "running": ("array", "update_running", lambda a: update_running(a, ONES, 0.1)),
    "value": ("array", "update_running", lambda a: update_running(ONES, a, 0.1)),
    "x of a layer": ("array", "BatchNorm", lambda a: BatchNorm(2)(a)),
    "m": ("integer", "bessel", bessel),
    "num_features": ("integer", "BatchNorm", BatchNorm),
    "momentum": ("number", "update_running", lambda v: update_running(ONES, ONES, v)),
    "a layer's momentum": ("number", "BatchNorm", lambda v: BatchNorm(2, momentum=v)),
    "a layer's eps": ("number", "BatchNorm", lambda v: BatchNorm(2, eps=v)),
    "axis of mean_var": ("integer", "mean_var", lambda v: mean_var(X, v)),
}
GIVEN = {  # arguments that are right, and what kind each of them is
    "batch_norm_train": ((X, None, None, 1e-5, 1), ["array"] * 3 + ["number", "integer"]),
    "batch_norm_eval": (
        (X, None, None, ONES, ONES, 1e-5, 1),
        ["array"] * 5 + ["number", "integer"],
    ),
    "batch_norm_backward": ((X, CACHE), ["array"]),
    "batch_norm_eval_backward": ((X, CACHE), ["array"]),
}


def placed(op, i):
    """Return the call of a function with one thing in the place of an argument."""
    given = GIVEN[op][0]
    return lambda thing: getattr(functional, op)(*given[:i], thing, *given[i + 1 :])


PLACES |= {
    f"argument {i} of {op}": (kind, op, placed(op, i))
    for op, (_, kinds) in GIVEN.items()
    for i, kind in enumerate(kinds)
}


@pytest.mark.parametrize("place", PLACES)
def test_a_thing_of_another_kind_is_refused(place):
    kind, op, call = PLACES[place]
    for thing in THINGS[kind]:
        assert type(outcome(op, call, thing)) is TypeError, repr(thing)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_no_plain_array():
    for call in (mean_var, channel_sum, lambda a: batch_norm_train(a, None, None)):
        assert type(outcome(r"\w+", call, np.matrix(X))) is TypeError


@pytest.mark.parametrize("eps", [10**400, -(10**400), math.nan, math.inf, -math.inf, -1e-300])
def test_an_eps_of_no_size_is_refused(eps):
    for place in (
        "argument 3 of batch_norm_train",
        "argument 5 of batch_norm_eval",
        "a layer's eps",
    ):
        _, op, call = PLACES[place]
        assert type(outcome(op, call, eps)) is ValueError


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
