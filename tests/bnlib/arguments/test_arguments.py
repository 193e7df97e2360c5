"""The checks of arguments: what they return, and what they refuse in which words."""

import math
from types import SimpleNamespace

import numpy as np
from refusals import Row, each_row, no_eps, no_float_array

from bnlib import arguments
from bnlib.arguments import (
    NonFiniteError,
    check_backward,
    check_float,
    check_forward,
    check_input,
    check_integer,
    check_like,
    check_momentum,
    check_number,
    check_statistics,
    check_vectors,
)

TWO, ONES = np.zeros(2), np.ones((2, 9))
SAVED = SimpleNamespace(x=ONES)


def number(value):
    return check_number("op", "step", value, -1, 2, "take 1")


def vector(v):
    return check_vectors("op", 3, gamma=v)


def statistics(mean=TWO, var=TWO + 1, eps=1e-5, dtype=None):
    return check_statistics("op", mean, var, eps, dtype)


# fmt: off
BAD = [
    *no_float_array("op", "x", lambda x: check_float("op", "x", x)),
    *no_float_array("op", "x", lambda x: check_input("op", x, 1)),
    *no_float_array("op", "gamma", lambda v: check_forward("op", ONES, v, None, 1e-5, 1)),
    *no_float_array("op", "dy", lambda dy: check_like("op", "dy", dy, ONES)),
    *no_float_array("op", "dy", lambda v: check_backward("op", v, SAVED, "c", type(SAVED))),
    *no_eps("op", lambda eps: check_forward("op", ONES, None, None, eps, 1)),
    Row(ValueError, "op: expected an array of rank 2 or more, ... got rank 1; add ...",
        lambda x: check_input("op", x, 0), (TWO,)),
    Row(ValueError, "op: channel_axis {0} does not exist in an array of ...; use ... -2 to 1",
        lambda axis: check_input("op", ONES, axis), (2, -3, 10**20)),
    Row(TypeError, "op: channel_axis must be an integer, got {0!r}; use 1 ...",
        lambda axis: check_input("op", ONES, axis), (1.0, "1", None, True, np.True_, (1,))),
    Row(ValueError, "op: got an empty x of shape {0.shape}; give at least one sample",
        lambda x: check_input("op", x, 1), tuple(map(np.ones, [(0, 3), (4, 0), (4, 3, 0)]))),
    Row(ValueError, "op: needs at least 3 values per channel, got x of shape (2, 9); use ...",
        lambda: check_input("op", ONES, 1, min_values=3)),
    Row(ValueError, "op: expected 4 channels on axis 1, got x of shape (2, 9); ...",
        lambda: check_input("op", ONES, -1, channels=4)),
    Row(ValueError,
        "op: gamma must have one value per channel, shape (3,), got shape {0.shape}; check ...",
        vector, tuple(map(np.ones, [(), (2,), (4,), (1, 3)]))),
    Row(TypeError, "op: gamma must be a NumPy array ... got NoneType; ...", vector, (None,)),
    Row(TypeError, "op: n must be an integer, got {0!r}; count",
        lambda n: check_integer("op", "n", n, 0, "count"), (1.0, "1", None, True, np.True_)),
    Row(ValueError, "op: n must be at least 2, got {0}; count",
        lambda n: check_integer("op", "n", n, 2, "count"), (1, -5)),
    Row(TypeError, "op: step must be a number, got {0!r}; take 1", number,
        ("1", None, True, np.True_, 1j, [1.0])),
    Row(ValueError, "op: step must lie between -1 and 2, got {0}; take 1", number,
        (-1.1, 2.1, math.nan, math.inf)),
    Row(ValueError, "op: eps must be finite and at least 0, got {0}; use 1",
        lambda v: check_number("op", "eps", v, hint="use 1"), (-1, math.inf, 2**1024)),
    Row(ValueError, "op: v must be finite, got {0}; try",
        lambda v: check_number("op", "v", v, -math.inf, hint="try"), (-math.inf, math.nan)),
    Row(ValueError, "op: momentum must lie between 0 and 1, got {0}; it is the ...",
        lambda v: check_momentum("op", v), (-0.1, 1.1)),
    Row(ValueError, "op: dy must match x, shape (2, 9) ..., got shape (2,) ...",
        lambda: check_like("op", "dy", TWO, ONES)),
    Row(TypeError, "op: cache must be the dict that ... returned, got int; keep ...",
        lambda: check_backward("op", TWO, 3, "cache", dict)),
    Row(NonFiniteError,
        "op: expected finite statistics, got NaN or infinity in channels [2, 3, 4, 5, 6]; ...",
        lambda bad: statistics(np.where(np.arange(9) > 1, bad, 0), np.ones(9)),
        (math.nan, math.inf, -math.inf)),
    Row(NonFiniteError, "op: expected finite statistics, ... in channels [0, 1]; ...",
        lambda bad: statistics(var=TWO + bad), (math.nan, math.inf)),
    Row(NonFiniteError, "op: expected finite statistics, ... in channels [1]; ...",
        lambda: statistics(var=np.array([1, 1e39]), dtype=np.dtype("f4"))),
    Row(ValueError, "op: a variance cannot be negative, got -0.25 ...; ...",
        lambda: statistics(var=np.array([1, -0.25]), eps=1.0)),
    Row(ValueError, "op: channel 1 is constant (variance 0) and eps is 0, so ... is 0; ...",
        lambda: statistics(var=np.array([1.0, 0]), eps=0.0)),
    Row(ValueError,
        "op: channel 0 has var + eps below 4.7e-38, where float32 squares ...; scale x ...",
        lambda: statistics(var=TWO + 1e-38, eps=0.0, dtype=np.dtype("f4"))),
]
# fmt: on


@each_row(BAD)
def test_a_bad_argument_is_refused(row, bad):
    row.check(*bad)


def test_what_is_right_comes_back_in_one_type():
    assert check_input("op", np.ones((2, 3, 4)), -1) == 2
    assert check_input("op", np.ones((1, 3)), 0, min_values=3) == 0
    assert type(check_number("op", "eps", np.float32(0.5))) is float
    assert check_number("op", "eps", 2**1022) == 2.0**1022
    assert type(check_integer("op", "n", np.int8(3), 3, "count")) is int
    assert check_momentum("op", 1) == 1
    assert statistics(var=np.array([1.0, 0.0]), eps=1e-300) is None
    assert issubclass(NonFiniteError, ValueError)


def test_vectors_are_copied_into_float64():
    v, w = np.ones(3, np.float32), np.ones(3)
    copies = check_vectors("op", 3, gamma=v, beta=w)
    assert [c.dtype for c in copies] == [np.float64] * 2
    assert not any(np.shares_memory(c, a) for c, a in zip(copies, (v, w), strict=True))


def test_gamma_and_beta_may_be_left_out():
    gamma, beta, eps, axis = check_forward("op", ONES, None, None, 1, -1, min_values=2)
    np.testing.assert_array_equal([gamma, beta], [np.ones(9), np.zeros(9)])
    assert (eps, axis) == (1.0, 1)


def test_overflow_is_no_warning_where_results_are_checked():
    @arguments.quiet  # a context can be entered only once in a process
    def results():
        return np.float64(1e308) * 10 - np.inf, np.float64(1) / np.float64(0)

    assert np.isnan(results()[0])
    assert np.isinf(results()[1])
