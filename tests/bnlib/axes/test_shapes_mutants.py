"""What mutants of `bnlib.shapes` showed to be untested: edges and whole messages."""

import numpy as np
import pytest

from bnlib import shapes

X = np.ones((4, 3))


def test_a_shape_may_hold_an_empty_axis():
    assert shapes.broadcast_shape((0, 3)) == (1, 3)
    assert shapes.values_per_channel((0, 3)) == 0


def test_values_are_counted_along_the_given_axis():
    assert shapes.check_input("op", np.ones((1, 3)), 0, min_values=3) == 0


@pytest.mark.parametrize(
    ("x", "axis", "message"),
    [
        (X.astype(int), 1, "op: x must be float32 or float64, got dtype int64; .* x.astype"),
        (X, 2, "op: channel_axis 2 does not exist"),
        (X, 1.0, "op: channel_axis must be an integer"),
    ],
)
def test_check_input_names_the_operation_and_the_argument(x, axis, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        shapes.check_input("op", x, axis)


def test_check_vector_names_the_operation_and_the_argument():
    with pytest.raises(
        TypeError, match=r"^op: gamma must be float32 or float64, .* gamma.astype"
    ):
        shapes.check_vector("op", "gamma", np.ones(3, int), 3, default=1.0)


def test_an_integer_eps_is_refused_where_it_overflows():
    assert shapes.check_eps("op", 2**1022) == 2.0**1022
    with pytest.raises(ValueError, match=r"^op: eps must be finite and at least 0, got 1797"):
        shapes.check_eps("op", 2**1024 - 1)


def test_the_advice_on_a_constant_channel_ends_the_message():
    with pytest.raises(ValueError, match=r"deviation is 0; use eps=1e-5$"):
        shapes.check_statistics("op", np.zeros(1), np.zeros(1), eps=0.0)
