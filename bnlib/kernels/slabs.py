"""Loops over contiguous ``(A, C, B)`` where each channel's runs of ``B`` values are long.

Plain Python that `bnlib.kernels.compiler` compiles. A channel is walked through in pieces
of at most ``chunk`` values. Sums within a piece are in the dtype of ``x``, sums of pieces
in float64. Each group of pieces is taken about the mean of what came before it, so that
one pass over memory is enough and a large mean costs no digits.

A file holds all that its loops call: numba's cache looks at one file's time stamp.
"""

from typing import Any

import numpy as np

from bnlib.kernels.compiler import inlined, prange
from bnlib.shapes import Array, Vector

HEAD = 64  # values whose mean the first group of pieces is taken about


@inlined
def place(k: int, B: int, chunk: int) -> tuple[int, int]:
    """Return the run that piece ``k`` lies in, and where in the run it starts.

    Examples
    --------
    >>> [place(k, B=5, chunk=2) for k in range(4)]
    [(0, 0), (0, 2), (0, 4), (1, 0)]
    """
    per_run = (B + chunk - 1) // chunk
    run = k // per_run
    return run, (k - run * per_run) * chunk


@inlined
def sums(run: Array, center: Any) -> tuple[Any, Any]:
    """Return the sums of ``d`` and of ``d * d``, with ``d = run - center``."""
    first = second = run.dtype.type(0)
    for b in range(run.size):
        d = run[b] - center
        first += d
        second += d * d
    return first, second


@inlined
def spread(
    x: Array, c: int, start: int, stop: int, chunk: int, group: int
) -> tuple[float, float]:
    """Return the mean and the sum of squared deviations of some of a channel's pieces.

    ``group`` pieces are summed about a common center, then merged with what came before:
    Chan, Golub & LeVeque (1983), equations (2.1).
    """
    B = x.shape[2]
    a, b = place(start, B, chunk)
    head = x[a, c, b : b + min(HEAD, chunk)]
    mu = head[0] + np.float64(sums(head, head[0])[0]) / head.size
    m2, n = np.float64(0), 0
    for k0 in range(start, stop, group):
        center = x.dtype.type(mu)
        first, second, w = np.float64(0), np.float64(0), 0
        for k in range(k0, min(k0 + group, stop)):
            a, b = place(k, B, chunk)
            run = x[a, c, b : b + chunk]
            p, q = sums(run, center)
            first, second, w = first + p, second + q, w + run.size
        offset = first / w
        delta = center + offset - mu
        share = w / (n + w)
        m2 += second - w * offset * offset + delta * delta * n * share
        mu += delta * share
        n += w
    return mu, m2


def moments(x: Array, chunk: int, group: int, task: int, out: Vector) -> None:
    """Fill ``out``, shape (2, S, C): means and squared deviations of ``task`` pieces each."""
    A, C, B = x.shape
    S = out.shape[1]
    pieces = A * ((B + chunk - 1) // chunk)
    for t in prange(C * S):
        c = t // S
        s = t - c * S
        stop = min((s + 1) * task, pieces)
        out[0, s, c], out[1, s, c] = spread(x, c, s * task, stop, chunk, group)


def apply(x: Array, table: Array, chunk: int, tasks: int, y: Array) -> None:
    """Set ``y`` to ``(x - center) * scale + shift``, the rows of ``table``, shape (3, C)."""
    A, C, B = x.shape
    pieces = A * C * ((B + chunk - 1) // chunk)
    for t in prange(tasks):
        for k in range(pieces * t // tasks, pieces * (t + 1) // tasks):
            r, b = place(k, B, chunk)
            a, c = r // C, r % C
            center, scale, shift = table[0, c], table[1, c], table[2, c]
            run, out = x[a, c, b : b + chunk], y[a, c, b : b + chunk]
            for i in range(run.size):
                out[i] = (run[i] - center) * scale + shift


@inlined
def products(
    x: Array, dy: Array, c: int, center: Any, inv_std: Any, chunk: int
) -> tuple[float, float]:
    """Return the sums of ``dy`` and of ``dy * (x - center) * inv_std`` over one channel."""
    total, dot = np.float64(0), np.float64(0)
    for a in range(x.shape[0]):
        for b0 in range(0, x.shape[2], chunk):
            run, given = x[a, c, b0 : b0 + chunk], dy[a, c, b0 : b0 + chunk]
            first = second = x.dtype.type(0)
            for b in range(run.size):
                first += given[b]
                second += given[b] * ((run[b] - center) * inv_std)
            total, dot = total + first, dot + second
    return total, dot


@inlined
def combine(x: Array, dy: Array, c: int, row: tuple[Any, ...], dx: Array) -> None:
    """Set one channel of ``dx`` to ``((dy - mean) - x_hat * share) * scale``.

    Here ``x_hat = (x - center) * inv_std``, and ``mean`` makes up for what ``center`` loses
    of the mean of ``x`` by being rounded.
    """
    center, inv_std, mean, share, scale = row
    for a in range(x.shape[0]):
        run, given, out = x[a, c], dy[a, c], dx[a, c]
        for b in range(run.size):
            x_hat = (run[b] - center) * inv_std
            out[b] = ((given[b] - mean) - x_hat * share) * scale


@inlined
def rescale(dy: Array, c: int, scale: Any, dx: Array) -> None:
    """Set one channel of ``dx`` to ``dy * scale``: what is left if statistics are constants."""
    for a in range(dy.shape[0]):
        given, out = dy[a, c], dx[a, c]
        for b in range(given.size):
            out[b] = given[b] * scale


def backward(
    x: Array, dy: Array, constants: Vector, through: bool, chunk: int, out: Vector, dx: Array
) -> None:
    """Fill ``dx``, and ``out``, shape (2, C), with the sums of ``dy`` and ``dy * x_hat``.

    ``constants`` has rows ``mu``, ``1 / std`` and ``gamma / std``, shape (3, C). ``through``
    says whether the statistics depend on ``x``. The sums of a channel and its ``dx`` are in
    one loop, so a channel that fits into a processor's cache is read from memory once.
    """
    A, C, B = x.shape
    cast = x.dtype.type
    for c in prange(C):
        mu, inv_std, scale = constants[0, c], constants[1, c], constants[2, c]
        center, inv = cast(mu), cast(inv_std)
        dbeta, dgamma = products(x, dy, c, center, inv, chunk)
        lost = (mu - center) * inv_std
        dgamma -= lost * dbeta
        out[0, c], out[1, c] = dbeta, dgamma
        share = dgamma / (A * B)
        mean = dbeta / (A * B) - lost * share
        if through:
            combine(x, dy, c, (center, inv, cast(mean), cast(share), cast(scale)), dx)
        else:
            rescale(dy, c, cast(scale), dx)
