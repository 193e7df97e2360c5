"""What the image layers refuse, in which words, and their initial values and state."""

import re

import numpy as np
import pytest
from reference import untouched
from strategies import REFUSED

from bnlib.layers import Sequential
from bnlib.layers.conv import Conv2d
from bnlib.layers.pool import Flatten, MaxPool2d

IMAGES = np.ones((2, 3, 6, 5))
LAYERS = {
    "Conv2d": lambda: Conv2d(3, 4, 3),
    "MaxPool2d": lambda: MaxPool2d(2),
    "Flatten": Flatten,
}
each_layer = pytest.mark.parametrize("name", LAYERS)
SETTINGS = [
    ("Conv2d", "kernel_size", 1),
    ("Conv2d", "stride", 1),
    ("Conv2d", "padding", 0),
    ("MaxPool2d", "kernel_size", 1),
    ("MaxPool2d", "stride", 1),
]


def build(name, **options):
    """Build a layer with one option changed."""
    defaults = {"Conv2d": (3, 4), "MaxPool2d": ()}[name]
    layer = {"Conv2d": Conv2d, "MaxPool2d": MaxPool2d}[name]
    return layer(*defaults, **{"kernel_size": 2} | options)


@each_layer
def test_backward_needs_a_forward(name):
    layer = LAYERS[name]()
    message = rf"^{name}\.backward: no forward pass came before; call {name}\(x\) first"
    with untouched(layer), pytest.raises(RuntimeError, match=message):
        layer.backward(IMAGES)


@each_layer
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_float_array_is_refused(name, kind):
    layer = LAYERS[name]()
    with untouched(layer), pytest.raises(TypeError, match=f"^{name}: x must be .*; convert it"):
        layer(REFUSED[kind])
    layer(IMAGES)
    message = rf"^{name}\.backward: dy must be .*; convert it"
    with untouched(layer), pytest.raises(TypeError, match=message):
        layer.backward(REFUSED[kind])


@pytest.mark.parametrize("shape", [(3,), (2, 3), (3, 6, 5), (2, 4, 6, 5), (2, 3, 6, 5, 1)])
def test_convolution_needs_images_with_its_channels(shape):
    message = (
        f"Conv2d: expected x of shape (N, 3, H, W), got {shape}; reshape the images or change "
        "the number of channels"
    )
    layer = LAYERS["Conv2d"]()
    with untouched(layer), pytest.raises(ValueError, match=re.escape(message)):
        layer(np.ones(shape))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (3, 6, 5), (2, 3, 6, 5, 1)])
def test_pooling_needs_images(shape):
    message = f"MaxPool2d: expected x of shape (N, C, H, W), got {shape}; reshape the images"
    with pytest.raises(ValueError, match=re.escape(message)):
        MaxPool2d(2)(np.ones(shape))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_flatten_needs_an_axis_of_samples(shape):
    message = f"Flatten: expected x of shape (N, ...), rank 2 or more, got {shape}; the first"
    with pytest.raises(ValueError, match=re.escape(message)):
        Flatten()(np.ones(shape))


@pytest.mark.parametrize(
    ("layer", "name", "size"),
    [
        (Conv2d(1, 1, (4, 1)), "Conv2d", "4 x 1 does not fit into images of 3 x 3"),
        (Conv2d(1, 1, (1, 4)), "Conv2d", "1 x 4 does not fit into images of 3 x 3"),
        (Conv2d(1, 1, (6, 2), padding=1), "Conv2d", "6 x 2 does not fit into images of 5 x 5"),
        (MaxPool2d((1, 4)), "MaxPool2d", "1 x 4 does not fit into images of 3 x 3"),
    ],
)
def test_a_window_must_fit(layer, name, size):
    message = f"^{name}: a window of {size}, padding included; use a smaller kernel_size"
    with untouched(layer), pytest.raises(ValueError, match=message):
        layer(np.ones((2, 1, 3, 3)))


@each_layer
def test_backward_needs_dy_like_the_output(name):
    layer = LAYERS[name]()
    y = layer(IMAGES)
    for bad in (y[:1], y[..., :1], y.swapaxes(0, 1), y.ravel()):
        message = (
            f"{name}.backward: dy must match the output, shape {y.shape}, "
            f"got {bad.shape}; pass the gradient of the same batch's y"
        )
        with untouched(layer), pytest.raises(ValueError, match=re.escape(message)):
            layer.backward(bad)


