"""What the layer refuses; after an error its state is what it was."""

import math
import re

import numpy as np
import pytest
from reference import untouched
from strategies import BAD_EPS

from bnlib.layers import BatchNorm
from bnlib.arguments import NonFiniteError


@pytest.fixture
def layer():
    """Return a layer after one forward and one backward pass."""
    layer = BatchNorm(2)
    layer(np.array([[1.0, 2.0], [3.0, 5.0]]))
    layer.backward(np.eye(2))
    return layer


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 3), r"expected 2 channels on axis 1, got x of shape \(4, 3\); check num_features"),
        ((2, 4, 2), r"expected 2 channels on axis 1, got x of shape \(2, 4, 2\); check num_f"),
        ((2,), "expected an array of rank 2 or more, .* got rank 1; add the missing axis"),
        ((0, 2), r"got an empty x of shape \(0, 2\); give at least one sample"),
    ],
)
def test_forward_refuses_shapes(layer, training, shape, message):
    with untouched(layer.train(training)), pytest.raises(ValueError, match=message):
        layer(np.ones(shape))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1.0, 2.0]], ValueError, r"at least 2 values per channel, got x of shape \(1, 2\)"),
        ([[math.nan, 1.0], [1.0, 2.0]], NonFiniteError, r"finite .* channels \[0\]; look for"),
        ([[1.0, 2.0], [1.0, math.inf]], NonFiniteError, r"finite .* channels \[1\]; look for"),
        ([[1.0, 1e200], [2.0, -1e200]], NonFiniteError, r"finite .* channels \[1\]; look for"),
    ],
)
def test_a_failed_training_pass_leaves_everything_alone(layer, x, error, message):
    """The gradients of the pass before can still be asked for."""
    expected = layer.backward(np.eye(2))
    with untouched(layer), pytest.raises(error, match=f"batch_norm_train: .*{message}"):
        layer(np.array(x))
    np.testing.assert_array_equal(layer.backward(np.eye(2)), expected)


def test_a_constant_channel_needs_eps():
    layer = BatchNorm(2, eps=0)
    with untouched(layer), pytest.raises(ValueError, match=r"channel 1 is constant .* use eps"):
        layer(np.array([[1.0, 7.0], [2.0, 7.0]]))


def test_evaluation_refuses_a_negative_running_variance(layer):
    layer.running_var[1] = -1
    message = "batch_norm_eval: a variance cannot be negative, got -1 in channel 1; compute it"
    with untouched(layer.eval()), pytest.raises(ValueError, match=message):
        layer(np.ones((1, 2)))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("dy", "error"), [(np.ones((3, 2)), ValueError), (np.ones((2, 2), np.float32), TypeError)]
)
def test_a_failed_backward_pass_leaves_everything_alone(layer, training, dy, error):
    layer.train(training)(np.eye(2))
    with (
        untouched(layer),
        pytest.raises(error, match="backward: dy must match x, shape"),
    ):
        layer.backward(dy)


@pytest.mark.parametrize("kind", BAD_EPS)
def test_eps_is_checked_when_the_layer_is_made(kind):
    eps, error, message = BAD_EPS[kind]
    with pytest.raises(error, match=f"BatchNorm: eps {message}"):
        BatchNorm(2, eps=eps)


@pytest.mark.parametrize("width", [2.0, "2", None, True, [2]])
def test_num_features_is_an_integer(width):
    message = f"BatchNorm: num_features must be an integer, got {width!r}"
    with pytest.raises(TypeError, match=re.escape(message)):
        BatchNorm(width)


@pytest.mark.parametrize("width", [0, -1])
def test_num_features_is_positive(width):
    message = f"BatchNorm: num_features must be at least 1, got {width}; it is the length of"
    with pytest.raises(ValueError, match=message):
        BatchNorm(width)


@pytest.mark.parametrize("width", [1, np.int64(1)])
def test_one_feature_is_enough(width):
    assert type(BatchNorm(width).num_features) is int


@pytest.mark.parametrize("axis", ["last", 1.0, None, True])
def test_channel_axis_is_checked_when_the_layer_is_made(axis):
    message = f"BatchNorm: channel_axis must be an integer, got {axis!r}; use 1 for"
    with pytest.raises(TypeError, match=message):
        BatchNorm(2, channel_axis=axis)


@pytest.mark.parametrize("momentum", ["0.1", True, [0.1], 0.1j])
def test_momentum_is_a_number_or_none(momentum):
    message = f"BatchNorm: momentum must be a number or None, got {momentum!r}"
    with pytest.raises(TypeError, match=re.escape(message)):
        BatchNorm(2, momentum=momentum)


@pytest.mark.parametrize("momentum", [-0.1, 1.1, math.nan, math.inf])
def test_momentum_lies_between_0_and_1(momentum):
    message = (
        f"BatchNorm: momentum must lie between 0 and 1, got {momentum}; "
        r"it is the weight of the new value \(PyTorch's 0\.1 is Keras's 0\.9\)"
    )
    with pytest.raises(ValueError, match=message):
        BatchNorm(2, momentum=momentum)
