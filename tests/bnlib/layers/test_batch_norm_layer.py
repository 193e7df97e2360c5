"""The layer: running statistics, modes and gradients, beside PyTorch's modules."""

import inspect

import numpy as np
import pytest
import torch
from reference import assert_close, assert_same_passes, assert_same_state, untouched
from torch import nn

from bnlib.layers import BatchNorm

MODULES = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
MOMENTA = [0.1, 0.9, 0.0, 1.0, None]


def pair(rank, **options):
    """Return our layer and PyTorch's, new, in float64."""
    return BatchNorm(3, **options), MODULES[rank](3, dtype=torch.float64, **options)


def batches(rank, count, dtype=np.float64):
    """Yield batches whose size, mean and spread change."""
    rng = np.random.default_rng(rank)
    for i in range(count):
        shape = (2 + i % 4, 3, *(2, 3, 2)[: rank - 2])
        yield rng.normal(i, 1 + i % 3, shape).astype(dtype)


def test_defaults_are_those_of_torch():
    layer, module = pair(2)
    for name in ("num_features", "eps", "momentum"):
        assert getattr(layer, name) == getattr(module, name)
    assert_same_state(layer, module, tol=0)
    ours, theirs = (inspect.signature(c).parameters for c in (BatchNorm, nn.BatchNorm1d))
    assert list(ours)[:5] == list(theirs)[:5]


@pytest.mark.parametrize("rank", MODULES)
@pytest.mark.parametrize("momentum", MOMENTA)
def test_running_statistics_and_evaluation_match_torch(rank, momentum):
    layer, module = pair(rank, momentum=momentum)
    for x in batches(rank, 25):
        layer(x)
        module(torch.tensor(x))
        assert_same_state(layer, module)
    assert_same_passes(layer.eval(), module.eval(), x)


@pytest.mark.parametrize("rank", MODULES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("track", [True, False])
def test_gradients_match_torch_in_both_modes(rank, affine, track):
    layer, module = pair(rank, affine=affine, track_running_stats=track, eps=1e-3)
    for parameters in zip(layer.parameters(), module.parameters(), strict=True):
        parameters[0].value[:] = [-0.5, 1.0, 2.0]
        parameters[1].data = torch.tensor(parameters[0].value)
    for x in batches(rank, 4):
        assert_same_passes(layer.train(), module.train(), x)
        assert_same_passes(layer.eval(), module.eval(), x)
        assert_same_state(layer, module)


def test_float32_passes_stay_float32_and_near_torch_in_float64():
    layer, module = pair(4)
    for x in batches(4, 4, np.float32):
        assert_same_passes(layer.train(), module.train(), x, tol=1e-5)
        assert_same_passes(layer.eval(), module.eval(), x, tol=1e-5)
        assert layer(x).dtype == layer.backward(x).dtype == np.float32
    assert_same_state(layer, module, tol=1e-6)


def test_running_statistics_are_updated_in_place_as_in_torch():
    layer, x = BatchNorm(3), next(batches(2, 1))
    buffers = layer.named_buffers()
    layer(x)
    assert all(layer.named_buffers()[name] is buffer for name, buffer in buffers.items())


def test_evaluation_leaves_the_state_alone_and_takes_one_sample():
    layer, x = BatchNorm(3), next(batches(2, 1))
    layer(x)
    with untouched(layer.eval()):
        alone = np.concatenate([layer(row[None]) for row in x])
        together = layer(x)
    np.testing.assert_array_equal(alone, together)


@pytest.mark.parametrize("training", [True, False])
def test_backward_uses_what_the_forward_pass_used(training):
    layer, x = BatchNorm(3), next(batches(2, 1))
    dy = np.ones_like(x) + x
    layer.train(training)(x)
    expected = layer.backward(dy), layer.gamma.grad, layer.beta.grad
    layer(x)
    layer.train(not training)
    for array in (layer.gamma.value, layer.beta.value, layer.running_mean, layer.running_var):
        array += 5
    np.testing.assert_equal((layer.backward(dy), layer.gamma.grad, layer.beta.grad), expected)


def test_channels_last_gives_the_same_layer():
    first, last = BatchNorm(3), BatchNorm(3, channel_axis=-1)
    for training in (True, False):
        for x in batches(4, 3):
            moved = np.moveaxis(x, 1, -1)
            assert_close(
                np.moveaxis(last.train(training)(moved), -1, 1), first.train(training)(x)
            )
            assert_close(np.moveaxis(last.backward(moved), -1, 1), first.backward(x))
    for name, expected in first.state_dict().items():
        assert_close(last.state_dict()[name], expected)


@pytest.mark.parametrize("width", [1, np.int64(1)])
def test_one_feature_is_enough(width):
    assert type(BatchNorm(width).num_features) is int
