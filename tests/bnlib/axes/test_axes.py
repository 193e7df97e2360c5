"""Which axes are reduced, for every rank and channel axis."""

import numpy as np
import pytest

from bnlib.axes import broadcast_shape, reduction_axes, values_per_channel

BY_AXIS = {
    "reduction_axes": lambda shape, axis: reduction_axes(len(shape), axis),
    "broadcast_shape": broadcast_shape,
    "values_per_channel": values_per_channel,
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
        ((0, 3), 1, (0,), (1, 3), 0),
    ],
)
def test_known_shapes(shape, axis, axes, broadcast, m):
    assert reduction_axes(len(shape), axis) == axes
    assert broadcast_shape(shape, axis) == broadcast
    assert values_per_channel(shape, axis) == m


@each_function
@pytest.mark.parametrize("axis", [2, -3, 10**9])
def test_an_axis_that_does_not_exist_is_refused(name, axis):
    with pytest.raises(np.exceptions.AxisError, match=f"axis {axis} is out of bounds .* 2"):
        BY_AXIS[name]((8, 3), axis)


@each_function
@pytest.mark.parametrize("axis", [1.0, "1", None, (1,)], ids=str)
def test_an_axis_that_is_no_integer_is_refused(name, axis):
    with pytest.raises(TypeError):
        BY_AXIS[name]((8, 3), axis)
