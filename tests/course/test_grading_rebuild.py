"""Answers find their way into the pristine sheet, whatever happened to the notebook."""

import copy

import pytest
from grading_cases import RIGHT, SHEET, cell_of, code, stripped, submission, text

from bncourse.checks import EXERCISES
from bncourse.grading import blank, rebuild, tasks
from bncourse.grading.rebuild import MOST, below, defines, find, grade_id, to_execute
from bncourse.grading.sheets import for_learners, tag

Q1, Q2, Q3 = tasks(SHEET)[:3]


# The whole notebook.


def without(notebook, *names):
    return {**notebook, "cells": [c for c in notebook["cells"] if c.get("id") not in names]}


def new_ids(notebook):
    cells = [{**c, "id": f"x{i}", "metadata": {}} for i, c in enumerate(notebook["cells"])]
    return {**notebook, "cells": cells}


def as_lists(notebook):
    cells = [{**c, "source": str(c["source"]).splitlines(keepends=True)}
             for c in copy.deepcopy(notebook)["cells"]]  # fmt: skip
    return {**notebook, "cells": cells}


CHANGES = {
    "none": lambda n: n,
    "stripped": stripped,
    "new ids": new_ids,
    "sources as lists": as_lists,
    "no checks": lambda n: without(n, *[f"{t.name}-check" for t in tasks(SHEET)]),
    "no graded cells": lambda n: without(n, *[f"{t.name}-grade" for t in tasks(SHEET)]),
    "more before": lambda n: {**n, "cells": [code("z = 1"), *n["cells"]]},
    "damaged after": lambda n: {**n, "cells": [*n["cells"], {"cell_type": "raw"}, {}, code(5)]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_answer_is_found(change):
    found = rebuild(CHANGES[change](submission()), SHEET)
    assert found.answers == RIGHT
    assert not found.blanks
    for name, answer in RIGHT.items():
        assert cell_of(found.notebook, f"{name}-answer")["source"] == answer


def test_the_sheet_that_readers_open_may_be_handed_in():
    reader = for_learners(SHEET)
    for name, answer in RIGHT.items():
        cell_of(reader, f"{name}-answer")["source"] = answer
    for notebook in (reader, stripped(reader)):
        assert rebuild(notebook, SHEET).answers == RIGHT
    less = stripped(without(reader, f"{Q3.name}-answer"))
    assert Q3.name not in rebuild(less, SHEET).answers  # the hint is no answer


def test_the_rebuilt_sheet_has_the_pristine_cells_and_no_solution():
    edited = submission({})
    cell_of(edited, f"{Q1.name}-grade")["source"] = "3.0"
    cell_of(edited, f"{Q1.name}-check")["cell_type"] = "markdown"
    edited = without(edited, f"{Q1.name}-hint")
    found = rebuild(edited, SHEET)
    assert found.notebook == blank(SHEET)
    assert "BEGIN SOLUTION" not in str(found.notebook)
    assert f"EDITED {Q1.name}-grade: restored" in found.notes


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
        found = rebuild(notebook, SHEET)
        assert found.answers == others
        assert f"MISSING {task.name}: no answer cell" in found.notes


# Its cells.


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ({"metadata": {"nbgrader": {"grade_id": "a"}}, "id": "b"}, "a"),
        ({"metadata": {"nbgrader": {}}, "id": "b"}, "b"),
        ({"metadata": {"nbgrader": 5}, "id": "b"}, "b"),
        ({"metadata": [], "id": 5}, "5"),
        ({"metadata": {}}, ""),
        ({}, ""),
    ],
)
def test_the_id_of_a_cell(cell, name):
    assert grade_id(cell) == name


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (code("def standardize(x):\n    pass"), True),
        (code("import a\nclass standardize:\n    pass"), True),
        (code("x = 1\nstandardize   = abs"), True),
        (code("standardize == abs"), False),
        (code("def standardize_all(x):\n    pass"), False),
        (code("if 1:\n    def standardize(x): pass"), True),
        (code("a, standardize = 1, abs"), True),
        (code("standardize: object = abs"), True),
        (code("from mine import s as standardize"), True),
        (code("def other():\n    standardize = 1"), False),
        (code("%time 1\ndef standardize(x): pass"), True),
        (code("my standardize = 1"), False),
        (text("def standardize(x):"), False),
        ({"source": "def standardize(x):"}, False),
    ],
)
def test_an_answer_is_known_by_what_it_defines(cell, found):
    assert defines(cell, Q1) is found
    assert not defines(cell, Q3)  # no function is asked for
    assert EXERCISES["ex04_q1"].function == "standardize"


