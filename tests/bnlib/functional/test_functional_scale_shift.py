"""`scale_shift` works block by block, and in two ways."""

import numpy as np
import pytest
from reference import assert_close

from bnlib.functional import batch_norm_backward, batch_norm_train, scale_shift
from bnlib.passes.blocked import BLOCK, NEAR

SHAPES = [(BLOCK + 3, 2), (5, BLOCK // 2), (3, 4, 200, 201), (7, 30_001)]


def problem(shape, axis, dtype, mean):
    """Return x with a mean of so many standard deviations, and what its result must be."""
    rng = np.random.default_rng(0)
    C = shape[axis]
    mu, scale, shift = rng.normal(mean, 0.1, C), rng.normal(size=C), rng.normal(size=C)
    x = rng.normal(size=shape).astype(dtype)
    wide = [1] * len(shape)
    wide[axis] = C
    x += mu.astype(dtype).reshape(wide)
    exact = x.astype(np.float64) - mu.reshape(wide)
    return x, mu, scale, shift, exact * scale.reshape(wide) + shift.reshape(wide)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [NEAR - 0.5, 1000.0])
@pytest.mark.parametrize("axis", [0, 1, -2])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_block_is_shifted_and_scaled(shape, axis, mean, dtype):
    x, mu, scale, shift, wanted = problem(shape, axis, dtype, mean)
    tol = 4e-6 if dtype == np.float32 else 1e-12
    for var in (None, np.ones_like(mu)):
        y = scale_shift(x, mu, scale, shift, axis, var=var)
        assert y.dtype == dtype
        assert_close(y, wanted, tol=tol)
    out = np.empty_like(x)
    assert scale_shift(x, mu, scale, shift, axis, out=out) is out
    assert_close(out, wanted, tol=tol)


@pytest.mark.parametrize("value", [0.01, 3.0, 1e4])
def test_a_constant_channel_gives_beta_to_the_last_digit(value):
    x = np.full((BLOCK, 2), value, np.float32)
    x[:, 1] = np.linspace(-1, 1, BLOCK, dtype=np.float32)
    y = batch_norm_train(x, None, np.array([0.3, 0.0], np.float32))[0]
    assert (y[:, 0] == np.float32(0.3)).all()


def test_a_far_mean_is_subtracted_before_anything_is_rounded():
    """One channel far from 0 sends all of them the careful way."""
    x = np.random.default_rng(1).normal(size=(BLOCK, 2)).astype(np.float32)
    x[:, 1] += 4096
    y = batch_norm_train(x, None, None)[0]
    wanted = batch_norm_train(x.astype(np.float64), None, None)[0]
    assert_close(y, wanted, tol=1e-6)


def test_a_near_mean_costs_one_pass_less_and_a_few_roundings(monkeypatch):
    passes = []
    subtract = np.subtract
    monkeypatch.setattr(np, "subtract", lambda *a, **k: passes.append(1) or subtract(*a, **k))
    x = np.random.default_rng(2).normal(1.0, 1.0, size=(BLOCK, 3))
    one, zero = np.ones(3), np.zeros(3)
    scale_shift(x, x.mean(0), one, zero, 1, var=one)
    assert not passes
    scale_shift(x, x.mean(0) + NEAR, one, zero, 1, var=one)
    assert passes.pop()
    scale_shift(x[:9], x.mean(0), one, zero, 1, var=one)  # small: nothing to gain
    assert passes.pop()


@pytest.mark.parametrize("mean", [0.0, 3.9, 4.1, 1e3])
def test_both_ways_agree_in_the_backward_pass(mean):
    rng = np.random.default_rng(3)
    x, dy = rng.normal(mean, 1.0, (BLOCK, 4)), rng.normal(size=(BLOCK, 4))
    gradients = batch_norm_backward(dy, batch_norm_train(x, None, None)[1])
    d = x - x.mean(0)
    std = np.sqrt((d * d).mean(0) + 1e-5)
    x_hat = d / std
    wanted = (dy - dy.mean(0) - x_hat * (dy * x_hat).mean(0)) / std
    assert_close(gradients[0], wanted, tol=1e-11)
    assert_close(gradients[1], (dy * x_hat).sum(0), tol=1e-9)


def test_no_rows_give_no_rows():
    x = np.empty((0, 3))
    assert scale_shift(x, np.zeros(3), np.ones(3), np.ones(3), 1).shape == (0, 3)
