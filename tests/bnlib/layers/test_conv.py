"""Convolution, pooling and flattening, beside PyTorch and plain loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, leaf, untouched
from torch import nn

from bnlib.layers.conv import Conv2d
from bnlib.layers.im2col import add_windows, windows
from bnlib.layers.pool import Flatten, MaxPool2d

LAYERS = {
    "Conv2d": lambda: Conv2d(2, 3, 3, stride=2, padding=1, seed=1),
    "Conv2d without bias": lambda: Conv2d(2, 3, (2, 3), bias=False, seed=1),
    "MaxPool2d": lambda: MaxPool2d(2),
    "MaxPool2d overlapping": lambda: MaxPool2d((3, 2), stride=(1, 2)),
    "Flatten": Flatten,
}
each_layer = pytest.mark.parametrize("name", LAYERS)


def sample(*shape):
    """Return normal numbers, the same at each call."""
    return np.random.default_rng(0).normal(size=shape)


@st.composite
def geometries(draw, most_padding=3):
    """Draw sizes of images, and a kernel, stride and padding that fit."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    padding = draw(st.tuples(*[st.integers(0, most_padding)] * 2))
    kernel, stride = draw(pair), draw(pair)
    least = [max(1, k - 2 * p) for k, p in zip(kernel, padding, strict=True)]
    H, W = (draw(st.integers(n, n + 4)) for n in least)
    return draw(st.integers(0, 3)), draw(st.integers(1, 3)), H, W, kernel, stride, padding


def assert_like_torch(layer, twin, x, seed=0):
    """Compare outputs and all gradients with a PyTorch module of the same parameters."""
    parameters = layer.named_parameters()
    twin = twin.double()
    twin.load_state_dict({k: torch.from_numpy(p.value) for k, p in parameters.items()})
    x_torch, y = leaf(x), layer(x)
    y_torch = twin(x_torch)
    dy = np.random.default_rng(seed).normal(size=y_torch.shape)
    y_torch.backward(torch.from_numpy(dy))
    with untouched(x, dy):
        dx = layer.backward(dy)
    assert_close(y, y_torch.detach().numpy())
    assert_close(dx, x_torch.grad.numpy(), size=1.0)
    for name, parameter in twin.named_parameters():
        assert_close(parameters[name].grad, parameter.grad.numpy(), size=1.0)


