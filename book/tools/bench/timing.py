"""Time calls side by side: one process, a new random order in each round, new memory."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.candidates import Candidate
from bench.problem import OPERATIONS, Array, Problem, Shape, afresh, draw, limit

Key = tuple[str, str]  # candidate, operation
Call = Callable[[], Any]
Samples = dict[Key, list[float]]  # milliseconds of a call, round by round
ENOUGH = 2**18  # values: smaller arrays are computed several times for one measurement
MOST = 50  # times
FEWEST = 5  # rounds, where the time allowed is short
TINY: Shape = (8, 4, 2, 2)  # on which a call costs more than the arithmetic; float32
STREAMED = 100_000_000  # bytes read before a cold call
COLD, WARM = 30, 10  # rounds at most; calls right after the cold one


@dataclass(frozen=True)
class Clockwork:
    """How to measure.

    On one thread the clock is the process's CPU time: other programs on the machine do
    not count. On several it is the wall clock.
    """

    threads: int = 1
    seconds: float = 10.0  # for one shape and dtype
    rounds: int = 60  # at most

    @property
    def name(self) -> str:
        """What the clock counts, in words."""
        return "CPU time" if self.threads == 1 else "wall time"

    def timed(self, call: Call, number: int = 1) -> float:
        """Return the milliseconds of one call, the mean of ``number`` calls."""
        clock = time.process_time_ns if self.threads == 1 else time.perf_counter_ns
        start = clock()
        for _ in range(number):
            call()
        return (clock() - start) / number / 1e6

    def until_done(self, fewest: int) -> Iterator[int]:
        """Count rounds until the time is used up, ``fewest`` of them in any case."""
        start = time.monotonic()
        for done in range(self.rounds):
            if done >= fewest and time.monotonic() - start > self.seconds:
                return
            yield done


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Let the garbage collector rest, and wake it afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def interleave(
    prepare: Callable[[], dict[Key, Callable[[], Call]]],
    number: Callable[[Key], int],
    how: Clockwork,
    rng: np.random.Generator,
    fewest: int,
) -> Samples:
    """Measure every call once in each round, in a new random order, until the time is used up.

    ``prepare`` gives for each round what makes the calls, one right before its turn;
    ``number(key)`` says how often each is computed for one measurement. The first round
    compiles, loads and fills caches; it is not counted.
    """
    samples: Samples = {key: [] for key in prepare()}
    keys = list(samples)

    def one_round() -> Iterator[tuple[Key, float]]:
        makers = prepare()
        for i in rng.permutation(len(keys)):
            yield keys[i], how.timed(makers[keys[i]](), number(keys[i]))

    list(one_round())
    with quiet_collector():
        for _ in how.until_done(fewest):
            for key, ms in one_round():
                samples[key].append(ms)
    return samples


def calls_of(problem: Problem, candidates: Sequence[Candidate]) -> dict[Key, Call]:
    """Return all candidates' operations on one problem, and the streaming limit's."""
    paths = {c.name: c.operations(problem, True) for c in candidates}
    paths["limit"] = limit(problem)
    return {(path, op): calls[op] for path, calls in paths.items() for op in OPERATIONS}


def measure(
    shape: Shape, dtype: str, candidates: Sequence[Candidate], how: Clockwork
) -> Samples:
    """Measure all candidates on arrays of one shape, in new memory in each round."""
    rng = np.random.default_rng([len(dtype), *shape])
    drawn = draw(shape, dtype, rng)
    number = min(MOST, max(1, ENOUGH // drawn.x.size))

    def prepare() -> dict[Key, Callable[[], Call]]:
        calls = calls_of(afresh(drawn, rng), candidates)
        return {key: lambda call=call: call for key, call in calls.items()}

    return interleave(prepare, lambda key: number, how, rng, FEWEST)


def cold_and_warm(call: Call, stream: Array, how: Clockwork) -> tuple[float, float]:
    """Return milliseconds of a call after ``stream`` was read, and of one right after it."""
    stream @ stream  # pushes everything else out of the caches
    return how.timed(call), how.timed(call, WARM)


def measure_calls(
    candidates: Sequence[Candidate], how: Clockwork, streamed: int = STREAMED
) -> dict[Key, list[tuple[float, float]]]:
    """Return what a call costs by itself, cold and warm, on a tiny array."""
    rng = np.random.default_rng(0)
    stream = np.ones(streamed // 4, np.float32)
    calls = calls_of(draw(TINY, "float32", rng), candidates)
    for call in calls.values():
        call()  # compiles; not counted
    keys = list(calls)
    samples: dict[Key, list[tuple[float, float]]] = {key: [] for key in keys}
    with quiet_collector():
        for _ in range(min(how.rounds, COLD)):
            for i in rng.permutation(len(keys)):
                samples[keys[i]].append(cold_and_warm(calls[keys[i]], stream, how))
    return samples
