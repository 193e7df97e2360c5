"""The networks: their layers and their weights."""

import numpy as np
import pytest

from bnlib.models import mlp

NORMS = ["none", "before", "after"]
ACTIVATIONS = {"relu": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh"}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", NORMS)
def test_layers_stand_in_order(norm, activation):
    block = {
        "none": ["Linear", ACTIVATIONS[activation]],
        "before": ["Linear", "BatchNorm", ACTIVATIONS[activation]],
        "after": ["Linear", ACTIVATIONS[activation], "BatchNorm"],
    }[norm]
    net = mlp([5, 4, 3, 2], norm=norm, activation=activation)
    assert [type(layer).__name__ for layer in net.layers] == 2 * block + ["Linear"]
    widths = [p.value.shape for p in net.parameters() if p.value.ndim == 2]
    assert widths == [(4, 5), (3, 4), (2, 3)]


def weights(**options):
    """Return the weight matrices of a small network, one after another."""
    net = mlp([5, 4, 3], **options)
    return np.concatenate([p.value.ravel() for p in net.parameters() if p.value.ndim == 2])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("norm", NORMS)
def test_the_same_seed_gives_the_same_weights_for_each_norm(norm, bias):
    np.testing.assert_array_equal(weights(norm=norm, bias=bias, seed=7), weights(seed=7))


def test_weights_follow_the_seed_and_differ_between_layers():
    assert (weights(seed=0) != weights(seed=1)).all()
    np.testing.assert_array_equal(weights(), weights(seed=0, std=None))
    first, second = (p.value for p in mlp([4, 4, 4]).parameters() if p.value.ndim == 2)
    assert (first != second).all()


@pytest.mark.parametrize(("std", "expected"), [(0.01, [0.01] * 2), (None, [0.2, 0.1])])
def test_std_is_that_of_every_weight_matrix(std, expected):
    net = mlp([50, 200, 400], std=std)
    spreads = [p.value.std() for p in net.parameters() if p.value.ndim == 2]
    np.testing.assert_allclose(spreads, expected, rtol=0.02)


@pytest.mark.parametrize(("options", "biases"), [({}, [4, 3, 2]), ({"bias": False}, [2])])
def test_the_last_layer_always_has_a_bias(options, biases):
    net = mlp([5, 4, 3, 2], **options)
    assert [p.value.size for p in net.parameters() if p.value.ndim == 1] == biases


def test_by_default_there_is_no_normalization_and_relu():
    names = [type(layer).__name__ for layer in mlp([3, 4, 2]).layers]
    assert names == ["Linear", "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in mlp((3, 2)).layers] == ["Linear"]
