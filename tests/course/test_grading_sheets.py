"""Sheets: what they ask, what is handed out, what counts as blank, what solutions earn."""

import json

import nbformat
import pytest
from grading_cases import BUBBLEWRAP, SHEET, code, needs_sandbox, text
from house import ROOT

from bncourse.grading import blank, grade, read_notebook, read_sheets, sheets, tasks

SHEETS = read_sheets(ROOT / "book" / "sheets")


def test_tasks_are_read_from_the_sheet():
    first, _, third, fourth, *_ = tasks(SHEET)
    assert first == sheets.Task("ex04_q1", "code", 3.0, "## 4.1 ")
    assert type(first.points) is float
    assert [(t.answer, t.by_code) for t in (first, third)] == [
        ("ex04_q1-answer", True),
        ("ex04_q3-answer", False),
    ]
    assert fourth.by_code  # a repair
    assert [t.name for t in tasks(SHEET)] == [f"ex04_q{i}" for i in range(1, 8)]


def test_a_source_is_text_or_lines_and_the_first_tag_counts():
    for cell, source in (({"source": "a"}, "a"), ({"source": ["a\n", 5]}, "a\n5"), ({}, "")):
        assert sheets.source_of(cell) == source
    assert sheets.tag({}) == sheets.tag({"metadata": {}}) == ""
    for tags, tag in ((["a", "b"], "a"), ([], ""), ([5], "5")):
        assert sheets.tag({"metadata": {"tags": tags}}) == tag


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FileNotFoundError: No such file"),
        (b"{", "it is only a part of a file"),
        (b"", "it is an empty file"),
        (b"<html>", "it is a web page"),
        (b"\xff", "it is no JSON"),
        (b"{}", "KeyError"),
        (b"[]", "AttributeError"),
        (b'{"worksheets": [5]}', "TypeError"),
        (b"[" * 10**5, "RecursionError"),
        (b'{"cells": {}}', "its cells are no list of objects"),
        (b'{"cells": [{}, 5]}', "its cells are no list of objects"),
    ],
    ids=range(11),
)
def test_what_is_no_notebook(tmp_path, content, message):
    path = tmp_path / "a.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^a\.ipynb is no notebook: .*{message}"):
        read_notebook(path)
    path.write_text(json.dumps({"cells": [{}], "x": "ß"}, ensure_ascii=False), encoding="utf-8")
    assert read_notebook(path) == {"cells": [{}], "x": "ß"}


BEGIN, END, EMPTY = "### BEGIN SOLUTION", "### END SOLUTION", "# your code here"


@pytest.mark.parametrize(
    ("source", "stub"),
    [
        (f"a = 1\n  {BEGIN}\n  b\n\n  {END}\nc = 3\n\n",
         f"a = 1\n  {EMPTY}\n  raise NotImplementedError\nc = 3"),
        (f"{BEGIN}\nx\n{END}\nmid\n{BEGIN}\ny\n{END}",
         f"{EMPTY}\nraise NotImplementedError\nmid\n{EMPTY}\nraise NotImplementedError"),
        ("\n  \nrow = X  \n\n", "\n  \nrow = X  "),
    ],
    ids=["indented", "twice", "none"],
)  # fmt: skip
def test_a_stub_is_empty_where_solutions_stood(source, stub):
    assert sheets.stub(source) == stub


def test_a_blank_sheet_is_handed_out_unexecuted():
    sheet = {"x": 1, "cells": [
        code(["a\n", "b"], execution_count=3, outputs=[1], id="c"),
        code("### BEGIN SOLUTION\nx\n### END SOLUTION", metadata={"tags": ["answer"]}),
        text("mine", metadata={"tags": ["written"]}),
        text("stays", metadata={"tags": ["hint"]}),
    ]}  # fmt: skip
    found = blank(sheet)
    assert found["x"] == 1
    first, answer, written, hint = found["cells"]
    assert first == code("a\nb", execution_count=None, outputs=[], id="c")
    assert answer["source"] == "# your code here\nraise NotImplementedError"
    assert (written["source"], hint) == (
        "*Your answer.*",
        text("stays", metadata=hint["metadata"]),
    )
    assert sheet["cells"][0]["source"] == ["a\n", "b"]


def test_readers_get_a_plain_notebook_with_hints_on_a_click():
    sheet = {"x": 1, "cells": [
        code("a", id="free", metadata={"tags": ["hide-input"]}),
        text("do it", id="q", metadata={"tags": ["task"], "exercise": {}}),
        text("look", id="q-hint", metadata={"tags": ["hint"]}),
        code("### BEGIN SOLUTION\nx\n### END SOLUTION", id="q-answer",
             metadata={"tags": ["answer"], "nbgrader": {}}),
        code("check()", id="q-check", metadata={"tags": ["check"]}),
        code("score()", id="q-grade", metadata={"tags": ["grade"], "nbgrader": {}}),
    ]}  # fmt: skip
    reader = sheets.for_learners(sheet)
    assert reader["x"] == 1
    free, task, hint, answer, check = reader["cells"]
    assert free["metadata"] == {"tags": ["hide-input"]}
    assert [cell["metadata"] for cell in (task, hint, answer, check)] == [{}] * 4
    assert [cell["id"] for cell in reader["cells"]] == [c["id"] for c in sheet["cells"][:-1]]
    assert hint["source"] == "<details>\n<summary>Hint</summary>\n\nlook\n\n</details>"
    assert answer["source"] == "# your code here\nraise NotImplementedError"


def test_a_notebook_is_stored_as_nbformat_writes_it():
    stored = sheets.as_stored(sheets.for_learners(SHEET))
    assert stored == nbformat.writes(nbformat.reads(stored, as_version=4)) + "\n"


@pytest.mark.parametrize(
    ("answer", "pristine", "empty"),
    [
        ("  \n", "x", True),
        ("YOUR ANSWER HERE", "x", True),
        (" *Your answer.* ", "x", True),
        ("a = 1  # mine", "a=1", True),
        ("raise NotImplementedError()", "raise NotImplementedError", True),
        ("a = 2", "a = 1", False),
        ("not py thon at all", "not  python at\nall", True),
        ("not python at all", "not python", False),
    ],
    ids=range(8),
)
def test_an_answer_that_is_as_handed_out_is_blank(answer, pristine, empty):
    assert sheets.is_blank(answer, pristine) is empty


@needs_sandbox
@pytest.mark.parametrize("name", SHEETS)
def test_right_answers_earn_everything_and_blank_ones_nothing(name):
    sheet = SHEETS[name]
    rows, notes = grade(sheet, sheet, seed=3, program=BUBBLEWRAP)
    judged = [row for row in rows if row.kind in ("code", "repair")]
    assert len(judged) >= 2
    for row in judged:
        assert (row.points, row.status) == (row.most, "graded"), row.message
    assert not notes
    rows, _ = grade(blank(sheet), sheet, seed=3, program=BUBBLEWRAP)
    assert {(row.points, row.status) for row in rows} == {(0.0, "blank")}
