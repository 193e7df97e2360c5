"""The passes of `bnlib.passes`: plain and blocked ones against the equations."""

import numpy as np
import pytest
from reference import assert_close

from bnlib.passes import blocked, plain
from bnlib.passes.blocked import BLOCK, NEAR

SHAPES = [(9, 4), (5, 3, 2), (BLOCK + 3, 2), (3, 4, 80, 81), (7, 10_001)]
AXES = [0, 1, -2]
each_module = pytest.mark.parametrize("passes", [plain, blocked], ids=["plain", "blocked"])


def problem(shape, axis, dtype, mean, seed=0):
    """Return x, dy, mu, var, gamma and beta; x has means of so many standard deviations."""
    rng = np.random.default_rng(seed)
    C = shape[axis]
    mu, gamma, beta = rng.normal(mean, 0.1, C), rng.normal(size=C), rng.normal(size=C)
    x = np.moveaxis(rng.normal(size=shape), axis, -1) + mu
    x = np.ascontiguousarray(np.moveaxis(x, -1, axis)).astype(dtype)
    dy = rng.normal(size=shape).astype(dtype)
    rows = by_rows(x, axis)
    return x, dy, rows.mean(0), rows.var(0), gamma, beta


def by_rows(a, axis):
    """Return ``a`` as (m, C), in float64."""
    return np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis]).astype(np.float64)


def tolerance(dtype):
    return 4e-6 if dtype == np.float32 else 1e-11


@each_module
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mean", [NEAR - 0.5, 1000.0])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_pass_computes_its_equation(passes, shape, axis, mean, dtype):
    axis %= len(shape)
    x, dy, mu, var, gamma, beta = problem(shape, axis, dtype, mean)
    rows, tol = by_rows(x, axis), tolerance(dtype)
    got_mu, got_var = passes.moments(x, axis)
    assert got_mu.dtype == got_var.dtype == np.float64
    assert_close(got_mu, mu, tol=1e-7 if dtype == np.float32 else 1e-12)
    assert_close(got_var, var, tol=1e-5 if dtype == np.float32 else 1e-9)

    std = np.sqrt(var + 0.5)
    y = passes.scale_shift(x, mu, var, gamma, beta, 0.5, axis)
    assert y.shape == x.shape
    assert y.dtype == dtype
    assert_close(by_rows(y, axis), gamma * (rows - mu) / std + beta, tol=tol)

    x_hat, dy_rows = (rows - mu) / std, by_rows(dy, axis)
    dx, dgamma, dbeta = passes.gradients(dy, x, mu, var, gamma, 0.5, axis)
    want = gamma / std * (dy_rows - dy_rows.mean(0) - x_hat * (dy_rows * x_hat).mean(0))
    assert dx.dtype == dtype
    assert_close(by_rows(dx, axis), want, tol=tol)
    assert_close(dgamma, (dy_rows * x_hat).sum(0), tol=len(rows) * tol)
    assert_close(dbeta, dy_rows.sum(0), tol=len(rows) * tol)
    dx, *sums = passes.gradients(dy, x, mu, var, gamma, 0.5, axis, through=False)
    assert_close(by_rows(dx, axis), gamma / std * dy_rows, tol=tol)
    assert_close(sums, [dgamma, dbeta], tol=1e-12 * len(rows))


@each_module
@pytest.mark.parametrize("value", [0.01, 0.1, 3.0, -123.456, 1e4])
def test_a_constant_channel_has_variance_0_and_gives_beta(passes, value):
    x = np.full((BLOCK + 999, 2), value)  # a sum that rounds, for 0.1 and the like
    x[:, 1] = np.linspace(-1, 1, len(x))
    for array in (x, x.astype(np.float32)):
        mu, var = passes.moments(array, 1)
        assert (mu[0], var[0]) == (array[0, 0], 0)
        y = passes.scale_shift(array, mu, var, np.ones(2), np.array([0.3, 0]), 1e-5, 1)
        assert (y[:, 0] == array.dtype.type(0.3)).all()


@pytest.mark.parametrize("mean", [0.0, NEAR - 0.1, NEAR + 0.1, 1e3])
def test_a_near_mean_costs_a_few_roundings(mean):
    x, _, mu, var, gamma, beta = problem((BLOCK + 1, 3), 1, np.float32, mean)
    y = blocked.scale_shift(x, mu, var, gamma, beta, 0.0, 1)
    error = abs(y - (gamma * (by_rows(x, 1) - mu) / np.sqrt(var) + beta)).max()
    assert error < 8 * np.finfo(np.float32).eps * max(abs(gamma).max(), abs(beta).max())
