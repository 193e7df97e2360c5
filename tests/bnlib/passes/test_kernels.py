"""The compiled functions against the NumPy ones: results, layouts, what the data forbid.

The checks of arguments are the same functions: `bnlib.kernels` gives them other passes.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from kernel_ways import WAYS, walking
from reference import assert_close, untouched
from strategies import STRIDES, cases

from bnlib import functional, kernels
from bnlib.arguments import NonFiniteError

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_way = pytest.mark.parametrize("way", WAYS)


def everything(module, case):
    """Return all that the four functions return, and the cache."""
    y, cache = module.batch_norm_train(*case.forward)
    statistics = (cache.mu, cache.var, case.eps, case.axis)
    return [
        y,
        *module.batch_norm_backward(case.dy, cache),
        module.batch_norm_eval(case.x, case.gamma, case.beta, *statistics),
        *module.batch_norm_eval_backward(case.dy, cache),
    ], cache


@each_way
@each_dtype
def test_results_are_those_of_numpy(way, dtype):
    """Within 1e-12 in float64 and 3e-6 in float32, where the mean is up to 1000 std."""
    tol = 3e-6 if dtype == np.float32 else 1e-12

    @settings(max_examples=15 if way.endswith("in Python") else 50)
    @given(cases(dtype=dtype))
    def compare(case):
        wanted, cache = everything(functional, case)
        with walking(way), untouched(case.x, case.dy):
            got, own = everything(kernels, case)
        off = (own.mu - cache.mu) * cache.inv_std
        assert_close(off, np.zeros_like(off), tol=max(tol, 1e-9), size=1.0)
        assert_close(own.var / cache.var, np.ones_like(cache.var), tol=tol)
        unit = np.ones(case.x.ndim, int)
        unit[case.axis] = -1
        unit = (np.abs(cache.gamma) * cache.inv_std).reshape(unit)
        size = np.abs(case.dy).max()
        for i, (ours, theirs) in enumerate(zip(got, wanted, strict=True)):
            assert ours.dtype == dtype
            if i in (1, 5):  # dx, in units of gamma / std
                assert_close(ours / unit, theirs / unit, tol, size)
            else:
                assert_close(ours, theirs, tol, size * case.m if i in (2, 3, 6, 7) else 0.0)

    compare()


@each_way
@pytest.mark.parametrize("stride", STRIDES)
def test_the_result_has_the_order_in_memory_of_the_input(way, stride):
    """Where the input has gaps or negative strides, the plain order."""
    x = STRIDES[stride](np.random.default_rng(0).normal(size=(3, 4, 5, 6)), 1)
    with walking(way):
        y, cache = kernels.batch_norm_train(x, None, None)
        dx = kernels.batch_norm_backward(np.ones_like(x), cache)[0]
    dense = stride in ("contiguous", "transposed")
    for result in (y, dx):
        assert result.strides == (x.strides if dense else np.ones(x.shape).strides)
        assert result.flags["WRITEABLE"]
        assert not np.shares_memory(result, x)


@each_way
@each_dtype
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_statistics_that_are_not_finite_are_refused(way, dtype, bad):
    if dtype == np.float32 and bad == 1e200:
        bad = 1e20
    for last in (bad, 0.0):  # one channel, or both
        x = np.array([[0.0, bad], [1.0, 0.0], [2.0, last]], dtype)
        with walking(way), np.errstate(all="ignore"):
            same_error(x, kind=NonFiniteError)


@each_way
@each_dtype
def test_a_constant_channel_is_exactly_beta_and_needs_eps(way, dtype):
    x = np.tile(np.array([1 / 3, 1e6 / 3], dtype), (7, 1))
    x[:, 1] = np.arange(7)
    with walking(way):
        y, cache = kernels.batch_norm_train(x, None, np.array([0.5, 0.0]))
        same_error(x, eps=0.0)
    assert cache.var[0] == 0
    np.testing.assert_array_equal(y[:, 0], np.full(7, 0.5))


def same_error(x, eps=1e-5, kind=ValueError):
    """Hold the compiled function to the NumPy one's exception and message."""
    with pytest.raises(kind) as wanted:
        functional.batch_norm_train(x, None, None, eps)
    with untouched(x), pytest.raises(kind) as got:
        kernels.batch_norm_train(x, None, None, eps)
    assert (type(got.value), str(got.value)) == (type(wanted.value), str(wanted.value))
