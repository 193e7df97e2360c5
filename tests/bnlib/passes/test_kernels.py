"""The compiled functions against the NumPy ones: results, errors, layouts."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from kernel_ways import WAYS, walking
from reference import assert_close, untouched
from strategies import BAD_EPS, REFUSED, STRIDES, cases

from bnlib import functional, kernels
from bnlib.arguments import NonFiniteError
from bnlib.functional import BatchNormCache

X = np.array([[1.0, 2.0], [3.0, 5.0]])
ONES = np.ones(2)
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


@given(cases())
def test_the_cache_is_the_same_and_works_with_either_backward(case):
    cache = kernels.batch_norm_train(*case.forward)[1]
    assert isinstance(cache, BatchNormCache)
    assert cache.x is case.x
    assert (cache.eps, cache.channel_axis) == (case.eps, case.axis % case.x.ndim)
    assert {a.dtype for a in (cache.mu, cache.var, cache.inv_std)} == {np.dtype(np.float64)}
    size = np.abs(case.dy).max() * (np.abs(cache.gamma) * cache.inv_std).max()
    for ours, theirs in zip(
        kernels.batch_norm_backward(case.dy, cache),
        functional.batch_norm_backward(case.dy, cache),
        strict=True,
    ):
        assert_close(ours, theirs, tol=1e-9, size=size * case.m)


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


def calls():
    """Return calls that must be refused, by name: which function, and its arguments."""
    bad = {f"x {kind}": (x, None, None) for kind, x in REFUSED.items()}
    bad |= {f"gamma {kind}": (X, v, None) for kind, v in REFUSED.items()}
    bad |= {f"beta {kind}": (X, None, v) for kind, v in REFUSED.items()}
    bad |= {f"eps {eps!r:.9}": (X, None, None, eps) for eps in sum(BAD_EPS.values(), ())}
    bad |= {f"axis {axis}": (X, None, None, 1e-5, axis) for axis in (2, -3, "last", 1.0, True)}
    bad |= {f"shape {s}": (np.ones(s), None, None) for s in [(), (2,), (0, 2), (4, 0)]}
    bad |= {f"width {n}": (X, np.ones(n), None) for n in (1, 3)}
    bad |= {f"width {n} of beta": (X, None, np.ones(n)) for n in (1, 3)}
    return bad


@pytest.mark.parametrize("name", calls())
def test_arguments_are_refused_in_the_same_words(name):
    x, gamma, beta, *rest = calls()[name]
    cache = functional.batch_norm_train(X, None, None)[1]
    same_error("batch_norm_train", x, gamma, beta, *rest)
    same_error("batch_norm_eval", x, gamma, beta, ONES, ONES, *rest)
    if name.startswith("x "):
        for backward in ("batch_norm_backward", "batch_norm_eval_backward"):
            same_error(backward, x, cache)


@pytest.mark.parametrize(
    ("mean", "var"),
    [
        (np.ones(3), ONES), (ONES, np.ones(1)), ([0.0, 0.0], ONES), (ONES, np.array([1, 1])),
        (np.array([0, math.nan]), ONES), (ONES, np.array([math.inf, 1])), (ONES, -ONES),
        (None, ONES), (ONES, None),
    ],
)  # fmt: skip
def test_statistics_are_refused_in_the_same_words(mean, var):
    same_error("batch_norm_eval", X, None, None, mean, var)
    same_error("batch_norm_eval", X, None, None, ONES, 0 * ONES, 0.0)


def test_values_that_are_too_few_or_too_small_are_refused_in_the_same_words():
    same_error("batch_norm_train", X[:1], None, None)
    same_error("batch_norm_train", X.astype(np.float32) / np.float32(1e22), None, None, 0.0)


def test_eps_is_the_same_if_it_is_not_given():
    got, want = (m.batch_norm_eval(X, None, None, ONES, ONES) for m in (kernels, functional))
    assert_close(got, want, tol=1e-14)


@pytest.mark.parametrize(
    "dy", [np.ones((2, 1)), np.ones((4, 2)), X.astype(np.float32)], ids=len
)
@pytest.mark.parametrize("name", ["batch_norm_backward", "batch_norm_eval_backward"])
def test_gradients_are_refused_in_the_same_words(name, dy):
    same_error(name, dy, functional.batch_norm_train(X, None, None)[1])
    same_error(name, X, (X, X))


@each_way
@each_dtype
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_statistics_that_are_not_finite_are_refused(way, dtype, bad):
    if dtype == np.float32 and bad == 1e200:
        bad = 1e20
    for last in (bad, 0.0):  # one channel, or both
        x = np.array([[0.0, bad], [1.0, 0.0], [2.0, last]], dtype)
        with walking(way), np.errstate(all="ignore"):
            same_error("batch_norm_train", x, None, None, kind=NonFiniteError)


@each_way
@each_dtype
def test_a_constant_channel_is_exactly_beta_and_needs_eps(way, dtype):
    x = np.tile(np.array([1 / 3, 1e6 / 3], dtype), (7, 1))
    x[:, 1] = np.arange(7)
    with walking(way):
        y, cache = kernels.batch_norm_train(x, None, np.array([0.5, 0.0]))
        same_error("batch_norm_train", x, None, None, 0.0)
    assert cache.var[0] == 0
    np.testing.assert_array_equal(y[:, 0], np.full(7, 0.5))


def same_error(name, *arguments, kind=(TypeError, ValueError)):
    """Hold the compiled function to the NumPy one's exception and message."""
    with pytest.raises(kind) as wanted:
        getattr(functional, name)(*arguments)
    inputs = [a for a in arguments if isinstance(a, np.ndarray) and not a.dtype.hasobject]
    with untouched(*inputs), pytest.raises(kind) as got:
        getattr(kernels, name)(*arguments)
    assert (type(got.value), str(got.value)) == (type(wanted.value), str(wanted.value))
