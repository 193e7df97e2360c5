"""The functions together: defaults, what the results hold, the edges of float32."""

import dataclasses
import math
import tracemalloc

import numpy as np
import pytest
from reference import assert_close

from bnlib.functional import (
    batch_norm_backward,
    batch_norm_double_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_eval_double_backward,
    batch_norm_train,
    jacobian,
    staged_backward,
    staged_forward,
)

X = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 0.0]])
ONES = np.ones(2)


def test_eps_is_1e_5_by_default():
    assert staged_forward(X, None, None).eps == batch_norm_train(X, None, None)[1].eps == 1e-5
    expected = (X - 1) / math.sqrt(1 + 1e-5)
    assert_close(batch_norm_eval(X, None, None, ONES, ONES), expected, tol=1e-15)
    np.testing.assert_array_equal(jacobian(X), jacobian(X, eps=1e-5))


def test_the_cache_holds_the_input_and_one_value_per_channel():
    gamma = np.array([2.0, 3.0])
    cache = batch_norm_train(X, gamma, None, 0.5, channel_axis=-1)[1]
    held = dict(vars(cache))
    assert set(held) == {"x", "mu", "var", "gamma", "eps", "channel_axis"}
    assert held.pop("x") is X
    assert all(np.size(value) <= 2 for value in held.values())
    assert (cache.eps, cache.channel_axis) == (0.5, 1)
    assert_close(cache.var, X.var(axis=0))
    assert_close(cache.inv_std, 1 / np.sqrt(X.var(axis=0) + 0.5))
    assert_close(cache.x_hat, (X - X.mean(axis=0)) * cache.inv_std)
    gamma[:] = 0
    np.testing.assert_array_equal(cache.gamma, [2, 3])


def test_nothing_but_the_output_is_held_after_a_forward_pass():
    x = np.random.default_rng(0).normal(size=(64, 8, 32, 32))
    tracemalloc.start()
    y, _cache = batch_norm_train(x, None, None)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert y.nbytes <= held < 1.05 * y.nbytes


@pytest.mark.parametrize(
    "make",
    [
        lambda: batch_norm_train(X, None, None)[1],
        lambda: staged_forward(X, None, None),
        lambda: staged_backward(X, staged_forward(X, None, None)),
    ],
    ids=["BatchNormCache", "Stages", "StageGradients"],
)
def test_results_are_frozen_and_compared_by_identity(make):
    result = make()
    assert result == result
    assert result != make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.x = None


def test_the_output_is_new_memory_even_when_nothing_changes():
    x = np.array([[-1.0], [1.0]])
    assert not np.shares_memory(batch_norm_train(x, None, None, eps=0.0)[0], x)
    assert not np.shares_memory(batch_norm_eval(x, None, None, np.zeros(1), np.ones(1)), x)


NINES, F32 = np.full(2, 9.0), X.astype(np.float32)
DY = np.full((3, 2), 3e38, np.float32)
SIGNED = DY * np.sign(F32 - 3)
BEYOND = {  # what leaves float32; (x, cache) are those of a forward pass with gamma = 9
    "y": lambda x, cache: batch_norm_eval(x, ONES * 1e40, None, 0 * ONES, ONES),
    "dbeta": lambda x, cache: batch_norm_backward(DY, cache)[2],
    "dbeta of evaluation": lambda x, cache: batch_norm_eval_backward(DY, cache)[2],
    "dx": lambda x, cache: batch_norm_backward(SIGNED, cache)[0],
    "dx of evaluation": lambda x, cache: batch_norm_eval_backward(DY, cache)[0],
    "stages": lambda x, cache: staged_backward(DY, staged_forward(x, NINES, None)).dx_hat,
    "gx": lambda x, cache: batch_norm_double_backward(SIGNED, None, None, SIGNED, cache)[0],
    "gdy": lambda x, cache: batch_norm_eval_double_backward(DY, ONES, None, DY, cache)[1],
    "jacobian": lambda x, cache: jacobian(x, ONES * 1e40),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_is_beyond_float32_is_not_finite_without_a_warning(name):
    result = BEYOND[name](F32, batch_norm_train(F32, NINES, None)[1])
    assert result.dtype == np.float32
    assert not np.isfinite(result).all()


def test_evaluation_passes_nan_on_to_its_own_sample_alone():
    x = np.array([[math.nan, 1.0], [1.0, 1.0]])
    y = batch_norm_eval(x, None, None, ONES, ONES)
    np.testing.assert_array_equal(np.isnan(y), [[True, False], [False, False]])
