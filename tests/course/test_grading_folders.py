"""A folder of submissions, with a stand-in for the grading of one."""

import json
from dataclasses import asdict

import pytest
from grading_cases import SHEET, hand_in, submission

from bncourse.grading import Limits, Row, Settings, batch, find_submissions, grade_all, tasks

SHEETS = {"04_batch_norm": SHEET}
ROWS = [
    Row("ex04_q1", "code", 2.5, 3.0, "graded", "=fine, but ß"),
    Row("b", "text", 0.0, 1.0, "blank"),
]


@pytest.fixture
def calls(monkeypatch):
    """Record what is graded, and give each submission the same rows."""
    made = []

    def grade(notebook, sheet, seed, limits, program):
        made.append((notebook, sheet, seed, limits, program))
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


def test_submissions_are_found_where_nbgrader_puts_them(folder):
    found = find_submissions(folder, SHEETS)
    assert [(each.student, each.sheet) for each in found] == [
        ("ada", "04_batch_norm"),
        ("bob", "04_batch_norm"),
    ]
    assert found[0].path == folder / "ada" / "04_batch_norm" / "exercises.ipynb"
    message = (
        r"^grading: no submissions in .*/in; expected STUDENT/SHEET/FILE\.ipynb, with a sheet"
    )
    with pytest.raises(ValueError, match=rf"{message} among a, b$"):
        find_submissions(folder, {"a": SHEET, "b": SHEET})


def test_sheets_are_read_by_name(tmp_path):
    for name in ("02_b", "01_a"):
        (tmp_path / name).mkdir()
        text = json.dumps({"cells": [], "name": name})
        (tmp_path / name / "exercises.ipynb").write_text(text, encoding="utf-8")
        (tmp_path / name / "other.ipynb").write_text("{", encoding="utf-8")
    found = batch.read_sheets(tmp_path)
    assert list(found) == ["01_a", "02_b"]
    assert found["02_b"] == {"cells": [], "name": "02_b"}
    with pytest.raises(ValueError, match=r"^grading: no sheets in .*; expected NAME/exercises"):
        batch.read_sheets(tmp_path / "01_a")


def test_the_fingerprint_changes_with_the_file_the_sheet_and_the_seed(folder):
    one, two = find_submissions(folder, SHEETS)
    marks = [batch.fingerprint(one, Settings(SHEETS, seed=seed)) for seed in (0, 0, 1, 10)]
    assert marks[0] == marks[1] == batch.fingerprint(two, Settings(SHEETS))
    marks.append(batch.fingerprint(one, Settings({"04_batch_norm": SHEET | {"x": 1}})))
    two.path.write_text("{}", encoding="utf-8")
    marks.append(batch.fingerprint(two, Settings(SHEETS)))
    assert len(set(marks)) == 5
    turned = dict(reversed(list(SHEET.items())))
    assert batch.fingerprint(one, Settings({"04_batch_norm": turned})) == marks[0]


def test_one_submission_is_graded_with_all_settings(folder, calls):
    settings = Settings(SHEETS, 7, Limits(cell=2.0), "bwrap")
    one, two = find_submissions(folder, SHEETS)
    found = batch.one(one, settings)
    assert calls == [(submission({}), SHEET, 7, Limits(cell=2.0), "bwrap")]
    mark = batch.fingerprint(one, settings)
    rows = [asdict(row) for row in ROWS]
    assert found == {"fingerprint": mark, "rows": rows, "notes": ["+odd", "too"]}
    two.path.write_text("{", encoding="utf-8")
    found = batch.one(two, settings)
    message = "exercises.ipynb is no notebook: JSONDecodeError"
    wanted = [Row(t.name, t.kind, 0.0, t.points, "unreadable", message) for t in tasks(SHEET)]
    mark = batch.fingerprint(two, settings)
    rows = [asdict(row) for row in wanted]
    assert found == {"fingerprint": mark, "rows": rows, "notes": []}
    assert len(calls) == 1


CSV = (
    "student,sheet,exercise,kind,points,most,status,message,notes\r\n"
    "ada,04_batch_norm,ex04_q1,code,2.5,3.0,graded,\"'=fine, but ß\",'+odd; too\r\n"
    "ada,04_batch_norm,b,text,0.0,1.0,blank,,'+odd; too\r\n"
)


def test_all_are_graded_written_and_taken_again(folder, calls, capsys):
    out = folder / "new" / "grades.csv"
    rows = grade_all(find_submissions(folder, SHEETS), Settings(SHEETS), out)
    assert rows[0] == ["ada", "04_batch_norm", *asdict(ROWS[0]).values(), "+odd; too"]
    assert [row[0] for row in rows] == ["ada", "ada", "bob", "bob"]
    ada, bob = CSV, CSV.split("\n", 1)[1].replace("ada", "bob")
    assert out.read_bytes().decode() == ada + bob
    assert capsys.readouterr().out == ""
    parts = folder / "new" / "grades.csv.parts"
    names = ["ada--04_batch_norm.json", "bob--04_batch_norm.json"]
    assert sorted(path.name for path in parts.iterdir()) == names
    part = (parts / names[1]).read_text(encoding="utf-8")
    assert part.startswith('{\n "fingerprint": "')
    assert json.loads(part)["notes"] == ["+odd", "too"]
    (parts / names[0]).unlink()
    assert grade_all(find_submissions(folder, SHEETS), Settings(SHEETS), out) == rows
    assert len(calls) == 3  # bob's is taken as it is
    grade_all(find_submissions(folder, SHEETS), Settings(SHEETS, seed=1), out)
    assert len(calls) == 5
    assert out.read_bytes().decode() == ada + bob


def test_as_many_are_graded_at_a_time_as_asked_for(folder, calls, monkeypatch):
    seen, real = [], batch.ThreadPoolExecutor
    monkeypatch.setattr(batch, "ThreadPoolExecutor", lambda n: seen.append(n) or real(n))
    grade_all(find_submissions(folder, SHEETS), Settings(SHEETS, workers=5), folder / "g.csv")
    assert seen == [5]


class Bar:
    """Stand for tqdm's bar."""

    def __init__(self, **options):
        self.options, self.steps = options, 0
        Bar.last = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def update(self, n=1):
        """Count steps."""
        self.steps += n


def test_a_bar_counts_the_submissions(folder, calls, monkeypatch):
    monkeypatch.setattr(batch, "tqdm", Bar)
    grade_all(find_submissions(folder, SHEETS), Settings(SHEETS), folder / "g.csv")
    assert Bar.last.options == {"total": 2, "unit": "submission"}
    assert Bar.last.steps == 2


def test_a_file_is_there_in_full_or_as_it_was(tmp_path, monkeypatch):
    path, seen = tmp_path / "a.csv", []
    path.write_text("old", encoding="utf-8")

    def fsync(number):
        seen.append((path.read_text(encoding="utf-8"), (tmp_path / "a.csv.part").read_bytes()))
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(batch.os, "fsync", fsync)
        with pytest.raises(OSError, match="no room"):
            batch.write(path, "new ß\r\n")
    assert seen == [("old", "new ß\r\n".encode())]
    batch.write(path, "new\n")
    assert path.read_bytes() == b"new\n"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


def test_only_what_a_spreadsheet_would_run_gets_a_quote():
    row = ["=1", "+1", "-1", "@x", "Xavier", "", -1.5]
    assert batch.as_csv([row]) == "'=1,'+1,'-1,'@x,Xavier,,-1.5\r\n"
