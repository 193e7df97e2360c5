"""Each channel is judged by its own size; functions may reuse their arrays."""

import numpy as np
import pytest
from gradcheck_cases import batch_norm, draw, right
from reference import assert_close

from bnlib.functional import batch_norm_backward, batch_norm_eval, batch_norm_train
from bnlib.gradcheck import gradcheck, numeric_gradient, projection

LAYOUTS = [((16, 2), 1), ((6, 3), 1), ((3, 2, 2, 3), 1), ((3, 4, 2), -1)]


def one_channel_off(backward, channel, axis=1):
    """Return a backward pass that is wrong by 1/1000 in one channel."""

    def wrong(w):
        dx = np.moveaxis(backward(w).copy(), axis, 0)
        dx[channel] *= 1.001
        return np.moveaxis(dx, 0, axis)

    return wrong


@pytest.mark.parametrize(("shape", "axis"), LAYOUTS)
@pytest.mark.parametrize("ratio", [1.0, 1e2, 3e3, 1e6])
@pytest.mark.parametrize("scalar", [False, True], ids=["y", "scalar loss"])
def test_each_channel_is_judged_by_its_own_size(shape, axis, ratio, scalar):
    """The gradient goes with 1 / std: one channel's may hide behind another's."""
    units = np.geomspace(1, 1 / ratio, shape[axis])
    x = np.moveaxis(np.moveaxis(draw(*shape), axis, -1) * units, -1, axis)
    cache = batch_norm_train(x, None, None, 0.0, axis)[1]
    by = draw(*shape, seed=9)

    def f(x):
        y = batch_norm_train(x, None, None, 0.0, axis)[0]
        return np.sum(by * y).reshape(1) if scalar else y

    def backward(w):
        return batch_norm_backward(by * w if scalar else w, cache)[0]

    verdict = gradcheck(f, x, backward)
    assert verdict
    assert verdict.tolerance < 1e-4
    for channel in (0, -1):
        verdict = gradcheck(f, x, one_channel_off(backward, channel, axis))
        assert not verdict
        assert verdict.worst_index[axis] == channel % shape[axis]


@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e6])
def test_gradients_by_gamma_and_by_statistics_of_different_size(ratio):
    units, x = np.geomspace(1, 1 / ratio, 3), draw(8, 3)
    gamma, beta, var = draw(3, seed=1) * units, draw(3, seed=2), units**2
    cache = batch_norm_train(x, gamma, beta)[1]

    cases = [
        (lambda g: batch_norm_train(x, g, beta)[0], gamma,
         lambda w: batch_norm_backward(w, cache)[1]),
        (lambda x: batch_norm_train(x, gamma, None)[0], x,
         lambda w: batch_norm_backward(w, cache)[0]),
        (lambda x: batch_norm_eval(x, None, None, 0 * var, var, 0.0), x * units,
         lambda w: w / units),
    ]  # fmt: skip
    for f, point, backward in cases:
        assert gradcheck(f, point, backward)
        for channel in (0, 2):
            assert not gradcheck(f, point, one_channel_off(backward, channel, point.ndim - 1))


def test_a_channel_that_does_not_count_must_have_gradient_0():
    x = draw(6, 3)

    def f(x):
        return batch_norm(x)[:, :2]

    def backward(w):
        return right(x)(np.column_stack([w, np.zeros(6)]))

    assert gradcheck(f, x, backward)
    verdict = gradcheck(f, x, lambda w: backward(w) + np.array([0, 0, 1e-15]))
    assert (verdict.ok, verdict.worst_index[1], verdict.size) == (False, 2, 0.0)


def test_f_and_the_backward_pass_may_write_into_arrays_of_their_own():
    x, y, dx = draw(8, 2), np.empty((8, 2)), np.empty((8, 2))

    def f(x):
        y[...] = batch_norm(x)
        return y

    def backward(w):
        dx[...] = right(x)(w)
        return dx

    assert gradcheck(f, x, backward)
    assert not gradcheck(f, x, lambda w: 1.001 * backward(w))
    assert_close(numeric_gradient(f, x, projection((8, 2)), 1e-5), dx, 1e-8)
    assert gradcheck(f, x, dx)


def test_a_kink_near_the_point_gets_a_smaller_step():
    x = draw(4, 3)
    x[1, 2] = 1e-7
    assert gradcheck(np.abs, x, lambda w: w * np.sign(x))
    assert not gradcheck(np.abs, x, lambda w: 1.001 * w * np.sign(x))
