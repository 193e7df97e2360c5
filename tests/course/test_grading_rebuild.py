"""Answers find their way into the pristine sheet, whatever happened to the notebook."""

import pytest
from grading_cases import RIGHT, SHEET, cell_of, code, stripped, submission, text

from bncourse.grading import blank, rebuild, tasks
from bncourse.grading.rebuild import MOST, defines
from bncourse.grading.sheets import for_learners, tag

Q1, Q2, Q3 = tasks(SHEET)[:3]


# The whole notebook.


def without(notebook, *names):
    return {**notebook, "cells": [c for c in notebook["cells"] if c.get("id") not in names]}


def new_ids(notebook, **about):
    """Give the cells ids that say nothing, and let nbgrader's say what the old ones did."""
    cells = [
        {**c, "id": f"x{i}", "metadata": {name: {key: c["id"]} for name, key in about.items()}}
        for i, c in enumerate(notebook["cells"])
    ]
    return {**notebook, "cells": cells}


def as_lists(notebook):
    cells = [{**c, "source": c["source"].splitlines(keepends=True)} for c in notebook["cells"]]
    return {**notebook, "cells": cells}


DAMAGED = [
    {"cell_type": "raw"}, {}, code(5), code(None), {"metadata": [], "id": 5},
    {"metadata": {"nbgrader": 5}, "id": []}, {"metadata": {"nbgrader": {}}},
]  # fmt: skip
CHANGES = {
    "none": lambda n: n,
    "stripped": stripped,
    "new ids": new_ids,
    "nbgrader's ids alone": lambda n: new_ids(n, nbgrader="grade_id"),
    "sources as lists": as_lists,
    "no checks": lambda n: without(n, *[f"{t.name}-check" for t in tasks(SHEET)]),
    "no graded cells": lambda n: without(n, *[f"{t.name}-grade" for t in tasks(SHEET)]),
    "more before": lambda n: {**n, "cells": [code("z = 1"), *n["cells"]]},
    "damaged after": lambda n: {**n, "cells": [*n["cells"], *DAMAGED]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_answer_is_found(change):
    whole = rebuild(CHANGES[change](submission()), SHEET)
    assert whole.answers == RIGHT
    assert not whole.blanks
    for name, answer in RIGHT.items():
        assert cell_of(whole.notebook, f"{name}-answer")["source"] == answer


def test_the_sheet_that_readers_open_may_be_handed_in():
    reader = for_learners(SHEET)
    for name, answer in RIGHT.items():
        cell_of(reader, f"{name}-answer")["source"] = answer
    for notebook in (reader, stripped(reader)):
        assert rebuild(notebook, SHEET).answers == RIGHT
    less = stripped(without(reader, f"{Q3.name}-answer"))
    assert Q3.name not in rebuild(less, SHEET).answers  # the hint is no answer


def test_the_sheets_own_cells_are_restored_and_what_is_judged_is_named():
    changed = submission({})
    cell_of(changed, "ex04_q1-check")["source"] += "  \n"
    cell_of(changed, "ex04_q1-check")["cell_type"] = "markdown"
    cell_of(changed, "ex04_q2-check")["source"] += "x"
    cell_of(changed, "ex04_q2-grade")["source"] = ["3"]
    cell_of(changed, "ex04_q1-hint")["source"] = "another"
    whole = rebuild(without(changed, "ex04_q4-check", "ex04_q2-hint"), SHEET)
    assert whole.notebook == blank(SHEET)
    assert "BEGIN SOLUTION" not in str(whole.notebook)
    assert whole.notes == [
        "EDITED ex04_q2-check: restored",
        "EDITED ex04_q2-grade: restored",
        "MISSING ex04_q4-check: restored",
    ]


def test_a_blank_sheet_is_blank_for_us_and_as_nbgrader_hands_it_out():
    for ours in (blank(SHEET), stripped(blank(SHEET)), for_learners(SHEET)):
        assert rebuild(ours, SHEET).blanks == set(RIGHT)
    theirs = blank(SHEET)
    for cell in theirs["cells"]:
        if tag(cell) == "answer":
            text = cell["source"].replace("# your code here", "# YOUR CODE HERE")
            cell["source"] = text.replace("NotImplementedError", "NotImplementedError()")
        elif tag(cell) == "written":
            cell["source"] = "YOUR ANSWER HERE"
    assert rebuild(theirs, SHEET).blanks == set(RIGHT)


@pytest.mark.parametrize("task", [Q1, Q3], ids=["code", "written"])
def test_a_deleted_answer_is_missing_and_takes_no_other_cell(task):
    less, others = without(submission(), task.answer), dict(RIGHT)
    del others[task.name]
    for notebook in (less, stripped(less)):
        whole = rebuild(notebook, SHEET)
        assert whole.answers == others
        assert f"MISSING {task.name}: no answer cell" in whole.notes


# Its cells.


@pytest.mark.parametrize(
    ("cell", "known"),
    [
        (code("def standardize(x):\n    pass"), True),
        (code("x = 1\nstandardize   = abs"), True),
        (code("standardize == abs"), False),
        (code("def standardize_all(x):\n    pass"), False),
        (code("if 1:\n    def standardize(x): pass"), True),
        (code("a, standardize = 1, abs"), True),
        (code("from mine import s as standardize"), True),
        (code("def other():\n    standardize = 1"), False),
        (code("%time 1\ndef standardize(x): pass"), True),
        (text("def standardize(x):"), False),
    ],
)
def test_an_answer_is_known_by_what_it_defines(cell, known):
    assert defines(cell, Q1) is known
    assert not defines(cell, Q3)  # no function is asked for


BY_TEXT, NAMED = code("def standardize(x): pass"), code("x", id="ex04_q1-answer")
CHECK = code("standardize = 1\nchecks . score ('ex04_q1', standardize)")
HEADING, WRITTEN = text("## 4.3 a"), text("y", id="ex04_q3-answer")
AROUND = [
    text("before"), text(f"{cell_of(blank(SHEET), 'ex04_q3')['source']} and behind it"),
    text("mine"), {"source": "no type"}, text("## a heading of my own"), text("more"),
    cell_of(blank(SHEET), "ex04_q3-hint"), text("## 4.4 Another"), text("not mine"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        ([BY_TEXT, NAMED], NAMED["source"]),
        ([BY_TEXT, {**NAMED, "source": " "}], BY_TEXT["source"]),
        ([BY_TEXT, CHECK], BY_TEXT["source"]),
        ([CHECK], CHECK["source"]),
        ([WRITTEN, HEADING, text("z")], "y\n\nz"),
        ([HEADING, text("z"), {**WRITTEN, "source": ""}], "z"),
        ([HEADING, text("z"), code("1")], "z"),
        ([HEADING, code("Because of"), text("")], "Because of"),
        (AROUND, "and behind it\n\nmine\n\nno type\n\n## a heading of my own\n\nmore"),
    ],
    ids=range(9),
)
def test_ids_come_first_then_definitions_without_checks_and_texts_under_the_heading(
    cells, answer
):
    assert [*rebuild({"cells": cells}, SHEET).answers.values()] == [answer]


def test_only_so_many_cells_are_looked_at_and_only_those_with_a_source():
    many = [code("x = 1")] * (MOST - 1)
    right = cell_of(submission(), "ex04_q1-answer")
    assert rebuild({"cells": [code(5), *many, right]}, SHEET).answers == {
        Q1.name: RIGHT[Q1.name]
    }
    assert rebuild({"cells": [*many, code("y"), right]}, SHEET).answers == {}


def test_answers_and_added_code_are_run_in_the_students_order():
    start, check, grade = [
        cell_of(blank(SHEET), name)
        for name in ("04-bootstrap", "ex04_q1-check", "ex04_q1-grade")
    ]
    old, answer = code("def standardize(x): old"), code("def standardize(x): pass")
    start = {**start, "source": f"{start['source']}\nc = 1"}
    cells = [
        code("a = 1"), text("t"), start, check, grade, {**check, "source": "edited = 1"},
        old, answer, code("b = 1", id="mine"),
    ]  # fmt: skip
    whole = rebuild({"cells": cells}, SHEET)
    assert whole.code == [
        ("cell-0", "a = 1"), ("cell-2", "\nc = 1"), ("cell-5", "edited = 1"),
        ("ex04_q1-answer", answer["source"]), ("cell-8", "b = 1"),
    ]  # fmt: skip
    assert "DUPLICATE ex04_q1: 2 copies, the last counts" in whole.notes


def test_pasted_pictures_come_along_and_nothing_else_that_is_attached():
    pasted = submission({**RIGHT, "ex04_q3": "![a](attachment:a.png) ![b](attachment:b.png)"})
    kinds = {"image/png": "aGk=", "text/html": "<script>", "image/svg+xml": "aGk="}
    cell = cell_of(pasted, "ex04_q3-answer")
    cell["attachments"] = {"a.png": kinds, 'x" onerror="y': kinds, "c.png": 5}
    more = text("![a](attachment:a.png)", attachments={"a.png": {"image/gif": "aGk="}})
    pasted["cells"].insert(pasted["cells"].index(cell) + 1, more)
    shown = cell_of(rebuild(pasted, SHEET).notebook, "ex04_q3-answer")
    assert shown["attachments"] == {
        "a.png": {"image/png": "aGk="}, "1-a.png": {"image/gif": "aGk="}
    }  # fmt: skip
    assert shown["source"] == (
        "![a](attachment:a.png) ![b](attachment:b.png)\n\n![a](attachment:1-a.png)"
    )
