"""Double backward in closed form, beside autograd with ``create_graph``."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, leaf
from strategies import cases
from torch.nn import functional

from bnlib.functional import BatchNormCache, batch_norm_train
from bnlib.functional.double_backward import (
    batch_norm_double_backward,
    batch_norm_eval_double_backward,
)

DOUBLE = {f.__name__: f for f in (batch_norm_double_backward, batch_norm_eval_double_backward)}
each_function = pytest.mark.parametrize("name", DOUBLE)
PARTS = [("dx",), ("dgamma",), ("dbeta",), ("dx", "dgamma"), ("dx", "dgamma", "dbeta")]


def weights(case, parts, seed):
    """Return ddx, ddgamma and ddbeta: random, or None where the part is absent."""
    rng, C = np.random.default_rng(seed), case.x.shape[case.axis]
    shapes = {"dx": case.x.shape, "dgamma": (C,), "dbeta": (C,)}
    return [rng.normal(size=shapes[k]) if k in parts else None for k in shapes]


def autograd(case, given_weights, mean=None, var=None):
    """Return the gradients of sum(weights * first gradients) to x, dy and gamma."""
    C = case.x.shape[case.axis]
    x, dy = leaf(case.x), leaf(case.dy)
    gamma, beta = (leaf(d if v is None else v) for v, d in (
        (case.gamma, np.ones(C)), (case.beta, np.zeros(C))))  # fmt: skip
    given_statistics = [None if a is None else torch.tensor(a) for a in (mean, var)]
    y = functional.batch_norm(
        x.movedim(case.axis, 1), *given_statistics, gamma, beta,
        training=mean is None, eps=case.eps or 1e-300,
    ).movedim(1, case.axis)  # fmt: skip
    first = torch.autograd.grad(y, [x, gamma, beta], dy, create_graph=True)
    loss = sum(
        (g * torch.tensor(w)).sum()
        for g, w in zip(first, given_weights, strict=True)
        if w is not None
    )
    second = torch.autograd.grad(
        loss, [x, dy, gamma], allow_unused=True, materialize_grads=True
    )
    return [t.numpy() for t in second]


def assert_same(case, cache, given_weights, actual, expected, tol=1e-10):
    """Compare in the units of each result: dx brings gamma / std, the others bring 1."""
    s, dy = cache.inv_std.max(), np.abs(case.dy).max()
    dx = s * np.abs(cache.gamma).max() if given_weights[0] is not None else 0.0
    unit = max(dx, 1.0 if any(w is not None for w in given_weights[1:]) else 0.0)
    sizes = dy * s * unit, unit, case.m * dy * s
    for ours, theirs, size in zip(actual, expected, sizes, strict=True):
        assert_close(ours, theirs, tol, size)


@given(cases(), st.sampled_from(PARTS), st.integers(0, 99))
def test_training_matches_autograd(case, parts, seed):
    cache, given_weights = batch_norm_train(*case.forward)[1], weights(case, parts, seed)
    actual = batch_norm_double_backward(*given_weights, case.dy, cache)
    assert_same(case, cache, given_weights, actual, autograd(case, given_weights))


@given(cases(), st.sampled_from(PARTS), st.integers(0, 99))
def test_evaluation_matches_autograd(case, parts, seed):
    rng, C = np.random.default_rng(seed), case.x.shape[case.axis]
    mean, var = case.x.mean() + rng.normal(size=C), rng.uniform(0.5, 2, C)
    gamma = np.ones(C) if case.gamma is None else case.gamma
    cache = BatchNormCache(case.x, mean, var, gamma, case.eps, case.axis % case.x.ndim)
    given_weights = weights(case, parts, seed)
    actual = batch_norm_eval_double_backward(*given_weights, case.dy, cache)
    expected = autograd(case, given_weights, mean, var)
    sizes = [0.0, 0.0, np.abs(case.x * case.dy).sum()]
    sizes[1] = np.abs(cache.x_hat).max()
    for ours, theirs, size in zip(actual, expected, sizes, strict=True):
        assert_close(ours, theirs, size=size)


@each_function
@settings(max_examples=40)
@given(case=cases(dtype=np.float32, max_ratio=1e4), seed=st.integers(0, 99))
def test_float32_stays_float32_and_near_float64(name, case, seed):
    cache = batch_norm_train(*case.forward)[1]
    ddx, *vectors = weights(case, PARTS[-1], seed)
    ddx, dy = ddx.astype(np.float32), case.dy
    wide = batch_norm_train(case.x.astype(np.float64), *case.forward[1:])[1]
    actual = DOUBLE[name](ddx, *vectors, dy, cache)
    exact = DOUBLE[name](ddx.astype(np.float64), *vectors, dy.astype(np.float64), wide)
    assert {a.dtype for a in actual} == {np.dtype(np.float32)}
    assert {a.dtype for a in exact} == {np.dtype(np.float64)}
    assert_same(case, wide, [ddx, *vectors], actual, exact, tol=1e-5)
