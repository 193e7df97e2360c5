"""Answers find their way into the pristine sheet, whatever happened to the notebook."""

import copy

import pytest
from grading_cases import RIGHT, SHEET, cell_of, stripped, submission

from bncourse.grading import blank, rebuild, tasks
from bncourse.grading.sheets import tag

WRITTEN = next(t.name for t in tasks(SHEET) if not t.by_code)
CODE = next(t.name for t in tasks(SHEET) if t.by_code)


def without(notebook, *names):
    return {**notebook, "cells": [c for c in notebook["cells"] if c.get("id") not in names]}


def new_ids(notebook):
    cells = [{**c, "id": f"x{i}", "metadata": {}} for i, c in enumerate(notebook["cells"])]
    return {**notebook, "cells": cells}


def as_lists(notebook):
    cells = [{**c, "source": str(c["source"]).splitlines(keepends=True)}
             for c in copy.deepcopy(notebook)["cells"]]  # fmt: skip
    return {**notebook, "cells": cells}


@pytest.mark.parametrize(
    "change",
    [
        lambda n: n,
        stripped,
        new_ids,
        as_lists,
        lambda n: without(n, *[f"{t.name}-check" for t in tasks(SHEET)]),
        lambda n: without(n, *[f"{t.name}-grade" for t in tasks(SHEET)]),
        lambda n: {**n, "cells": [{"cell_type": "code", "source": "z = 1"}, *n["cells"]]},
        lambda n: {**n, "cells": [*n["cells"], {"cell_type": "raw"}, {}, {"source": 5}]},
    ],
)
def test_every_answer_is_found(change):
    found = rebuild(change(submission()), SHEET)
    assert found.answers == RIGHT
    assert not found.blanks
    for name, text in RIGHT.items():
        assert cell_of(found.notebook, f"{name}-answer")["source"] == text


def test_the_rebuilt_sheet_has_the_pristine_cells_and_no_solution():
    edited = submission({})
    cell_of(edited, f"{CODE}-grade")["source"] = "3.0"
    cell_of(edited, f"{CODE}-check")["cell_type"] = "markdown"
    edited = without(edited, f"{CODE}-hint")
    found = rebuild(edited, SHEET)
    assert found.notebook == blank(SHEET)
    assert "BEGIN SOLUTION" not in str(found.notebook)
    assert f"EDITED {CODE}-grade: restored" in found.notes


def test_a_blank_sheet_is_blank_for_us_and_as_nbgrader_hands_it_out():
    assert rebuild(blank(SHEET), SHEET).blanks == set(RIGHT)
    theirs = blank(SHEET)
    for cell in theirs["cells"]:
        if tag(cell) == "answer":
            text = cell["source"].replace("# your code here", "# YOUR CODE HERE")
            cell["source"] = text.replace("NotImplementedError", "NotImplementedError()")
        elif tag(cell) == "written":
            cell["source"] = "YOUR ANSWER HERE"
    assert rebuild(theirs, SHEET).blanks == set(RIGHT)


def test_the_last_copy_counts_and_a_note_says_so():
    twice = submission()
    cells = twice["cells"]
    i = cells.index(cell_of(twice, f"{CODE}-answer"))
    cells.insert(i, {**cells[i], "source": "def standardize(x, eps):\n    return x"})
    found = rebuild(twice, SHEET)
    assert found.answers[CODE] == RIGHT[CODE]
    assert f"DUPLICATE {CODE}: 2 copies, the last counts" in found.notes
    assert "return x" not in dict(found.code).values()
    assert sum(name == f"{CODE}-answer" for name, _ in found.code) == 1


def test_a_deleted_answer_is_missing_and_takes_no_other_cell():
    found = rebuild(without(submission(), f"{WRITTEN}-answer"), SHEET)
    assert WRITTEN not in found.answers
    assert f"MISSING {WRITTEN}: no answer cell" in found.notes
    found = rebuild(stripped(without(submission(), f"{WRITTEN}-answer")), SHEET)
    assert WRITTEN not in found.answers


def test_checks_and_graded_cells_are_never_executed():
    names = [name for name, source in rebuild(submission(), SHEET).code]
    assert not [name for name in names if name.endswith(("-check", "-grade"))]
    hidden = stripped(submission())
    assert not [s for _, s in rebuild(hidden, SHEET).code if "checks.score" in s]
    assert not [s for _, s in rebuild(hidden, SHEET).code if "checks.require" in s]
