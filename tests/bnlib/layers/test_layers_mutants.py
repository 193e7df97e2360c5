"""What mutants of `bnlib.layers` showed to be untested: whole messages."""

import numpy as np
import pytest

from bnlib.layers import (
    SGD,
    BatchNorm,
    Conv2d,
    Linear,
    MaxPool2d,
    Parameter,
    ReLU,
    Sigmoid,
    Tanh,
)


@pytest.mark.parametrize("layer", [Linear(3, 3), ReLU(), Sigmoid(), Tanh()])
def test_backward_names_the_layer_and_the_gradient(layer):
    name = type(layer).__name__
    layer(np.ones((2, 3)))
    with pytest.raises(
        TypeError, match=rf"^{name}.backward: dy must be float32 or float64, got"
    ):
        layer.backward(np.ones((2, 3), int))
    message = rf"^{name}.backward: dy must match the output, shape \(2, 3\), got \(3, 2\); "
    with pytest.raises(ValueError, match=message + "pass the gradient of the same batch's y$"):
        layer.backward(np.ones((3, 2)))


def test_evaluation_normalizes_the_layers_axis():
    x = np.random.default_rng(0).normal(size=(2, 3, 3))
    last, first = BatchNorm(3, channel_axis=-1), BatchNorm(3)
    for layer in (last, first):
        layer.running_mean[...], layer.running_var[...] = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
        layer.eval()
    np.testing.assert_array_equal(last(x), first(x.swapaxes(1, 2)).swapaxes(1, 2))


@pytest.mark.parametrize("layer", [Conv2d(1, 1, 5), MaxPool2d(5)])
def test_a_window_that_does_not_fit_gets_advice(layer):
    message = r"a window of 5 x 5 does not fit into images of 3 x 4, padding included; use a "
    with pytest.raises(ValueError, match=message + "smaller kernel_size or larger images$"):
        layer(np.ones((1, 1, 3, 4)))


def test_a_new_parameter_has_a_gradient_of_its_shape_and_dtype():
    grad = Parameter(np.ones((2, 3), np.float32)).grad
    np.testing.assert_array_equal(grad, np.zeros((2, 3), np.float32), strict=True)


def test_batch_norm_has_no_backward_before_forward():
    with pytest.raises(RuntimeError, match=r"^BatchNorm.backward: no forward pass came before"):
        BatchNorm(2).backward(np.ones((4, 2)))


def test_linear_may_have_one_input_and_one_output():
    layer = Linear(1, 1)
    with pytest.raises(RuntimeError, match=r"^Linear.backward: no forward pass came before"):
        layer.backward(np.ones((4, 1)))
    assert layer(np.ones((4, 1))).shape == (4, 1)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
def test_settings_of_sgd_are_finite(name):
    with pytest.raises(ValueError, match=rf"^SGD: expected finite lr .*{name}=inf"):
        SGD([Parameter(np.ones(1))], **{"lr": 0.1} | {name: np.inf})
