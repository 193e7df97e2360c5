"""What a call costs by itself: on a tiny array, with cold caches and with warm ones."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench.candidates import OPERATIONS, Candidate
from bench.problem import Array, Shape, draw
from bench.rounding import digits
from bench.targets import Run
from bench.timing import Clockwork, Samples, prepare, quiet_collector, timed

SHAPE: Shape = (8, 4, 2, 2)
DTYPE = "float32"
STREAMED = 100_000_000  # bytes read before a cold call
REPETITIONS = 30
WARM = 10  # calls right after the cold one


def streamed(nbytes: int = STREAMED) -> Array:
    """Return the array whose reading pushes everything else out of the caches."""
    return np.ones(nbytes // 4, np.float32)


def cold_and_warm(
    call: Callable[[], Any], stream: Array, how: Clockwork
) -> tuple[float, float]:
    """Return milliseconds of a call after ``stream`` was read, and of one right after it."""
    stream @ stream
    cold = timed(call, 1, how.clock)[0]
    return cold, timed(call, WARM, how.clock)[0]


def measure(
    candidates: Sequence[Candidate], how: Clockwork, stream: Array
) -> tuple[Samples, Samples]:
    """Return the cold calls and the warm ones, the limit's among them."""
    rng = np.random.default_rng(0)
    everyone = prepare(draw(SHAPE, DTYPE, rng), candidates, how.loops)
    keys = [(name, op) for name in everyone for op in OPERATIONS]
    for name, op in keys:
        everyone[name][op]()  # compiles; not counted
    cold, warm = Samples(), Samples()
    with quiet_collector():
        for _ in range(min(how.repetitions, REPETITIONS)):
            for i in rng.permutation(len(keys)):
                name, op = keys[i]
                found = cold_and_warm(everyone[name][op], stream, how)
                for samples, ms in zip((cold, warm), found, strict=True):
                    samples.add(keys[i], ms, 0)
    return cold, warm


def rows(cold: Samples, warm: Samples) -> list[Run]:
    """Return the median cold and warm call of every path and operation."""
    return [
        {
            "path": path, "op": op, "cold_ms": digits(statistics.median(ms)),
            "warm_ms": digits(warm.median((path, op))),
        }
        for (path, op), ms in sorted(cold.ms.items())
    ]  # fmt: skip
