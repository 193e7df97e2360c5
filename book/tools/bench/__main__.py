"""`make bench`: measure, print, and store.

`python book/tools/bench` writes the numbers (JSON), a figure and the tables that the page on
benchmarks shows, and the suites that chapters draw (`bnlib/data/measured.json`).
"""

import argparse
import os
import sys
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Memory stays with the process: else the first touch of each page is what is measured.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}


def main() -> None:
    """Do what the command line says, with the settings above."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure bnlib beside torch.")
    option = parser.add_argument
    option("--threads", type=int, default=1, help="of every candidate (1)")
    option("--small", action="store_true", help="only small arrays; print, store nothing")
    option("--redraw", action="store_true", help="measure nothing; write page and figure anew")
    options = parser.parse_args()
    needed = MALLOC | dict.fromkeys(THREADS, str(options.threads))
    if not needed.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | needed)
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder
    from bench import report, run, timing  # after the settings, which they read

    runs = report.read()
    if not options.redraw:
        new = run.carry_out(timing.Clockwork(options.threads), options.small)
        print(report.text(new, "#"))
        runs[str(options.threads)] = new
    if not options.small:
        report.keep(runs)


if __name__ == "__main__":
    main()
