"""Folding a batch normalization into the layer before it."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import assert_close, untouched
from torch import nn
from torch.nn.utils import fusion

from bnlib.deploy import fold
from bnlib.layers import BatchNorm, Linear, ReLU, Sequential
from bnlib.layers.conv import Conv2d
from bnlib.arguments import NonFiniteError


def trained(num_features, rng, **options):
    """Return a batch normalization in evaluation mode with parameters like a trained one's."""
    bn = BatchNorm(num_features, **options).eval()
    state = bn.state_dict()
    for name, array in state.items():
        low = 0.1 if name == "running_var" else -3
        array[...] = rng.uniform(low, 3, num_features) if array.ndim else 7
    bn.load_state_dict(state)
    return bn


def pair(kind="Linear", bias=True, seed=0, **options):
    """Return a layer, the batch normalization after it, and inputs."""
    rng = np.random.default_rng(seed)
    if kind == "Linear":
        layer, x = Linear(5, 4, bias=bias, seed=rng), rng.normal(3, 2, (6, 5))
    else:
        layer = Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(2, 1), bias=bias, seed=rng)
        x = rng.normal(3, 2, (3, 2, 5, 4))
    if bias:
        layer.bias.value += rng.normal(size=4)
    return layer, trained(4, rng, **options), x


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


def test_a_batch_normalization_left_in_training_mode_is_refused():
    """Else the outputs would differ, as in the forum thread where they did by 0.14."""
    layer, bn, x = pair()
    difference = np.abs(fold(layer, bn)(x) - bn.train()(layer(x))).max()
    assert difference > 0.1
    message = (
        "fold: bn is in training mode, where it normalizes by its batch and is no fixed map"
    )
    with (
        untouched(layer, bn),
        pytest.raises(ValueError, match=message + r"; call bn\.eval\(\)"),
    ):
        fold(layer, bn)


def test_no_running_statistics_are_refused():
    layer, bn, _ = pair(track_running_stats=False)
    message = "fold: bn keeps no running statistics, .*; build it with track_running_stats=True"
    with untouched(layer, bn), pytest.raises(ValueError, match=message):
        fold(layer, bn)


@pytest.mark.parametrize(
    ("layer", "bn", "hint"),
    [
        (BatchNorm(2).eval(), Linear(2, 2), "only a BatchNorm after the layer can be folded"),
        (
            BatchNorm(2).eval(),
            Conv2d(2, 2, 1),
            "only a BatchNorm after the layer can be folded",
        ),
        (ReLU(), BatchNorm(2).eval(), "nothing else can be folded"),
        (Linear(2, 2), ReLU(), "nothing else can be folded"),
        (BatchNorm(2).eval(), BatchNorm(2).eval(), "nothing else can be folded"),
        (Sequential(Linear(2, 2)), BatchNorm(2).eval(), "nothing else can be folded"),
        (nn.Linear(2, 2), BatchNorm(2).eval(), "nothing else can be folded"),
        (Linear(2, 2), nn.BatchNorm1d(2).eval(), "nothing else can be folded"),
        (None, None, "nothing else can be folded"),
    ],
)
def test_wrong_types_and_the_wrong_order_are_refused(layer, bn, hint):
    message = (
        "fold: expected a Linear or Conv2d and the BatchNorm that follows it, "
        f"got {type(layer).__name__} and {type(bn).__name__}; {hint}"
    )
    with pytest.raises(TypeError, match=message):
        fold(layer, bn)


@pytest.mark.parametrize(("kind", "axis"), [("Linear", 0), ("Conv2d", -1), ("Conv2d", 3)])
def test_channels_that_do_not_fit_are_refused(kind, axis):
    layer, bn, _ = pair(kind)
    message = f"fold: bn has 3 channels, {kind} gives 4; pass the BatchNorm that follows"
    with pytest.raises(ValueError, match=message):
        fold(layer, BatchNorm(3).eval())
    bn.channel_axis = axis
    message = f"fold: bn has channel_axis {axis}, {kind} has its channels on axis 1; they do"
    with pytest.raises(ValueError, match=message):
        fold(layer, bn)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        (
            "running_mean",
            math.nan,
            NonFiniteError,
            r"expected finite statistics, .* \[2\]; look",
        ),
        (
            "running_var",
            math.inf,
            NonFiniteError,
            r"expected finite statistics, .* \[2\]; look",
        ),
        ("running_var", -1.0, ValueError, "a variance cannot be negative, got -1 in channel 2"),
        ("running_var", 0.0, ValueError, r"channel 2 is constant \(variance 0\) and eps is 0"),
    ],
)
def test_statistics_that_cannot_be_divided_by_are_refused(name, value, error, message):
    layer, bn, _ = pair(eps=0.0)
    getattr(bn, name)[2] = value
    with pytest.raises(error, match=re.compile(f"^fold: {message}")):
        fold(layer, bn)
