"""What layers, networks, loss and optimizer refuse, and that nothing changes then."""

import math

import numpy as np
import pytest
from refusals import NonFiniteError, Row, each_row, no_eps, no_float_array, ones

from bnlib.layers import (
    SGD,
    BatchNorm,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    softmax_cross_entropy,
)
from bnlib.models import mlp

ACTIVATIONS = {"ReLU": ReLU, "Sigmoid": Sigmoid, "Tanh": Tanh}
FLAT = {"Linear": lambda: Linear(3, 5), **ACTIVATIONS}
IMAGES = {
    "Conv2d": lambda: Conv2d(3, 4, 3),
    "MaxPool2d": lambda: MaxPool2d(2),
    "Flatten": Flatten,
}
X = np.random.default_rng(0).normal(size=(2, 3, 6, 5))
LABELS = np.array([0, 1])


def forward(layer, x):
    """Call the layer."""
    return layer(x)


def backward(layer, dy):
    """Call the backward pass."""
    return layer.backward(dy)


def called(make, x):
    """Return a function that makes a layer and calls it."""

    def on():
        layer = make()
        layer(x)
        return layer

    return on


def of_every_layer():
    """Yield the rows that all layers share."""
    for name, make in {**FLAT, **IMAGES, "BatchNorm": lambda: BatchNorm(3)}.items():
        x = X if name in IMAGES else X[0, :, :3, 0]
        early = f"{name}.backward: no forward pass came before; call {name}(x) first"
        yield Row(RuntimeError, early, backward, (x,), make)
        yield from no_float_array(name, "x", forward, make)
        if name == "BatchNorm":  # dy is compared with x instead
            continue
        on = called(make, x)
        yield from no_float_array(f"{name}.backward", "dy", backward, on)
        y = on()(x)
        shape = (
            f"{name}.backward: dy must match the output, shape {y.shape}, got {{0.shape}}; "
            "pass the gradient of the same batch's y"
        )
        bad = y[:1], y[..., :1], y.swapaxes(0, 1)[:2], y.ravel()
        yield Row(ValueError, shape, backward, bad, on)


# fmt: off
LINEAR = [
    Row(ValueError, "Linear: expected x of shape (N, 3), got {0.shape}; flatten ...", forward,
        ones((3,), (4, 2), (4, 3, 1), (3, 4)), FLAT["Linear"]),
    Row(ValueError, "Linear: in_features must be at least 1, got {0}; it is the width of x",
        lambda width: Linear(width, 2), (0, -1)),
    Row(TypeError, "Linear: out_features must be an integer, got {0!r}; it is the width of y",
        lambda width: Linear(2, width), (2.0, True)),
    Row(ValueError, "Linear: out_features must be at least 1, got {0}; it is the width of y",
        lambda width: Linear(2, width), (0,)),
]
NETWORKS = [
    Row(TypeError, "Sequential: expected layers, got ...; pass them one by one: ...",
        lambda bad: Sequential(ReLU(), bad), ([ReLU()], "relu", ReLU, None)),
    Row(NotImplementedError, "Layer defines no forward", forward, ones((2, 2)), Layer),
    Row(NotImplementedError, "Layer defines no backward", backward, ones((2, 2)), Layer),
    Row(ValueError,
        "mlp: expected norm in ('none', 'before', 'after') and activation in ('relu', "
        "'sigmoid', 'tanh'), got {0[0]!r} and {0[1]!r}", lambda names: mlp([3, 2], *names),
        (("batch", "relu"), (None, "relu"), ("none", "gelu"), ("none", "ReLU"))),
    Row(ValueError, "mlp: needs an input and an output width, got sizes {0}", mlp, ([], [3])),
]
BATCH_NORM = [
    *no_eps("BatchNorm", lambda eps: BatchNorm(2, eps=eps)),
    Row(TypeError, "BatchNorm: num_features must be an integer, got {0!r}; ...", BatchNorm,
        (2.0, "2", None, True, [2])),
    Row(ValueError, "BatchNorm: num_features must be at least 1, got {0}; ...", BatchNorm,
        (0, -1)),
    Row(TypeError, "BatchNorm: channel_axis must be an integer, got {0!r}; use 1 ...",
        lambda axis: BatchNorm(2, channel_axis=axis), ("last", 1.0, None, True)),
    Row(TypeError, "BatchNorm: momentum must be a number, got {0!r}; ...",
        lambda momentum: BatchNorm(2, momentum=momentum), ("0.1", True, [0.1], 0.1j)),
    Row(ValueError, "BatchNorm: momentum must lie between 0 and 1, got {0}; the weight ...",
        lambda momentum: BatchNorm(2, momentum=momentum), (-0.1, 1.1, math.nan, math.inf)),
    Row(ValueError, "BatchNorm: needs at least 2 values per channel, got x of shape (1, ...",
        forward, ones((1, 2)), called(lambda: BatchNorm(2), X[0, :2, :2, 0])),
    Row(NonFiniteError, "BatchNorm: expected finite statistics, ... in channels [1]; ...",
        forward, tuple(np.array([[1.0, v], [2.0, -v]]) for v in (math.nan, math.inf, 1e200)),
        lambda: BatchNorm(2)),
    Row(ValueError, "BatchNorm: channel 1 is constant (variance 0) and eps is 0, ...; ...",
        forward, (np.array([[1.0, 7.0], [2.0, 7.0]]),), lambda: BatchNorm(2, eps=0)),
]


