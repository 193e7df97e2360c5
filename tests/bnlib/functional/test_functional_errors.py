"""What the three functions refuse, and in which words."""

import math
import re

import numpy as np
import pytest
from reference import assert_close, untouched
from strategies import BAD_EPS, REFUSED

from bnlib.functional import (
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    batch_norm_train,
)
from bnlib.arguments import NonFiniteError

X = np.array([[1.0, 2.0], [3.0, 5.0]])


def evaluate(x, gamma, beta, eps=1e-5, channel_axis=1, mean=X[0], var=X[0]):
    """Call `batch_norm_eval` with the signature of `batch_norm_train`."""
    return batch_norm_eval(x, gamma, beta, mean, var, eps, channel_axis)


FORWARD = {"batch_norm_train": batch_norm_train, "batch_norm_eval": evaluate}
BACKWARD = {f.__name__: f for f in (batch_norm_backward, batch_norm_eval_backward)}
each_forward = pytest.mark.parametrize("name", FORWARD)
each_backward = pytest.mark.parametrize("name", BACKWARD)


@each_forward
@pytest.mark.parametrize("kind", REFUSED)
def test_forward_refuses_what_is_no_float_array(name, kind):
    for which, arguments in {
        "x": (REFUSED[kind], None, None),
        "gamma": (X, REFUSED[kind], None),
        "beta": (X, None, REFUSED[kind]),
    }.items():
        with pytest.raises(TypeError, match=f"{name}: {which} must be .*; convert it with"):
            FORWARD[name](*arguments)


@each_forward
@pytest.mark.parametrize(
    ("shape", "axis", "error", "message"),
    [
        ((), 0, ValueError, "expected an array of rank 2 or more, .*got rank 0; add"),
        ((2,), 0, ValueError, r"expected an array of rank 2 or more, .*got rank 1; add"),
        ((0, 2), 1, ValueError, r"got an empty x of shape \(0, 2\); give at least one"),
        ((4, 0), 1, ValueError, r"got an empty x of shape \(4, 0\); give at least one"),
        ((4, 2), 2, ValueError, "channel_axis 2 does not exist .* rank 2; use a value from"),
        ((4, 2), -3, ValueError, "channel_axis -3 does not exist .* rank 2; use a value from"),
        ((4, 2), "last", TypeError, "channel_axis must be an integer, got 'last'; use 1 for"),
        ((4, 2), 1.0, TypeError, r"channel_axis must be an integer, got 1\.0; use 1 for"),
    ],
)
def test_forward_refuses_shapes_and_axes(name, shape, axis, error, message):
    with pytest.raises(error, match=f"^{name}: {message}"):
        FORWARD[name](np.ones(shape), None, None, channel_axis=axis)


@each_forward
@pytest.mark.parametrize("which", ["gamma", "beta"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 2)])
def test_forward_refuses_a_vector_of_another_length(name, which, shape):
    message = f"{name}: {which} must have one value per channel, shape (2,), got shape {shape};"
    with pytest.raises(ValueError, match=re.escape(message) + " check channel_axis"):
        FORWARD[name](X, **({"gamma": None, "beta": None} | {which: np.ones(shape)}))


@each_forward
@pytest.mark.parametrize("kind", BAD_EPS)
def test_forward_refuses_eps(name, kind):
    eps, error, message = BAD_EPS[kind]
    with pytest.raises(error, match=f"{name}: eps {message}"):
        FORWARD[name](X, None, None, eps=eps)


