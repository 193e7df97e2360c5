"""What recalibration refuses, in which words, and what it leaves alone then."""

import re

import numpy as np
import pytest
import torch
from reference import untouched

from bnlib.deploy import recalibrate
from bnlib.layers import BatchNorm, Linear, ReLU, Sequential
from bnlib.arguments import NonFiniteError


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(3, 2, shape)


def network():
    return Sequential(BatchNorm(4), Linear(4, 6, seed=0), BatchNorm(6), ReLU(), BatchNorm(6))


class Lazy(Sequential):
    """A container that never calls its last layer."""

    def forward(self, x):
        """Return the output of all layers but the last."""
        for layer in self.layers[:-1]:
            x = layer(x)
        return x


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ([], ValueError, "3 of 3 BatchNorm layers saw no batch; give at least one batch, and"),
        ([sample(9, 4), sample(9, 3)], ValueError, "BatchNorm: expected 4 channels on axis 1"),
        ([sample(9, 4), sample(9, 4) * np.nan], NonFiniteError, "expected finite statistics"),
        ([sample(9, 4), sample(1, 4)], ValueError, "batch_norm_train: needs at least 2 values"),
        ([(sample(9, 4), 0)], TypeError, "BatchNorm: x must be a NumPy array .*, got tuple"),
        (sample(9, 4), TypeError, "expected an iterable of batches, got ndarray; pass"),
        (None, TypeError, "expected an iterable of batches, got NoneType"),
    ],
)
def test_an_error_leaves_all_statistics_and_modes(batches, error, message):
    net = network()
    net(sample(9, 4, seed=1))
    net.layers[2].eval()
    with untouched(net), pytest.raises(error, match=message):
        recalibrate(net, batches)
    assert "_track" not in vars(net.layers[0])


@pytest.mark.parametrize("model", [None, torch.nn.BatchNorm1d(2), BatchNorm])
def test_what_is_no_layer_is_refused(model):
    message = f"recalibrate: model must be a NumPy layer, got {type(model).__name__}; PyTorch"
    with pytest.raises(TypeError, match=message):
        recalibrate(model, [])


def test_a_model_without_running_statistics_is_refused():
    for model in (Sequential(ReLU()), BatchNorm(2, track_running_stats=False)):
        message = (
            f"recalibrate: {type(model).__name__} has no BatchNorm with running statistics"
        )
        with pytest.raises(ValueError, match=re.escape(message)):
            recalibrate(model, [sample(9, 2)])


def test_a_layer_that_the_model_never_calls_is_refused():
    model = Lazy(BatchNorm(2), BatchNorm(2), BatchNorm(2))
    message = "recalibrate: 1 of 3 BatchNorm layers saw no batch; give at least one batch, and"
    with untouched(model), pytest.raises(ValueError, match=message):
        recalibrate(model, [sample(9, 2)])
