"""The loop that joins the moments of an array's parts. `compiler` compiles it."""

import numpy as np

from bnlib.axes import Vector
from bnlib.passes.compiled.compiler import prange

TILE = 64  # channels of one task: their sums stay in the cache


def pool(parts: Vector, n: Vector, C: int, B: int, limit: float, out: Vector) -> None:
    """Fill ``out``, shape (3, C): means, biased variances, and 1 where these are exact, else 0.

    ``parts``, shape (2, T, width), holds means and squared deviations of ``n[t]`` values
    each; column ``(f * C + c) * B + b`` belongs to channel ``c``. The means are taken about
    the first, so equal values leave a variance of 0 (Chan, Golub & LeVeque 1983). Beyond
    ``limit``, and below ``1 / limit`` but for 0, squares have left the dtype's range.

    Examples
    --------
    >>> parts, out = np.array([[[1.0], [4.0]], [[0.0], [2.0]]]), np.empty((3, 1))
    >>> pool(parts, np.array([1.0, 2.0]), 1, 1, 1e30, out)
    >>> out.ravel()
    array([3.        , 2.66666667, 1.        ])
    """
    T, width = parts.shape[1:]
    m = n.sum() * (width // C)
    for task in prange((C + TILE - 1) // TILE):
        c0, c1 = task * TILE, min((task + 1) * TILE, C)
        total, m2 = np.zeros(C), np.zeros(C)
        for t in range(T):
            for k in range(width // C):
                for c in range(c0, c1):
                    column = (k // B * C + c) * B + k % B
                    total[c] += n[t] * (parts[0, t, column] - parts[0, 0, c * B])
        for t in range(T):
            for k in range(width // C):
                for c in range(c0, c1):
                    column = (k // B * C + c) * B + k % B
                    offset = parts[0, t, column] - parts[0, 0, c * B] - total[c] / m
                    m2[c] += parts[1, t, column] + n[t] * offset * offset
        for c in range(c0, c1):
            var = max(m2[c] / m, 0.0)
            out[0, c], out[1, c] = parts[0, 0, c * B] + total[c] / m, var
            out[2, c] = var == 0 or 1 / limit < var < limit
