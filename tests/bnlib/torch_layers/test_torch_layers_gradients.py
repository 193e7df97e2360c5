"""Derivatives of any order, checked by finite differences and against the definition."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch_pairs import assert_all_near, assert_near, each_mode, pair, tensor

from bnlib.torch_layers import BatchNorm1d
from bnlib.torch_layers.function import normalize


@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 3), (2, 2, 2, 2), (2, 2, 1, 2, 2)], ids=str)
@each_mode
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_derivatives_by_finite_differences(shape, training):
    """As PyTorch's tests of operators: forward, backward, batched, and each over another."""
    mean, var = None, None
    if not training:
        mean, var = tensor(shape[1], seed=3), tensor(shape[1], seed=4).abs() + 0.5
    leaves = [tensor(*shape), *(tensor(shape[1], seed=s) for s in (1, 2))]
    leaves = [leaf.requires_grad_() for leaf in leaves]

    def function(x, weight, bias):
        return normalize(x, weight, bias, mean, var, 1e-3)[0]

    assert gradcheck(function, leaves)
    assert gradgradcheck(function, leaves)
    fast = {"fast_mode": True, "check_batched_grad": True}
    both = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert gradcheck(function, leaves, **both, **fast)
    assert gradgradcheck(function, leaves, check_fwd_over_rev=True, **fast)


def derivatives(function, x, orders):
    """Return gradients of a value, then of a penalty on these gradients, and so on."""
    value, results = function(x).pow(3).sum(), []
    for _ in range(orders):
        (gradient,) = torch.autograd.grad(value, x, create_graph=True)
        results.append(gradient)
        value = gradient.pow(2).sum()
    return results


def test_third_derivatives_are_those_of_the_definition():
    """PyTorch 2.13's own are off by a third in training mode."""
    ours, _ = pair("BatchNorm1d", eps=1e-2)

    def definition(x):
        d = x - x.mean(0)
        return d / ((d * d).mean(0) + 1e-2).sqrt() * ours.weight + ours.bias

    x = tensor(6, 4).requires_grad_()
    assert_all_near(derivatives(ours, x, 3), derivatives(definition, x, 3), tol=1e-10)


def test_the_mode_is_an_attribute_and_not_whether_gradients_are_on():
    """FIELD: one published layer trains exactly when autograd is enabled."""
    module, x = BatchNorm1d(4).double(), tensor(6, 4)
    with torch.no_grad():
        y = module(x)
    assert module.num_batches_tracked == 1
    assert_near(y.mean(0), torch.zeros(4).double(), tol=1e-12)
    before = module.running_mean.clone()
    x.requires_grad_()
    module.eval()(x).sum().backward()
    assert torch.equal(module.running_mean, before)
    assert_near(x.grad[0], 1 / (module.running_var + 1e-5).sqrt(), tol=1e-12)
