"""What every layer does, beside the same layer of PyTorch; Linear, activations, Sequential."""

import numpy as np
import pytest
from reference import assert_close, assert_same_passes, leaf, torch_twin
from torch import nn

from bnlib.layers import (
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)


def sample(*shape):
    """Return normal numbers, the same at each call."""
    return np.random.default_rng(0).normal(size=shape)


FLAT, IMAGES = sample(7, 3), sample(3, 2, 5, 4)
LAYERS = {  # a layer, and what it is fed
    "Linear": (lambda: Linear(3, 5, seed=1), FLAT),
    "Linear without bias": (lambda: Linear(3, 5, bias=False, seed=1), FLAT),
    "Linear 1 to 1": (lambda: Linear(1, 1, seed=1), FLAT[:, :1]),
    "ReLU": (ReLU, IMAGES),
    "Sigmoid": (Sigmoid, IMAGES),
    "Tanh": (Tanh, FLAT),
    "Sequential": (
        lambda: Sequential(Linear(3, 5, seed=1), Tanh(), Linear(5, 2, seed=2)),
        FLAT,
    ),
    "empty Sequential": (Sequential, FLAT),
    "Conv2d": (lambda: Conv2d(2, 3, 3, stride=2, padding=1, seed=1), IMAGES),
    "Conv2d without bias": (lambda: Conv2d(2, 3, (2, 3), bias=False, seed=1), IMAGES),
    "MaxPool2d": (lambda: MaxPool2d(2), IMAGES),
    "MaxPool2d overlapping": (lambda: MaxPool2d((3, 2), stride=(1, 2)), IMAGES),
    "Flatten": (Flatten, IMAGES),
    "LeNet": (
        lambda: Sequential(
            Conv2d(2, 4, 2, padding=1, seed=0), BatchNorm(4), ReLU(), MaxPool2d(2),
            Conv2d(4, 8, 2, bias=False, seed=1), BatchNorm(8), Sigmoid(), Flatten(),
            Linear(16, 6, seed=2), BatchNorm(6), Tanh(), Linear(6, 3, seed=3),
        ),
        IMAGES,
    ),
}  # fmt: skip
each_layer = pytest.mark.parametrize("name", LAYERS)
each_weighted = pytest.mark.parametrize("name", ["Linear", "Conv2d"])


def built(name):
    """Return a new layer and its input."""
    make, x = LAYERS[name]
    return make(), x


def passes(layer, x, dy):
    """Return the output, the gradient to the input and those to the parameters."""
    return [layer(x), layer.backward(dy), *(p.grad for p in layer.parameters())]


@each_layer
def test_forward_and_backward_match_torch(name):
    layer, x = built(name)
    for parameter in layer.parameters():
        parameter.value += 0.1  # a bias starts at zero, which would hide it
    assert_same_passes(layer, torch_twin(layer), x)


@each_layer
def test_strides_make_no_difference(name):
    layer, x = built(name)
    dy = np.broadcast_to(np.float64(2), layer(x).shape)
    expected = passes(layer, x, dy.copy())
    other_strides = (
        np.asfortranarray(x),
        np.flip(np.flip(x).copy()),
        np.repeat(x, 2, -1)[..., ::2],
    )
    for other in other_strides:
        for got, want in zip(passes(layer, other, dy), expected, strict=True):
            assert_close(got, want, tol=1e-15)


@pytest.mark.parametrize("name", ["Conv2d", "Conv2d without bias", "MaxPool2d", "Flatten"])
def test_image_layers_keep_float32(name):
    layer, x = built(name)
    dy = np.cos(layer(x))
    exact = passes(layer, x, dy)
    for ours, theirs in zip(passes(layer, *map(np.float32, (x, dy))), exact, strict=True):
        assert ours.dtype == np.float32
        assert_close(ours, theirs, tol=1e-6)


@each_layer
def test_backward_belongs_to_the_latest_forward_and_overwrites(name):
    layer, x = built(name)
    dy = np.ones_like(layer(x))
    expected = passes(layer, x, dy)
    passes(layer, -2 * x, -3 * dy)
    np.testing.assert_equal(passes(layer, x, dy), expected)


@pytest.mark.parametrize("activation", [ReLU, Sigmoid, Tanh])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_exact_far_out_and_keep_the_dtype(activation, dtype):
    x = np.array([-1e30, -1000, -20, -1e-3, 0, 1e-3, 20, 1000, 1e30], dtype)
    twin, x_torch = getattr(nn, activation.__name__)(), leaf(x)
    y_torch = twin(x_torch)
    y_torch.sum().backward()
    y, dx = passes(activation(), x, np.ones_like(x))
    assert y.dtype == dx.dtype == dtype
    assert_close(y, y_torch.detach(), tol=np.finfo(dtype).eps)
    assert_close(dx, x_torch.grad, tol=np.finfo(dtype).eps)


WEIGHTED = {"Linear": (Linear, (50, 400), 50), "Conv2d": (Conv2d, (3, 400, 4), 48)}


@each_weighted
def test_weights_are_drawn_from_the_seed(name):
    kind, sizes, _ = WEIGHTED[name]

    def weights(**options):
        return kind(*sizes, **options).weight.value

    rng = np.random.default_rng(0)
    for same in (weights(), weights(std=None), weights(seed=rng)):
        np.testing.assert_array_equal(same, weights(seed=0))
    for other in (weights(seed=1), weights(seed=rng)):
        assert (other != weights()).all()


@each_weighted
@pytest.mark.parametrize("std", [None, 0.3, 0])
def test_weights_start_with_this_spread_and_the_bias_at_zero(name, std):
    kind, sizes, fan_in = WEIGHTED[name]
    layer, expected = kind(*sizes, std=std), np.sqrt(2 / fan_in) if std is None else std
    assert abs(layer.weight.value.std() - expected) <= 0.02 * expected
    assert list(layer.named_parameters()) == ["weight", "bias"]
    assert list(kind(*sizes, bias=False).named_parameters()) == ["weight"]
    assert not layer.bias.value.any()


def test_parameter_starts_with_a_zero_gradient_of_its_own():
    parameter = Parameter(np.ones((2, 3), np.float32))
    assert repr(parameter) == "Parameter(shape=(2, 3), dtype=float32)"
    np.testing.assert_array_equal(parameter.grad, np.zeros((2, 3), np.float32), strict=True)
