"""Every check of an argument: made once, where a public function or a layer is called.

What stands behind that boundary trusts its arguments. An error says the operation, what was
expected, what came and what to do.
"""

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from bnlib.axes import Array, Pair, Vector

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
BOOLS = (bool, np.bool_)  # numbers to Python, but not what anybody means here
INTEGER, REAL = (int, numbers.Integral), (float, numbers.Real)  # the usual type first: fast
NOT_PLAIN = (np.ma.MaskedArray, np.matrix)  # arrays whose arithmetic is their own
LEAST = {kind: 4 * float(np.finfo(kind).tiny) for kind in DTYPES}  # smaller squares lose digits
MOST = {kind: float(np.finfo(kind).max) for kind in DTYPES}
ROUNDING = float(np.finfo(np.float64).eps)
USUAL_EPS = "the usual value is 1e-5"

quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")  # results are checked


class NonFiniteError(ValueError):
    """A statistic is NaN or infinite, so there is nothing to normalize by."""


def check_integer(
    op: str, name: str, value: int, least: int, hint: str, most: float = math.inf
) -> int:
    """Return ``value`` as an int, or raise unless it is one from ``least`` to ``most``."""
    if isinstance(value, BOOLS) or not isinstance(value, INTEGER):
        raise TypeError(f"{op}: {name} must be an integer, got {value!r}; {hint}")
    if not least <= value <= most:
        limits = (
            f"lie between {least} and {most}" if most < math.inf else f"be at least {least}"
        )
        raise ValueError(f"{op}: {name} must {limits}, got {value}; {hint}")
    return int(value)


def check_number(
    op: str, name: str, value: float, low: float = 0.0, high: float = math.inf, hint: str = ""
) -> float:
    """Return ``value`` as a float, or raise unless it is finite and in [``low``, ``high``]."""
    if isinstance(value, BOOLS) or not isinstance(value, REAL):
        raise TypeError(f"{op}: {name} must be a number, got {value!r}; {hint}")
    try:
        number = float(value)
    except OverflowError:  # an integer that no float can hold
        number = math.inf
    if not (low <= number <= high and math.isfinite(number)):
        limits = f"lie between {low:g} and {high:g}"
        if high == math.inf:
            limits = "be finite" if low == -math.inf else f"be finite and at least {low:g}"
        raise ValueError(f"{op}: {name} must {limits}, got {value}; {hint}")
    return number


def check_momentum(
    op: str,
    momentum: float,
    hint: str = "it is the weight of the new value (PyTorch's 0.1 is Keras's 0.9)",
) -> float:
    """Return ``momentum`` as a float, or raise unless it is a number in [0, 1]."""
    return check_number(op, "momentum", momentum, 0, 1, hint)


def check_channel_axis(op: str, channel_axis: int, ndim: int | None = None) -> int:
    """Return ``channel_axis`` as an int; counted from the start, where the rank is given."""
    if isinstance(channel_axis, BOOLS) or not isinstance(channel_axis, INTEGER):
        raise TypeError(
            f"{op}: channel_axis must be an integer, got {channel_axis!r}; "
            "use 1 for (N, C, *spatial) and -1 for channels-last"
        )
    if ndim is None:
        return int(channel_axis)
    if not -ndim <= channel_axis < ndim:
        raise ValueError(
            f"{op}: channel_axis {channel_axis} does not exist in an array of rank {ndim}; "
            f"use a value from {-ndim} to {ndim - 1}"
        )
    return int(channel_axis) % ndim


def not_float(op: str, name: str, x: object) -> TypeError:
    """Return the error that ``x`` is no plain NumPy array of float32 or float64."""
    if not isinstance(x, np.ndarray) or isinstance(x, NOT_PLAIN):
        return TypeError(
            f"{op}: {name} must be a NumPy array of float32 or float64, "
            f"got {type(x).__name__}; convert it with np.asarray({name}, dtype=np.float64)"
        )
    return TypeError(
        f"{op}: {name} must be float32 or float64, got dtype {x.dtype}; "
        f"convert it with {name}.astype(np.float32)"
    )


def check_float(op: str, name: str, x: object) -> None:
    """Raise ``TypeError`` unless ``x`` is a NumPy array of float32 or float64."""
    plain = isinstance(x, np.ndarray) and not isinstance(x, NOT_PLAIN)
    if not (plain and x.dtype in DTYPES):  # type: ignore[attr-defined]
        raise not_float(op, name, x)


