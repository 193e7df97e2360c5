"""Batch normalization by the textbook in 800-digit arithmetic, and how far one may be off.

Bounds for one channel. u and eta are the spacing at 1 and the smallest number of x's dtype,
m the number of values, A the largest of |x| and |mu|, D of |x - mu|, H of |x_hat|, G of |dy|:

    x_hat   training: e = 16 u H (1 + (u A)^2 / (var + eps)) + M inv_std + eta,
                      where M = (m + 8) 2^-52 A + eta is the error of the mean
            evaluation: e = 16 u (H + u A inv_std) + eta
    y       |gamma| e + 8 u |beta| + eta (D + 2)
    dbeta   m G (u + m 2^-52) + m eta
    dgamma  m G (4 u K + m K 2^-52 + e) + m eta, with K = H + e
    dx      training: |scale| (16 u G (1 + K^2) + 2 K G e + eta) + eta G (1 + K^2) + eta
            evaluation: 8 u |scale| G + eta (G + 1)
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np

from bnlib.passes.blocked import NEAR

# A float64 has up to 767 decimal digits, so sums and differences of them are exact.
CONTEXT = Context(prec=800, Emax=10**6, Emin=-(10**6), traps=[])
DOUBLE = Decimal(2) ** -52


def exact(function: Callable[..., Any]) -> Callable[..., Any]:
    """Run a function in 800-digit arithmetic, where NaN and infinity raise nothing."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        with localcontext(CONTEXT):
            return function(*arguments, **options)

    return run


@dataclass
class Channel:
    """One channel's inputs and results, how large the numbers became, and the bounds."""

    x: list[Decimal]
    dy: list[Decimal]
    mu: Decimal
    var: Decimal
    y: list[Decimal]
    dx: list[Decimal]
    dgamma: Decimal
    dbeta: Decimal
    peak: Decimal  # the largest finite number on the way
    bounds: dict[str, Decimal]
    too_small: bool  # the squares of x - mu are subnormal: the variance has lost digits


def columns(x: np.ndarray, axis: int) -> list[list[Decimal]]:
    """Return the values of each channel as exact decimal numbers."""
    rows = np.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    return [[Decimal(float(v)) for v in row] for row in rows]


def largest(values: list[Decimal]) -> Decimal:
    """Return the largest absolute value among those that are finite."""
    return max((abs(v) for v in values if v.is_finite()), default=Decimal(0))


def textbook(x, gamma, beta, eps, axis, dy, mean=None, var=None) -> list[Channel]:
    """Return every channel's results; with ``mean`` and ``var`` in evaluation mode."""
    width = x.shape[axis]
    gamma = np.ones(width) if gamma is None else gamma
    beta = np.zeros(width) if beta is None else beta
    given = [None] * width if mean is None else list(zip(mean, var, strict=True))
    parts = zip(columns(x, axis), columns(dy, axis), gamma, beta, given, strict=True)
    return [_channel(*part, eps, np.finfo(x.dtype)) for part in parts]


@exact
def _channel(x, dy, gamma, beta, given, eps, info) -> Channel:
    """Go through Algorithm 1 and its derivative value by value."""
    m = len(x)
    gamma, beta, eps = (Decimal(float(v)) for v in (gamma, beta, eps))
    mu = sum(x) / m if given is None else Decimal(float(given[0]))
    d = [v - mu for v in x]
    var = sum(v * v for v in d) / m if given is None else Decimal(float(given[1]))
    inv_std = 1 / (var + eps).sqrt()
    x_hat = [v * inv_std for v in d]
    y = [gamma * v + beta for v in x_hat]
    products = [a * b for a, b in zip(dy, x_hat, strict=True)]
    dbeta, dgamma = sum(dy), sum(products)
    scale = gamma * inv_std
    inner = list(dy)
    if given is None:
        inner = [a - dbeta / m - b * dgamma / m for a, b in zip(dy, x_hat, strict=True)]
    dx = [scale * v for v in inner]
    way = [mu, scale, mu * scale, inv_std, gamma, *x, *d, *x_hat, *y, *products, *inner, *dx]
    sums = [m * largest(dy), m * largest(products), *(v * scale for v in d)]
    u, eta = Decimal(float(info.eps)), Decimal(float(info.smallest_subnormal))
    a, size, h, g = largest([*x, mu]), largest(d), largest(x_hat), largest(dy)
    if given is None:
        e = 16 * u * h * (1 + (u * a * inv_std) ** 2) + eta
        e += ((m + 8) * DOUBLE * a + eta) * inv_std
        k = h + e
        bound_dx = abs(scale) * (16 * u * g * (1 + k * k) + 2 * k * g * e + eta)
        bound_dx += eta * g * (1 + k * k) + eta
    else:
        near = abs(mu) * inv_std if abs(mu) <= NEAR * var.sqrt() else 0  # joins the shift
        e = 16 * u * (h + near + u * a * inv_std) + eta
        bound_dx = 8 * u * abs(scale) * g + eta * (g + 1)
    bounds = {
        "y": abs(gamma) * e + 8 * u * abs(beta) + eta * (size + 2),
        "dbeta": m * g * (u + m * DOUBLE) + m * eta,
        "dgamma": m * g * ((4 * u + m * DOUBLE) * (h + e) + e) + m * eta,
        "dx": bound_dx,
    }
    too_small = given is None and var + eps < 4 * eta / u
    peak = largest([*way, *sums])
    return Channel(x, dy, mu, var, y, dx, dgamma, dbeta, peak, bounds, too_small)


@exact
def agree(actual: Any, channel: Channel, name: str, dtype: Any) -> None:
    """Hold one result of one channel to its bound.

    A result is NaN or infinite where the exact one is; it may be so, too, where a finite
    number on the way leaves the range of ``dtype``. It is never a finite wrong number.
    """
    wanted, bound = getattr(channel, name), channel.bounds[name]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    inside = channel.peak < Decimal(float(np.finfo(dtype).max)) / 4
    for got, want in zip(np.ravel(actual), wanted, strict=True):
        if math.isfinite(got):
            assert want.is_finite(), (name, got, want)
            assert abs(Decimal(float(got)) - want) <= bound, (name, got, want, bound)
        else:
            assert not (inside and want.is_finite()), (name, got, want, channel.peak)


def compare(y, gradients, channels: list[Channel], axis: int) -> None:
    """Hold a forward and a backward pass to the bounds, channel by channel.

    ``gradients`` are dx and, where gamma and beta are learned, dgamma and dbeta.
    """
    dx, *others = gradients
    assert dx.shape == y.shape
    assert {a.shape for a in others} <= {(len(channels),)}
    assert {a.dtype for a in gradients} == {y.dtype}
    for i, channel in enumerate(channels):
        assert not channel.too_small  # refused
        agree(np.take(y, i, axis), channel, "y", y.dtype)
        agree(np.take(dx, i, axis), channel, "dx", y.dtype)
        for name, values in zip(("dgamma", "dbeta"), others, strict=False):
            agree(values[i], channel, name, y.dtype)
