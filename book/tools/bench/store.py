"""The stored runs: one JSON file, a run for each number of threads, a row on each line.

What chapters draw, three suites of the run on one thread, is stored again as data of bnlib.
"""

import json
from pathlib import Path
from typing import Any

from bench import figure, report
from bench.problem import Run

BOOK = Path(__file__).resolve().parents[2]
DATA = BOOK.parent / "bnlib" / "data"
RUNS, PAGE, MEASURED = "benchmarks.json", "_benchmarks.md", "measured.json"
SUITES = ("whitening", "folding", "devices")


def dump(value: Any, indent: str = "") -> str:
    """Return JSON in which lists of rows take a line for each row."""
    deeper = indent + " "
    if isinstance(value, dict) and any(isinstance(v, dict | list) for v in value.values()):
        lines = [f"{deeper}{json.dumps(k)}: {dump(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        lines = [deeper + json.dumps(row, ensure_ascii=False) for row in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def read(folder: Path = BOOK) -> dict[str, Run]:
    """Return the stored runs by number of threads; nothing where none is stored."""
    file = folder / RUNS
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def keep(runs: dict[str, Run], folder: Path = BOOK, data: Path = DATA) -> None:
    """Write the numbers, the page's tables, the data for chapters, and the figure."""
    (folder / RUNS).write_text(dump(dict(sorted(runs.items()))) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(report.page(runs), encoding="utf-8")
    if "1" in runs:
        suites = dump({suite: runs["1"][suite] for suite in SUITES}) + "\n"
        (data / MEASURED).write_text(suites, encoding="utf-8")
    figure.save(runs[min(runs)], folder / figure.FILE)
