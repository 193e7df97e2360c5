"""Exercise sheets as notebooks in JSON: what they ask, and what is handed out.

A sheet's source is an nbgrader notebook: its cells carry tags (task, hint, answer, check,
grade, written), its answers hold solutions between two marks, and its tasks say in their
metadata what they are worth. Students of a course get it by way of nbgrader (`blank`);
readers get a plain notebook without graded cells (`for_learners`).
"""

import ast
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION\n?", re.M | re.S)
EMPTY = r"\1# your code here\n\1raise NotImplementedError\n"
BLANK_TEXT = "*Your answer.*"
BLANK_TEXTS = {"", BLANK_TEXT, "YOUR ANSWER HERE"}  # the last is nbgrader's
BY_CODE = ("code", "repair")
LARGEST = 200 * 2**20  # bytes of a file that is read
ROLES = {"task", "hint", "answer", "check", "grade", "written"}
Cell = dict[str, Any]
Notebook = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """One exercise of a sheet; ``title`` opens its heading, as "## 4.2 "."""

    name: str
    kind: str
    points: float
    title: str

    @property
    def by_code(self) -> bool:
        """Whether `bncourse.checks` judges it; otherwise a person does."""
        return self.kind in BY_CODE

    @property
    def answer(self) -> str:
        """The id of its answer cell."""
        return f"{self.name}-answer"


def source_of(cell: Cell) -> str:
    """Return a cell's text, whichever way the file holds it.

    Examples
    --------
    >>> source_of({"source": ["a = ", "1"]}), source_of({})
    ('a = 1', '')
    """
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(map(str, source))


def tag(cell: Cell) -> str:
    """Return a cell's first tag, empty if it has none."""
    tags = cell.get("metadata", {}).get("tags") or [""]
    return str(tags[0])


def read_file(path: Path) -> bytes:
    """Return the bytes of a plain file; nothing that a name can stand for makes this wait.

    Raises
    ------
    ValueError
        If it is a link, a folder, a pipe or a device, too large, or cannot be read.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise ValueError("it is a pipe or a device, not a file")
            data = file.read(LARGEST + 1)
    except OSError as error:
        reason = "it is a link to another file" if path.is_symlink() else error.strerror
        raise ValueError(f"{type(error).__name__}: {reason}") from None
    if len(data) > LARGEST:
        raise ValueError(f"it has more than {LARGEST // 2**20} MB")
    return data


def parsed(data: bytes) -> Any:
    """Return JSON from any encoding that an editor may have saved it in.

    Raises
    ------
    ValueError
        If it is none, with what it looks like.
    """
    try:
        try:
            return json.loads(data)
        except UnicodeDecodeError:
            return json.loads(data.decode("cp1252", "replace"))
    except RecursionError:
        raise ValueError("RecursionError: its lists lie too deep in each other") from None
    except ValueError as error:
        start = data[:200].lstrip()
        kind = "an empty file" if not start else "a web page" if start[:1] == b"<" else ""
        kind = kind or ("only a part of a file" if start[:1] == b"{" else "no JSON")
        raise ValueError(f"it is {kind} ({type(error).__name__})") from None


def read_notebook(path: Path) -> Notebook:
    """Return a notebook's JSON.

    Raises
    ------
    ValueError
        If the file holds no notebook with a list of cells.
    """
    try:
        notebook = parsed(read_file(path))
        cells = notebook["cells"]
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise ValueError(f"{path.name} is no notebook: {reason}") from None
    if not isinstance(cells, list) or not all(isinstance(c, dict) for c in cells):
        raise ValueError(f"{path.name} is no notebook: its cells are no list of objects")
    return {**notebook, "cells": cells}


def tasks(sheet: Notebook) -> list[Task]:
    """Return the exercises of a sheet, in order."""
    exercises = []
    for cell in sheet["cells"]:
        about = cell["metadata"].get("exercise")
        if about:
            title = " ".join(source_of(cell).splitlines()[0].split()[:2]) + " "
            exercises.append(Task(about["name"], about["kind"], float(about["points"]), title))
    return exercises


def stub(source: str) -> str:
    r"""Return an answer cell as it is handed out: empty where the solution stands.

    Examples
    --------
    >>> print(stub("x = 1\n### BEGIN SOLUTION\ny = 2\n### END SOLUTION"))
    x = 1
    # your code here
    raise NotImplementedError
    """
    return SOLUTION.sub(EMPTY, source.rstrip("\n") + "\n").rstrip("\n")


def blank(sheet: Notebook) -> Notebook:
    """Return a sheet as students get it, with nbgrader's metadata and nothing executed."""
    cells = []
    for cell in sheet["cells"]:
        new = {**cell, "source": source_of(cell)}
        if tag(cell) == "answer":
            new["source"] = stub(new["source"])
        elif tag(cell) == "written":
            new["source"] = BLANK_TEXT
        if cell["cell_type"] == "code":
            new |= {"execution_count": None, "outputs": []}
        cells.append(new)
    return {**sheet, "cells": cells}


def folded(hint: str) -> str:
    """Return a hint as Markdown that opens on a click, in Jupyter, on GitHub and on Colab."""
    return f"<details>\n<summary>Hint</summary>\n\n{hint}\n\n</details>"


def for_learners(sheet: Notebook) -> Notebook:
    """Return a sheet as readers open it: no solutions, no graded cells, hints on a click."""
    cells = [for_learner(cell) for cell in blank(sheet)["cells"] if tag(cell) != "grade"]
    return {**sheet, "cells": cells}


def for_learner(cell: Cell) -> Cell:
    """Return one cell of a blank sheet without what only courses need."""
    if tag(cell) == "hint":
        cell = {**cell, "source": folded(cell["source"])}
    return {**cell, "metadata": {} if tag(cell) in ROLES else cell["metadata"]}


def as_stored(notebook: Notebook) -> str:
    """Return the text of a notebook's file, as nbformat writes it."""
    cells = [
        {**cell, "source": source_of(cell).splitlines(keepends=True)}
        for cell in notebook["cells"]
    ]
    full = {**notebook, "cells": cells}
    text = json.dumps(full, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return text.encode("utf-8", "replace").decode()  # half characters exist in JSON alone


def is_blank(answer: str, pristine: str) -> bool:
    """Return whether an answer is as it was handed out, by us or by nbgrader.

    Examples
    --------
    >>> is_blank("raise NotImplementedError()  # mine", "raise NotImplementedError")
    True
    """
    return answer.strip() in BLANK_TEXTS or _bare(answer) == _bare(pristine)


def _bare(source: str) -> str:
    """Return code without comments and the like; other text without white space."""
    try:
        return ast.dump(
            ast.parse(source.replace("NotImplementedError()", "NotImplementedError"))
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "".join(source.split())
