"""Loops for small arrays, where a call costs more than the arithmetic.

One loop a pass, on one thread. Sums and gradients are taken in float64 as in
`bnlib.passes.plain`. Every array is seen as ``(A, C, B)``: before the channels, channels,
after them.
"""

from typing import Any

import numpy as np

from bnlib.axes import Array, Vector
from bnlib.passes.blocked import NEAR
from bnlib.passes.compiled.compiler import alone, inlined, one_at_a_time
from bnlib.passes.compiled.layout import SHORT, layout_of


def moments(x: Array, axis: int) -> tuple[Vector, Vector]:
    """Do what `bnlib.passes.plain.moments` does."""
    layout = layout_of(x, axis, wide=0)
    out = np.empty((2, layout.shape[1]))
    with one_at_a_time:
        fill_moments(layout.walk(x), out)
    return out[0], out[1]


def scale_shift(
    x: Array, mu: Vector, var: Vector, gamma: Vector, beta: Vector, eps: float, axis: int
) -> Array:
    """Do what `bnlib.passes.plain.scale_shift` does, with the roundings of a large array."""
    layout = layout_of(x, axis, wide=0)
    y, out = layout.like(x)
    with one_at_a_time:
        fill_scaled(layout.walk(x), mu, var, gamma, beta, eps, layout.shape[2] < SHORT, out)
    return y


def gradients(
    dy: Array, x: Array, mu: Vector, var: Vector, gamma: Vector, eps: float, axis: int,
    through: bool = True,
) -> tuple[Array, Vector, Vector]:  # fmt: skip
    """Do what `bnlib.passes.plain.gradients` does."""
    layout = layout_of(x, axis, wide=0)
    dx, out = layout.like(x)
    dgamma, dbeta = np.empty((2, layout.shape[1]))
    given = layout.walk(dy), layout.walk(x), mu, var, gamma, eps, through
    with one_at_a_time:
        fill_gradients(*given, out, dgamma, dbeta)
    return dx, dgamma, dbeta


@alone
def fill_moments(x: Array, out: Vector) -> None:
    """Fill ``out``, shape (2, C), with means and biased variances; (4.1) and (4.2).

    Sums are taken about a channel's first value: equal values leave a variance of 0.
    """
    A, C, B = x.shape
    for c in range(C):
        first, total = np.float64(x[0, c, 0]), 0.0
        for a in range(A):
            for b in range(B):
                total += x[a, c, b] - first
        mu, total, square = first + total / (A * B), 0.0, 0.0
        for a in range(A):
            for b in range(B):
                d = x[a, c, b] - mu
                total += d
                square += d * d
        out[0, c] = mu + total / (A * B)
        out[1, c] = square / (A * B)


@inlined
def scaled(value: Any, center: Any, scale: Any, shift: Any) -> Any:
    """Return ``(value - center) * scale + shift``, with one rounding less where it can be."""
    return (value - center) * scale + shift


@alone
def fill_scaled(
    x: Array, mu: Vector, var: Vector, gamma: Vector, beta: Vector, eps: float, short: bool,
    y: Array,
) -> None:  # fmt: skip
    """Fill ``y``, like ``x``: normalized, scaled and shifted; (4.3) and (4.4) in one.

    In the dtype of ``x`` and as `bnlib.passes.compiled.forward.scale_shift`, so that a sample
    is evaluated alone as among many. There ``short`` runs let means near 0 join the shift.
    """
    A, C, B = x.shape
    near = short
    for c in range(C):
        near = near and abs(mu[c]) <= NEAR * np.sqrt(var[c])
    for c in range(C):
        center, scale = x.dtype.type(0 if near else mu[c]), gamma[c] / np.sqrt(var[c] + eps)
        shift = x.dtype.type(beta[c] - (mu[c] - center) * scale)
        for a in range(A):
            for b in range(B):
                y[a, c, b] = scaled(x[a, c, b], center, x.dtype.type(scale), shift)


@alone
def fill_gradients(
    dy: Array, x: Array, mu: Vector, var: Vector, gamma: Vector, eps: float, through: bool,
    dx: Array, dgamma: Vector, dbeta: Vector,
) -> None:  # fmt: skip
    """Fill ``dx``, like ``x``, and ``dgamma`` and ``dbeta``, shape (C,); (5.16)."""
    A, C, B = x.shape
    for c in range(C):
        inv_std = 1 / np.sqrt(var[c] + eps)
        dot, total = 0.0, 0.0
        for a in range(A):
            for b in range(B):
                dot += dy[a, c, b] * ((x[a, c, b] - mu[c]) * inv_std)
                total += dy[a, c, b]
        dgamma[c], dbeta[c] = dot, total
        slope, mean = dot / (A * B), total / (A * B)
        for a in range(A):
            for b in range(B):
                d = np.float64(dy[a, c, b])
                if through:  # else the statistics are constants
                    d = d - mean - (x[a, c, b] - mu[c]) * inv_std * slope
                dx[a, c, b] = gamma[c] * inv_std * d
