"""Set-ups in which a verdict would mean nothing are refused, with the reason."""

import numpy as np
import pytest

from bnlib.functional import batch_norm_backward, batch_norm_train
from bnlib.gradcheck import MeaninglessCheckError, gradcheck


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def batch_norm(x):
    return batch_norm_train(x, None, None)[0]


def right(x):
    cache = batch_norm_train(x, None, None)[1]
    return lambda dy: batch_norm_backward(dy, cache)[0]


@pytest.mark.parametrize("channels", [1, 5, 8, 30])
def test_two_samples_in_batch_norm_are_refused(channels):
    """CS231n's network check: there a right backward pass shows errors of 1e-4."""
    for seed in range(10):
        x = draw(2, channels, seed=seed)
        with pytest.raises(MeaninglessCheckError) as caught:
            gradcheck(batch_norm, x, right(x), seed=seed)
        reason = str(caught.value)
        assert "batch norm of N = 2 is so" in reason or "not exact enough" in reason
    assert "gradcheck: most of the gradient is nearly 0 though f is not flat" in str(
        caught.value
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [3, 4, 5])
def test_three_samples_are_enough(n, channels):
    for seed in range(5):
        x = draw(n, channels, seed=seed)
        assert gradcheck(batch_norm, x, right(x), seed=seed)


def test_the_sum_of_a_normalized_output_is_refused():
    """A public exercise asks for this gradient; `return zeros` is right."""
    x = draw(6, 3)
    message = "the gradient of the loss is 0, or lost in rounding .* returning zeros would pass"
    for dx in (np.zeros((6, 3)), lambda w: w * right(x)(np.ones((6, 3)))):
        with pytest.raises(MeaninglessCheckError, match=message):
            gradcheck(lambda x: np.sum(batch_norm(x)), x, dx)


def test_the_sum_of_squares_of_a_normalized_output_is_refused():
    """CMU 10-714 tests so: the gradient is of the size of eps."""
    x = draw(64, 3)
    with pytest.raises(
        MeaninglessCheckError, match=r"gradient of the loss is 0|not exact enough"
    ):
        gradcheck(
            lambda x: np.sum(batch_norm(x) ** 2), x, lambda w: 2 * w * right(x)(batch_norm(x))
        )


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_function_is_refused(value):
    with pytest.raises(MeaninglessCheckError, match="the gradient of the loss is 0"):
        gradcheck(lambda x: np.full(4, value), draw(4), np.zeros(4))


def test_a_kink_within_the_step_is_refused():
    x = draw(4, 3)
    x[1, 2] = 1e-7
    with pytest.raises(MeaninglessCheckError, match=r"truncation .* move x away from a kink"):
        gradcheck(np.abs, x, lambda w: w * np.sign(x))


@pytest.mark.parametrize("step", [0.5, 1e-13])
def test_a_bad_step_is_refused(step):
    x = draw(4, 3)
    with pytest.raises(MeaninglessCheckError, match=r"not exact enough .* choose step"):
        gradcheck(np.sin, x, lambda w: w * np.cos(x), step=step)


def test_a_random_function_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(MeaninglessCheckError, match="two calls of f gave different results"):
        gradcheck(lambda x: x * rng.random(4), draw(4), np.ones(4))


def test_a_function_need_not_be_defined_where_x_is_shuffled():
    """Every arrangement but the given one is outside its domain."""
    x = np.array([1.0, 5.0, 9.0])
    assert gradcheck(lambda x: np.log(np.diff(x)), x, lambda w: np.array(
        [-w[0] / 4, w[0] / 4 - w[1] / 4, w[1] / 4]
    ))  # fmt: skip


def test_saturated_functions_say_that_they_are():
    x = 20 * np.sign(draw(6, 3)) + 0.1 * draw(6, 3, seed=1)
    with pytest.raises(MeaninglessCheckError):
        gradcheck(np.tanh, x, lambda w: w / np.cosh(x) ** 2)


def test_a_function_that_changes_its_argument_does_no_harm():
    def f(x):
        x *= 2
        return x

    x = draw(4)
    before = x.copy()
    assert gradcheck(f, x, lambda w: 2 * w)
    np.testing.assert_array_equal(x, before)


def test_a_backward_pass_that_changes_its_argument_does_no_harm():
    def backward(w):
        w *= 2
        return w

    assert gradcheck(lambda x: 2 * x, draw(4), backward)


def test_meaningless_is_a_value_error():
    assert issubclass(MeaninglessCheckError, ValueError)
