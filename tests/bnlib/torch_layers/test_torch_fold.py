"""Folding a batch normalization into the PyTorch layer before it."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import fusion
from torch_folds import LAYERS, pair
from torch_pairs import assert_near, tensor

from bnlib.torch_layers import BatchNorm1d, fold, folding

each_layer = pytest.mark.parametrize("name", LAYERS)


@each_layer
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"bias": False, "eps": 0.0}], ids=str
)
def test_one_layer_computes_the_same_as_the_two(name, bias, own, options):
    layer, bn, x = pair(name, own, layer_bias=bias, **options)
    before = copy.deepcopy((layer.state_dict(), bn.state_dict()))
    folded = fold(layer, bn)
    assert_near(folded(x), bn(layer(x)), tol=1e-12)
    assert type(folded) is type(layer)
    assert folded is not layer
    assert folded.training is False
    assert layer.training is True
    assert str(before) == str((layer.state_dict(), bn.state_dict()))


@pytest.mark.parametrize("name", ["Linear", "Conv1d", "Conv2d", "Conv3d"])
def test_the_folded_weights_are_pytorchs(name):
    layer, bn, _ = pair(name)
    fuse = fusion.fuse_linear_bn_eval if name == "Linear" else fusion.fuse_conv_bn_eval
    folded, wanted = fold(layer, bn), fuse(copy.deepcopy(layer).eval(), bn)
    assert_near(folded.weight, wanted.weight, tol=1e-14)
    assert_near(folded.bias, wanted.bias, tol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_folding_is_computed_in_float64(dtype):
    """One rounding of each weight, no more; in PyTorch's own there are several."""
    layer, bn, _ = pair("Linear", dtype=dtype)
    folded, exact = (
        fold(layer, bn),
        fold(copy.deepcopy(layer).double(), copy.deepcopy(bn).double()),
    )
    for got, want in ((folded.weight, exact.weight), (folded.bias, exact.bias)):
        assert torch.equal(got, want.to(dtype))


@pytest.mark.parametrize("frozen", [True, False])
def test_the_new_layer_shares_nothing_and_keeps_whether_it_learns(frozen):
    layer, bn, x = pair("Conv2d", layer_bias=False)
    layer.weight.requires_grad_(not frozen)
    folded = fold(layer, bn)
    y = folded(x)
    with torch.no_grad():
        for value in [*layer.state_dict().values(), *bn.state_dict().values()]:
            value.add_(1)
    assert torch.equal(folded(x), y)
    assert [p.requires_grad for p in folded.parameters()] == 2 * [not frozen]
    assert set(folded.state_dict()) == {"weight", "bias"}


def test_a_layer_of_another_device_keeps_it():
    """A device that holds no values shows where the result is put."""
    weight = torch.empty(3, 2, device="meta")
    assert folding.like(weight, torch.ones(3, 2).double()).device.type == "meta"


def test_synchronized_batch_normalization_takes_any_rank():
    for name in ("Linear", "Conv2d"):
        layer, bn, x = pair(name)
        folded = fold(layer, nn.SyncBatchNorm.convert_sync_batchnorm(bn))
        assert_near(folded(x), bn(layer(x)), tol=1e-12)


def test_subclasses_that_compute_as_their_base_are_folded():
    class Named(nn.Linear):
        """A layer with another name."""

    class Norm(BatchNorm1d):
        """A normalization with another constructor."""

        def __init__(self):
            super().__init__(3, dtype=torch.float64)

    layer, bn, x = Named(4, 3).double(), Norm().eval(), tensor(5, 4)
    bn.running_mean.fill_(0.5)
    assert_near(fold(layer, bn)(x), bn(layer(x)), tol=1e-12)
