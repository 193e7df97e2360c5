"""The stored runs: one JSON file, a run for each number of threads, a row on each line."""

import json
from pathlib import Path
from typing import Any

from bench.targets import Run

FILE = "benchmarks.json"


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
