"""Convolution, pooling and flattening, beside PyTorch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_same_passes, torch_twin

from bnlib.layers import Conv2d, Flatten, MaxPool2d


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
