"""Peak extra memory of each operation, as a multiple of the input.

It is counted from outside, as the most that a process of its own held, so that everything
counts. Only Linux tells that: elsewhere this part is left out.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.candidates import CANDIDATES
from bench.problem import OPERATIONS, Shape, draw

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
# Large blocks go back to the system at once, so that what is held is what is used.
RETURNED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def held(name: str) -> int:
    """Return bytes from this process's status: ``VmRSS`` now, ``VmHWM`` at most."""
    line = next(row for row in STATUS.read_text().splitlines() if row.startswith(name))
    return int(line.split()[1]) * 1024


def extras(name: str, shape: Shape) -> dict[str, float]:
    """Return each operation's peak extra memory, its output included."""
    problem = draw(shape, "float32", np.random.default_rng(0))
    peaks = {}
    for op in OPERATIONS:
        call = CANDIDATES[name](problem, False)[op]
        call()  # compiled code and buffers that stay are not the operation's
        gc.collect()
        before = held("VmRSS")
        RESET.write_text("5")  # the high-water mark starts anew
        call()
        peaks[op] = (held("VmHWM") - before) / problem.x.nbytes
    return peaks


def in_a_child(name: str, shapes: Sequence[Shape]) -> list[dict[str, float]]:
    """Return `extras` for each shape, from a process of its own."""
    command = [sys.executable, "-m", "bench.memory", json.dumps([name, shapes])]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=os.environ | RETURNED,
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


if __name__ == "__main__":
    path, shapes = json.loads(sys.argv[1])
    print(json.dumps([extras(path, tuple(shape)) for shape in shapes]))
