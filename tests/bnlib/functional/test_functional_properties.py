"""The functions beside autograd, for any shape, channel axis, strides, scale and eps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, torch_batch_norm
from strategies import cases

from bnlib.axes import broadcast_shape
from bnlib.functional import (
    BatchNormCache,
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_train,
)


def forward(case, x=None):
    """Return y and the cache, for the case's x or another."""
    x = case.x if x is None else x
    return batch_norm_train(x, case.gamma, case.beta, case.eps, case.axis)


def per_channel(case, vector):
    """Return one value per channel in a shape that broadcasts against x."""
    return np.reshape(vector, broadcast_shape(case.x.shape, case.axis))


def assert_same_gradients(case, cache, actual, expected, tol=1e-10):
    """Compare dx in units of gamma / std, where it is of the size of dy."""
    unit = per_channel(case, np.abs(cache.gamma) * cache.inv_std)
    size = np.abs(case.dy).max()
    assert_close(actual[0] / unit, expected[0] / unit, tol, size)
    for ours, theirs in zip(actual[1:], expected[1:], strict=True):
        assert_close(ours, theirs, tol, size * case.m)


@given(cases())
def test_forward_and_backward_match_autograd(case):
    y, cache = forward(case)
    expected = torch_batch_norm(case.x, case.gamma, case.beta, case.dy, case.eps, case.axis)
    assert_close(y, expected[0])
    assert_same_gradients(case, cache, batch_norm_backward(case.dy, cache), expected[1:])


@given(cases(), st.integers(0, 99))
def test_evaluation_and_its_backward_match_autograd(case, seed):
    rng = np.random.default_rng(seed)
    channels = case.x.shape[case.axis]
    mean, var = rng.normal(size=channels), rng.uniform(0.5, 2, channels)
    arguments = (case.x, case.gamma, case.beta, case.dy, case.eps, case.axis, mean, var)
    expected = torch_batch_norm(*arguments)
    y = batch_norm_eval(case.x, case.gamma, case.beta, mean, var, case.eps, case.axis)
    gamma = np.ones(channels) if case.gamma is None else case.gamma
    cache = BatchNormCache(case.x, mean, var, gamma, case.eps, case.axis)
    assert_close(y, expected[0])
    dx, dgamma, dbeta = batch_norm_eval_backward(case.dy, cache)
    assert_close(dx, expected[1])
    assert_close(dgamma, expected[2], size=np.abs(case.dy * cache.x_hat).sum())
    assert_close(dbeta, expected[3], size=np.abs(case.dy).sum())


@given(cases(dtype=np.float32, max_ratio=1e4))
def test_float32_stays_float32_and_near_float64(case):
    """The bound is 1e-5 of the largest y, and of dy for the gradients, up to mean 1e4 std."""
    y, cache = forward(case)
    gradients = batch_norm_backward(case.dy, cache)
    y64, cache64 = forward(case, case.x.astype(np.float64))
    gradients64 = batch_norm_backward(case.dy.astype(np.float64), cache64)
    for ours in (y, cache.x_hat, *gradients):
        assert ours.dtype == np.float32
    for exact in (y64, cache64.x_hat, *gradients64):
        assert exact.dtype == np.float64
    assert_close(y, y64, tol=1e-5)
    assert_close(cache.x_hat, cache64.x_hat, tol=1e-5)
    assert_same_gradients(case, cache64, gradients, gradients64, tol=1e-5)
