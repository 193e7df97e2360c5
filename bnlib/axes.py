"""Which axes a statistic is taken over.

Batch normalization keeps one mean and one variance per channel. They are taken over every
axis but the channel's: of ``(N, C)`` over axis 0, of ``(N, C, H, W)`` over 0, 2 and 3.
"""

import math

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_index

Array = npt.NDArray[np.floating]  # float32 or float64
Vector = npt.NDArray[np.float64]  # as a rule one value per channel
Pair = tuple[int, int]  # height and width


def reduction_axes(ndim: int, channel_axis: int = 1) -> tuple[int, ...]:
    """Return the axes that a per-channel statistic is taken over: all but the channel's.

    Parameters
    ----------
    ndim : int
        Rank of the array.
    channel_axis : int
        The axis that counts channels; negative values count from the end.

    Raises
    ------
    numpy.exceptions.AxisError
        If the axis does not exist; it is a ``ValueError``.
    TypeError
        If ``ndim`` or ``channel_axis`` is not an integer.

    Examples
    --------
    >>> reduction_axes(2), reduction_axes(4), reduction_axes(4, channel_axis=-1)
    ((0,), (0, 2, 3), (0, 1, 2))
    """
    axis = normalize_axis_index(channel_axis, ndim)
    return tuple(i for i in range(ndim) if i != axis)


def broadcast_shape(shape: tuple[int, ...], channel_axis: int = 1) -> tuple[int, ...]:
    """Return the shape that lets one value per channel broadcast against ``shape``.

    Raises as `reduction_axes` does.

    Examples
    --------
    >>> broadcast_shape((8, 3, 28, 28))
    (1, 3, 1, 1)
    """
    axis = normalize_axis_index(channel_axis, len(shape))
    return tuple(n if i == axis else 1 for i, n in enumerate(shape))


def values_per_channel(shape: tuple[int, ...], channel_axis: int = 1) -> int:
    """Return ``m``, the number of values behind each channel's statistic.

    Raises as `reduction_axes` does.

    Examples
    --------
    >>> values_per_channel((64, 100)), values_per_channel((64, 16, 8, 8))
    (64, 4096)
    """
    return math.prod(shape[i] for i in reduction_axes(len(shape), channel_axis))
