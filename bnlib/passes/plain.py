"""The passes over an array that batch normalization is made of, as the equations stand.

Nothing is checked here. Statistics and intermediate results are float64, results as large
as ``x`` have its dtype. The channel's axis is swapped with the last one first: there, one
value per channel broadcasts.
"""

import numpy as np

from bnlib.axes import Array, Vector


def moments(x: Array, axis: int) -> tuple[Vector, Vector]:
    """Return each channel's mean and biased variance, shape (C,); (4.1) and (4.2).

    Examples
    --------
    >>> moments(np.array([[1.0, 10.0], [3.0, 10.0]]), axis=1)
    (array([ 2., 10.]), array([1., 0.]))
    """
    x = x.swapaxes(axis, -1)
    axes = tuple(range(x.ndim - 1))
    m = x[..., 0].size
    mu = x.sum(axes, dtype=np.float64) / m  # (4.1)
    mu += (x - mu).sum(axes) / m  # 0, but for the rounding of mu
    var = ((x - mu) ** 2).sum(axes) / m  # (4.2)
    return mu, var


def scale_shift(
    x: Array, mu: Vector, var: Vector, gamma: Vector, beta: Vector, eps: float, axis: int
) -> Array:
    """Return y, like ``x``: normalized, scaled and shifted; (4.3) and (4.4) in one.

    Examples
    --------
    >>> x, one = np.array([[1.0], [3.0]]), np.ones(1)
    >>> scale_shift(x, 2 * one, one, 10 * one, 5 * one, eps=0.0, axis=1).ravel()
    array([-5., 15.])
    """
    inv_std = 1 / np.sqrt(var + eps)
    y = (x.swapaxes(axis, -1) - mu) * (gamma * inv_std) + beta
    return y.swapaxes(axis, -1).astype(x.dtype, copy=False)


def gradients(
    dy: Array,
    x: Array,
    mu: Vector,
    var: Vector,
    gamma: Vector,
    eps: float,
    axis: int,
    through: bool = True,
) -> tuple[Array, Vector, Vector]:
    """Return dx, like ``x``, and dgamma and dbeta, shape (C,); (5.16).

    ``through`` says whether the statistics depend on ``x``: true in training, false in
    evaluation, where they are constants.

    Examples
    --------
    >>> dy, x, one = np.array([[1.0], [0.0]]), np.array([[-1.0], [1.0]]), np.ones(1)
    >>> dx, dgamma, dbeta = gradients(dy, x, 0 * one, one, one, eps=0.0, axis=1)
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([-1.]), array([1.]))
    """
    dtype, dy, x = x.dtype, dy.swapaxes(axis, -1), x.swapaxes(axis, -1)
    axes, m = tuple(range(x.ndim - 1)), x[..., 0].size
    inv_std = 1 / np.sqrt(var + eps)
    x_hat = (x - mu) * inv_std
    dgamma, dbeta = (dy * x_hat).sum(axes), dy.sum(axes, dtype=np.float64)
    if through:
        dx = gamma * inv_std * (dy - dbeta / m - x_hat * (dgamma / m))  # (5.16)
    else:  # the statistics are constants
        dx = gamma * inv_std * dy
    return dx.swapaxes(axis, -1).astype(dtype, copy=False), dgamma, dbeta
