"""Linear layer, activations and Sequential, beside the same layers of PyTorch."""

import re

import numpy as np
import pytest
import torch
from reference import assert_close, leaf, torch_twin, untouched
from strategies import REFUSED

from bnlib.layers import BatchNorm, Layer, Linear, Parameter, ReLU, Sequential, Sigmoid, Tanh

LAYERS = {
    "Linear": lambda: Linear(3, 5, seed=1),
    "Linear without bias": lambda: Linear(3, 5, bias=False, seed=1),
    "ReLU": ReLU,
    "Sigmoid": Sigmoid,
    "Tanh": Tanh,
    "Sequential": lambda: Sequential(Linear(3, 5, seed=1), Tanh(), Linear(5, 2, seed=2)),
    "empty Sequential": Sequential,
}
each_layer = pytest.mark.parametrize("name", LAYERS)
each_activation = pytest.mark.parametrize("activation", [ReLU, Sigmoid, Tanh])


def sample(*shape):
    """Return normal numbers, the same at each call."""
    return np.random.default_rng(0).normal(size=shape)


@each_layer
def test_forward_and_backward_match_torch(name):
    layer, x = LAYERS[name](), sample(7, 3)
    for parameter in layer.parameters():
        parameter.value += 0.1  # a bias starts at zero, which would hide it
    twin, x_torch = torch_twin(layer), leaf(x)
    y, y_torch = layer(x), twin(x_torch)
    dy = sample(*y.shape)
    y_torch.backward(torch.tensor(dy))
    assert_close(y, y_torch.detach())
    with untouched(x, dy):
        assert_close(layer.backward(dy), x_torch.grad)
    for ours, theirs in zip(layer.parameters(), twin.parameters(), strict=True):
        assert_close(ours.grad, theirs.grad)


@each_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_exact_far_out_and_keep_the_dtype(activation, dtype):
    x = np.array([-1e30, -1000, -20, -1e-3, 0, 1e-3, 20, 1000, 1e30], dtype)
    twin, x_torch, layer = getattr(torch.nn, activation.__name__)(), leaf(x), activation()
    y, y_torch = layer(x), twin(x_torch)
    y_torch.sum().backward()
    dx = layer.backward(np.ones_like(x))
    assert y.dtype == dx.dtype == dtype
    assert_close(y, y_torch.detach(), tol=np.finfo(dtype).eps)
    assert_close(dx, x_torch.grad, tol=np.finfo(dtype).eps)


@each_activation
def test_activations_take_any_shape(activation):
    layer = activation()
    assert layer(sample(2, 3, 4)).shape == (2, 3, 4)
    assert layer.backward(sample(2, 3, 4)).shape == (2, 3, 4)


@each_layer
def test_backward_belongs_to_the_latest_forward_and_overwrites(name):
    layer, x = LAYERS[name](), sample(7, 3)
    dy = np.ones_like(layer(x))
    dx = layer.backward(dy)
    gradients = [p.grad for p in layer.parameters()]
    layer(-2 * x)
    layer.backward(-3 * dy)
    layer(x)
    np.testing.assert_array_equal(layer.backward(dy), dx)
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, gradient)


@pytest.mark.parametrize("layer", [Linear(2, 2), ReLU(), Sigmoid(), Tanh(), BatchNorm(2)])
def test_backward_needs_a_forward(layer):
    name = type(layer).__name__
    message = rf"{name}\.backward: no forward pass came before; call {name}\(x\) first"
    with untouched(layer), pytest.raises(RuntimeError, match=message):
        layer.backward(np.ones((2, 2)))


@pytest.mark.parametrize("layer", [Linear(2, 2), ReLU(), Sigmoid(), Tanh(), BatchNorm(2)])
@pytest.mark.parametrize("kind", REFUSED)
def test_layers_refuse_what_is_no_float_array(layer, kind):
    message = f"{type(layer).__name__}: x must be .*; convert it with"
    with untouched(layer), pytest.raises(TypeError, match=message):
        layer(REFUSED[kind])


