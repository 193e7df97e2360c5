"""`make bench`: measure, compare with the stored run, print, and store."""

import argparse
import sys
from pathlib import Path

from bench import compare, figure, report, store
from bench.plan import Plan, carry_out
from bench.targets import Run


def keep(folder: Path, runs: dict[str, Run]) -> None:
    """Write the numbers, the figure, the page's tables, and the data for chapters."""
    folder.mkdir(parents=True, exist_ok=True)
    store.write(folder, runs)
    store.write_measured(folder, runs.get("1", {}))
    (folder / report.FRAGMENT).write_text(report.page(runs), encoding="utf-8")
    figure.save(runs[min(runs)], folder)


def main(options: argparse.Namespace, plan: Plan | None = None) -> int:
    """Run the command line; return its exit status."""
    runs = store.read(options.folder)
    if options.redraw:
        if not runs:
            print(f"bench: no {store.FILE} to draw; run `make bench`", file=sys.stderr)
            return 2
        keep(options.folder, runs)
        return 0
    run = carry_out(plan or Plan(threads=options.threads, seconds=options.seconds))
    key = str(options.threads)
    print(report.text(run, "#"))
    print("\n".join(compare.report(runs.get(key), run)))
    keep(options.folder, {**runs, key: run})
    return 0
