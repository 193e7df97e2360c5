"""The functions and the layer, fed with anything: a right result or a documented error."""

import math
from decimal import Decimal

import numpy as np
import pytest
from fuzz import FLOATS, LAYOUTS, arrays, legal, outcome, problems
from fuzz_exact import Channel, compare, largest, textbook
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, torch_batch_norm
from strategies import cases

from bnlib.arguments import NonFiniteError
from bnlib.functional import (
    BatchNormCache,
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_train,
)


@settings(max_examples=120)
@given(problems())
def test_training_mode(problem):
    *forward, dy = problem
    x, _, _, eps, axis = forward
    result = outcome("batch_norm_train", batch_norm_train, *forward)
    if not legal(x, axis, 2):
        assert type(result) is ValueError
        return
    channels = textbook(*forward, dy)
    if isinstance(result, ValueError):
        assert refused_for_a_reason(result, channels, eps, x.dtype)
        return
    y, cache = result
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    gradients = outcome("batch_norm_backward", batch_norm_backward, dy, cache)
    compare(y, gradients, channels, axis)
    assert not any(np.shares_memory(x, array) for array in (y, *gradients))


def refused_for_a_reason(error: ValueError, channels: list[Channel], eps: float, dtype) -> bool:
    """Tell whether the data explain why a legal shape was refused."""
    info = np.finfo(dtype)
    if isinstance(error, NonFiniteError):
        limit = Decimal(float(info.max)) / 4
        sizes = [len(c.x) * largest(c.x) ** 2 for c in channels]
        return any(not c.mu.is_finite() for c in channels) or max(sizes) > limit
    return eps < 1e-29 and any(c.too_small for c in channels)


@st.composite
def statistics(draw, width):
    """Draw a mean and a variance, now and then one that makes no sense."""
    dtype = draw(st.sampled_from(FLOATS))
    mean, var = (draw(arrays(dtype, [width], (-30, 30), awkward=False)) for _ in range(2))
    flaw = draw(st.sampled_from([None] * 6 + ["mean", "var", "sign", "zero"]))
    if flaw != "sign":
        var = np.abs(var)
    if flaw == "zero":
        var = np.zeros(width, dtype)
    if flaw in ("mean", "var"):
        bad = draw(arrays(dtype, [width]))
        mean, var = (bad, var) if flaw == "mean" else (mean, np.abs(bad))
    return mean, var


@settings(max_examples=120)
@given(st.data(), problems())
def test_evaluation_mode(data, problem):
    x, gamma, beta, eps, axis, dy = problem
    mean, var = data.draw(statistics(x.shape[axis] if legal(x, axis, 1) else 2))
    forward = (x, gamma, beta, mean, var, eps, axis)
    y = outcome("batch_norm_eval", batch_norm_eval, *forward)
    if not legal(x, axis, 1):
        assert type(y) is ValueError
        return
    known = np.isfinite(mean) & np.isfinite(var)
    if not known.all():
        assert isinstance(y, NonFiniteError)
        return
    if (var < 0).any() or (var + eps <= 0).any():
        assert type(y) is ValueError
        return
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    mean, var, gamma = (
        np.array(np.ones(len(mean)) if a is None else a, np.float64) for a in (mean, var, gamma)
    )
    cache = BatchNormCache(x, mean, var, gamma, eps, axis % x.ndim)
    gradients = outcome("batch_norm_eval_backward", batch_norm_eval_backward, dy, cache)
    compare(y, gradients, textbook(x, gamma, beta, eps, axis, dy, mean, var), axis)


@settings(max_examples=40)
@given(problems(), st.data())
def test_a_gradient_that_does_not_match(problem, data):
    x, gamma, beta, _, axis, _ = problem
    forward = outcome("batch_norm_train", batch_norm_train, x, gamma, beta, 1e-5, axis)
    if isinstance(forward, Exception):
        return
    dy = data.draw(st.sampled_from(FLOATS).flatmap(arrays))
    same_shape, same_dtype = dy.shape == x.shape, dy.dtype == x.dtype
    result = outcome("batch_norm_backward", batch_norm_backward, dy, forward[1])
    wanted = tuple if same_shape and same_dtype else TypeError if same_shape else ValueError
    assert type(result) is wanted


@settings(max_examples=40)
@given(cases(max_ratio=10))
def test_the_800_digit_arithmetic_is_pytorchs(case):
    """The judge itself, held against an independent library on ordinary numbers."""
    channels = textbook(*case.forward, case.dy)
    y, *gradients = torch_batch_norm(*case.forward[:3], case.dy, case.eps, case.axis)
    compare(y, gradients, channels, case.axis)


LARGE = [((40_000, 2), 1), ((64, 3, 24, 24), 1), ((30, 7, 400), -1), ((2, 3, 30_000), 1)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("shape", "axis"), LARGE)
def test_arrays_that_are_summed_in_blocks(dtype, shape, axis):
    """In every layout; the mean is 100 standard deviations, and one value may be NaN."""
    rng = np.random.default_rng(0)
    tol, m = 2e-5 if dtype == np.float32 else 1e-11, math.prod(shape) / shape[axis]
    dy = rng.standard_normal(shape).astype(dtype)
    for scale, layout in zip([1, 1e-9, 1e9, 1, 1e4, 1e-4], LAYOUTS, strict=True):
        x = layout((scale * (100 + rng.standard_normal(shape))).astype(dtype))
        eps = 1e-5 * scale**2
        y, cache = outcome("batch_norm_train", batch_norm_train, x, None, None, eps, axis)
        dx, dgamma, dbeta = outcome("batch_norm_backward", batch_norm_backward, dy, cache)
        # Relative to each channel's first value, where PyTorch's float64 mean is exact.
        first = [slice(None) if i == axis % x.ndim else slice(1) for i in range(x.ndim)]
        shifted = x.astype(np.float64) - x[tuple(first)]
        wanted = torch_batch_norm(shifted, None, None, dy, eps, axis)
        for got, want in zip((y, dx, dgamma, dbeta), wanted, strict=True):
            assert got.dtype == dtype
            assert_close(got, want, tol, size=1.0 if got.ndim > 1 else m**0.5)
        spoiled = x.copy()
        spoiled.flat[-1] = math.nan
        result = outcome("batch_norm_train", batch_norm_train, spoiled, None, None, eps, axis)
        assert isinstance(result, NonFiniteError)