@pytest.mark.parametrize("shape", [(3,), (4, 2), (4, 3, 1), (3, 4)])
def test_linear_refuses_another_width(shape):
    message = (
        f"Linear: expected x of shape (N, 3), got {shape}; flatten each sample or change "
        "in_features"
    )
    layer = Linear(3, 5)
    with untouched(layer), pytest.raises(ValueError, match=re.escape(message)):
        layer(np.ones(shape))


@pytest.mark.parametrize("layer", [Linear(3, 3), ReLU(), Sigmoid(), Tanh()])
@pytest.mark.parametrize("shape", [(4, 2), (1, 3), (3,)])
def test_backward_refuses_another_shape(layer, shape):
    layer(np.ones((4, 3)))
    message = (
        rf"backward: dy must match the output, shape \(4, 3\), got {re.escape(str(shape))}"
    )
    with untouched(layer), pytest.raises(ValueError, match=message):
        layer.backward(np.ones(shape))


@pytest.mark.parametrize("widths", [(0, 2), (2, 0), (-1, 2)])
def test_linear_needs_positive_widths(widths):
    message = f"must be at least 1, got {widths[0]} and {widths[1]}; they are the widths"
    with pytest.raises(ValueError, match=message):
        Linear(*widths)


def test_linear_draws_its_weights_from_the_seed():
    first, same, other = (Linear(30, 40, seed=s).weight.value for s in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(Linear(30, 40, seed=rng).weight.value, first)
    assert (Linear(30, 40, seed=rng).weight.value != first).all()
    np.testing.assert_array_equal(Linear(30, 40).weight.value, first)
    np.testing.assert_array_equal(Linear(30, 40, std=None).weight.value, first)


@pytest.mark.parametrize(("std", "expected"), [(None, np.sqrt(2 / 50)), (0.3, 0.3), (0, 0)])
def test_linear_starts_with_weights_of_this_spread_and_a_zero_bias(std, expected):
    layer = Linear(50, 400, std=std)
    assert abs(layer.weight.value.std() - expected) <= 0.02 * expected
    assert list(layer.named_parameters()) == ["weight", "bias"]
    assert list(Linear(50, 400, bias=False).named_parameters()) == ["weight"]
    assert not layer.bias.value.any()


def test_parameter_starts_with_a_zero_gradient_of_its_own():
    parameter = Parameter(np.ones((2, 3), np.float32))
    assert repr(parameter) == "Parameter(shape=(2, 3), dtype=float32)"
    np.testing.assert_array_equal(parameter.grad, np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("method", ["forward", "backward", "__call__"])
def test_the_base_class_defines_no_pass(method):
    name = "backward" if method == "backward" else "forward"
    with pytest.raises(NotImplementedError, match=f"Layer defines no {name}"):
        getattr(Layer(), method)(np.ones((2, 2)))


def test_sequential_sets_the_mode_of_every_layer():
    inner = Sequential(BatchNorm(2))
    net = Sequential(inner, ReLU())
    everything = (net, inner, *inner.layers, *net.layers)
    assert all(layer.training is True for layer in everything)
    assert net.eval() is net
    assert all(layer.training is False for layer in everything)
    assert net.train() is net
    assert all(layer.training is True for layer in everything)
    assert net.train(0).training is False


def test_sequential_names_parameters_and_buffers_by_index():
    net = Sequential(ReLU(), Sequential(BatchNorm(2)), Linear(2, 3))
    parameters = ["1.0.weight", "1.0.bias", "2.weight", "2.bias"]
    buffers = ["1.0.running_mean", "1.0.running_var", "1.0.num_batches_tracked"]
    assert list(net.named_parameters()) == parameters
    assert list(net.named_buffers()) == buffers
    assert list(net.state_dict()) == parameters + buffers
    assert [p.value.shape for p in net.parameters()] == [(2,), (2,), (3, 2), (3,)]


@pytest.mark.parametrize("bad", [[ReLU()], "relu", ReLU, None])
def test_sequential_takes_layers_only(bad):
    message = f"Sequential: expected layers, got {type(bad).__name__}; pass them one by one"
    with pytest.raises(TypeError, match=message):
        Sequential(ReLU(), bad)
