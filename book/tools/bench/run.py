"""A whole run: what to measure, in which order, as rows of numbers that are stored."""

import importlib.metadata
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from itertools import product

import numpy as np

from bench import devices, memory, suites
from bench.candidates import MAKERS, Candidate
from bench.problem import OPERATIONS, Array, Run, Shape, by, digits
from bench.timing import Clockwork, Samples, measure, measure_calls

SMALL: tuple[Shape, ...] = ((64, 64), (64, 100), (256, 1024))
SHAPES: tuple[Shape, ...] = (
    *SMALL, (4096, 1024), (32768, 256), (32, 64, 56, 56), (64, 256, 14, 14), (128, 16, 32, 32)
)  # fmt: skip
DTYPES = ("float32", "float64")
MILLION: tuple[Shape, ...] = ((1_048_576, 8), (64, 8, 128, 128))  # values for each channel
RATIOS = (0.0, 1e3, 1e4)  # mean / std
MEMORY: tuple[Shape, ...] = ((32768, 256), (32, 64, 56, 56))
PACKAGES = ("bnlib", "numpy", "torch", "numba")
MALLOC = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
Candidates = Sequence[Candidate]


def tell(text: str) -> None:
    """Say what is being measured."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def as_rows(shape: Shape, dtype: str, samples: Samples) -> list[Run]:
    """Return what was measured for one shape: torch's time, and all ratios to it."""
    nbytes, rows = int(np.prod(shape)) * np.dtype(dtype).itemsize, []
    for op in OPERATIONS:
        times = {path: statistics.median(ms) for (path, o), ms in samples.items() if o == op}
        torch = times["torch"]
        rows.append({
            "op": op, "shape": list(shape), "dtype": dtype, "bytes": nbytes,
            "repetitions": len(samples["torch", op]), "torch_ms": digits(torch),
            "ratio": {path: digits(ms / torch) for path, ms in sorted(times.items())},
        })  # fmt: skip
    return rows


def take_times(candidates: Candidates, how: Clockwork, shapes: Sequence[Shape]) -> list[Run]:
    """Return the rows of every shape and dtype."""
    rows = []
    for shape, dtype in product(shapes, DTYPES):
        tell(f"{by(shape)} {dtype}")
        rows += as_rows(shape, dtype, measure(shape, dtype, candidates, how))
    return rows


def sample(shape: Shape, ratio: float) -> tuple[Array, Array]:
    """Return float32 values around ``ratio`` with a standard deviation of 1.

    With them each channel's variance, computed in float64 from the float32 values.
    """
    x: Array = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    x += np.float32(ratio)
    return x, np.array([c.astype(np.float64).var() for c in np.moveaxis(x, 1, 0)])


def error(candidate: Candidate, x: Array, var: Array) -> float:
    """Return the largest relative error of a candidate's variance over the channels."""
    computed = np.asarray(candidate.variance(x), dtype=np.float64)
    return digits(np.abs(computed / var - 1).max())


def take_accuracy(candidates: Candidates, shapes: Sequence[Shape] = MILLION) -> list[Run]:
    """Return the error of the variance for both layouts and all means."""
    rows = []
    for shape, ratio in product(shapes, RATIOS):
        tell(f"accuracy, {by(shape)}, mean/std {ratio:g}")
        x, var = sample(shape, ratio)
        errors = {c.name: error(c, x, var) for c in sorted(candidates)}
        rows.append({"shape": list(shape), "ratio": ratio, "error": errors})
    return rows


def take_memory(candidates: Candidates, shapes: Sequence[Shape] = MEMORY) -> list[Run]:
    """Return the peak extra memory of every path and operation."""
    rows = []
    for path in (c.name for c in candidates if memory.RESET.exists()):
        tell(f"memory, {path}")
        for shape, peaks in zip(shapes, memory.in_a_child(path, shapes), strict=True):
            for op in OPERATIONS:
                row = {"path": path, "op": op, "shape": list(shape)}
                rows.append(row | {"extra": digits(peaks[op])})
    return rows


def take_calls(candidates: Candidates, how: Clockwork) -> list[Run]:
    """Return the median cold and warm call of every path and operation."""
    tell("calls")
    rows = []
    for (path, op), samples in sorted(measure_calls(candidates, how).items()):
        cold, warm = (digits(statistics.median(ms)) for ms in zip(*samples, strict=True))
        rows.append({"path": path, "op": op, "cold_ms": cold, "warm_ms": warm})
    return rows


def load() -> float:
    """Return how many programs wanted a core in the last minute."""
    return round(os.getloadavg()[0], 1)


def settings(how: Clockwork, before: float) -> Run:
    """Return how and with what the run was made, without a machine's name or a path."""
    versions = {p: importlib.metadata.version(p).partition("+")[0] for p in PACKAGES}
    return {
        "settings": {
            "threads": how.threads, "clock": how.name, "seconds": how.seconds,
            "cores": os.cpu_count(),
            "malloc": {name: os.environ.get(name, "default") for name in MALLOC},
            "load": [before, load()],
        },
        "versions": {"python": platform.python_version(), **versions},
    }  # fmt: skip


def carry_out(how: Clockwork, small: bool = False) -> Run:
    """Measure everything, or nothing but the times of small arrays."""
    candidates, before = [make() for make in MAKERS.values()], load()
    run: Run = {"times": take_times(candidates, how, SMALL if small else SHAPES)}
    if not small:
        run["accuracy"] = take_accuracy(candidates)
        run["memory"] = take_memory(candidates)
        run["calls"] = take_calls(candidates, how)
        tell("whitening and folding")
        run["whitening"] = suites.whitening(how)
        run["folding"] = suites.folding(how)
    if not small and how.threads == 1:  # as in each of the processes
        tell("several processes")
        run["devices"] = devices.measure()
    return settings(how, before) | run
