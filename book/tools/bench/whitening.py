"""What whitening costs beside standardization, and how each part grows with d."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.growth import slope
from bench.problem import EPS, Array, moved
from bench.rounding import digits
from bench.targets import Run
from bench.timing import Clockwork, Samples, quiet_collector, timed
from bnlib.stats import mean_var
from bnlib.whitening import inverse_sqrt_newton_schulz

SAMPLES = 2048
DIMENSIONS = (32, 64, 128, 256, 512, 1024)
FEWEST = 3  # rounds, however long they take
ONCE, MOST = 512, 20  # from this d on an operation is computed once; below, up to so often
LAST = 3  # a slope is fitted to so many of the largest d
OPERATIONS = (
    "standardize", "covariance", "eigh", "apply", "cholesky",
    "newton_schulz_5", "newton_schulz_10",
)  # fmt: skip


def standardize(x: Array) -> Array:
    """Return each column of ``x`` with mean 0 and variance 1."""
    mu, var = mean_var(x)
    y: Array = (x - mu) / np.sqrt(var + EPS)
    return y


def covariance(x: Array) -> Array:
    """Return the biased covariance of the rows of ``x``."""
    centred = x - x.mean(axis=0)
    cov: Array = centred.T @ centred / len(x)
    return cov


def operations(x: Array, cov: Array) -> dict[str, Callable[[], Any]]:
    """Return the parts of whitening as calls; ``x`` is (m, d), ``cov`` its covariance.

    What is applied is ``cov`` itself: which d x d matrix it is does not matter.
    """
    calls: tuple[Callable[[], Any], ...] = (
        lambda: standardize(x),
        lambda: covariance(x),
        lambda: np.linalg.eigh(cov),
        lambda: x @ cov,
        lambda: np.linalg.cholesky(cov),
        lambda: inverse_sqrt_newton_schulz(cov, 5),
        lambda: inverse_sqrt_newton_schulz(cov, 10),
    )
    return dict(zip(OPERATIONS, calls, strict=True))


def draw(d: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return correlated samples in rows and their covariance."""
    mixing = np.eye(d) + rng.standard_normal((d, d)) / (2 * np.sqrt(d))
    x = rng.standard_normal((SAMPLES, d)) @ mixing
    return x, covariance(x)


def one_round(
    drawn: dict[int, tuple[Array, Array]],
    how: Clockwork,
    rng: np.random.Generator,
    samples: Samples,
) -> None:
    """Measure every operation at every d once, in random order, each in new memory."""
    keys = [(d, op) for d in drawn for op in OPERATIONS]
    for i in rng.permutation(len(keys)):
        d, op = keys[i]
        x, cov = (moved(a, rng) for a in drawn[d])
        number = min(MOST, max(1, ONCE // d) ** 2)
        samples.add((op, str(d)), *timed(operations(x, cov)[op], number, how.clock))


def measure(
    dimensions: Sequence[int],
    how: Clockwork,
    tell: Callable[[str], None] = lambda text: None,
) -> Samples:
    """Measure until the time is used up; ``tell`` hears what is going on."""
    rng = np.random.default_rng(0)
    drawn = {d: draw(d, rng) for d in dimensions}
    small = min(dimensions)
    one_round({small: drawn[small]}, how, rng, Samples())  # loads what is loaded at first use
    samples, start = Samples(), time.monotonic()
    with quiet_collector():
        for done in range(how.repetitions):
            if done >= FEWEST and time.monotonic() - start > how.seconds:
                break
            tell(f"round {done + 1}")
            one_round(drawn, how, rng, samples)
    return samples


def summary(dimensions: Sequence[int], samples: Samples, how: Clockwork) -> Run:
    """Return milliseconds of each operation at each d, and the slopes at the largest."""
    ms = {op: [digits(samples.median((op, str(d)))) for d in dimensions] for op in OPERATIONS}
    last = dimensions[-LAST:]
    return {
        "settings": {
            "threads": how.threads, "clock": how.name, "samples": SAMPLES,
            "dtype": "float64", "rounds": len(samples.ms[OPERATIONS[0], str(last[0])]),
            "slope_over": list(last),
        },
        "d": list(dimensions),
        "ms": ms,
        "slope": {op: digits(slope(last, times[-LAST:])) for op, times in ms.items()},
    }  # fmt: skip
