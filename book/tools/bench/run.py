"""A whole run: what to measure, in which order, as rows of numbers that are stored."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from statistics import median

import numpy as np

from bench import memory, suites
from bench.candidates import CANDIDATES, VARIANCES
from bench.problem import OPERATIONS, Array, Run, Shape, digits
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
tell = partial(print, "bench:", file=sys.stderr, flush=True)  # what is being measured


def as_rows(shape: Shape, dtype: str, samples: Samples) -> list[Run]:
    """Return what was measured for one shape: torch's time, and all ratios to it."""
    nbytes, rows = int(np.prod(shape)) * np.dtype(dtype).itemsize, []
    for op in OPERATIONS:
        times = {path: median(ms) for (path, o), ms in sorted(samples.items()) if o == op}
        torch = times["torch"]
        rows.append({
            "op": op, "shape": list(shape), "dtype": dtype, "bytes": nbytes,
            "repetitions": len(samples["torch", op]), "torch_ms": digits(torch),
            "ratio": {path: digits(ms / torch) for path, ms in times.items()},
        })  # fmt: skip
    return rows


def take_times(how: Clockwork, shapes: Sequence[Shape]) -> list[Run]:
    """Return the rows of every shape and dtype."""
    rows = []
    for shape, dtype in product(shapes, DTYPES):
        tell(shape, dtype)
        rows += as_rows(shape, dtype, measure(shape, dtype, CANDIDATES, how))
    return rows


def sample(shape: Shape, ratio: float) -> tuple[Array, Array]:
    """Return float32 values around ``ratio`` with a standard deviation of 1.

    With them each channel's variance, computed in float64 from the float32 values.
    """
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32) + np.float32(ratio)
    return x, np.array([c.astype(np.float64).var() for c in np.moveaxis(x, 1, 0)])


def error(computed: Array, var: Array) -> float:
    """Return the largest relative error of a variance over the channels."""
    return digits(np.abs(np.asarray(computed, dtype=np.float64) / var - 1).max())


def take_accuracy() -> list[Run]:
    """Return the error of the variance for both layouts and all means."""
    rows = []
    for shape, ratio in product(MILLION, RATIOS):
        tell("accuracy,", shape, f"mean/std {ratio:g}")
        x, var = sample(shape, ratio)
        errors = {path: error(VARIANCES[path](x), var) for path in sorted(VARIANCES)}
        rows.append({"shape": list(shape), "ratio": ratio, "error": errors})
    return rows


def take_memory() -> list[Run]:
    """Return the peak extra memory of every path and operation."""
    rows = []
    for path in CANDIDATES if memory.RESET.exists() else ():
        tell("memory,", path)
        for shape, peaks in zip(MEMORY, memory.in_a_child(path, MEMORY), strict=True):
            rows += [
                {"path": path, "op": op, "shape": list(shape), "extra": digits(peak)}
                for op, peak in peaks.items()
            ]
    return rows


def take_calls(how: Clockwork) -> list[Run]:
    """Return the median cold and warm call of every path and operation."""
    tell("calls")
    rows = []
    for (path, op), pairs in sorted(measure_calls(CANDIDATES, how).items()):
        cold, warm = (digits(median(ms)) for ms in zip(*pairs, strict=True))
        rows.append({"path": path, "op": op, "cold_ms": cold, "warm_ms": warm})
    return rows


def carry_out(how: Clockwork, small: bool = False) -> Run:
    """Measure everything, or nothing but the times of small arrays.

    Return what was measured, how and with what, without a machine's name or a path.
    """
    before = os.getloadavg()[0]  # how many programs wanted a core in the last minute
    run: Run = {"times": take_times(how, SMALL if small else SHAPES)}
    if not small:
        run |= {"accuracy": take_accuracy(), "memory": take_memory(), "calls": take_calls(how)}
        tell("whitening and folding")
        run |= {"whitening": suites.whitening(how), "folding": suites.folding(how)}
    if not small and how.threads == 1:  # as in each of the processes
        tell("several processes")
        run["devices"] = suites.devices()
    versions = {"python": platform.python_version()}
    versions |= {p: importlib.metadata.version(p).partition("+")[0] for p in PACKAGES}
    settings = {
        "threads": how.threads, "clock": how.name, "seconds": how.seconds,
        "cores": os.cpu_count(),
        "malloc": {k: v for k, v in sorted(os.environ.items()) if k[:7] == "MALLOC_"},
        "load": [round(load, 1) for load in (before, os.getloadavg()[0])],
    }  # fmt: skip
    return {"settings": settings, "versions": versions} | run