def modes():
    """Yield the rows of a batch normalization in either mode, after one pass."""
    for training in (True, False):
        on = called(lambda training=training: BatchNorm(2).train(training), np.eye(2))
        yield from [
            Row(ValueError, "BatchNorm: expected 2 channels on axis 1, got ... {0.shape}; ...",
                forward, ones((4, 3), (2, 4, 2)), on),
            Row(ValueError, "BatchNorm: expected an array of rank 2 ..., got rank 1; add ...",
                forward, ones((2,)), on),
            Row(ValueError, "BatchNorm: got an empty x of shape (0, 2); give at least ...",
                forward, ones((0, 2)), on),
            Row(ValueError, "BatchNorm.backward: dy must match x, ...", backward,
                ones((3, 2)), on),
            Row(TypeError, "BatchNorm.backward: dy must match x, ...", backward,
                (np.ones((2, 2), np.float32),), on),
        ]


WINDOWS = {"4 x 1": (3, (4, 1), 0), "1 x 4": (3, (1, 4), 0), "6 x 2": (5, (6, 2), 1)}
IMAGE_LAYERS = [
    Row(ValueError, "Conv2d: expected x of shape (N, 3, H, W), got {0.shape}; ...", forward,
        ones((3,), (2, 3), (3, 6, 5), (2, 4, 6, 5), (2, 3, 6, 5, 1)), IMAGES["Conv2d"]),
    Row(ValueError, "MaxPool2d: expected x of shape (N, C, H, W), got {0.shape}; reshape ...",
        forward, ones((3,), (2, 3), (3, 6, 5), (2, 3, 6, 5, 1)), IMAGES["MaxPool2d"]),
    Row(ValueError,
        "Flatten: expected x of shape (N, ...), rank 2 or more, got {0.shape}; the first ...",
        forward, ones((), (3,)), Flatten),
    Row(ValueError,
        "MaxPool2d: a window of 1 x 4 does not fit into images of 3 x 3, ...; use ... images",
        forward, ones((2, 1, 3, 3)), lambda: MaxPool2d((1, 4))),
    Row(ValueError, "Conv2d: in_channels, out_channels must be at least 1, got {0}",
        lambda channels: Conv2d(*channels, 3), ((0, 1), (1, 0), (-1, 2))),
    *[Row(ValueError, f"Conv2d: a window of {name} does ... images of {side} x {side}, ...",
          forward, ones((2, 1, 3, 3)), lambda k=kernel, p=padding: Conv2d(1, 1, k, padding=p))
      for name, (side, kernel, padding) in WINDOWS.items()],
]
NO_SIZES = 1.0, "2", (1,), (1, 2, 3), (1, 2.0), True, (np.True_, 1), [None, 1]


