"""Time calls side by side: one process, a new random order in each round, new memory."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from bench.candidates import Candidate
from bench.problem import OPERATIONS, Problem, Shape, draw, limit, moved

Samples = dict[Any, list]  # what was measured, round by round, of each key
ENOUGH = 2**18  # values: smaller arrays are computed several times for one measurement
MOST = 50  # times
FEWEST = 5  # rounds, where the time allowed is short
TINY: Shape = (8, 4, 2, 2)  # on which a call costs more than the arithmetic; float32
STREAMED = 100_000_000  # bytes read before a cold call
COLD, WARM = 30, 10  # rounds; calls right after the cold one


@dataclass(frozen=True)
class Clockwork:
    """How to measure.

    On one thread the clock is the process's CPU time: other programs on the machine do
    not count. On several it is the wall clock.
    """

    threads: int = 1
    seconds: float = 9.0  # for one shape and dtype
    rounds: int = 60  # at most

    @property
    def name(self) -> str:
        """What the clock counts, in words."""
        return "CPU time" if self.threads == 1 else "wall time"

    def timed(self, call: Callable[[], Any], number: int = 1) -> float:
        """Return the milliseconds of one call, the mean of ``number`` calls."""
        clock = time.process_time_ns if self.threads == 1 else time.perf_counter_ns
        start = clock()
        for _ in range(number):
            call()
        return (clock() - start) / number / 1e6


def interleave(
    keys: Sequence[Any],
    prepare: Callable[[], Callable[[Any], Any]],
    how: Clockwork,
    rng: np.random.Generator,
    fewest: int,
) -> Samples:
    """Measure every key once in each round, in a new random order, until the time is used up.

    ``prepare()`` begins a round: what it returns measures a key when its turn comes. The
    first round compiles, loads and fills caches; it is not counted. At least ``fewest`` are.
    """
    samples: Samples = {key: [] for key in keys}

    def one_round() -> list[tuple[Any, Any]]:
        measured = prepare()
        return [(keys[i], measured(keys[i])) for i in rng.permutation(len(keys))]

    one_round()
    gc.disable()
    try:
        end = time.monotonic() + how.seconds
        for done in range(how.rounds):
            if done >= fewest and time.monotonic() > end:
                break
            for key, result in one_round():
                samples[key].append(result)
    finally:
        gc.enable()
    return samples


def calls_of(problem: Problem, candidates: dict[str, Candidate]) -> dict[Any, Callable]:
    """Return all candidates' operations on one problem, and the streaming limit's."""
    paths = {name: c(problem, True) for name, c in candidates.items()}
    paths["limit"] = limit(problem)
    return {(path, op): calls[op] for path, calls in paths.items() for op in OPERATIONS}


def measure(
    shape: Shape, dtype: str, candidates: dict[str, Candidate], how: Clockwork
) -> Samples:
    """Measure all candidates on arrays of one shape, in new memory in each round."""
    rng = np.random.default_rng([len(dtype), *shape])
    drawn = draw(shape, dtype, rng)
    number = min(MOST, max(1, ENOUGH // drawn.x.size))

    def prepare() -> Callable[[Any], float]:
        afresh = drawn._replace(x=moved(drawn.x, rng), dy=moved(drawn.dy, rng))
        calls = calls_of(afresh, candidates)
        return lambda key: how.timed(calls[key], number)

    keys = list(product([*candidates, "limit"], OPERATIONS))
    return interleave(keys, prepare, how, rng, FEWEST)


def measure_calls(candidates: dict[str, Candidate], how: Clockwork) -> Samples:
    """Return what a call costs on a tiny array: pairs of a cold call and one right after it."""
    rng = np.random.default_rng(0)
    stream = np.ones(STREAMED // 4, np.float32)
    calls = calls_of(draw(TINY, "float32", rng), candidates)

    def cold_and_warm(key: Any) -> tuple[float, float]:
        stream @ stream  # pushes everything else out of the caches
        return how.timed(calls[key]), how.timed(calls[key], WARM)

    return interleave(list(calls), lambda: cold_and_warm, replace(how, rounds=COLD), rng, COLD)