@pytest.mark.parametrize(("layer", "option", "least"), SETTINGS)
def test_settings_must_be_integers_or_pairs_in_range(layer, option, least):
    for bad in (1.0, "2", (1,), (1, 2, 3), (1, 2.0), True, (np.True_, 1), [None, 1]):
        message = (
            f"{layer}: {option} must be an integer or a pair (height, width) of integers, "
        )
        with pytest.raises(TypeError, match=re.escape(f"{message}got {bad!r}")):
            build(layer, **{option: bad})
    for bad in (least - 1, (least, least - 1), (least - 1, 5)):
        message = f"{layer}: {option} must be at least {least}, got {bad!r}"
        with pytest.raises(ValueError, match=re.escape(message)):
            build(layer, **{option: bad})
    good = build(layer, **{option: [np.int64(least + 1), least]})
    assert getattr(good, option) == (least + 1, least)
    assert getattr(build(layer, **{option: least + 2}), option) == (least + 2, least + 2)


@pytest.mark.parametrize("channels", [(0, 1), (1, 0), (-1, 2)])
def test_channels_must_be_positive(channels):
    message = f"Conv2d: in_channels, out_channels must be at least 1, got {channels}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Conv2d(*channels, 3)


def test_weights_are_drawn_from_the_seed_in_torchs_layout():
    layer, same, other = (Conv2d(3, 8, (5, 4), seed=s) for s in (0, 0, 1))
    assert layer.weight.value.shape == (8, 3, 5, 4)
    np.testing.assert_array_equal(layer.weight.value, same.weight.value)
    np.testing.assert_array_equal(layer.weight.value, Conv2d(3, 8, (5, 4)).weight.value)
    assert (layer.weight.value != other.weight.value).all()
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(
        Conv2d(3, 8, (5, 4), seed=rng).weight.value, layer.weight.value
    )
    assert (Conv2d(3, 8, (5, 4), seed=rng).weight.value != layer.weight.value).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, np.sqrt(2 / 48)),
        ({"std": None}, np.sqrt(2 / 48)),
        ({"std": 0.3}, 0.3),
        ({"std": 0}, 0),
    ],
)
def test_weights_have_the_standard_deviation(options, expected):
    layer = Conv2d(3, 400, 4, **options)
    assert abs(layer.weight.value.std() - expected) <= 0.02 * expected
    assert not layer.bias.value.any()


def test_names_are_torchs_and_the_state_can_be_loaded():
    net = Sequential(
        Conv2d(3, 4, 3, seed=1), MaxPool2d(2), Flatten(), Conv2d(1, 1, 1, bias=False)
    )
    assert list(net.state_dict()) == ["0.weight", "0.bias", "3.weight"]
    other = Sequential(
        Conv2d(3, 4, 3, seed=2), MaxPool2d(2), Flatten(), Conv2d(1, 1, 1, bias=False)
    )
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(other.layers[0](IMAGES), net.layers[0](IMAGES))


def test_pooling_steps_by_its_window_if_nothing_is_said():
    assert MaxPool2d((3, 2)).stride == (3, 2)
    assert MaxPool2d(2, stride=1).stride == (1, 1)


@each_layer
def test_a_batch_of_no_images_gives_no_output(name):
    layer = LAYERS[name]()
    y = layer(IMAGES[:0])
    assert y.shape == (0, *layer(IMAGES).shape[1:])
    layer(IMAGES[:0])
    assert layer.backward(y).shape == (0, 3, 6, 5)
    assert not any(p.grad.any() for p in layer.parameters())


def test_beyond_float32_is_not_finite_without_a_warning():
    layer, x = Conv2d(3, 4, 3), np.full((1, 3, 5, 5), 3e38, np.float32)
    layer.weight.value[:] = 2
    assert np.isinf(layer(x)).all()
    assert np.isinf(layer.backward(np.full((1, 4, 3, 3), 3e38, np.float32))).all()
    assert np.isinf(layer.bias.grad).all()
