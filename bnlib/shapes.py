"""Which axes a statistic is taken over, and the checks that every function shares.

Batch normalization keeps one mean and one variance per channel. They are taken over every
axis but the channel's: of ``(N, C)`` over axis 0, of ``(N, C, H, W)`` over 0, 2 and 3.
"""

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Vector = npt.NDArray[np.float64]
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
INTEGER, REAL = (int, numbers.Integral), (float, numbers.Real)  # the usual type first: fast
NOT_PLAIN = (np.ma.MaskedArray, np.matrix)  # arrays whose arithmetic is their own
LEAST = {kind: 4 * float(np.finfo(kind).tiny) for kind in DTYPES}  # squares below lose digits


class NonFiniteError(ValueError):
    """A statistic is NaN or infinite, so there is nothing to normalize by."""


def reduction_axes(ndim: int, channel_axis: int = 1) -> tuple[int, ...]:
    """Return the axes that a per-channel statistic is taken over: all but the channel's.

    Parameters
    ----------
    ndim : int
        Rank of the array, at least 2.
    channel_axis : int
        The axis that counts channels; negative values count from the end.

    Raises
    ------
    ValueError
        If ``ndim`` is below 2 or the axis does not exist.
    TypeError
        If ``channel_axis`` is not an integer.

    Examples
    --------
    >>> reduction_axes(2), reduction_axes(4), reduction_axes(4, channel_axis=-1)
    ((0,), (0, 2, 3), (0, 1, 2))
    """
    if isinstance(ndim, bool) or not isinstance(ndim, numbers.Integral):
        raise TypeError(f"reduction_axes: ndim must be an integer, got {ndim!r}; pass x.ndim")
    axis = check_axis("reduction_axes", int(ndim), channel_axis)
    return tuple(i for i in range(ndim) if i != axis)


def broadcast_shape(shape: tuple[int, ...], channel_axis: int = 1) -> tuple[int, ...]:
    """Return the shape that lets one value per channel broadcast against ``shape``.

    Raises ``ValueError`` or ``TypeError`` as `reduction_axes` does.

    Examples
    --------
    >>> broadcast_shape((8, 3, 28, 28))
    (1, 3, 1, 1)
    """
    axis = _axis_of("broadcast_shape", shape, channel_axis)
    return tuple(n if i == axis else 1 for i, n in enumerate(shape))


def values_per_channel(shape: tuple[int, ...], channel_axis: int = 1) -> int:
    """Return ``m``, the number of values behind each channel's statistic.

    Raises ``ValueError`` or ``TypeError`` as `reduction_axes` does.

    Examples
    --------
    >>> values_per_channel((64, 100)), values_per_channel((64, 16, 8, 8))
    (64, 4096)
    """
    axis = _axis_of("values_per_channel", shape, channel_axis)
    return math.prod(n for i, n in enumerate(shape) if i != axis)


def _axis_of(op: str, shape: tuple[int, ...], channel_axis: int) -> int:
    """Return the channel axis of an array of this shape, or say what is no shape."""
    sizes = isinstance(shape, tuple | list)
    if not sizes or not all(isinstance(n, numbers.Integral) and n >= 0 for n in shape):
        raise TypeError(f"{op}: shape must be a tuple of sizes, got {shape!r}; pass x.shape")
    return check_axis(op, len(shape), channel_axis)


def check_axis(op: str, ndim: int, channel_axis: int) -> int:
    """Return ``channel_axis`` as a non-negative integer, or say what is wrong with it."""
    if ndim < 2:
        raise ValueError(
            f"{op}: expected an array of rank 2 or more, (N, C) or (N, C, *spatial), "
            f"got rank {ndim}; add the missing axis, for example x[None, :]"
        )
    axis = check_integer_axis(op, channel_axis)
    if not -ndim <= axis < ndim:
        raise ValueError(
            f"{op}: channel_axis {axis} does not exist in an array of rank {ndim}; "
            f"use a value from {-ndim} to {ndim - 1}"
        )
    return axis % ndim


