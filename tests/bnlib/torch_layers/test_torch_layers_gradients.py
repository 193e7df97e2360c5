"""First and second derivatives, checked by finite differences and against PyTorch."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch_pairs import KINDS, assert_near, pair, tensor

from bnlib.torch_layers import BatchNorm1d
from bnlib.torch_layers.function import normalize

each_kind = pytest.mark.parametrize("kind", KINDS)
each_mode = pytest.mark.parametrize("training", [True, False])
SMALL = {2: (5, 3), 3: (3, 2, 3), 4: (2, 2, 2, 2), 5: (2, 2, 1, 2, 2)}


def problem(rank, training, affine=True):
    """Return a function of float64 tensors, and leaves to differentiate it by."""
    shape = SMALL[rank]
    mean, var = None, None
    if not training:
        mean, var = tensor(shape[1], seed=3), tensor(shape[1], seed=4).abs() + 0.5
    leaves = [tensor(*shape)]
    leaves += [tensor(shape[1], seed=s) for s in (1, 2)] if affine else []

    def function(x, weight=None, bias=None):
        return normalize(x, weight, bias, mean, var, 1e-3)[0]

    return function, [t.requires_grad_() for t in leaves]


@pytest.mark.parametrize("rank", SMALL)
@each_mode
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_derivatives_by_finite_differences(rank, training, affine):
    """As PyTorch's tests of operators: forward, backward, batched, and each over another."""
    function, leaves = problem(rank, training, affine)
    assert gradcheck(function, leaves)
    assert gradgradcheck(function, leaves)
    fast = {"fast_mode": True, "check_batched_grad": True}
    both = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert gradcheck(function, leaves, **both, **fast)
    assert gradgradcheck(function, leaves, check_fwd_over_rev=True, **fast)


def derivatives(function, leaves, orders):
    """Return gradients of a value, then of a penalty on these gradients, and so on."""
    value, results = function(leaves[0]).pow(3).sum(), []
    for _ in range(orders):
        gradients = torch.autograd.grad(value, leaves, create_graph=True, allow_unused=True)
        results += [g for g in gradients if g is not None]
        value = sum(g.pow(2).sum() for g in gradients if g is not None)
    return results


@each_kind
@each_mode
def test_second_derivatives_are_pytorchs(kind, training):
    name, shape = KINDS[kind]
    results = []
    for module in pair(name, eps=1e-2):
        leaves = [tensor(*shape).requires_grad_(), *module.parameters()]
        results.append(derivatives(module.train(training), leaves, 2))
    assert len(results[0]) == len(results[1]) == 6
    for got, want in zip(*results, strict=True):
        assert_near(got, want, tol=1e-10)


def test_third_derivatives_are_those_of_the_definition():
    """PyTorch 2.13's own are off by a third in training mode."""
    ours, theirs = pair("BatchNorm1d", eps=1e-2)

    def definition(x):
        d = x - x.mean(0)
        return d / ((d * d).mean(0) + 1e-2).sqrt() * ours.weight + ours.bias

    x = tensor(6, 4).requires_grad_()
    *_, got = derivatives(ours, [x], 3)
    *_, want = derivatives(definition, [x], 3)
    *_, other = derivatives(theirs, [x], 3)
    assert_near(got, want, tol=1e-10)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_near(other, want, tol=0.1)


@each_mode
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_backward_passes_agree(training, dtype):
    """With and without a graph; the mean is 1000 standard deviations."""
    module = BatchNorm1d(3).train(training)
    module.running_mean.fill_(2000)
    x = (2000 + tensor(64, 3, dtype=torch.float32)).to(dtype).requires_grad_()
    leaves = [x, *module.parameters()]
    y, dy = module(x), tensor(64, 3, seed=1, dtype=dtype)
    plain = torch.autograd.grad(y, leaves, dy, retain_graph=True)
    graph = torch.autograd.grad(y, leaves, dy, create_graph=True)
    assert graph[0].requires_grad
    assert graph[1].requires_grad
    for got, want in zip(graph, plain, strict=True):
        assert_near(got, want, tol=1e-5 if dtype == torch.float32 else 1e-2)


@pytest.mark.parametrize("frozen", [["x"], ["weight"], ["bias"], ["weight", "bias"]])
def test_frozen_parts_get_no_gradient(frozen):
    """Whatever is frozen, the others' gradients are PyTorch's."""
    results = []
    for module in pair("BatchNorm1d"):
        x = tensor(6, 4)
        leaves = {"x": x, "weight": module.weight, "bias": module.bias}
        for name, leaf in leaves.items():
            leaf.requires_grad_(name not in frozen)
        module(x).pow(3).sum().backward()
        assert [n for n, leaf in leaves.items() if leaf.grad is None] == frozen
        results.append([leaf.grad for leaf in leaves.values() if leaf.grad is not None])
    for got, want in zip(*results, strict=True):
        assert_near(got, want, tol=1e-11)


def test_the_mode_is_an_attribute_and_not_whether_gradients_are_on():
    """FIELD: one published layer trains exactly when autograd is enabled."""
    module = BatchNorm1d(4).double()
    x = tensor(6, 4)
    with torch.no_grad():
        y = module(x)
    assert module.num_batches_tracked == 1
    assert_near(y.mean(0), torch.zeros(4).double(), tol=1e-12)
    before = module.running_mean.clone()
    x.requires_grad_()
    module.eval()(x).sum().backward()
    assert torch.equal(module.running_mean, before)
    assert_near(x.grad[0], 1 / (module.running_var + 1e-5).sqrt(), tol=1e-12)
