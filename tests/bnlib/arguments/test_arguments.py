"""What the checks of arguments return; what they refuse is in the tables of the functions."""

import numpy as np
import pytest

from bnlib import arguments
from bnlib.arguments import (
    NonFiniteError,
    check_forward,
    check_input,
    check_integer,
    check_momentum,
    check_number,
    check_statistics,
    check_vectors,
)


def test_what_is_right_comes_back_in_one_type():
    assert check_input("op", np.ones((2, 3, 4)), -1) == 2
    assert check_input("op", np.ones((1, 3)), 0, min_values=3) == 0
    assert type(check_number("op", "eps", np.float32(0.5))) is float
    assert check_number("op", "eps", 2**1022) == 2.0**1022
    assert type(check_integer("op", "n", np.int8(3), 3, "count")) is int
    assert check_momentum("op", 1) == 1
    assert check_statistics("op", np.zeros(2), np.array([1.0, 0.0]), 1e-300) is None
    assert issubclass(NonFiniteError, ValueError)


def test_vectors_are_copied_into_float64():
    v, w = np.ones(3, np.float32), np.ones(3)
    copies = check_vectors("op", 3, gamma=v, beta=w)
    assert [c.dtype for c in copies] == [np.float64] * 2
    assert not any(np.shares_memory(c, a) for c, a in zip(copies, (v, w), strict=True))


def test_gamma_and_beta_may_be_left_out():
    x = np.ones((2, 9))
    gamma, beta, eps, axis = check_forward("op", x, None, None, 1, -1, min_values=2)
    np.testing.assert_array_equal([gamma, beta], [np.ones(9), np.zeros(9)])
    assert (eps, axis) == (1.0, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_five_channels_that_are_not_finite_are_named(bad):
    mean = np.where(np.arange(9) > 1, bad, 0)
    with pytest.raises(NonFiniteError, match=r"in channels \[2, 3, 4, 5, 6\]; look for"):
        check_statistics("op", mean, np.ones(9), 1e-5)


def test_overflow_is_no_warning_where_results_are_checked():
    @arguments.quiet  # a context can be entered only once in a process
    def results():
        return np.float64(1e308) * 10 - np.inf, np.float64(1) / np.float64(0)

    assert np.isnan(results()[0])
    assert np.isinf(results()[1])
