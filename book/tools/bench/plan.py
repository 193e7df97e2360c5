"""What to measure, and a whole run of it with a bar on stderr."""

import importlib.metadata
import os
import platform
from dataclasses import dataclass, replace

from tqdm import tqdm

from bench import accuracy, calls, grading, growth, memory, stacks, whitening
from bench.candidates import MAKERS, gather
from bench.limits import find_loops
from bench.parts import take_accuracy, take_growth, take_memory, take_times
from bench.problem import Shape
from bench.stacks import Stack
from bench.suites import take_calls, take_folding, take_grading, take_whitening
from bench.targets import Run
from bench.timing import Clockwork

SHAPES: tuple[Shape, ...] = (
    (64, 100), (256, 1024), (4096, 1024), (32768, 256),
    (32, 64, 56, 56), (64, 256, 14, 14), (128, 16, 32, 32),
)  # fmt: skip
PACKAGES = ("bnlib", "numpy", "torch", "numba")
MALLOC = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
QUICKER = 10  # how much less time a point of a slope gets than a case of the table


@dataclass(frozen=True)
class Plan:
    """All that `carry_out` measures; an empty part is left out."""

    threads: int = 1
    seconds: float = 9.0  # for one shape and dtype
    repetitions: int = 60  # at most
    names: tuple[str, ...] = tuple(MAKERS)
    shapes: tuple[Shape, ...] = SHAPES
    dtypes: tuple[str, ...] = ("float32", "float64")
    series: tuple[tuple[str, tuple[Shape, ...]], ...] = tuple(growth.SERIES.items())
    accuracy: tuple[Shape, ...] = accuracy.SHAPES
    memory: tuple[Shape, ...] = memory.SHAPES
    streamed: int = calls.STREAMED  # bytes, before a cold call; 0 for no calls
    whitening: tuple[int, ...] = whitening.DIMENSIONS
    folding: tuple[tuple[Stack, int], ...] = stacks.CASES
    grading: int = grading.SUBMISSIONS


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages, "none" for one that is missing."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found[package] = "none"
    return found


def settings(plan: Plan, loops: str) -> Run:
    """Return how the run was made, without the name of a machine or a path."""
    return {
        "threads": plan.threads,
        "clock": Clockwork(plan.threads).name,
        "seconds": plan.seconds,
        "limit": loops,
        "cores": os.cpu_count(),
        "malloc": {name: os.environ.get(name, "default") for name in MALLOC},
    }


def load() -> float:
    """Return how many programs wanted a core in the last minute."""
    return round(os.getloadavg()[0], 1)


def steps(plan: Plan, candidates: int) -> int:
    """Return how often the bar moves."""
    series = [shapes for _, shapes in plan.series]
    found = len(plan.shapes) * len(plan.dtypes) + len(growth.shapes(series))
    found += len(plan.accuracy) * len(accuracy.RATIOS) + candidates * bool(plan.memory)
    found += bool(plan.streamed) + bool(plan.whitening) + len(plan.folding)
    return found + bool(plan.grading)


def carry_out(plan: Plan) -> Run:
    """Measure everything that is planned."""
    everyone, notes = gather(plan.names)
    loops, how_limited = find_loops()
    how = Clockwork(plan.threads, plan.seconds, plan.repetitions, loops)
    quick = replace(how, seconds=plan.seconds / QUICKER)
    cases = [(shape, dtype) for shape in plan.shapes for dtype in plan.dtypes]
    before = load()
    with tqdm(total=steps(plan, len(everyone)), unit="case", leave=False) as bar:
        times, disturbed = take_times(cases, everyone, how, bar)
        run: Run = {
            "settings": settings(plan, how_limited),
            "versions": versions(),
            "notes": notes + disturbed,
            "times": times,
            "growth": take_growth(dict(plan.series), everyone, quick, bar),
            "accuracy": take_accuracy(plan.accuracy, everyone, bar),
            "memory": take_memory(plan.memory, everyone, bar),
            "calls": take_calls(plan.streamed, everyone, how, bar),
            "whitening": take_whitening(plan.whitening, how, bar),
            "folding": take_folding(plan.folding, how, bar),
            "grading": take_grading(plan.grading, bar),
        }
    run["settings"]["load"] = [before, load()]
    return run
