"""Numbers at the edges of the compiled functions' ranges: small, large and far from 0."""

import math

import numpy as np
import pytest
from kernel_ways import walking
from reference import assert_close

from bnlib import functional, kernels

NEW = np.random.default_rng(0)


@pytest.mark.parametrize("scale", [1e-25, 1e25, 0.0, 1.0])
def test_scales_may_leave_the_range_of_float32(scale):
    """A slope times a scale may, where neither does."""
    size = np.float32(1e-10 if scale < 1e-20 else 1e10)
    x, dy = NEW.normal(size=(2, 40, 3)).astype(np.float32)
    cache = functional.batch_norm_train(x, np.full(3, scale), None, eps=0.0)[1]
    wide = functional.batch_norm_train(x.astype(np.float64), None, None, eps=0.0)[1]
    dx = kernels.batch_norm_backward(size * dy, cache)[0].astype(np.float64)
    wanted = functional.batch_norm_backward(dy.astype(np.float64), wide)[0]
    assert_close(dx / (scale or 1.0) / size, wanted * bool(scale), tol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [0.0, 3.9, 4.5])
def test_the_short_table_gives_the_same_gradient(dtype, mean):
    x, dy = NEW.normal(size=(2, 400, 3)).astype(dtype)
    cache = functional.batch_norm_train(x + dtype(mean), np.array([1.0, -2.0, 0.0]), None)[1]
    got = kernels.batch_norm_backward(dy, cache)
    tol = 2e-6 if dtype == np.float32 else 1e-14
    for ours, theirs in zip(got, functional.batch_norm_backward(dy, cache), strict=True):
        assert_close(ours, theirs, tol=tol, size=float(np.abs(theirs).max()))


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
