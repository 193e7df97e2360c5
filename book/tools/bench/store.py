"""The stored runs: one JSON file, a run for each number of threads, a row on each line.

What chapters draw, two suites of the run on one thread, is stored again as data of bnlib.
"""

import json
from pathlib import Path
from typing import Any

from bench.options import BOOK
from bench.targets import Run

FILE = "benchmarks.json"
DATA = BOOK.parent / "bnlib" / "data"
MEASURED = "measured.json"
SUITES = ("whitening", "folding")


def dump(value: Any, indent: str = "") -> str:
    """Return JSON in which lists of rows take a line for each row.

    Examples
    --------
    >>> print(dump({"a": [{"b": 1, "c": [1, 2]}], "d": {}}))
    {
     "a": [
      {"b": 1, "c": [1, 2]}
     ],
     "d": {}
    }
    """
    deeper = indent + " "
    if isinstance(value, dict) and any(isinstance(v, dict | list) for v in value.values()):
        lines = [f"{deeper}{json.dumps(k)}: {dump(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        lines = [deeper + json.dumps(row, ensure_ascii=False) for row in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False)


def read(folder: Path) -> dict[str, Run]:
    """Return the stored runs by number of threads; nothing where none is stored."""
    file = folder / FILE
    if not file.exists():
        return {}
    runs: dict[str, Run] = json.loads(file.read_text(encoding="utf-8"))
    return runs


def write(folder: Path, runs: dict[str, Run]) -> None:
    """Store the runs."""
    text = dump(dict(sorted(runs.items()))) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")


def measured(folder: Path) -> Path:
    """Return where the chapters' suites go: into bnlib, or beside a run kept elsewhere."""
    return (DATA if folder.resolve() == BOOK else folder) / MEASURED


def write_measured(folder: Path, run: Run) -> None:
    """Store the chapters' suites, if the run has them all."""
    if all(run.get(name) for name in SUITES):
        text = dump({name: run[name] for name in SUITES}) + "\n"
        measured(folder).write_text(text, encoding="utf-8")
