"""The three functions: known values, known faults, the cache, the memory."""

import dataclasses
import math
import tracemalloc

import numpy as np
import pytest
from reference import assert_close

from bnlib.functional import (
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_train,
    staged_forward,
)

ONES = np.ones(2)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(3, 2, (6, 2))


def test_eps_stands_inside_the_root():
    x = np.array([[-1.0], [1.0]])  # variance 1
    y, cache = batch_norm_train(x, None, None, eps=3.0)
    np.testing.assert_array_equal(y, x / 2)
    np.testing.assert_array_equal(cache.inv_std, [0.5])
    np.testing.assert_array_equal(
        batch_norm_eval(x, None, None, ONES[:1], ONES[:1], 3.0), [[-1], [0]]
    )


def test_eps_is_1e_5_by_default(x):
    expected = (x - 1) / math.sqrt(1 + 1e-5)
    assert staged_forward(x, None, None).eps == batch_norm_train(x, None, None)[1].eps == 1e-5
    assert_close(batch_norm_eval(x, None, None, ONES, ONES), expected, tol=1e-15)


def test_gradient_goes_through_the_statistics():
    """For dy = x_hat + 0.5 nearly nothing is left; with detached statistics, dx is dy / std."""
    x = np.random.default_rng(0).normal(size=(64, 5))
    cache = batch_norm_train(x, None, None)[1]
    dy = cache.x_hat + 0.5
    dx = batch_norm_backward(dy, cache)[0]
    detached = batch_norm_eval_backward(dy, cache)[0]
    assert np.abs(dx).max() < 1e-4
    assert np.abs(detached).max() > 1


def test_the_cache_holds_the_input_and_one_value_per_channel(x):
    gamma = np.array([2.0, 3.0])
    cache = batch_norm_train(x, gamma, None, eps=0.5)[1]
    held = dict(vars(cache))
    assert set(held) == {"x", "mu", "var", "gamma", "eps", "channel_axis"}
    assert held.pop("x") is x
    assert all(np.size(value) <= 2 for value in held.values())
    assert cache.x_hat is not cache.x_hat
    assert (cache.eps, cache.channel_axis) == (0.5, 1)
    assert_close(cache.var, x.var(axis=0))
    assert_close(cache.inv_std, 1 / np.sqrt(x.var(axis=0) + 0.5))
    assert_close(cache.x_hat, (x - x.mean(axis=0)) * cache.inv_std)
    gamma[:] = 0
    np.testing.assert_array_equal(cache.gamma, [2, 3])


def test_nothing_but_the_output_is_held_after_a_forward_pass():
    x = np.random.default_rng(0).normal(size=(64, 8, 32, 32))
    tracemalloc.start()
    y, cache = batch_norm_train(x, None, None)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert cache.x is x
    assert y.nbytes <= held < 1.05 * y.nbytes


def test_caches_are_compared_by_identity(x):
    cache = batch_norm_train(x, None, None)[1]
    assert cache == cache
    assert cache != batch_norm_train(x, None, None)[1]


@pytest.mark.parametrize("field", ["x", "mu", "x_hat", "gamma"])
def test_the_cache_is_frozen(field, x):
    cache = batch_norm_train(x, None, None)[1]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(cache, field, x)


def test_the_output_is_new_memory_even_when_nothing_changes():
    x = np.array([[-1.0], [1.0]])
    assert not np.shares_memory(batch_norm_train(x, None, None, eps=0.0)[0], x)
    assert not np.shares_memory(batch_norm_eval(x, None, None, np.zeros(1), np.ones(1)), x)


def test_an_output_beyond_float32_is_infinite_without_a_warning():
    x, gamma = np.array([[-1e10], [1e10]], np.float32), np.array([1e40])
    y = batch_norm_eval(x, gamma, None, np.zeros(1), np.ones(1))
    np.testing.assert_array_equal(y, [[-math.inf], [math.inf]])


@pytest.mark.parametrize("differentiate", [batch_norm_backward, batch_norm_eval_backward])
def test_gradients_beyond_float32_are_infinite_without_a_warning(differentiate):
    x, dy = np.array([[-1.0], [1.0], [2.0]], np.float32), np.full((3, 1), 3e38, np.float32)
    dy[0] *= -1
    dx, _, dbeta = differentiate(dy, batch_norm_train(x, np.array([9.0]), None)[1])
    assert dbeta < math.inf
    assert np.isinf(dx).any()
    dbeta = differentiate(abs(dy), batch_norm_train(x, None, None)[1])[2]
    assert dbeta == math.inf


def test_evaluation_passes_nan_on_to_its_own_sample_alone():
    x = np.array([[math.nan, 1.0], [1.0, 1.0]])
    y = batch_norm_eval(x, None, None, ONES, ONES)
    np.testing.assert_array_equal(np.isnan(y), [[True, False], [False, False]])