@given(geometries(), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_convolution_matches_torch(geometry, out, bias, seed):
    N, C, H, W, kernel, stride, padding = geometry
    rng = np.random.default_rng(seed)
    layer = Conv2d(C, out, kernel, stride, padding, bias=bias, seed=rng)
    if bias:
        layer.bias.value += rng.normal(size=out)
    twin = nn.Conv2d(C, out, kernel, stride, padding, bias=bias)
    assert_like_torch(layer, twin, rng.normal(size=(N, C, H, W)), seed)


@given(geometries(most_padding=0), st.booleans(), st.integers(0, 99))
def test_pooling_matches_torch(geometry, ties, seed):
    N, C, H, W, kernel, stride, _ = geometry
    rng = np.random.default_rng(seed)
    shape = (max(N, 1), C, H, W)  # torch refuses a batch of no images here
    x = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    assert_like_torch(MaxPool2d(kernel, stride), nn.MaxPool2d(kernel, stride), x, seed)


def test_convolution_matches_a_plain_loop():
    layer, x = Conv2d(2, 3, (2, 3), stride=(2, 1), padding=(1, 0), seed=4), sample(2, 2, 5, 4)
    layer.bias.value[:] = [1, 2, 3]
    padded = np.zeros((2, 2, 7, 4))
    padded[:, :, 1:6] = x
    expected = np.zeros((2, 3, 3, 2))
    for n, o, i, j in np.ndindex(expected.shape):
        window = padded[n, :, 2 * i : 2 * i + 2, j : j + 3]
        expected[n, o, i, j] = (window * layer.weight.value[o]).sum() + layer.bias.value[o]
    assert_close(layer(x), expected)


def test_the_kernel_is_not_flipped():
    layer = Conv2d(1, 1, (1, 2), bias=False)
    layer.weight.value[:] = [[[[1.0, 10.0]]]]
    np.testing.assert_array_equal(layer(np.array([[[[1.0, 2.0, 3.0]]]]))[0, 0, 0], [21, 32])


def test_a_kernel_as_large_as_the_image_is_a_linear_layer():
    layer, x = Conv2d(2, 3, (4, 5), seed=1), sample(6, 2, 4, 5)
    expected = x.reshape(6, 40) @ layer.weight.value.reshape(3, 40).T
    assert_close(layer(x)[:, :, 0, 0], expected)


def test_equal_values_give_the_gradient_to_the_first():
    layer = MaxPool2d(2)
    layer(np.zeros((1, 1, 4, 2)))
    dx = layer.backward(np.ones((1, 1, 2, 1)))
    np.testing.assert_array_equal(dx[0, 0], [[1, 0], [0, 0], [1, 0], [0, 0]])


def test_overlapping_windows_add_up():
    layer, x = MaxPool2d(2, stride=1), np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1  # in all four windows
    layer(x)
    dx = layer.backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    np.testing.assert_array_equal(dx, 10 * x)


def test_pooling_passes_nan_and_infinity_on():
    x = np.array([[[[1.0, math.nan], [2.0, 3.0]]], [[[-math.inf, -math.inf]] * 2]])
    layer = MaxPool2d(2)
    np.testing.assert_array_equal(layer(x).ravel(), [math.nan, -math.inf])
    dx = layer.backward(np.full((2, 1, 1, 1), math.inf))
    np.testing.assert_array_equal(dx.reshape(2, 4), [[0, math.inf, 0, 0], [math.inf, 0, 0, 0]])


def test_flatten_keeps_the_order_of_each_sample():
    x, layer = sample(3, 2, 4, 5), Flatten()
    y = layer(x)
    np.testing.assert_array_equal(y, [row.ravel() for row in x])
    np.testing.assert_array_equal(layer.backward(y), x)
    np.testing.assert_array_equal(Flatten()(x[:, 0, 0]), x[:, 0, 0])


@given(geometries(most_padding=0), st.integers(0, 99))
def test_add_windows_is_the_transpose_of_windows(geometry, seed):
    """The inner product <windows(x), p> equals <x, add_windows(p)>."""
    N, C, H, W, kernel, stride, _ = geometry
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, C, H, W))
    view = windows("test", x, kernel, stride)
    with pytest.raises(ValueError, match="read-only"):
        view[...] = 0
    parts = rng.normal(size=view.shape)
    assert_close(
        (view * parts).sum(), (x * add_windows(parts, x.shape, stride)).sum(), size=9.0
    )


@each_layer
def test_float32_stays_float32(name):
    layer, x = LAYERS[name](), sample(3, 2, 5, 4)
    exact = layer(x)
    dx_exact = layer.backward(np.cos(exact))
    gradients = [p.grad for p in layer.parameters()]
    y = layer(x.astype(np.float32))
    dx = layer.backward(np.cos(exact).astype(np.float32))
    for ours, theirs in [(y, exact), (dx, dx_exact)]:
        assert ours.dtype == np.float32
        assert_close(ours, theirs, tol=1e-6)
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        assert parameter.grad.dtype == np.float32
        assert_close(parameter.grad, gradient, tol=1e-6)


@each_layer
def test_strides_of_the_input_make_no_difference(name):
    layer, x = LAYERS[name](), sample(3, 2, 5, 4)
    y = layer(x)
    for other in (
        np.asfortranarray(x),
        np.flip(np.flip(x).copy()),
        np.repeat(x, 2, 3)[..., ::2],
    ):
        np.testing.assert_array_equal(layer(other), y)
        dy = np.broadcast_to(np.float64(2), y.shape)
        np.testing.assert_array_equal(layer.backward(dy), layer.backward(dy.copy()))


@each_layer
def test_backward_belongs_to_the_latest_forward_and_overwrites(name):
    layer, x = LAYERS[name](), sample(3, 2, 5, 4)
    dy = np.ones_like(layer(x))
    dx = layer.backward(dy)
    gradients = [p.grad for p in layer.parameters()]
    layer(-2 * x)
    layer.backward(-3 * dy)
    layer(x)
    np.testing.assert_array_equal(layer.backward(dy), dx)
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, gradient)
