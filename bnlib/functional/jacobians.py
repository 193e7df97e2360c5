"""The Jacobian of batch normalization, written out: for small cases and for pictures."""

import numpy as np

from bnlib.arguments import check_float, check_forward, check_statistics, quiet
from bnlib.axes import Array, values_per_channel
from bnlib.passes import passes_for

MAX_BYTES = 2**26  # 64 MiB: one channel of 2896 values in float64


@quiet
def jacobian(
    x: Array, gamma: Array | None = None, eps: float = 1e-5, channel_axis: int = 1
) -> Array:
    r"""Return how much each output of a channel moves when each input moves.

    Parameters
    ----------
    x : ndarray, shape (m,), or (N, C) or (N, C, *spatial), float32 or float64
        One channel's values, or several channels of ``m = N * prod(spatial)`` values.
    gamma : ndarray, shape (C,), or None
        Scale; ``None`` means 1. Shape (1,) where ``x`` has shape (m,).
    eps, channel_axis
        As in `batch_norm_train`; ``channel_axis`` is ignored where ``x`` has shape (m,).

    Returns
    -------
    J : ndarray, shape (m, m), or (C, m, m), dtype of ``x``
        ``J[..., i, j]`` is the derivative of output i with respect to input j of the same
        channel; channels do not mix. Values count in C order, without the channel's axis.

    Raises
    ------
    TypeError
        If an array is not float32 or float64, or ``eps`` is not a number.
    ValueError
        As `batch_norm_train`; also if the result would be larger than 64 MiB.

    Notes
    -----
    ``J = gamma * inv_std * (I - 1 1^T / m - x_hat x_hat^T / m)``: what the closed form
    of the backward pass multiplies by (Ioffe & Szegedy 2015, section 3). It is symmetric.
    Constants are in its null space: ``J 1 = 0``. For ``eps = 0`` so is ``x_hat``, and the
    rank is m - 2; for ``eps > 0``, ``J x_hat = gamma * inv_std**3 * eps * x_hat``, and the
    rank is m - 1 (both where ``gamma`` is not 0 and the channel is not constant).

    Examples
    --------
    >>> jacobian(np.array([-1.0, 0.0, 0.0, 1.0]), eps=0.5)
    array([[ 0.5 , -0.25, -0.25,  0.  ],
           [-0.25,  0.75, -0.25, -0.25],
           [-0.25, -0.25,  0.75, -0.25],
           [ 0.  , -0.25, -0.25,  0.5 ]])
    """
    op = "jacobian"
    check_float(op, "x", x)
    if x.ndim == 1:
        return jacobian(x[:, None], gamma, eps).squeeze(0)
    gamma, _, eps, axis = check_forward(op, x, gamma, None, eps, channel_axis, min_values=2)
    C, m = x.shape[axis], values_per_channel(x.shape, axis)
    _check_size(C, m)
    mu, var = passes_for(x).moments(x, axis)
    check_statistics(op, mu, var, eps, x.dtype)
    inv_std = 1 / np.sqrt(var + eps)
    rows = np.moveaxis(x, axis, 0).reshape(C, m)
    x_hat = (rows - mu[:, None]) * inv_std[:, None]  # (C, m), float64
    J: Array = np.eye(m) - 1 / m - x_hat[:, :, None] * x_hat[:, None, :] / m
    J *= (gamma * inv_std)[:, None, None]
    return J.astype(x.dtype, copy=False)


def _check_size(C: int, m: int) -> None:
    """Raise if ``C`` matrices of m x m float64 values take more than `MAX_BYTES`."""
    if 8 * C * m * m > MAX_BYTES:
        raise ValueError(
            f"jacobian: {C} x {m} x {m} values take {8 * C * m * m / 2**20:.0f} MiB, at most "
            f"{MAX_BYTES // 2**20} MiB; take fewer values or channels, or multiply by the "
            "Jacobian without building it: batch_norm_backward"
        )