def check_integer_axis(op: str, channel_axis: int) -> int:
    """Return ``channel_axis`` as an int, or raise ``TypeError`` unless it is an integer."""
    if isinstance(channel_axis, bool) or not isinstance(channel_axis, INTEGER):
        raise TypeError(
            f"{op}: channel_axis must be an integer, got {channel_axis!r}; "
            "use 1 for (N, C, *spatial) and -1 for channels-last"
        )
    return int(channel_axis)


def check_float(op: str, name: str, x: object) -> None:
    """Raise ``TypeError`` unless ``x`` is a NumPy array of float32 or float64."""
    if not isinstance(x, np.ndarray) or isinstance(x, NOT_PLAIN):
        raise TypeError(
            f"{op}: {name} must be a NumPy array of float32 or float64, "
            f"got {type(x).__name__}; convert it with np.asarray({name}, dtype=np.float64)"
        )
    if x.dtype not in DTYPES:
        raise TypeError(
            f"{op}: {name} must be float32 or float64, got dtype {x.dtype}; "
            f"convert it with {name}.astype(np.float32)"
        )


def check_input(
    op: str,
    x: Array,
    channel_axis: int,
    *,
    min_values: int = 1,
    hint: str = "use a larger batch",
) -> int:
    """Check ``x`` for a per-channel operation and return its channel axis, non-negative."""
    check_float(op, "x", x)
    axis = check_axis(op, x.ndim, channel_axis)
    if x.size == 0:
        raise ValueError(f"{op}: got an empty x of shape {x.shape}; give at least one sample")
    if x.size // x.shape[axis] < min_values:
        raise ValueError(
            f"{op}: needs at least {min_values} values per channel, "
            f"got x of shape {x.shape}; {hint}"
        )
    return axis


def check_vector(
    op: str, name: str, v: Array | None, num_channels: int, default: float
) -> Vector:
    """Return one float64 value per channel, a copy; ``None`` means ``default`` everywhere."""
    if v is None:
        return np.full(num_channels, default)
    check_float(op, name, v)
    if v.shape != (num_channels,):
        raise ValueError(
            f"{op}: {name} must have one value per channel, shape ({num_channels},), "
            f"got shape {v.shape}; check channel_axis and the layer's width"
        )
    return np.array(v, dtype=np.float64)


def check_eps(op: str, eps: float) -> float:
    """Return ``eps`` as a float, or raise unless it is a finite number of at least 0."""
    if isinstance(eps, bool) or not isinstance(eps, REAL):
        raise TypeError(f"{op}: eps must be a number, got {eps!r}; the usual value is 1e-5")
    huge = isinstance(eps, int) and eps.bit_length() > 1023  # float() would overflow
    if huge or not 0 <= float(eps) < math.inf:
        raise ValueError(f"{op}: eps must be finite and at least 0, got {eps}; use 1e-5")
    return float(eps)


def check_statistics(
    op: str, mean: Vector, var: Vector, eps: float, squares: np.dtype[Any] | None = None
) -> None:
    """Raise unless every channel has a finite mean and a variance to divide by.

    ``squares`` is the dtype of the squares behind ``var``, which must be exact enough.
    """
    bad = ~(np.isfinite(mean) & np.isfinite(var))
    if bad.any():
        raise NonFiniteError(
            f"{op}: expected finite statistics, got NaN or infinity in channels "
            f"{np.flatnonzero(bad)[:5].tolist()}; look for NaN, infinity or overflow in x"
        )
    if (var < 0).any():
        raise ValueError(
            f"{op}: a variance cannot be negative, got {var.min():.4g} in channel "
            f"{var.argmin()}; compute it in two passes (bnlib.stats.mean_var)"
        )
    total, least = var + eps, LEAST[squares] if squares else 0.0
    if total.min() <= least:
        fault = "is constant (variance 0) and eps is 0, so the standard deviation is 0; "
        if total.min() > 0:
            fault = f"has var + eps below {least:.2g}, where {squares} squares have lost their "
            fault += "digits; scale x up or "
        raise ValueError(f"{op}: channel {total.argmin()} {fault}use eps=1e-5")
