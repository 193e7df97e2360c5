"""Show exercise sheets as readers need them: empty answers, hints and solutions on a click.

The page `chapters/exercises/NN_topic` belongs to the sheet that readers open and download.
What it shows is made from the sheet's source, `book/sheets/NN_topic.ipynb`, before it is
parsed: the reader's sheet with each hint folded, and each solution below its check. A
solution is left out where the task's metadata say ``public_solution: false``.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx

from bncourse.grading.sheets import Cell, Notebook, for_learners, read_notebook, source_of, tag

SHEET = re.compile(r"chapters/exercises/(\w+)")
MARKS = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.M)


def folded(title: str, body: str, name: str) -> Cell:
    """Return a Markdown cell that opens on a click."""
    source = f"::::{{dropdown}} {title}\n{body}\n::::"
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def page_cells(sheet: Notebook) -> Iterator[Cell]:
    """Yield the cells of a sheet's page."""
    given = {cell["id"]: cell for cell in for_learners(sheet)["cells"]}
    public, solution = True, ""
    for cell in sheet["cells"]:
        kind, source, name = tag(cell), source_of(cell), cell["id"]
        if kind == "task":
            public = cell["metadata"]["exercise"]["public_solution"]
        if kind == "answer":
            solution = f"```python\n{MARKS.sub('', source)}\n```"
        if kind == "hint":
            yield folded("Hint", source, name)
        elif kind == "written" and public:
            yield folded("Solution", source, name)
        elif kind not in ("written", "grade"):
            yield given[name]
        if kind == "check" and public:
            yield folded("Solution", solution, f"{name}-solution")


def page(sheet: Notebook) -> str:
    """Return the notebook, as JSON, that a sheet's page is made from."""
    return json.dumps({**sheet, "cells": list(page_cells(sheet))}, ensure_ascii=False)


def on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put a sheet's page in the place of the reader's sheet."""
    if sheet := SHEET.fullmatch(docname):
        path = Path(app.srcdir) / "book" / "sheets" / f"{sheet[1]}.ipynb"
        app.env.note_dependency(str(path))
        source[0] = page(read_notebook(path))


def setup(app: Sphinx) -> dict:
    """Connect to the build."""
    app.connect("source-read", on_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
