"""Faults that are known from published code, on arrays small enough for loops in Python."""

import math

import numpy as np
import pytest
from kernel_ways import exact_var, walking
from reference import assert_close, torch_batch_norm

from bnlib import functional, kernels


@pytest.mark.parametrize("way", ["rows", "slabs", "small"])
def test_backward_is_autograds(way):
    """FIELD: one published dx lost the part that goes through the mean's effect on var."""
    rng = np.random.default_rng(0)
    x, dy, gamma, beta = rng.normal(3, 2, (6, 5, 7)), *rng.normal(size=(3, 6, 5, 7))
    gamma, beta = gamma[0, :, 0].copy(), beta[0, :, 0].copy()
    y, dx, dgamma, dbeta = torch_batch_norm(x, gamma, beta, dy, 1e-5, 1)
    with walking(way):
        ours, cache = kernels.batch_norm_train(x, gamma, beta)
        gradients = kernels.batch_norm_backward(dy, cache)
    assert_close(ours, y, tol=1e-13)
    for got, want in zip(gradients, (dx, dgamma, dbeta), strict=True):
        assert_close(got, want, tol=1e-12)


@pytest.mark.parametrize("way", ["rows", "slabs", "small"])
def test_gradient_goes_through_the_statistics(way):
    """For dy = x_hat + 0.5 nearly nothing is left; with detached statistics, dx is dy / std."""
    x = np.random.default_rng(0).normal(size=(64, 5))
    with walking(way):
        cache = kernels.batch_norm_train(x, None, None)[1]
        dy = cache.x_hat + 0.5
        assert np.abs(kernels.batch_norm_backward(dy, cache)[0]).max() < 1e-4
        detached = kernels.batch_norm_eval_backward(dy, cache)[0]
    assert_close(detached, dy * cache.inv_std, tol=1e-14)


@pytest.mark.parametrize("way", ["rows", "slabs", "small"])
def test_variance_of_close_values_at_a_large_mean(way):
    """One pass of squares in float32 gives -2, 0 or 16 where the variance is 1."""
    x = np.float32(4096) + np.random.default_rng(0).standard_normal((1000, 2), np.float32)
    with walking(way):
        var = kernels.batch_norm_train(x, None, None)[1].var
    assert_close(var / exact_var(x, 1), np.ones(2), tol=1e-6)


@pytest.mark.parametrize("way", ["rows", "slabs", "small"])
def test_eps_stands_inside_the_root(way):
    x = np.array([[-1.0], [1.0]])
    with walking(way):
        y, cache = kernels.batch_norm_train(x, None, None, eps=3.0)
    np.testing.assert_array_equal(y, x / 2)
    np.testing.assert_array_equal(cache.inv_std, [0.5])


@pytest.mark.parametrize("way", ["rows", "slabs", "small"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_spoils_its_own_channel_alone(way, bad):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(2, 40, 3))
    dy[7, 1] = bad
    with walking(way):
        cache = kernels.batch_norm_train(x, None, None)[1]
        got = kernels.batch_norm_backward(dy, cache)
        other = kernels.batch_norm_eval_backward(dy, cache)[0]
    wanted = functional.batch_norm_backward(dy, cache)
    for ours, theirs in zip(got, wanted, strict=True):
        assert_close(ours[..., ::2], theirs[..., ::2], tol=1e-12)
        assert not np.isfinite(ours[..., 1]).any()
    assert np.isfinite(np.delete(other, 7, axis=0)).all()


def test_values_whose_float32_sums_overflow():
    """Squares of 1e18 fit into float32, thousands of them do not; NumPy takes over."""
    x = np.float32(1e18) * np.random.default_rng(0).standard_normal((5000, 2), np.float32)
    y, cache = kernels.batch_norm_train(x, None, None)
    assert_close(cache.var / x.astype(np.float64).var(0), np.ones(2), tol=1e-7)
    assert_close(y, functional.batch_norm_train(x, None, None)[0], tol=1e-6)
    for scale in (1e36, 1e-42):
        dy = (scale * np.sign(x)).astype(np.float32)
        got, want = (m.batch_norm_backward(dy, cache) for m in (kernels, functional))
        for ours, theirs in zip(got, want, strict=True):
            assert_close(ours, theirs, tol=1e-5)
