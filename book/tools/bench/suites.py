"""Two suites that chapters draw: what whitening costs, and what folding saves.

Whitening is timed beside standardization, part by part, and how each part grows with d.
Folding compares small stacks of convolutions with batch normalization and without.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.problem import EPS, Array, Run, digits, moved
from bench.timing import Call, Clockwork, Key, Samples, interleave
from bnlib.stats import mean_var
from bnlib.torch_layers import fold
from bnlib.whitening import inverse_sqrt_newton_schulz

SAMPLES = 2048
DIMENSIONS = (32, 64, 128, 256, 512, 1024)
ROUNDS, PAIRS = 3, 9  # however long they take
ONCE, MOST = 512, 20  # from this d on a part is computed once; below, up to so often
LAST = 3  # a slope is fitted to so many of the largest d
SIDE = 8  # of the images, which have one channel, like the digits
STACKS = {"16-16-32-32": (16, 16, 32, 32), "8 × 32": (32,) * 8, "6 × 64": (64,) * 6}
BATCHES = (1, 32, 256)
ENOUGH = 16  # images: a smaller batch is computed several times for one measurement
LEVEL = 0.95  # of the intervals
# Time for all of whitening, and for a case of folding, beside that of a shape; an interval
# wants more repetitions.
WHITENING, FOLDING, MORE_PAIRS = 1.5, 0.22, 5


def slope(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the exponent ``p`` of the power law ``time = a * size**p`` that fits best.

    Least squares on logarithms: 1 is cost in proportion to size, 2 four times the cost
    for twice the size, 0 a constant.

    Examples
    --------
    >>> slope([1, 2, 4], [3.0, 12.0, 48.0])
    2.0
    """
    return digits(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def covariance(x: Array) -> Array:
    """Return the biased covariance of the rows of ``x``."""
    centred = x - x.mean(axis=0)
    cov: Array = centred.T @ centred / len(x)
    return cov


def standardize(x: Array) -> Array:
    """Return each column of ``x`` with mean 0 and variance 1."""
    mu, var = mean_var(x)
    y: Array = (x - mu) / np.sqrt(var + EPS)
    return y


def parts(x: Array, cov: Array) -> dict[str, Callable[[], Any]]:
    """Return the parts of whitening as calls; ``x`` is (m, d), ``cov`` its covariance.

    What is applied is ``cov`` itself: which d x d matrix it is does not matter.
    """
    return {
        "standardize": lambda: standardize(x),
        "covariance": lambda: covariance(x),
        "eigh": lambda: np.linalg.eigh(cov),
        "apply": lambda: x @ cov,
        "cholesky": lambda: np.linalg.cholesky(cov),
        "newton_schulz_5": lambda: inverse_sqrt_newton_schulz(cov, 5),
        "newton_schulz_10": lambda: inverse_sqrt_newton_schulz(cov, 10),
    }


def draw(d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return correlated samples in rows and their covariance."""
    mixing = np.eye(d) + rng.standard_normal((d, d)) / (2 * np.sqrt(d))
    x = rng.standard_normal((SAMPLES, d)) @ mixing
    return x, covariance(x)


def whitening(how: Clockwork, dimensions: Sequence[int] = DIMENSIONS) -> Run:
    """Return milliseconds of each part at each d, and the slopes at the largest."""
    rng, how = np.random.default_rng(0), replace(how, seconds=how.seconds * WHITENING)
    drawn = {str(d): draw(d, rng) for d in dimensions}

    def moving(op: str, d: str) -> Call:
        x, cov = (moved(a, rng) for a in drawn[d])
        return parts(x, cov)[op]

    makers = {
        (op, d): partial(moving, op, d) for d, pair in drawn.items() for op in parts(*pair)
    }
    samples = interleave(lambda: makers, several, how, rng, ROUNDS)
    return summary(samples, how, dimensions)


def several(key: Key) -> int:
    """Return how often a part of whitening is computed for one measurement."""
    return min(MOST, max(1, ONCE // int(key[1])) ** 2)


def summary(samples: Samples, how: Clockwork, dimensions: Sequence[int]) -> Run:
    """Return the medians of whitening's parts, and their slopes over the largest d."""
    ms: dict[str, list[float]] = {}
    for d in dimensions:
        for op in (op for op, size in samples if size == str(d)):
            ms.setdefault(op, []).append(digits(statistics.median(samples[op, str(d)])))
    last = dimensions[-LAST:]
    return {
        "settings": {
            "threads": how.threads, "clock": how.name, "samples": SAMPLES, "dtype": "float64",
            "rounds": len(samples["eigh", str(last[0])]), "slope_over": list(last),
        },
        "d": list(dimensions),
        "ms": ms,
        "slope": {op: slope(last, times[-LAST:]) for op, times in ms.items()},
    }  # fmt: skip


def multiply_adds(channels: Sequence[int]) -> tuple[int, int]:
    """Return multiply-adds for one image, before folding and after.

    ``channels`` are those of each block's output. A padded 3x3 convolution has ``9 * C_in``
    for each output value, and batch normalization one. The bias of a folded convolution is
    where its sum starts.

    Examples
    --------
    >>> multiply_adds([16])
    (10240, 9216)
    """
    widths = zip((1, *channels), channels, strict=False)
    conv = sum(9 * before * after for before, after in widths) * SIDE**2
    return conv + sum(channels) * SIDE**2, conv


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Return the order statistics between which the median lies with probability ``level``.

    The k-th smallest and the k-th largest value, with the largest k for which a binomial
    count of n fair coins falls below k, or as far on the other side, with probability at
    most ``1 - level``. Fewer than 6 values do not suffice for 0.95: they give their range.

    Examples
    --------
    >>> interval(range(1, 11))
    (2, 9)
    """
    ordered, n = sorted(values), len(values)
    k, outside = 0, 2 / 2**n
    while outside <= 1 - level:
        k += 1
        outside += 2 * math.comb(n, k) / 2**n
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def build(channels: Sequence[int], rng: np.random.Generator) -> tuple[Any, Any]:
    """Return blocks of conv3x3, batch normalization (drawn, eval) and ReLU, and them folded."""

    def drawn(*shape: int, std: float = 0.1) -> torch.Tensor:
        return torch.from_numpy((rng.standard_normal(shape) * std).astype(np.float32))

    blocks, folded = [], []
    for before, after in zip((1, *channels), channels, strict=False):
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        bn = nn.BatchNorm2d(after).eval()
        with torch.no_grad():
            conv.weight.copy_(drawn(*conv.weight.shape, std=math.sqrt(2 / (9 * before))))
            bn.weight.copy_(torch.from_numpy(rng.uniform(0.8, 1.2, after)))
            bn.bias.copy_(drawn(after))
        bn.running_mean = drawn(after)
        bn.running_var = torch.from_numpy(rng.uniform(0.5, 2, after).astype(np.float32))
        blocks += [conv, bn, nn.ReLU()]
        folded += [fold(conv, bn), nn.ReLU()]
    return nn.Sequential(*blocks).eval(), nn.Sequential(*folded).eval()


def measure_folding(channels: Sequence[int], batch: int, how: Clockwork) -> Samples:
    """Measure both nets in pairs: on the same images, which lie in new memory for each pair."""
    rng = np.random.default_rng([batch, *channels])
    nets = dict(zip(("unfolded", "folded"), build(channels, rng), strict=True))
    images: Array = rng.standard_normal((batch, 1, SIDE, SIDE), dtype=np.float32)

    def prepare() -> dict[Key, Callable[[], Call]]:
        x = torch.from_numpy(moved(images, rng))
        return {(name, ""): lambda net=net: partial(net, x) for name, net in nets.items()}

    with torch.inference_mode():
        return interleave(prepare, lambda key: max(1, ENOUGH // batch), how, rng, PAIRS)


def folding_row(stack: str, batch: int, samples: Samples) -> Run:
    """Return what was measured for one stack and batch size."""
    folded = samples["folded", ""]
    ratios = [a / b for a, b in zip(samples["unfolded", ""], folded, strict=True)]
    low, high = interval(ratios)
    before, after = multiply_adds(STACKS[stack])
    return {
        "batch": batch, "stack": stack, "ratio": digits(statistics.median(ratios)),
        "low": digits(low), "high": digits(high), "pairs": len(folded),
        "folded_ms": digits(statistics.median(folded)),
        "multiply_adds_before": before, "multiply_adds_after": after,
    }  # fmt: skip


def folding(how: Clockwork, batches: Sequence[int] = BATCHES) -> Run:
    """Return what folding saves, for each stack and batch size."""
    how = replace(how, seconds=how.seconds * FOLDING, rounds=how.rounds * MORE_PAIRS)
    settings = {
        "threads": how.threads, "clock": how.name, "dtype": "float32",
        "image": [1, SIDE, SIDE], "interval": LEVEL,
    }  # fmt: skip
    rows = [
        folding_row(stack, batch, measure_folding(channels, batch, how))
        for stack, channels in STACKS.items()
        for batch in batches
    ]
    return {"settings": settings, "rows": rows}
