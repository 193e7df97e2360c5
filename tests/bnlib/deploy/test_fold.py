"""Folding a batch normalization into the layer before it."""

import numpy as np
import pytest
import torch
from fold_pairs import pair
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, untouched
from torch import nn
from torch.nn.utils import fusion

from bnlib.deploy import fold

each_kind = pytest.mark.parametrize("kind", ["Linear", "Conv2d"])


@each_kind
@settings(max_examples=40)
@given(bias=st.booleans(), affine=st.booleans(), eps=st.floats(0, 2), seed=st.integers(0, 99))
def test_one_layer_computes_the_same_as_the_two(kind, bias, affine, eps, seed):
    layer, bn, x = pair(kind, bias, seed, affine=affine, eps=eps)
    with untouched(layer, bn):
        folded = fold(layer, bn)
        assert_close(folded(x), bn(layer(x)), tol=1e-12)
    assert type(folded) is type(layer)
    assert folded is not layer
    assert folded.training is False


@each_kind
def test_the_folded_weights_are_torchs(kind):
    layer, bn, _ = pair(kind)
    shape = layer.weight.value.shape
    module = nn.Linear(5, 4) if kind == "Linear" else nn.Conv2d(2, 4, shape[2:])
    norm = nn.BatchNorm1d(4) if kind == "Linear" else nn.BatchNorm2d(4)
    fuse = fusion.fuse_linear_bn_eval if kind == "Linear" else fusion.fuse_conv_bn_eval
    for theirs, ours in ((module.double(), layer), (norm.double(), bn)):
        theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    expected, folded = fuse(module.eval(), norm.eval()), fold(layer, bn)
    assert_close(folded.weight.value, expected.weight.detach().numpy(), tol=1e-12)
    assert_close(folded.bias.value, expected.bias.detach().numpy(), tol=1e-12)


@each_kind
def test_the_new_layer_shares_nothing_with_the_old_ones(kind):
    layer, bn, x = pair(kind)
    folded = fold(layer, bn)
    y = folded(x)
    for parameter in layer.parameters() + bn.parameters():
        parameter.value += 1
    bn.running_mean += 1
    bn.running_var += 1
    np.testing.assert_array_equal(folded(x), y)


@each_kind
def test_the_new_layer_can_be_trained(kind):
    """Its gradients have the shapes of its parameters, and its backward is its own."""
    layer, bn, x = pair(kind, bias=False)
    folded = fold(layer, bn)
    layer(x)
    with pytest.raises(RuntimeError, match="no forward pass came before"):
        folded.backward(np.ones((1, 4)))
    folded.backward(np.ones_like(folded(x)))
    for parameter in folded.parameters():
        assert parameter.grad.shape == parameter.value.shape
    assert list(folded.named_parameters()) == ["weight", "bias"]


def test_an_overflow_is_infinite_without_a_warning():
    layer, bn, _ = pair()
    bn.gamma.value[:] = 1e308
    layer.weight.value[:] = 1e10
    assert np.isinf(fold(layer, bn).weight.value).all()


def test_negative_axes_count_from_the_end():
    for kind, axis in (("Linear", -1), ("Conv2d", -3)):
        layer, bn, x = pair(kind, channel_axis=axis)
        assert_close(fold(layer, bn)(x), bn(layer(x)), tol=1e-12)