def sizes():
    """Yield the rows of each option that is an integer or a pair of integers."""
    for name in ("kernel_size", "stride", "padding"):
        least = int(name != "padding")
        low = least - 1, (least, least - 1), (least - 1, 5)
        for layer in [Conv2d] if name == "padding" else [Conv2d, MaxPool2d]:
            op, first = layer.__name__, (3, 4) if layer is Conv2d else ()

            def make(value, layer=layer, first=first, name=name):
                return layer(*first, **{"kernel_size": 2, name: value})

            yield Row(TypeError,
                      f"{op}: {name} must be an integer or a pair (height, width) of "
                      "integers, got {0!r}", make, NO_SIZES)
            yield Row(ValueError, f"{op}: {name} must be at least {least}, got {{0!r}}", make,
                      low)


SGD_RANGES = "SGD: expected finite lr > 0, momentum >= 0 and weight_decay >= 0, got "
BAD = -0.1, math.nan, math.inf
SETTINGS = [{"lr": v} for v in (0, *BAD)]
SETTINGS += [{"lr": 1, name: v} for name in ("momentum", "weight_decay") for v in BAD]
TRAINING = [
    *no_float_array("softmax_cross_entropy", "logits",
                    lambda logits: softmax_cross_entropy(logits, LABELS)),
    Row(ValueError, "softmax_cross_entropy: expected logits of shape (N, K), got {0.shape}",
        lambda logits: softmax_cross_entropy(logits, LABELS),
        ones((2,), (2, 2, 1), (0, 2), (2, 0))),
    Row(TypeError, "softmax_cross_entropy: labels must be an integer array; convert ...",
        lambda labels: softmax_cross_entropy(np.ones((2, 2)), labels),
        ([0, 1], np.array([0.0, 1.0]), np.array([True, False]))),
    Row(ValueError, "softmax_cross_entropy: expected 2 labels, one a row, got shape {0}",
        lambda shape: softmax_cross_entropy(np.ones((2, 3)), np.zeros(shape, np.int64)),
        ((), (1,), (3,), (2, 1), (2, 2))),
    Row(ValueError,
        "softmax_cross_entropy: labels must lie between 0 and 2, got {0[0]} to {0[1]}; ...",
        lambda labels: softmax_cross_entropy(np.ones((2, 3)), np.array(labels)),
        ((-1, 0), (0, 3), (-1, 3))),
    Row(ValueError,
        SGD_RANGES + "lr={0[lr]}, momentum={0[momentum]}, weight_decay={0[weight_decay]}",
        lambda settings: SGD([Parameter(np.ones(1))], **settings),
        tuple({"momentum": 0.0, "weight_decay": 0.0} | s for s in SETTINGS)),
    Row(ValueError, "SGD: got no parameters; pass ...", lambda: SGD([], lr=0.1)),
]
# fmt: on


@each_row(
    of_every_layer(), LINEAR, NETWORKS, BATCH_NORM, modes(), IMAGE_LAYERS, sizes(), TRAINING
)
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


def test_evaluation_refuses_a_negative_running_variance():
    layer = BatchNorm(2).eval()
    layer.running_var[1] = -1
    message = "BatchNorm: a variance cannot be negative, got -1 in channel 1; compute ..."
    Row(ValueError, message, forward, on=lambda: layer).check(np.ones((1, 2)))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_can_still_be_asked_for_after_a_failed_pass(training):
    layer = BatchNorm(2).train(training)
    layer(np.array([[1.0, 2.0], [3.0, 5.0]]))
    expected = layer.backward(np.eye(2))
    bad = np.ones((1, 2)) if training else np.ones((1, 3))
    with pytest.raises(ValueError, match=r"needs at least 2 values|expected 2 channels"):
        layer(bad)
    np.testing.assert_array_equal(layer.backward(np.eye(2)), expected)
