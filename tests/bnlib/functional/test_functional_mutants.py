"""What mutants of `bnlib.functional` showed to be untested: defaults and whole messages."""

import numpy as np
import pytest

from bnlib.functional import (
    batch_norm_double_backward,
    batch_norm_eval_double_backward,
    batch_norm_train,
    jacobian,
    staged_forward,
)

FORWARD = pytest.mark.parametrize("forward", [batch_norm_train, staged_forward])


def test_staged_and_closed_form_have_the_same_default_eps():
    x = np.array([[1.0], [2.0]])
    assert staged_forward(x, None, None).eps == batch_norm_train(x, None, None)[1].eps == 1e-5


@FORWARD
def test_a_single_value_gets_advice(forward):
    message = r"^\w+: needs at least 2 values .*; use a larger batch or batch_norm_eval$"
    with pytest.raises(ValueError, match=message):
        forward(np.ones((1, 3)), None, None)


@FORWARD
def test_a_float32_spread_whose_squares_lose_digits_is_refused(forward):
    x = np.array([[0.0], [1e-19]], np.float32)
    with pytest.raises(ValueError, match=r"channel 0 has var \+ eps below .*float32 squares"):
        forward(x, None, None, eps=0.0)
    forward(x.astype(np.float64), None, None, eps=0.0)


def test_a_jacobian_that_is_too_large_gets_advice():
    message = r"; take fewer values or channels, or multiply by the Jacobian without building "
    with pytest.raises(ValueError, match=message + r"it: batch_norm_backward$"):
        jacobian(np.ones(3000))


@pytest.mark.parametrize(
    "double", [batch_norm_double_backward, batch_norm_eval_double_backward]
)
def test_double_backward_says_what_came_and_what_to_do(double):
    x = np.ones((2, 1))
    with pytest.raises(TypeError, match=r"cache must be the BatchNormCache .*, got dict$"):
        double(x, None, None, x, {})
    message = (
        r"got None three times; a loss that depends on no gradient has no double backward$"
    )
    with pytest.raises(ValueError, match=message):
        double(None, None, None, x, batch_norm_train(np.eye(2), None, None)[1])
