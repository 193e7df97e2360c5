"""Time all candidates side by side: one process, a random order, fresh memory each time."""

import gc
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.candidates import OPERATIONS, Candidate, Operations
from bench.limits import limit_operations
from bench.problem import Problem, Shape, afresh, draw

Key = tuple[str, str]  # candidate, operation
ENOUGH = 2**18  # values: smaller arrays are computed several times for one measurement
MOST = 50  # times
FEWEST = 5  # repetitions, where the time allowed is short


@dataclass(frozen=True)
class Clockwork:
    """How to measure.

    On one thread the clock is the process's CPU time: other programs on the machine do
    not count. On several it is the wall clock.
    """

    threads: int = 1
    seconds: float = 10.0  # for one shape and dtype
    repetitions: int = 60  # at most
    loops: Any = None  # for the streaming limit

    @property
    def clock(self) -> Callable[[], int]:
        """The clock, in nanoseconds."""
        return time.process_time_ns if self.threads == 1 else time.perf_counter_ns

    @property
    def name(self) -> str:
        """What the clock counts, in words."""
        return "CPU time" if self.threads == 1 else "wall time"


@dataclass
class Samples:
    """What was measured for one shape: milliseconds and page faults of a call, by key."""

    nbytes: int = 0  # of the input
    ms: dict[Key, list[float]] = field(default_factory=dict)
    faults: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, key: Key, ms: float, faults: float) -> None:
        """Add one measurement."""
        self.ms.setdefault(key, []).append(ms)
        self.faults.setdefault(key, []).append(faults)

    def median(self, key: Key) -> float:
        """Return the median time of a call in milliseconds."""
        return statistics.median(self.ms[key])

    @property
    def page_faults(self) -> float:
        """The median page faults of a call, of the candidate that has the most."""
        return max((statistics.median(v) for v in self.faults.values()), default=0.0)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Let the garbage collector rest, and wake it afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def page_faults() -> int:
    """Return how many pages the process has been given so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def timed(
    call: Callable[[], Any], number: int, clock: Callable[[], int]
) -> tuple[float, float]:
    """Return milliseconds and page faults of one call, the mean of ``number`` calls."""
    faults, start = page_faults(), clock()
    for _ in range(number):
        call()
    stop = clock()
    return (stop - start) / number / 1e6, (page_faults() - faults) / number


def prepare(
    problem: Problem, candidates: Sequence[Candidate], loops: Any
) -> dict[str, Operations]:
    """Return everyone's operations on one problem, the limit's among them."""
    everyone = {c.name: c.operations(problem, True) for c in candidates}
    if loops is not None:
        everyone["limit"] = limit_operations(problem, loops)
    return everyone


def repeat(
    problem: Problem,
    candidates: Sequence[Candidate],
    how: Clockwork,
    rng: np.random.Generator,
    samples: Samples,
) -> None:
    """Measure every operation of everyone once, in random order."""
    everyone = prepare(problem, candidates, how.loops)
    keys = [(name, op) for name in everyone for op in OPERATIONS]
    number = min(MOST, max(1, ENOUGH // problem.x.size))
    for i in rng.permutation(len(keys)):
        name, op = keys[i]
        samples.add(keys[i], *timed(everyone[name][op], number, how.clock))


def measure(
    shape: Shape,
    dtype: str,
    candidates: Sequence[Candidate],
    how: Clockwork,
    tell: Callable[[str], None] = lambda text: None,
) -> Samples:
    """Measure until the time is used up; ``tell`` hears what is going on."""
    rng = np.random.default_rng([len(dtype), *shape])
    drawn = draw(shape, dtype, rng)
    repeat(drawn, candidates, how, rng, Samples())  # compiles, and fills caches; not counted
    samples, start = Samples(drawn.x.nbytes), time.monotonic()
    with quiet_collector():
        for done in range(how.repetitions):
            if done >= FEWEST and time.monotonic() - start > how.seconds:
                break
            tell(f"repetition {done + 1}")
            repeat(afresh(drawn, rng), candidates, how, rng, samples)
    return samples
