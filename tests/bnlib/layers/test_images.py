"""Convolution, pooling and flattening, beside PyTorch and plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_close, assert_same_passes, torch_twin

from bnlib.layers import Conv2d, Flatten, MaxPool2d, Sequential
from bnlib.layers.im2col import add_windows, windows


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


@given(geometries(), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_convolution_matches_torch(geometry, out, bias, seed):
    N, C, H, W, kernel, stride, padding = geometry
    rng = np.random.default_rng(seed)
    layer = Conv2d(C, out, kernel, stride, padding, bias=bias, seed=rng)
    if bias:
        layer.bias.value += rng.normal(size=out)
    assert_same_passes(layer, torch_twin(layer), rng.normal(size=(N, C, H, W)), seed=seed)


@given(geometries(most_padding=0), st.booleans(), st.integers(0, 99))
def test_pooling_matches_torch(geometry, ties, seed):
    N, C, H, W, kernel, stride, _ = geometry
    rng = np.random.default_rng(seed)
    shape = (max(N, 1), C, H, W)  # torch refuses a batch of no images here
    x = rng.integers(0, 3, shape).astype(float) if ties else rng.normal(size=shape)
    layer = MaxPool2d(kernel, stride)
    assert_same_passes(layer, torch_twin(layer), x, seed=seed)


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


@pytest.mark.parametrize(
    ("kind", "sizes", "option"),
    [(Conv2d, (3, 4, 2), "padding"), (Conv2d, (3, 4, 2), "stride"), (MaxPool2d, [2], "stride")],
)
def test_sizes_are_an_integer_or_a_pair_of_them(kind, sizes, option):
    assert getattr(kind(*sizes, **{option: 3}), option) == (3, 3)
    assert getattr(kind(*sizes, **{option: [np.int64(2), 1]}), option) == (2, 1)
    assert kind(*sizes[:-1], [np.int64(2), 1]).kernel_size == (2, 1)
    assert kind(*sizes).kernel_size == (2, 2)
    assert MaxPool2d((3, 2)).stride == (3, 2)


def test_names_are_torchs_and_the_state_can_be_loaded():
    def net(seed):
        return Sequential(
            Conv2d(3, 4, 3, seed=seed), MaxPool2d(2), Flatten(), Conv2d(1, 1, 1, bias=False)
        )

    first, other, x = net(1), net(2), sample(2, 3, 6, 5)
    assert list(first.state_dict()) == ["0.weight", "0.bias", "3.weight"]
    other.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(other.layers[0](x), first.layers[0](x))


@pytest.mark.parametrize("layer", [Conv2d(3, 4, 3), MaxPool2d(2), Flatten()])
def test_a_batch_of_no_images_gives_no_output(layer):
    shape = layer(np.ones((2, 3, 6, 5))).shape
    y = layer(np.ones((0, 3, 6, 5)))
    assert y.shape == (0, *shape[1:])
    assert layer.backward(y).shape == (0, 3, 6, 5)
    assert not any(p.grad.any() for p in layer.parameters())


def test_beyond_float32_is_not_finite_without_a_warning():
    layer, x = Conv2d(3, 4, 3), np.full((1, 3, 5, 5), 3e38, np.float32)
    layer.weight.value[:] = 2
    assert np.isinf(layer(x)).all()
    assert np.isinf(layer.backward(np.full((1, 4, 3, 3), 3e38, np.float32))).all()
    assert np.isinf(layer.bias.grad).all()
