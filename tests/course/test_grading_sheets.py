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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FileNotFoundError: No such file"),
        (b"{", "it is only a part of a file"),
        (b"", "it is an empty file"),
        (b"<html>", "it is a web page"),
        (b"\xff", "it is no JSON"),
        (b"{}", "KeyError"),
        (b'{"cells": 5}', "its cells are no list of objects"),
        (b"[]", "TypeError"),
        (b"[" * 10**5, "RecursionError"),
        (b'{"cells": [{}, 5]}', "its cells are no list of objects"),
    ],
    ids=range(10),
)
def test_what_is_no_notebook(tmp_path, content, message):
    path = tmp_path / "a.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^a\.ipynb is no notebook: .*{message}"):
        read_notebook(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_notebook_is_read_whatever_program_has_saved_it(tmp_path, encoding):
    text = json.dumps({"cells": [{"source": "ß"}], "x": 1}, ensure_ascii=False)
    (tmp_path / "a.ipynb").write_bytes(text.encode(encoding))
    assert read_notebook(tmp_path / "a.ipynb") == {"cells": [{"source": "ß"}], "x": 1}


BEGIN, END, EMPTY = "### BEGIN SOLUTION", "### END SOLUTION", "# your code here"


@pytest.mark.parametrize(
    ("source", "stub"),
    [
        (f"a = 1\n  {BEGIN}\n  b\n\n  {END}\nc = 3\n\n",
         f"a = 1\n  {EMPTY}\n  raise NotImplementedError\nc = 3"),
        (f"{BEGIN}\nx\n{END}\nmid\n{BEGIN}\ny\n{END}",
         f"{EMPTY}\nraise NotImplementedError\nmid\n{EMPTY}\nraise NotImplementedError"),
    ],
    ids=["indented", "twice"],
)  # fmt: skip
def test_a_stub_is_empty_where_solutions_stood(source, stub):
    assert sheets.stub(source) == stub


def test_a_blank_sheet_is_handed_out_unexecuted_and_readers_get_a_plain_notebook():
    sheet = {"x": 1, "cells": [
        code(["a\n", "b"], execution_count=3, outputs=[1], metadata={"tags": ["hide-input"]}),
        text("do it", metadata={"tags": ["task"], "exercise": {}}),
        text("look", metadata={"tags": ["hint"]}),
        code("### BEGIN SOLUTION\nx\n### END SOLUTION",
             metadata={"tags": ["answer"], "nbgrader": {}}),
        text("mine", metadata={"tags": ["written"]}),
        code("score()", metadata={"tags": ["grade"], "nbgrader": {}}),
    ]}  # fmt: skip
    stub = "# your code here\nraise NotImplementedError"
    given, reader = blank(sheet), sheets.for_learners(sheet)
    assert given["x"] == reader["x"] == 1
    assert [cell["source"] for cell in given["cells"]] == [
        "a\nb", "do it", "look", stub, "*Your answer.*", "score()"
    ]  # fmt: skip
    assert {(c["execution_count"], *c["outputs"]) for c in given["cells"][::3]} == {(None,)}
    assert [c["metadata"] for c in given["cells"]] == [c["metadata"] for c in sheet["cells"]]
    assert sheet["cells"][0]["source"] == ["a\n", "b"]
    hint = "<details>\n<summary>Hint</summary>\n\nlook\n\n</details>"
    assert [(cell["source"], cell["metadata"]) for cell in reader["cells"]] == [
        ("a\nb", {"tags": ["hide-input"]}), ("do it", {}), (hint, {}), (stub, {}),
        ("*Your answer.*", {}),
    ]  # fmt: skip


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
