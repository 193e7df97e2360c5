"""Peak extra memory of each operation, as a multiple of the input.

Two figures. One is what Python was asked for (tracemalloc), which knows of NumPy's arrays.
The other is what a process of its own held at most (Linux only), which knows of everything.
"""

import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.candidates import MAKERS, Candidate
from bench.problem import OPERATIONS, Shape, draw

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Large blocks go back to the system at once, so that what is held is what is used.
RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
Extra = dict[str, float]  # operation -> multiple of the input


def traced(call: Callable[[], Any]) -> int:
    """Return the bytes that ``call`` added at its peak, by tracemalloc."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def held(name: str) -> int:
    """Return bytes from this process's status: ``VmRSS`` now, ``VmHWM`` at most."""
    line = next(row for row in STATUS.read_text().splitlines() if row.startswith(name))
    return int(line.split()[1]) * 1024


def resident(call: Callable[[], Any]) -> int:
    """Return the bytes that the process held more at the peak of ``call``."""
    gc.collect()
    before = held("VmRSS")
    RESET.write_text("5")  # the high-water mark starts anew
    call()
    return held("VmHWM") - before


def extras(candidate: Candidate, shape: Shape, gauge: Callable[..., int]) -> Extra:
    """Return each operation's peak extra memory, its output included."""
    problem = draw(shape, "float32", np.random.default_rng(0))
    peaks = {}
    for op in OPERATIONS:
        call = candidate.operations(problem, False)[op]
        call()  # compiled code and buffers that stay are not the operation's
        peaks[op] = gauge(call) / problem.x.nbytes
    return peaks


def in_a_child(name: str, shapes: Sequence[Shape]) -> list[Extra] | None:
    """Return `extras` by resident memory, one per shape; None where a system cannot say."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "bench.memory", json.dumps([name, shapes])]
    environment = {**os.environ, **RETURNED, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer: list[Extra] | None = json.loads(done.stdout)
    return answer


def child(request: str) -> str:
    """Answer `in_a_child`, in the child."""
    name, shapes = json.loads(request)
    try:
        held("VmHWM")
        RESET.write_text("5")
    except OSError:  # not Linux, or not allowed
        return "null"
    candidate = MAKERS[name]()
    return json.dumps([extras(candidate, tuple(shape), resident) for shape in shapes])


if __name__ == "__main__":
    print(child(sys.argv[1]))
