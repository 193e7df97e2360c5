"""Show exercise sheets as readers need them: empty answers, hints and solutions on a click.

The source of a sheet is an nbgrader notebook whose answer cells hold the solution. Here its
text is changed before it is parsed. Cells are told apart by their tag:

- ``hint``: folded;
- ``answer``: the solution's place is left empty; the solution follows the check, folded;
- ``written``: the model answer, folded;
- ``grade``: left out; it is for instructors.

A solution is left out where the task's metadata say ``public_solution: false``. The file
behind the page's download button is changed in the same way.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bncourse.grading.sheets import BLANK_TEXT, stub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

SHEET = re.compile(r"chapters/exercises/[^/]+/exercises")
MARKS = re.compile(r"^ *### (BEGIN|END) SOLUTION\n?", re.M)
HINT = "**Hint.** "  # where nothing folds it away
Cell = dict[str, Any]


def folded(title: str, body: str, name: str) -> Cell:
    """Return a Markdown cell that opens on a click."""
    source = f"::::{{dropdown}} {title}\n{body}\n::::"
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def code(cell: Cell, source: str, tags: list[str]) -> Cell:
    """Return a code cell with this source that has not run."""
    return {"cell_type": "code", "id": cell["id"], "metadata": {"tags": tags},
            "source": source, "execution_count": None, "outputs": []}  # fmt: skip


def for_readers(cells: list[Cell], folds: bool) -> Iterator[Cell]:
    """Yield the cells that readers get; on the site, with ``folds`` that hold solutions."""
    public, solution = True, None
    for cell in cells:
        source, name = "".join(cell["source"]), cell["id"]
        kinds = cell["metadata"].get("tags", [])
        kind = kinds[0] if kinds else ""
        if kind == "task":
            public = cell["metadata"]["exercise"]["public_solution"]
            yield {**cell, "metadata": {}}
        elif kind == "hint":
            said = {**cell, "metadata": {}, "source": HINT + source}
            yield folded("Hint", source, name) if folds else said
        elif kind == "answer":
            yield code(cell, stub(source), [])
            body = f"```python\n{MARKS.sub('', source)}\n```"
            solution = (
                folded("Solution", body, f"{name}-solution") if folds and public else None
            )
        elif kind == "check":
            yield code(cell, source, [])
            if solution:
                yield solution
        elif kind == "written":
            if not folds:
                yield {**cell, "metadata": {}, "source": BLANK_TEXT}
            elif public:
                yield folded("Solution", source, name)
        elif kind == "grade":
            continue
        elif cell["cell_type"] == "code":
            yield code(cell, source, kinds)
        else:
            yield cell


def transformed(text: str, folds: bool) -> str:
    """Return a sheet's notebook, as JSON, without what readers must not see."""
    notebook = json.loads(text)
    notebook["cells"] = list(for_readers(notebook["cells"], folds))
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def on_read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Change the text of a sheet before it is parsed."""
    if SHEET.fullmatch(docname):
        source[0] = transformed(source[0], folds=True)


def clean_downloads(app: Sphinx, error: Exception | None) -> None:
    """Replace the sheets that the pages offer for download."""
    if error is not None:
        return
    for path in Path(app.outdir).glob("_sources/chapters/exercises/*/exercises.ipynb"):
        path.write_text(transformed(path.read_text(encoding="utf-8"), False), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    app.connect("source-read", on_read)
    app.connect("build-finished", clean_downloads)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
