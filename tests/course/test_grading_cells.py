"""Submissions cell by cell: which cells are answers, and which are run."""

import pytest
from grading_cases import RIGHT, SHEET, cell_of, stripped, submission

from bncourse.checks import EXERCISES
from bncourse.grading import blank, rebuild, tasks
from bncourse.grading.rebuild import MOST, below, defines, find, grade_id, to_execute

Q1, Q2, Q3 = tasks(SHEET)[:3]


def code(source, **more):
    """Return a code cell."""
    return {"cell_type": "code", "metadata": {}, "source": source, **more}


def text(source, **more):
    """Return a text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


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
        (code("    def standardize(x): pass"), False),
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
        code("x = 1"), {"source": "no type"}, text("### not a heading of a task"), text("more"),
        text("## 4.30 Another"), text("not mine"), text("## 4.3 Again"), text("late"),
    ]  # fmt: skip
    found = [c["source"] for c in below(cells, Q3, {"known"})]
    assert found == ["mine", "### not a heading of a task", "more", "late"]


def test_ids_come_first_then_definitions_without_checks():
    named = code("x", id="ex04_q1-answer")
    by_text = code("def standardize(x): pass")
    check = code("standardize = 1\nchecks . score ('ex04_q1', standardize)")
    assert find([by_text, named], Q1, set()) == [named]
    assert find([by_text, check], Q1, set()) == [by_text]
    written = text("y", id="ex04_q3-answer")
    heading = text("## 4.3 a")
    assert find([heading, text("z"), written], Q3, set()) == [written]
    assert find([heading, text("z")], Q3, set()) == [text("z")]


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
    own = [{**cell, "source": "edited = 1"} for cell in own]
    check = code("checks.require('ex04_q1', 1)")
    old = code("def standardize(x): old")
    cells = [first, text("t"), *own, old, answer, check, cell_of(pristine, "04-imports"), last]
    taken = {id(old): "", id(answer): "ex04_q1-answer"}
    imports = "".join(cell_of(SHEET, "04-imports")["source"])
    assert list(to_execute(cells, taken, pristine)) == [
        ("cell-0", "a = 1"), ("ex04_q1-answer", answer["source"]), ("cell-8", imports),
        ("cell-9", "b = 1"),
    ]  # fmt: skip
    checked = code("checks.require('ex04_q1', 1)\nx = 1")
    assert list(to_execute([checked], {id(checked): "a"}, pristine)) == [
        ("a", checked["source"])
    ]


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


def test_two_copies_of_a_written_answer_are_no_part_of_the_next():
    twice = stripped(submission())
    place = next(i for i, c in enumerate(twice["cells"]) if c["source"] == RIGHT["ex04_q3"])
    twice["cells"].insert(place, text("an older one"))
    found = rebuild(twice, SHEET)
    assert found.answers == RIGHT
    assert "DUPLICATE ex04_q3: 2 copies, the last counts" in found.notes


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


def test_after_a_missing_answer_the_others_are_found():
    less = submission()
    less["cells"] = [c for c in less["cells"] if c["id"] != "ex04_q1-answer"]
    found = rebuild(less, SHEET)
    assert found.answers == {k: v for k, v in RIGHT.items() if k != "ex04_q1"}


def test_a_stripped_sheet_that_was_left_as_it_is_is_blank_and_not_missing():
    found = rebuild(stripped(blank(SHEET)), SHEET)
    assert found.blanks == set(RIGHT)
