"""Peak extra memory of each operation, as a multiple of the input.

It is counted from outside, as the most that a process of its own held, so that everything
counts. Only Linux tells that: elsewhere this part is left out.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.candidates import MAKERS
from bench.problem import OPERATIONS, Shape, draw

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Large blocks go back to the system at once, so that what is held is what is used.
RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
Extra = dict[str, float]  # operation -> multiple of the input


def held(name: str) -> int:
    """Return bytes from this process's status: ``VmRSS`` now, ``VmHWM`` at most."""
    line = next(row for row in STATUS.read_text().splitlines() if row.startswith(name))
    return int(line.split()[1]) * 1024


def peak(call: Callable[[], Any]) -> int:
    """Return the bytes that the process held more at the peak of ``call``."""
    gc.collect()
    before = held("VmRSS")
    RESET.write_text("5")  # the high-water mark starts anew
    call()
    return held("VmHWM") - before


def extras(name: str, shape: Shape) -> Extra:
    """Return each operation's peak extra memory, its output included."""
    problem = draw(shape, "float32", np.random.default_rng(0))
    candidate, peaks = MAKERS[name](), {}
    for op in OPERATIONS:
        call = candidate.operations(problem, False)[op]
        call()  # compiled code and buffers that stay are not the operation's
        peaks[op] = peak(call) / problem.x.nbytes
    return peaks


def in_a_child(name: str, shapes: Sequence[Shape]) -> list[Extra]:
    """Return `extras` for each shape, from a process of its own."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "bench.memory", json.dumps([name, shapes])]
    environment = {**os.environ, **RETURNED, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    answer: list[Extra] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    path, shapes = json.loads(sys.argv[1])
    print(json.dumps([extras(path, tuple(shape)) for shape in shapes]))
