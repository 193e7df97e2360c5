"""Right gradients pass, wrong ones are named at their worst element."""

import numpy as np
import pytest
import torch
from gradcheck_cases import X, batch_norm, draw, right
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, leaf, untouched

from bnlib.functional import batch_norm_train
from bnlib.gradcheck import Verdict, gradcheck, numeric_gradient, projection

# Backward passes from published code, each without a part; dy, x_hat, inv_std of (N, C).
WRONG = {
    "statistics without gradient (fast.ai)": lambda dy, x_hat, s: s * dy,
    "no mean term (Caffe PR 1891)": lambda dy, x_hat, s: (
        s * (dy - x_hat * (dy * x_hat).mean(0))
    ),
    "no variance term": lambda dy, x_hat, s: s * (dy - dy.mean(0)),
    "forgotten 1/m": lambda dy, x_hat, s: s * (dy - dy.sum(0) - x_hat * (dy * x_hat).sum(0)),
    "divided by m - 1": lambda dy, x_hat, s: (
        s * (dy - dy.mean(0) - x_hat * (dy * x_hat).sum(0) / (len(dy) - 1))
    ),
    "divided by the variance": lambda dy, x_hat, s: (
        s**2 * (dy - dy.mean(0) - x_hat * (dy * x_hat).mean(0))
    ),
    "wrong sign": lambda dy, x_hat, s: -s * (dy - dy.mean(0) - x_hat * (dy * x_hat).mean(0)),
}


@given(st.integers(4, 9), st.integers(1, 4), st.integers(0, 99), st.sampled_from([0, 10, 1e3]))
@settings(max_examples=40)
def test_batch_norm_backward_passes(n, channels, seed, mean):
    x = draw(n, channels, seed=seed, mean=mean)
    verdict = gradcheck(batch_norm, x, right(x), seed=seed)
    assert verdict
    assert verdict.ok
    assert verdict.error <= verdict.tolerance < 1e-4


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("shape", [(8, 3), (5, 2), (64, 2)])
def test_wrong_backward_passes_are_found_and_the_worst_element_named(kind, shape):
    x = draw(*shape)
    cache = batch_norm_train(x, None, None)[1]

    def backward(dy):
        return WRONG[kind](dy, cache.x_hat, cache.inv_std)

    verdict = gradcheck(batch_norm, x, backward)
    w = projection(shape)
    truth, claimed = right(x)(w), backward(w)
    worst = verdict.worst_index
    assert not verdict
    assert verdict.claimed == claimed[worst]
    assert_close(verdict.numeric, truth[worst], 1e-7)
    assert_close(verdict.size, abs(truth).max(), 1e-7)
    assert_close(abs(claimed - truth)[worst], abs(claimed - truth).max(), 1e-7)
    assert_close(verdict.error, abs(claimed - truth).max() / abs(truth).max(), 1e-6)
    assert verdict.error > 1e-3


@pytest.mark.parametrize(("by", "error"), [(1e-6, None), (np.nan, np.inf)])
def test_one_wrong_element_in_many_is_found(by, error):
    x = draw(30, 4)

    def backward(dw):
        dx = right(x)(dw)
        dx[17, 2] += by
        return dx

    verdict = gradcheck(batch_norm, x, backward)
    assert (verdict.ok, verdict.worst_index) == (False, (17, 2))
    assert error is None or verdict.error == error
    assert f"worst at dx[17, 2]: claimed {verdict.claimed:.6g}, numeric" in str(verdict)


def test_a_gradient_may_be_given_as_an_array_for_the_same_weights():
    x = draw(6, 3)
    for seed in (0, 5):
        dx = right(x)(projection((6, 3), seed))
        assert gradcheck(batch_norm, x, dx, seed=seed)
        assert not gradcheck(batch_norm, x, dx, seed=seed + 1)


ELEMENTARY = {
    "exp": (np.exp, torch.exp),
    "square": (np.square, torch.square),
    "rectifier": (lambda x: np.maximum(x, 0), torch.relu),
    "scalar": (lambda x: np.sum(x**3), lambda x: (x**3).sum()),
    "a small part of a large value": (lambda x: 1e2 + 0.1 * x, lambda x: 1e2 + 0.1 * x),
    "matrix product": (lambda x: x @ np.ones((3, 2)), lambda x: x @ leaf(np.ones((3, 2)))),
}


@pytest.mark.parametrize("kind", ELEMENTARY)
def test_other_functions_agree_with_autograd(kind):
    f, twin = ELEMENTARY[kind]
    x = draw(4, 3)

    def backward(w):
        point = leaf(x)
        twin(point).backward(torch.tensor(w))
        return point.grad.numpy()

    with untouched(x):
        assert gradcheck(f, x, backward)
        assert not gradcheck(f, x, lambda w: 1.001 * backward(w))


def test_the_verdict_reads_well():
    x = np.array([1.0, 2.0, 4.0])
    good = str(gradcheck(np.square, x, lambda w: 2 * x * w))
    bad = gradcheck(np.square, x, lambda w: np.array([2, 2, 3]) * x * w)
    assert good.startswith("gradcheck: the gradient is right: error ")
    assert isinstance(bad, Verdict)
    lines = str(bad).splitlines()
    assert lines[0].startswith("gradcheck: the gradient is WRONG: error 0.5, tolerance ")
    w = projection((3,))[2]
    assert lines[1] == f"  worst at dx[2]: claimed {12 * w:.6g}, numeric {8 * w:.6g}"
    assert lines[2].startswith(
        f"  error is relative to the largest gradient, {abs(8 * w):.3g}; "
    )


def test_the_tolerance_is_what_its_derivation_says():
    x = draw(6, 3)
    verdict = gradcheck(batch_norm, x, right(x))
    w, h = projection((6, 3)), verdict.step
    assert_close(h, np.finfo(float).eps ** (1 / 3) * x.std(), 1e-12)
    numeric, doubled = (numeric_gradient(batch_norm, x, w, k * h) for k in (1, 2))
    lengths = np.linalg.norm(w * batch_norm(x)) + np.linalg.norm(x * numeric)
    assert_close(verdict.rounding, 2.0**-52 * lengths / h, 1e-12)
    assert_close(verdict.truncation, abs(doubled - numeric).max() / 3, 1e-12)
    total = 10 * (verdict.rounding + verdict.truncation)
    assert_close(verdict.tolerance, total / abs(numeric).max(), 1e-12)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("f", [np.square, lambda x: np.sum(x**2).reshape(1)])
def test_the_size_of_f_does_not_matter(f, scale):
    assert gradcheck(lambda x: scale * f(x), X, lambda w: 2 * scale * X * w)


def test_a_gradient_may_be_0_almost_everywhere():
    def first(x):
        return x[:1, 0] ** 2

    assert gradcheck(first, X, lambda w: np.array([[2 * X[0, 0] * w[0], 0.0], [0.0, 0.0]]))


def test_a_sum_of_many_values_is_not_flat():
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(2, 400))
    assert gradcheck(lambda x: np.sum(c * x**2).reshape(1), x, lambda w: 2 * c * x * w)
