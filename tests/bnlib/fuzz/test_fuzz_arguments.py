"""Arrays of other types and other things in the place of arrays and numbers."""

import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from fuzz import OTHER_TYPES, outcome

from bnlib.functional import (
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_train,
)
from bnlib.layers import BatchNorm
from bnlib.axes import broadcast_shape, check_eps, reduction_axes, values_per_channel
from bnlib.stats import mean_var

X = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 4.0]])
ONES = np.ones(2)
CACHE = batch_norm_train(X, None, None)[1]
TENSOR, MASKED = torch.ones(2, 2), np.ma.masked_array(np.eye(2), np.eye(2) > 0)
NO_ARRAYS = [3, 1.5, 1j, "x", b"x", [[1.0, 2.0]], (1.0,), {}, np.float64(1), TENSOR, MASKED]
NO_NUMBERS = [None, "1", b"1", [1], (1,), {}, True, np.True_, 1j, Decimal(1), np.array(1.0), X]
NO_INTEGERS = [*NO_NUMBERS[:10], 1.0, 0.5, math.nan, math.inf, np.float64(1)]


def call_layer(x):
    """Call a new layer."""
    return BatchNorm(2)(x)


PLACES = [  # a function, its name in errors, and its arguments with an array in one place
    (mean_var, "mean_var", lambda a: (a,)),
    (batch_norm_train, "batch_norm_train", lambda a: (a, None, None)),
    (batch_norm_train, "batch_norm_train", lambda a: (X, a, None)),
    (batch_norm_train, "batch_norm_train", lambda a: (X, None, a)),
    (batch_norm_eval, "batch_norm_eval", lambda a: (a, None, None, ONES, ONES)),
    (batch_norm_eval, "batch_norm_eval", lambda a: (X, a, None, ONES, ONES)),
    (batch_norm_eval, "batch_norm_eval", lambda a: (X, None, a, ONES, ONES)),
    (batch_norm_eval, "batch_norm_eval", lambda a: (X, None, None, a, ONES)),
    (batch_norm_eval, "batch_norm_eval", lambda a: (X, None, None, ONES, a)),
    (batch_norm_backward, "batch_norm_backward", lambda a: (a, CACHE)),
    (batch_norm_eval_backward, "batch_norm_eval_backward", lambda a: (a, CACHE)),
    (call_layer, "BatchNorm", lambda a: (a,)),
]
each_place = pytest.mark.parametrize(("call", "op", "arguments"), PLACES)


@each_place
def test_other_types_are_refused_in_every_rank_and_layout(call, op, arguments):
    for dtype in OTHER_TYPES:
        wide = np.zeros((4, 4), dtype)
        views = wide[:2, :2], wide[0, :2], wide[::-2, ::2].T, wide[:0], wide[..., None]
        for array in (*views, np.zeros((), dtype), np.zeros((1,) * 6, dtype)):
            assert type(outcome(op, call, *arguments(array))) is TypeError


@each_place
def test_what_is_no_array_is_refused(call, op, arguments):
    for thing in NO_ARRAYS:
        assert type(outcome(op, call, *arguments(thing))) is TypeError


@pytest.mark.parametrize("axis", NO_INTEGERS, ids=repr)
def test_an_axis_that_is_no_integer_is_refused(axis):
    zero_one = (None, None, np.zeros(2), ONES)
    results = [
        outcome("mean_var", mean_var, X, axis),
        outcome("batch_norm_train", batch_norm_train, X, None, None, 1e-5, axis),
        outcome("batch_norm_eval", batch_norm_eval, X, *zero_one, 1e-5, axis),
        outcome("reduction_axes", reduction_axes, 2, axis),
        outcome("broadcast_shape", broadcast_shape, (3, 2), axis),
        outcome("values_per_channel", values_per_channel, (3, 2), axis),
    ]
    assert [type(result) for result in results] == [TypeError] * 6


@pytest.mark.parametrize(
    "eps", [*NO_NUMBERS, math.nan, math.inf, -math.inf, -1e-300, -1], ids=repr
)
def test_an_eps_that_is_no_number_or_no_size_is_refused(eps):
    error = ValueError if isinstance(eps, int | float) and eps is not True else TypeError
    results = [
        outcome("f", check_eps, "f", eps),
        outcome("BatchNorm", BatchNorm, 2, eps),
        outcome("batch_norm_train", batch_norm_train, X, None, None, eps),
        outcome("batch_norm_eval", batch_norm_eval, X, None, None, ONES, ONES, eps),
    ]
    assert [type(result) for result in results] == [error] * 4


@pytest.mark.parametrize(
    "eps", [0, 1, 0.5, np.float32(0.1), np.int8(3), np.float16(0.5), 5e-324]
)
def test_a_number_of_any_type_is_an_eps(eps):
    assert check_eps("f", eps) == float(eps)
    y, cache = batch_norm_train(X, None, None, eps)
    np.testing.assert_array_equal(y, batch_norm_train(X, None, None, float(eps))[0])
    assert type(cache.eps) is float