@pytest.mark.parametrize("shape", [(1, 8), (1, 8, 1, 1)])
def test_training_needs_two_values_per_channel(shape):
    message = (
        "batch_norm_train: needs at least 2 values per channel, got x of shape "
        f"{shape}; use a larger batch or batch_norm_eval"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        batch_norm_train(np.ones(shape), None, None)


@pytest.mark.parametrize(
    ("bad", "dtype"),
    [
        (math.nan, np.float64),
        (math.inf, np.float64),
        (-math.inf, np.float32),
        (1e20, np.float32),  # finite, but its square overflows
        (1e200, np.float64),
    ],
)
def test_training_refuses_statistics_that_are_not_finite(bad, dtype):
    x = np.array([[0.0, bad], [1.0, 0.0]], dtype)
    message = (
        r"batch_norm_train: expected finite statistics, got NaN or infinity in channels \[1\]; "
        "look for NaN, infinity or overflow in x"
    )
    with untouched(x), pytest.raises(NonFiniteError, match=message):
        batch_norm_train(x, None, None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_channel_is_zero_and_needs_eps(dtype):
    x = np.array([[1.0, 0.1], [2.0, 0.1], [4.0, 0.1]], dtype)
    y = batch_norm_train(x, None, None)[0]
    assert_close(y[:, 1], np.zeros(3), tol=1e-12, size=1.0)
    message = r"batch_norm_train: channel 1 is constant \(variance 0\) and eps is 0, .*use eps"
    with pytest.raises(ValueError, match=message):
        batch_norm_train(x, None, None, eps=0.0)


@pytest.mark.parametrize(
    ("statistics", "error", "message"),
    [
        ({"mean": np.ones(3)}, ValueError, r"mean must have .*shape \(2,\), got shape \(3,\)"),
        ({"mean": None}, TypeError, "mean must be a NumPy array .*got NoneType; convert it"),
        ({"var": None}, TypeError, "var must be a NumPy array .*got NoneType; convert it"),
        ({"var": np.ones(1)}, ValueError, r"var must have .*shape \(2,\), got shape \(1,\)"),
        ({"mean": [0.0, 0.0]}, TypeError, "mean must be a NumPy array .*got list; convert it"),
        ({"var": np.array([1, 1])}, TypeError, "var must be float32 .*got dtype int64; conv"),
        ({"mean": np.array([0, math.nan])}, NonFiniteError, r"expected finite .*\[1\]; look"),
        ({"var": np.array([math.inf, 1])}, NonFiniteError, r"expected finite .*\[0\]; look"),
        ({"var": np.array([1.0, -1.0])}, ValueError, "cannot be negative, got -1 in channel 1"),
        ({"var": np.zeros(2), "eps": 0.0}, ValueError, "channel 0 is constant .*use eps=1e-5"),
    ],
)
def test_evaluation_refuses_statistics(statistics, error, message):
    with pytest.raises(error, match=f"^batch_norm_eval: .*{message}"):
        evaluate(X, None, None, **statistics)


@each_backward
@pytest.mark.parametrize("cache", [None, X, (X, X)])
def test_backward_needs_a_cache(name, cache):
    message = (
        f"{name}: cache must be the BatchNormCache that the forward pass returned, "
        f"got {type(cache).__name__}"
    )
    with pytest.raises(TypeError, match=message):
        BACKWARD[name](X, cache)


@each_backward
@pytest.mark.parametrize(
    ("dy", "error"),
    [
        (np.ones((2, 1)), ValueError),
        (np.ones((4, 2)), ValueError),
        (np.ones((2, 2, 1)), ValueError),
        (np.ones((1, 2), np.float32), ValueError),
        (np.ones((2, 2), np.float32), TypeError),
    ],
)
def test_backward_needs_dy_like_x(name, dy, error):
    message = (
        f"{name}: dy must match x, shape (2, 2) and float64, got shape {dy.shape} and "
        f"{dy.dtype}; pass the gradient of the same batch's y"
    )
    with pytest.raises(error, match=re.escape(message)):
        BACKWARD[name](dy, batch_norm_train(X, None, None)[1])


@each_backward
@pytest.mark.parametrize("kind", REFUSED)
def test_backward_refuses_what_is_no_float_array(name, kind):
    with pytest.raises(TypeError, match=f"{name}: dy must be .*; convert it with"):
        BACKWARD[name](REFUSED[kind], batch_norm_train(X, None, None)[1])
