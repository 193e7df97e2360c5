"""The loss and the optimizer, beside PyTorch's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, leaf, untouched
from torch.nn import functional

from bnlib.layers import SGD, Parameter, softmax_cross_entropy

LABELS = np.array([0, 1])
SETTINGS = [
    {"lr": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 2, "weight_decay": 0.01},
    {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.1},
]


@given(st.integers(1, 6), st.integers(1, 5), st.floats(0, 1000), st.integers(0, 99))
def test_cross_entropy_and_its_gradient_match_torch(n, classes, scale, seed):
    rng = np.random.default_rng(seed)
    logits, labels = scale * rng.normal(size=(n, classes)), rng.integers(0, classes, n)
    expected, logits_torch = None, leaf(logits)
    expected = functional.cross_entropy(logits_torch, torch.tensor(labels))
    expected.backward()
    with untouched(logits, labels):
        loss, dlogits = softmax_cross_entropy(logits, labels)
    assert type(loss) is float
    assert_close(loss, expected.item(), size=1.0)
    assert_close(dlogits, logits_torch.grad, size=1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label_dtype", [np.uint8, np.int32, np.int64])
def test_cross_entropy_keeps_the_dtype_and_takes_any_integers(dtype, label_dtype):
    loss, dlogits = softmax_cross_entropy(np.zeros((2, 2), dtype), LABELS.astype(label_dtype))
    assert dlogits.dtype == dtype
    assert_close(loss, math.log(2), tol=1e-7)
    assert_close(dlogits, [[-0.25, 0.25], [0.25, -0.25]])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_cross_entropy_of_logits_that_are_not_finite_is_nan_without_a_warning(bad):
    assert math.isnan(softmax_cross_entropy(np.array([[bad, 0.0], [0.0, 1.0]]), LABELS)[0])


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_sgd_matches_torch(settings):
    rng = np.random.default_rng(0)
    parameters = [Parameter(rng.normal(size=shape)) for shape in [(3,), (2, 3)]]
    twins = [leaf(p.value) for p in parameters]
    optimizer, twin = SGD(parameters, **settings), torch.optim.SGD(twins, **settings)
    for _ in range(10):
        for ours, theirs in zip(parameters, twins, strict=True):
            ours.grad = rng.normal(size=ours.value.shape)
            theirs.grad = torch.tensor(ours.grad)
        optimizer.step()
        twin.step()
        for ours, theirs in zip(parameters, twins, strict=True):
            assert_close(ours.value, theirs.detach())


def test_sgd_moves_the_parameters_in_place_and_leaves_the_gradients():
    parameter = Parameter(np.ones(2))
    value, parameter.grad = parameter.value, np.array([1.0, 2.0])
    optimizer = SGD([parameter], lr=0.5, momentum=0.9, weight_decay=0.1)
    with untouched(parameter.grad):
        optimizer.step()
        optimizer.step()
    assert parameter.value is value


def test_sgd_overflows_without_a_warning():
    parameter = Parameter(np.ones(1))
    parameter.grad = np.array([1e308])
    SGD([parameter], lr=100.0).step()
    assert parameter.value == -math.inf
