"""Axes, shapes and the checks with their error texts."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import BAD_EPS, REFUSED

from bnlib import shapes

BY_AXIS = {
    "reduction_axes": lambda shape, axis: shapes.reduction_axes(len(shape), axis),
    "broadcast_shape": shapes.broadcast_shape,
    "values_per_channel": shapes.values_per_channel,
}
each_function = pytest.mark.parametrize("name", BY_AXIS)


@pytest.mark.parametrize(
    ("shape", "axis", "axes", "broadcast", "m"),
    [
        ((8, 3), 1, (0,), (1, 3), 8),
        ((8, 3), -1, (0,), (1, 3), 8),
        ((3, 8), 0, (1,), (3, 1), 8),
        ((2, 3, 5), 1, (0, 2), (1, 3, 1), 10),
        ((2, 3, 5, 7), 1, (0, 2, 3), (1, 3, 1, 1), 70),
        ((2, 5, 7, 3), -1, (0, 1, 2), (1, 1, 1, 3), 70),
        ((2, 3, 5, 7, 4), np.int64(1), (0, 2, 3, 4), (1, 3, 1, 1, 1), 280),
    ],
)
def test_known_shapes(shape, axis, axes, broadcast, m):
    assert shapes.reduction_axes(len(shape), axis) == axes
    assert shapes.broadcast_shape(shape, axis) == broadcast
    assert shapes.values_per_channel(shape, axis) == m


def test_channels_stand_on_axis_1_by_default():
    assert shapes.reduction_axes(4) == (0, 2, 3)
    assert shapes.broadcast_shape((8, 3, 5)) == (1, 3, 1)
    assert shapes.values_per_channel((8, 3, 5)) == 40


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6), st.data())
def test_a_reduction_leaves_the_broadcast_shape(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = np.broadcast_to(1.0, shape)
    total = x.sum(axis=shapes.reduction_axes(len(shape), axis), keepdims=True)
    assert total.shape == shapes.broadcast_shape(tuple(shape), axis)
    assert (total == shapes.values_per_channel(tuple(shape), axis)).all()


@each_function
@pytest.mark.parametrize("shape", [(), (8,)])
def test_rank_below_2_is_refused(name, shape):
    message = (
        rf"{name}: expected an array of rank 2 or more, \(N, C\) or \(N, C, \*spatial\), "
        rf"got rank {len(shape)}; add the missing axis, for example x\[None, :\]"
    )
    with pytest.raises(ValueError, match=message):
        BY_AXIS[name](shape, 0)


@each_function
@pytest.mark.parametrize("axis", [2, -3, 10**20])
def test_an_axis_that_does_not_exist_is_refused(name, axis):
    message = f"{name}: channel_axis {axis} does not exist in an array of rank 2; "
    with pytest.raises(ValueError, match=message + "use a value from -2 to 1"):
        BY_AXIS[name]((8, 3), axis)


@each_function
@pytest.mark.parametrize(
    "axis", [1.0, "1", None, True, np.True_, np.float64(1), (1,), np.array(1.5)]
)
def test_an_axis_that_is_no_integer_is_refused(name, axis):
    message = (
        f"{name}: channel_axis must be an integer, got {axis!r}; "
        "use 1 for (N, C, *spatial) and -1 for channels-last"
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        BY_AXIS[name]((8, 3), axis)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_arrays_pass(dtype):
    assert shapes.check_float("op", "x", np.ones(2, dtype)) is None


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_float_array_is_refused(kind):
    bad = REFUSED[kind]
    no_array = kind in ("list", "tensor", "masked array")
    got = type(bad).__name__ if no_array else f"dtype {bad.dtype}"
    cure = r"np\.asarray\(x, dtype=np\.float64\)" if no_array else r"x\.astype\(np\.float32\)"
    message = f"op: x must be .*float32 or float64, got {got}; convert it with {cure}"
    with pytest.raises(TypeError, match=message):
        shapes.check_float("op", "x", bad)


def test_check_input_returns_the_axis_counted_from_the_start():
    assert shapes.check_input("op", np.ones((2, 3, 4)), -1) == 2
    assert shapes.check_input("op", np.ones((1, 3)), 1) == 1


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (4, 3, 0)])
def test_an_empty_array_is_refused(shape):
    message = f"op: got an empty x of shape {re.escape(str(shape))}; give at least one sample"
    with pytest.raises(ValueError, match=message):
        shapes.check_input("op", np.ones(shape), 1)


def test_too_few_values_per_channel_are_refused():
    message = r"op: needs at least 3 values per channel, got x of shape \(2, 9\); use a larger"
    with pytest.raises(ValueError, match=message + " batch$"):
        shapes.check_input("op", np.ones((2, 9)), 1, min_values=3)
    assert shapes.check_input("op", np.ones((3, 9)), 1, min_values=3) == 1


def test_check_vector_copies_into_float64():
    v = np.ones(3, np.float32)
    new = shapes.check_vector("op", "v", v, 3, default=0.0)
    assert new.dtype == np.float64
    assert not np.shares_memory(new, v)
    v = new
    assert shapes.check_vector("op", "v", v, 3, default=0.0) is not v


def test_check_vector_fills_in_the_default():
    np.testing.assert_array_equal(shapes.check_vector("op", "v", None, 2, 7.0), [7.0, 7.0])


@pytest.mark.parametrize("shape", [(), (2,), (4,), (1, 3), (3, 1)])
def test_check_vector_refuses_another_shape(shape):
    message = (
        r"op: v must have one value per channel, shape \(3,\), "
        rf"got shape {re.escape(str(shape))}; check channel_axis and the layer's width"
    )
    with pytest.raises(ValueError, match=message):
        shapes.check_vector("op", "v", np.ones(shape), 3, default=0.0)


@pytest.mark.parametrize("eps", [0, 0.0, 1, 1e-5, np.float32(0.5), np.int64(2)])
def test_check_eps_returns_a_float(eps):
    assert type(shapes.check_eps("op", eps)) is float
    assert shapes.check_eps("op", eps) == eps


@pytest.mark.parametrize("kind", BAD_EPS)
def test_check_eps_refuses(kind):
    eps, error, message = BAD_EPS[kind]
    with pytest.raises(error, match="op: eps " + message):
        shapes.check_eps("op", eps)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("which", ["mean", "var"])
def test_statistics_that_are_not_finite_are_refused(bad, which):
    statistics = {"mean": np.zeros(9), "var": np.ones(9)}
    statistics[which][2:] = bad
    message = (
        r"op: expected finite statistics, got NaN or infinity in channels \[2, 3, 4, 5, 6\]; "
        "look for NaN, infinity or overflow in x"
    )
    with pytest.raises(shapes.NonFiniteError, match=message):
        shapes.check_statistics("op", **statistics, eps=1e-5)


def test_a_negative_variance_is_refused():
    message = (
        r"op: a variance cannot be negative, got -0\.25 in channel 1; compute it in two passes"
        r" \(bnlib\.stats\.mean_var\)"
    )
    with pytest.raises(ValueError, match=message):
        shapes.check_statistics("op", np.zeros(2), np.array([1.0, -0.25]), eps=1.0)


def test_a_constant_channel_needs_eps():
    mean, var = np.zeros(2), np.array([1.0, 0.0])
    message = r"op: channel 1 is constant \(variance 0\) and eps is 0, .* is 0; use eps=1e-5"
    with pytest.raises(ValueError, match=message):
        shapes.check_statistics("op", mean, var, eps=0.0)
    assert shapes.check_statistics("op", mean, var, eps=1e-300) is None


def test_a_non_finite_error_is_a_value_error():
    assert issubclass(shapes.NonFiniteError, ValueError)


def test_a_shape_may_hold_an_empty_axis():
    assert shapes.broadcast_shape((0, 3)) == (1, 3)
    assert shapes.values_per_channel((0, 3)) == 0


def test_values_are_counted_along_the_given_axis():
    assert shapes.check_input("op", np.ones((1, 3)), 0, min_values=3) == 0


@pytest.mark.parametrize(
    ("x", "axis", "message"),
    [
        (
            np.ones((4, 3), int),
            1,
            "op: x must be float32 or float64, got dtype int64; .* x.astype",
        ),
        (np.ones((4, 3)), 2, "op: channel_axis 2 does not exist"),
        (np.ones((4, 3)), 1.0, "op: channel_axis must be an integer"),
    ],
)
def test_check_input_names_the_operation_and_the_argument(x, axis, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        shapes.check_input("op", x, axis)


def test_check_vector_names_the_operation_and_the_argument():
    with pytest.raises(
        TypeError, match=r"^op: gamma must be float32 or float64, .* gamma.astype"
    ):
        shapes.check_vector("op", "gamma", np.ones(3, int), 3, default=1.0)


def test_an_integer_eps_is_refused_where_it_overflows():
    assert shapes.check_eps("op", 2**1022) == 2.0**1022
    with pytest.raises(ValueError, match=r"^op: eps must be finite and at least 0, got 1797"):
        shapes.check_eps("op", 2**1024 - 1)


def test_the_advice_on_a_constant_channel_ends_the_message():
    with pytest.raises(ValueError, match=r"deviation is 0; use eps=1e-5$"):
        shapes.check_statistics("op", np.zeros(1), np.zeros(1), eps=0.0)
