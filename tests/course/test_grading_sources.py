"""Sheets cell by cell: what they ask, what is handed out, what counts as blank."""

import json

import pytest
from grading_cases import SHEET

from bncourse.grading import blank, read_notebook, sheets, tasks


def code(source, **more):
    """Return a code cell."""
    return {"cell_type": "code", "metadata": {}, "source": source, **more}


def text(source, **more):
    """Return a text cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def test_tasks_are_read_from_the_sheet():
    first, _, third, fourth, *_ = tasks(SHEET)
    assert first == sheets.Task("ex04_q1", "code", 3.0, "## 4.1 ")
    assert type(first.points) is float
    assert [(t.answer, t.by_code) for t in (first, third)] == [
        ("ex04_q1-answer", True),
        ("ex04_q3-answer", False),
    ]
    assert fourth.by_code  # a repair
    assert [t.name for t in tasks(SHEET)] == [f"ex04_q{i}" for i in range(1, 7)]


@pytest.mark.parametrize(
    ("cell", "source"),
    [({"source": "a"}, "a"), ({"source": ["a\n", 5]}, "a\n5"), ({}, "")],
)
def test_a_source_is_text_or_lines(cell, source):
    assert sheets.source_of(cell) == source


@pytest.mark.parametrize(
    ("metadata", "tag"),
    [({"tags": ["a", "b"]}, "a"), ({"tags": []}, ""), ({}, ""), ({"tags": [5]}, "5")],
)
def test_the_first_tag_counts(metadata, tag):
    assert sheets.tag({"metadata": metadata}) == tag
    assert sheets.tag({}) == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "FileNotFoundError"),
        (b"{", "JSONDecodeError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"{}", "KeyError"),
        (b"[]", "TypeError"),
        (b"[" * 10**5, "RecursionError"),
        (b'{"cells": {}}', "its cells are no list of objects"),
        (b'{"cells": [{}, 5]}', "its cells are no list of objects"),
    ],
)
def test_what_is_no_notebook(tmp_path, content, message):
    path = tmp_path / "a.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^a\.ipynb is no notebook: {message}$"):
        read_notebook(path)
    path.write_text(json.dumps({"cells": [{}], "x": "ß"}, ensure_ascii=False), encoding="utf-8")
    assert read_notebook(path) == {"cells": [{}], "x": "ß"}


def test_a_stub_is_empty_where_solutions_stood():
    source = "a = 1\n    ### BEGIN SOLUTION\n    b = 2\n\n    ### END SOLUTION\nc = 3\n\n"
    stub = "a = 1\n    # your code here\n    raise NotImplementedError\nc = 3"
    assert sheets.stub(source) == stub
    twice = (
        "### BEGIN SOLUTION\nx\n### END SOLUTION\nmid\n### BEGIN SOLUTION\ny\n### END SOLUTION"
    )
    empty = "# your code here\nraise NotImplementedError"
    assert sheets.stub(twice) == f"{empty}\nmid\n{empty}"


def test_a_stub_loses_only_empty_lines_at_its_end():
    assert sheets.stub("\n  \nrow = X\n\n") == "\n  \nrow = X"
    assert sheets.stub("row = 1  \n\n") == "row = 1  "


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
)
def test_an_answer_that_is_as_handed_out_is_blank(answer, pristine, empty):
    assert sheets.is_blank(answer, pristine) is empty
