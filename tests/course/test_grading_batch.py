"""A folder of submissions: several at a time, cut off and taken up again, told apart."""

import json
import mmap
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from grading_cases import SHEET, hand_in, submission

from bncourse.grading import Limits, Row, Settings, batch, find_submissions, grade_all, tasks

NAME = "04_batch_norm"
SHEETS = {NAME: SHEET}
ROWS = [
    Row("ex04_q1", "code", 2.5, 3.0, "graded", "=fine, but ß"),
    Row("b", "text", 0.0, 1.0, "blank"),
]


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Record what is graded, also in other processes, and give each the same rows."""
    made = []

    def grade(notebook, sheet, seed, limits, program):
        made.append((notebook, sheet, seed, limits, program))
        with (tmp_path / "calls").open("a") as file:
            file.write("x")
        return ROWS, ["+odd", "too"]

    monkeypatch.setattr(batch, "grade", grade)
    return made


@pytest.fixture
def folder(tmp_path):
    """Hand in a notebook of two students, and one of a sheet that nobody knows."""
    for student in ("bob", "ada"):
        hand_in(tmp_path / "in", student, submission({}))
    hand_in(tmp_path / "in", "cyd", submission({}), sheet="99_other")
    return tmp_path / "in"


# What is read.


def test_submissions_are_found_where_nbgrader_puts_them(folder):
    submissions = find_submissions(folder, SHEETS)
    assert [(s.student, s.sheet) for s in submissions] == [("ada", NAME), ("bob", NAME)]
    assert submissions[0].path == folder / "ada" / NAME / f"{NAME}.ipynb"


@pytest.mark.parametrize("names", [("02_b", "01_a"), ("02_b/02_b", "01_a/01_a")])
def test_sheets_are_read_by_name_beside_each_other_or_as_nbgrader_has_them(tmp_path, names):
    for name in (*names, "01_a/other", ".ipynb_checkpoints/01_a-checkpoint"):
        path = tmp_path / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"cells": [], "name": name}), encoding="utf-8")
    sheets = batch.read_sheets(tmp_path)
    assert list(sheets) == ["01_a", "02_b"]
    assert sheets["02_b"] == {"cells": [], "name": names[0]}


def test_the_fingerprint_changes_with_all_that_a_mark_depends_on(folder, monkeypatch):
    one, two = find_submissions(folder, SHEETS)
    marks = [batch.fingerprint(one, Settings(SHEETS, seed=seed)) for seed in (0, 0, 1, 10)]
    assert marks[0] == marks[1] == batch.fingerprint(two, Settings(SHEETS))
    marks.append(batch.fingerprint(one, Settings({NAME: SHEET | {"x": 1}})))
    marks.append(batch.fingerprint(one, Settings(SHEETS, limits=Limits(cell=1.0))))
    two.path.write_text("{}", encoding="utf-8")
    marks.append(batch.fingerprint(two, Settings(SHEETS)))
    monkeypatch.setattr(batch, "version_of_checks", lambda: "other checks")
    marks.append(batch.fingerprint(one, Settings(SHEETS)))
    assert len(set(marks)) == 7


def test_a_course_may_have_exercises_of_its_own(tmp_path):
    """They stand in a file beside the sheets, which is one of the things a mark depends on."""
    (tmp_path / "own_exercises.py").write_text(
        "from bncourse.checks import Exercise\n"
        "EXERCISES = (Exercise('ex99_q1', 'f', 3, ('y',), abs, ()),)\n"
    )
    code = (
        "from bncourse.checks import find\nfrom bncourse.grading import batch\n"
        "print(find('ex99_q1').points, batch.version_of_checks())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    points, version = done.stdout.split()
    assert points == "3"
    assert version != batch.version_of_checks()


def test_damaged_and_foreign_results_are_not_taken(tmp_path):
    path = tmp_path / "a.json"
    for text in ("", "{", "[]", '{"fingerprint": "other"}', "5"):
        path.write_text(text, encoding="utf-8")
        assert batch.stored(path, "mark") is None
    path.write_text('{"fingerprint": "mark", "rows": []}', encoding="utf-8")
    assert batch.stored(path, "mark") == {"fingerprint": "mark", "rows": []}


# What is graded, with a stand-in for the grading of one.


def test_one_submission_is_graded_with_all_settings(folder, calls):
    settings = Settings(SHEETS, 7, Limits(cell=2.0), "bwrap")
    one, two = find_submissions(folder, SHEETS)
    result = batch.one(one, settings)
    assert calls == [(submission({}), SHEET, 7, Limits(cell=2.0), "bwrap")]
    rows = [asdict(row) for row in ROWS]
    mark = batch.fingerprint(one, settings)
    assert result == {"fingerprint": mark, "rows": rows, "notes": ["+odd", "too"]}
    two.path.write_text("{", encoding="utf-8")
    for row in batch.one(two, settings)["rows"]:
        assert (row["status"], row["points"]) == ("unreadable", 0.0)
        assert "is no notebook" in row["message"]
    assert len(calls) == 1


CSV = (
    "student,sheet,exercise,kind,points,most,status,message,notes\r\n"
    "ada,04_batch_norm,ex04_q1,code,2.5,3.0,graded,\"'=fine, but ß\",'+odd; too\r\n"
    "ada,04_batch_norm,b,text,0.0,1.0,blank,,'+odd; too\r\n"
)


def test_all_are_graded_written_and_taken_again(folder, calls, capsys, tmp_path):
    out, made = folder / "new" / "grades.csv", tmp_path / "calls"
    rows = grade_all(find_submissions(folder, SHEETS), Settings(SHEETS), out)
    assert rows[0] == ["ada", NAME, *asdict(ROWS[0]).values(), "+odd; too"]
    assert [row[0] for row in rows] == ["ada", "ada", "bob", "bob"]
    ada, bob = CSV, CSV.split("\n", 1)[1].replace("ada", "bob")
    assert out.read_bytes().decode() == ada + bob
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "\r1 of 2 submissions\r2 of 2 submissions\n")
    parts = folder / "new" / "grades.csv.parts"
    names = [f"ada--{NAME}.json", f"bob--{NAME}.json"]
    assert sorted(path.name for path in parts.iterdir()) == names
    (parts / names[0]).unlink()  # as if the run had been killed before it
    (parts / f"{names[0]}.part").write_text("{", encoding="utf-8")
    out.unlink()
    assert grade_all(find_submissions(folder, SHEETS), Settings(SHEETS), out) == rows
    assert made.stat().st_size == 3  # bob's is taken as it is
    submissions = find_submissions(folder, SHEETS)
    submissions[1].path.write_text(json.dumps(submission()), encoding="utf-8")
    grade_all(submissions, Settings(SHEETS), out)
    assert made.stat().st_size == 4  # bob's has changed
    grade_all(submissions, Settings(SHEETS, seed=1), out)
    assert made.stat().st_size == 6
    assert out.read_bytes().decode() == ada + bob


def test_as_many_are_graded_at_a_time_as_asked_for(folder, monkeypatch):
    """Two processes meet: with one worker the first would wait in vain."""
    barrier = multiprocessing.get_context("fork").Barrier(2)

    def grade(*_):
        barrier.wait(20)
        return ROWS, []

    monkeypatch.setattr(batch, "grade", grade)
    rows = grade_all(
        find_submissions(folder, SHEETS), Settings(SHEETS, workers=2), folder / "g.csv"
    )
    assert [row[6] for row in rows] == ["graded", "blank"] * 2


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("trouble", "why"),
    [(lambda: fail(RecursionError("\ud800")), r"Error: \ud800"), (lambda: os._exit(1), "ended"),
     (lambda: time.sleep(60), "takes too long"), (lambda: bytearray(2**40), "MemoryError")],
    ids=["error", "exit", "sleep", "memory"],
)  # fmt: skip
def test_whatever_happens_to_one_submission_the_others_are_graded(
    folder, monkeypatch, trouble, why
):
    def grade(notebook, *_):
        if notebook["cells"][0]["source"] == "bob":
            trouble()
        return ROWS, []

    cells = [{"cell_type": "code", "source": "bob"}]
    path = folder / "bob" / NAME / f"{NAME}.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    monkeypatch.setattr(batch, "grade", grade)
    monkeypatch.setattr(batch, "SPARE", 1.0)
    settings = Settings(SHEETS, limits=Limits(total=1.0))
    rows = grade_all(find_submissions(folder, SHEETS), settings, folder / "g.csv")
    assert [row[6] for row in rows if row[0] == "ada"] == ["graded", "blank"]
    bad = [row for row in rows if row[0] == "bob"]
    assert [row[2] for row in bad] == [task.name for task in tasks(SHEET)]
    assert {(row[4], row[6]) for row in bad} == {(0.0, "look by hand")}
    assert why in bad[0][7]


def test_memory_that_the_grader_itself_has_mapped_is_not_counted(folder, monkeypatch):
    monkeypatch.setattr(batch, "grade", lambda *_: (ROWS, []))
    with mmap.mmap(-1, 2 * batch.MEMORY, mmap.MAP_PRIVATE, mmap.PROT_READ):
        rows = grade_all(find_submissions(folder, SHEETS), Settings(SHEETS), folder / "g.csv")
    assert [row[6] for row in rows] == ["graded", "blank"] * 2


def test_a_hard_limit_of_the_system_stays(monkeypatch):
    limits, pipe = [], SimpleNamespace(send_bytes=json.loads)
    monkeypatch.setattr(batch.signal, "signal", lambda *_: None)
    monkeypatch.setattr(batch.resource, "getrlimit", lambda _: (0, 10**6))
    monkeypatch.setattr(batch.resource, "setrlimit", lambda _, pair: limits.append(pair))
    batch.attempted(pipe, str, "a submission")
    assert limits == [(10**6, 10**6)]


# What is written.


def test_a_file_is_there_in_full_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    batch.write(path, "new ß\r\n")
    with monkeypatch.context() as patch:
        patch.setattr(batch.os, "fsync", lambda _: fail(OSError("no room")))
        with pytest.raises(OSError, match="no room"):
            batch.write(path, "newer")
    assert path.read_bytes() == "new ß\r\n".encode()
    batch.write(path, "newest\n")
    assert path.read_bytes() == b"newest\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]
