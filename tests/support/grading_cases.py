"""Submissions for the tests of `bncourse.grading`: ordinary, unlucky and hostile."""

import copy
import json
import os
from pathlib import Path

import pytest
from house import ROOT

from bncourse.grading import NoSandboxError, blank, find_bubblewrap, read_notebook, tasks

SHEET = read_notebook(ROOT / "book/sheets/04_batch_norm.ipynb")
RIGHT = {
    cell["id"].removesuffix("-answer"): "".join(cell["source"])
    for cell in SHEET["cells"]
    if cell["id"].endswith("-answer")
}
FULL = {task.name: task.points for task in tasks(SHEET) if task.by_code}
try:
    BUBBLEWRAP = find_bubblewrap()
except NoSandboxError:
    BUBBLEWRAP = None
REQUIRED = bool(os.environ.get("BOOK_REQUIRE_SANDBOX"))  # then these tests run, and fail
needs_sandbox = pytest.mark.skipif(
    BUBBLEWRAP is None and not REQUIRED, reason="needs bubblewrap"
)


def code(source, **more):
    """Return a code cell."""
    return {"cell_type": "code", "metadata": {}, "source": source, **more}


def text(source, **more):
    """Return a text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def cell_of(notebook, name):
    """Return the cell of this id."""
    return next(cell for cell in notebook["cells"] if cell.get("id") == name)


def submission(answers=RIGHT, sheet=SHEET):
    """Return a blank sheet with some answers filled in, by exercise."""
    notebook = copy.deepcopy(blank(sheet))
    for name, text in answers.items():
        cell_of(notebook, f"{name}-answer")["source"] = text
    return notebook


def stripped(notebook):
    """Return a notebook without metadata and ids, as some tools leave it."""
    cells = [
        {k: v for k, v in cell.items() if k != "id"} | {"metadata": {}}
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def hand_in(folder: Path, student: str, notebook, sheet="04_batch_norm") -> Path:
    """Write a submission where nbgrader expects it."""
    path = folder / student / sheet / f"{sheet}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path