def check_input(
    op: str,
    x: Array,
    channel_axis: int,
    *,
    min_values: int = 1,
    hint: str = "use a larger batch",
    channels: int | None = None,
) -> int:
    """Check ``x`` for a per-channel operation and return its channel axis, non-negative."""
    if not isinstance(x, np.ndarray) or isinstance(x, NOT_PLAIN) or x.dtype not in DTYPES:
        raise not_float(op, "x", x)
    if x.ndim < 2:
        raise ValueError(
            f"{op}: expected an array of rank 2 or more, (N, C) or (N, C, *spatial), "
            f"got rank {x.ndim}; add the missing axis, for example x[None, :]"
        )
    axis = check_channel_axis(op, channel_axis, x.ndim)
    if channels is not None and x.shape[axis] != channels:
        raise ValueError(
            f"{op}: expected {channels} channels on axis {axis}, got x of shape {x.shape}; "
            "check num_features and channel_axis"
        )
    if x.size == 0:
        raise ValueError(f"{op}: got an empty x of shape {x.shape}; give at least one sample")
    if x.size // x.shape[axis] < min_values:
        raise ValueError(
            f"{op}: needs at least {min_values} values per channel, "
            f"got x of shape {x.shape}; {hint}"
        )
    return axis


def check_vectors(op: str, channels: int, **vectors: Array | None) -> list[Vector]:
    """Return copies in float64, or raise unless each array has one value per channel."""
    copies = []
    for name, v in vectors.items():
        if not isinstance(v, np.ndarray) or isinstance(v, NOT_PLAIN) or v.dtype not in DTYPES:
            raise not_float(op, name, v)
        if v.shape != (channels,):
            raise ValueError(
                f"{op}: {name} must have one value per channel, shape ({channels},), "
                f"got shape {v.shape}; check channel_axis and the layer's width"
            )
        copies.append(v.astype(np.float64))
    return copies


def check_forward(
    op: str,
    x: Array,
    gamma: Array | None,
    beta: Array | None,
    eps: float,
    channel_axis: int,
    **limits: Any,
) -> tuple[Vector, Vector, float, int]:
    """Return gamma, beta, eps and the channel axis of a forward pass, all checked.

    ``limits`` are those of `check_input`. ``None`` means 1 for gamma and 0 for beta.
    """
    axis = check_input(op, x, channel_axis, **limits)
    channels = x.shape[axis]
    gamma = np.ones(channels) if gamma is None else gamma
    beta = np.zeros(channels) if beta is None else beta
    gamma, beta = check_vectors(op, channels, gamma=gamma, beta=beta)
    return gamma, beta, check_number(op, "eps", eps, hint=USUAL_EPS), axis


def check_like(op: str, name: str, array: Array, x: Array) -> None:
    """Raise unless ``array`` is a float array with the shape and the dtype of ``x``."""
    check_float(op, name, array)
    if array.shape != x.shape or array.dtype != x.dtype:
        kind = ValueError if array.shape != x.shape else TypeError
        raise kind(
            f"{op}: {name} must match x, shape {x.shape} and {x.dtype}, "
            f"got shape {array.shape} and {array.dtype}; pass the gradient of the same batch"
        )


def check_backward(op: str, dy: Array, saved: Any, name: str, kind: type[Any]) -> None:
    """Raise unless ``saved`` is what the forward pass kept and ``dy`` matches its input."""
    if not isinstance(saved, kind):
        raise TypeError(
            f"{op}: {name} must be the {kind.__name__} that the forward pass returned, "
            f"got {type(saved).__name__}; keep what it returns beside y"
        )
    check_like(op, "dy", dy, saved.x)


def check_statistics(
    op: str, mean: Vector, var: Vector, eps: float, dtype: np.dtype[Any] | None = None
) -> None:
    """Raise unless every channel has a finite mean and a variance to divide by.

    ``dtype`` is that of the batch behind the statistics: its squares must not have left
    the dtype's range.
    """
    most, least = (MOST[dtype], LEAST[dtype]) if dtype else (math.inf, 0.0)
    lowest = var.item(var.argmin())  # these calls are NumPy's quickest
    if (lowest >= 0 and lowest + eps > least
            and var.dot(var) < most and mean.dot(mean) < most):  # fmt: skip
        return  # as a rule; what follows finds out the rest
    bad = ~(np.isfinite(mean) & np.isfinite(var) & (var <= most))
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
    total = var + eps
    if total.min() <= least:
        fault = "is constant (variance 0) and eps is 0, so the standard deviation is 0; "
        if total.min() > 0:
            fault = f"has var + eps below {least:.2g}, where {dtype} squares lose their "
            fault += "digits; scale x up or "
        raise ValueError(f"{op}: channel {total.argmin()} {fault}use eps=1e-5")


def check_finite(op: str, name: str, array: Array) -> Array:
    """Return the array, or raise if it is not finite."""
    if not np.isfinite(array).all():
        raise NonFiniteError(
            f"{op}: expected finite values in {name}, got NaN or infinity; look for NaN or "
            "infinity in the data, or values so large that it overflows"
        )
    return array