def test_a_written_answer_is_known_by_the_heading_above():
    cells = [
        text("before"), text("## 4.3 What eps takes away"), text(" known "), text("mine"),
        code("x = 1"), {"source": "no type"}, text("## a heading of my own"), text("more"),
        text("## 4.4 Another"), text("not mine"), text("## 4.3 known, and behind it"),
    ]  # fmt: skip
    known = {"known", "## 4.3 What eps takes away", "## 4.3 known"}
    found = [c["source"] for c in below(cells, Q3, known, ("## 4.3 ", "## 4.4 "))]
    assert found == [
        "mine", "x = 1", "no type", "## a heading of my own", "more", ", and behind it"
    ]  # fmt: skip


def test_ids_come_first_then_definitions_without_checks():
    def found(cells, task):
        place = cell_of(blank(SHEET), task.answer)
        return find(cells, task, place, set(), (Q1.title, Q3.title))

    named = code("x", id="ex04_q1-answer")
    by_text = code("def standardize(x): pass")
    check = code("standardize = 1\nchecks . score ('ex04_q1', standardize)")
    assert found([by_text, named], Q1) == [named]
    assert found([by_text, {**named, "source": " "}], Q1) == [by_text]
    assert found([by_text, check], Q1) == [by_text]
    assert found([check], Q1) == [check]
    written, heading = text("y", id="ex04_q3-answer"), text("## 4.3 a")
    assert found([written, heading, text("z")], Q3) == [{**written, "source": "y\n\nz"}]
    assert found([heading, text("z"), {**written, "source": ""}], Q3) == [text("z")]
    assert found([heading, text("z"), code("1")], Q3) == [text("z")]
    assert found([heading, code("Because of"), text("")], Q3) == [code("Because of")]


def test_only_so_many_cells_are_looked_at_and_only_those_with_a_source():
    many = [code("x = 1")] * (MOST - 1)
    right = cell_of(submission(), "ex04_q1-answer")
    odd = [code(5), code(None), code({})]
    assert rebuild({"cells": [*odd, *many, right]}, SHEET).answers == {Q1.name: RIGHT[Q1.name]}
    assert rebuild({"cells": [*many, code("y"), right]}, SHEET).answers == {}


def test_answers_and_added_code_are_run_in_the_students_order():
    pristine, answer = blank(SHEET), code("def standardize(x): pass")
    first, last = code("a = 1"), code("b = 1", id="mine")
    own = [
        cell_of(pristine, name) for name in ("04-bootstrap", "ex04_q1-check", "ex04_q1-grade")
    ]
    start, *checks = own
    start = {**start, "source": f"{start['source']}\nc = 1"}
    edited = {**checks[0], "source": "edited = 1"}
    old = code("def standardize(x): old")
    cells = [first, text("t"), start, *own, edited, old, answer, last]
    taken = {id(old): "", id(answer): "ex04_q1-answer"}
    assert list(to_execute(cells, taken, pristine)) == [
        ("cell-0", "a = 1"), ("cell-2", "\nc = 1"), ("cell-6", "edited = 1"),
        ("ex04_q1-answer", answer["source"]), ("cell-9", "b = 1"),
    ]  # fmt: skip


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


def test_notes_name_every_cell_that_was_restored():
    changed = submission({**RIGHT, "ex04_q3": ""})
    cell_of(changed, "ex04_q1-check")["source"] += "  \n"
    cell_of(changed, "ex04_q2-check")["source"] += "x"
    cell_of(changed, "ex04_q2-grade")["source"] = ["3"]
    cell_of(changed, "ex04_q1-hint")["source"] = "another"
    changed["cells"] = [c for c in changed["cells"] if c["id"] != "ex04_q4-check"]
    found = rebuild(changed, SHEET)
    assert found.notes == [
        "EDITED ex04_q2-check: restored",
        "EDITED ex04_q2-grade: restored",
        "MISSING ex04_q4-check: restored",
    ]
    assert found.blanks == {"ex04_q3"}


def test_all_that_is_written_under_a_heading_is_shown():
    twice = stripped(submission())
    place = next(i for i, c in enumerate(twice["cells"]) if c["source"] == RIGHT["ex04_q3"])
    twice["cells"].insert(place, text("an older one"))
    answers = {**RIGHT, "ex04_q3": f"an older one\n\n{RIGHT['ex04_q3']}"}
    assert rebuild(twice, SHEET).answers == answers


def test_of_three_copies_only_the_last_is_run():
    thrice = submission()
    place = next(i for i, c in enumerate(thrice["cells"]) if c["id"] == "ex04_q1-answer")
    for old in ("old = 1", "old = 2"):
        thrice["cells"].insert(place, {**thrice["cells"][place], "source": old})
    before = rebuild(submission(), SHEET).code
    found = rebuild(thrice, SHEET)
    assert [text for _, text in found.code] == [text for _, text in before]
    assert [name for name, _ in found.code if name == "ex04_q1-answer"] == ["ex04_q1-answer"]
    assert found.notes == ["DUPLICATE ex04_q1: 3 copies, the last counts"]
