"""`make bench`: measure, print, and store.

`python book/tools/bench` writes the numbers (JSON), a figure and the tables that the page on
benchmarks shows, and the suites that chapters draw (`bnlib/data/measured.json`).
"""

import argparse
import os
import sys
from pathlib import Path

TOOLS, BOOK = Path(__file__).resolve().parents[1:3]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Memory stays with the process: else the first touch of each page is what is measured.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**32), "MALLOC_TRIM_THRESHOLD_": str(2**33)}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure bnlib beside torch.")
    option = parser.add_argument
    option("--threads", type=int, default=1, help="of every candidate (1)")
    option("--seconds", type=float, default=9.0, help="for one shape and dtype (9)")
    option("--folder", type=Path, default=BOOK, help="where the results go (the book)")
    option("--small", action="store_true", help="only small arrays; print, store nothing")
    option("--redraw", action="store_true", help="measure nothing; write page and figure anew")
    return parser.parse_args(argv)


def main(options: argparse.Namespace) -> int:
    """Do what the command line says; return its exit status."""
    from bench import report, run, store, timing  # after the settings, which they read

    runs = store.read(options.folder)
    if options.redraw and not runs:
        print(f"bench: no {store.RUNS} to draw; run `make bench`", file=sys.stderr)
        return 2
    if not options.redraw:
        new = run.carry_out(timing.Clockwork(options.threads, options.seconds), options.small)
        print(report.text(new, "#"))
        if options.small:
            return 0
        runs[str(options.threads)] = new
    store.keep(options.folder, runs)
    return 0


if __name__ == "__main__":
    given = parse()
    needed = MALLOC | dict.fromkeys(THREADS, str(given.threads))
    if needed.items() <= os.environ.items():
        sys.path[0] = str(TOOLS)  # this folder stands there; meant is the one above
        sys.exit(main(given))
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | needed)