def check_samples(op: str, X: Array) -> None:
    """Raise unless ``X`` is a finite, non-empty matrix of float32 or float64."""
    check_float(op, "X", X)
    if X.ndim != 2 or X.size == 0:
        raise ValueError(
            f"{op}: expected a matrix, shape (samples, features), got shape {X.shape}; "
            "flatten images with X.reshape(len(X), -1)"
        )
    check_finite(op, "X", X)


def check_covariance(op: str, cov: Array) -> None:
    """Raise unless ``cov`` is a finite, symmetric matrix of float32 or float64."""
    check_float(op, "cov", cov)
    if cov.ndim != 2 or cov.shape[0] != cov.shape[1] or cov.size == 0:
        raise ValueError(
            f"{op}: cov must be a square matrix, shape (d, d), got shape {cov.shape}; "
            "for samples X in rows it is (X - mu).T @ (X - mu) / m"
        )
    check_finite(op, "cov", cov)
    gap = abs(cov - cov.T).max()
    if gap > np.sqrt(np.finfo(cov.dtype).eps) * abs(cov).max():
        raise ValueError(
            f"{op}: cov must be symmetric, but differs from its transpose by {gap:.3g}; "
            "a covariance is (X - mu).T @ (X - mu) / m"
        )


def check_pair(op: str, name: str, value: int | Pair, least: int) -> Pair:
    """Return a height and a width, both at least ``least``; one integer stands for both."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    integral = (isinstance(n, INTEGER) and not isinstance(n, BOOLS) for n in pair)
    if len(pair) != 2 or not all(integral):
        raise TypeError(
            f"{op}: {name} must be an integer or a pair (height, width) of integers, "
            f"got {value!r}"
        )
    if min(pair) < least:
        raise ValueError(f"{op}: {name} must be at least {least}, got {value!r}")
    return int(pair[0]), int(pair[1])


def check_images(op: str, x: Array, channels: int | None = None) -> None:
    """Raise unless ``x`` is a float array of shape (N, C, H, W), C = ``channels`` if given."""
    check_float(op, "x", x)
    if x.ndim != 4 or channels not in (None, x.shape[1]):
        raise ValueError(
            f"{op}: expected x of shape (N, {'C' if channels is None else channels}, H, W), "
            f"got {x.shape}; reshape the images or change the number of channels"
        )


def check_gradient(op: str, dy: Array, shape: tuple[int, ...]) -> None:
    """Raise unless ``dy`` is a float array of the shape of the layer's latest output."""
    check_float(op, "dy", dy)
    if dy.shape != shape:
        raise ValueError(
            f"{op}: dy must match the output, shape {shape}, got {dy.shape}; "
            "pass the gradient of the same batch's y"
        )


def check_point(op: str, x: object) -> None:
    """Raise unless ``x`` is a non-empty, finite array of float64."""
    if not isinstance(x, np.ndarray) or x.dtype != np.float64:
        got = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(
            f"{op}: x must be a NumPy array of float64, got {got}; in float32 the differences "
            "keep 2 or 3 digits at best, so check in float64"
        )
    if x.size == 0:
        raise ValueError(f"{op}: got an empty x of shape {x.shape}; give at least one value")
    check_finite(op, "x", x)


def check_step(op: str, x: Vector, step: float) -> float:
    """Return ``step`` as a float, or raise unless it is positive and changes ``x``."""
    hint = "6e-6 times x's spread is usual"
    step = check_number(op, "step", step, hint=hint)
    least = 4 * ROUNDING * float(abs(x).max())
    if step <= least:
        raise ValueError(
            f"{op}: step must be above {least:.3g}, what rounding leaves of x, "
            f"got {step:.3g}; {hint}"
        )
    return step


def check_real(
    op: str, name: str, value: npt.ArrayLike, shape: tuple[int, ...], hint: str
) -> npt.NDArray[Any]:
    """Return ``value`` as an array, or raise unless it is real, finite and of this shape."""
    advice = "convert tensors with .detach().double().numpy()"
    try:
        array = np.asarray(value)
    except (RuntimeError, TypeError) as error:  # of a tensor that keeps its values to itself
        raise TypeError(
            f"{op}: {name} is a {type(value).__name__} that NumPy cannot read; {advice}"
        ) from error
    if array.dtype.kind not in "fiu":
        raise TypeError(
            f"{op}: {name} must hold real numbers, got dtype {array.dtype}; {advice}"
        )
    if array.shape != shape:
        raise ValueError(f"{op}: {name} must have shape {shape}, got {array.shape}; {hint}")
    if not np.isfinite(array).all():
        raise ValueError(f"{op}: {name} must be finite, got NaN or infinity")
    return array
