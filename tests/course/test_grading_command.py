"""`python -m bncourse.grading`: what its options mean, with a stand-in for the work."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from grading_cases import RIGHT, SHEET, hand_in, submission

from bncourse.grading import Limits, Settings, __main__, find_submissions, rebuild, sandbox
from bncourse.grading.__main__ import main
from bncourse.grading.sheets import as_stored

SHEETS = {"04_batch_norm": SHEET}
HANDED_IN = "in/ada/04_batch_norm/04_batch_norm.ipynb"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Make a folder with one sheet and one submission, and work there."""
    hand_in(tmp_path / "in", "ada", submission())
    folder = tmp_path / "book" / "sheets"
    folder.mkdir(parents=True)
    (folder / "04_batch_norm.ipynb").write_text(json.dumps(SHEET), encoding="utf-8")
    (tmp_path / "other").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def graded(monkeypatch):
    """Record what `grade` asks for; two answers are graded and one is blank."""
    calls = []

    def grade_all(submissions, settings, out):
        calls.append((submissions, settings, out))
        return [[*"abcdef", status] for status in ("graded", "blank", "graded")]

    monkeypatch.setattr(__main__, "grade_all", grade_all)
    monkeypatch.setattr(__main__, "find_bubblewrap", lambda: "/opt/bwrap")
    return calls


def test_grade_has_defaults(course, graded, capsys):
    assert main(["grade", "in"]) == 0
    ((submissions, settings, out),) = graded
    assert submissions == find_submissions(Path("in"), SHEETS)
    seed = int(Path("seed.txt").read_text(encoding="utf-8"))  # drawn, and kept
    assert Path("seed.txt").stat().st_mode & 0o777 == 0o600
    assert settings == Settings(SHEETS, seed, Limits(total=60, cell=10.0), "/opt/bwrap", 2)
    assert out == Path("grades.csv")
    assert capsys.readouterr().out == "grades.csv: 3 answers: 1 blank, 2 graded\n"
    assert main(["grade", "in"]) == 0
    assert graded[1][1].seed == seed


@pytest.mark.parametrize(("seconds", "cell"), [("6", 1.0), ("90", 15.0)])
def test_grade_takes_options(course, graded, seconds, cell):
    options = ["-o", "new.csv", "--seed", "5", "--workers", "3", "--seconds", seconds]
    options += ["--sheets", "other", "--no-sandbox"]
    assert main(["grade", "in", *options]) == 0
    ((_, settings, out),) = graded
    assert settings == Settings(SHEETS, 5, Limits(total=float(seconds), cell=cell), None, 3)
    assert out == Path("new.csv")


def test_without_a_sandbox_it_refuses_unless_told_in_full(course, monkeypatch, capsys):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert main(["grade", "in"]) == 2
    assert "no sandbox: bubblewrap (bwrap) is missing" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["grade", "in", "--no-sand"])
    assert not Path("grades.csv").exists()
    assert main(["grade", "in", "--no-sandbox"]) == 0
    with Path("grades.csv").open(encoding="utf-8", newline="") as file:
        points = {row["exercise"]: row["points"] for row in csv.DictReader(file)}
    assert points["ex04_q1"] == "3.0"


def test_rebuild_writes_a_notebook_and_says_what_was_odd(course, capsys):
    odd = submission({**RIGHT, "ex04_q3": "ß"})
    odd["cells"] = [c for c in odd["cells"] if c["id"] != "ex04_q1-grade"]
    Path(HANDED_IN).write_text(json.dumps(odd), encoding="utf-8")
    assert main(["rebuild", HANDED_IN, "04_batch_norm", "-o", "b.ipynb"]) == 0
    out = "MISSING ex04_q1-grade: restored\nwritten to b.ipynb\n"
    assert capsys.readouterr().out == out
    wanted = as_stored(rebuild(odd, SHEET).notebook)
    assert Path("b.ipynb").read_text(encoding="utf-8") == wanted
    assert "ß" in wanted


def test_import_enters_grades_into_the_course(course, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(__main__, "import_grades", lambda *a: calls.append(a) or 7)
    assert main(["import", "g.csv", "in", "--course", "mine"]) == 0
    submissions = find_submissions(Path("in"), SHEETS)
    assert calls == [(Path("g.csv"), submissions, SHEETS, Path("mine"))]
    assert capsys.readouterr().out == "7 submissions entered into mine/gradebook.db\n"


NONE = ["rebuild", HANDED_IN, "99_none", "-o", "b.ipynb"]
FAILED = [
    (["grade", "nowhere", "--no-sandbox"], "no submissions in nowhere; expected STUDENT"),
    (["grade", "in", "--sheets", "nowhere"], "no sheets in nowhere; expected NAME"),
    (["rebuild", "x.ipynb", "04_batch_norm", "-o", "b.ipynb"], "x.ipynb is no notebook"),
    (NONE, "expected one of the sheets 04_batch_norm, 05_next, got '99_none'"),
]


@pytest.mark.parametrize(("arguments", "words"), FAILED)
def test_an_error_is_one_line_and_status_2(course, arguments, words, capsys):
    shutil.copy("book/sheets/04_batch_norm.ipynb", "book/sheets/05_next.ipynb")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:18]) == ("", 1, "bncourse.grading: ")
    assert words in err
    assert not Path("b.ipynb").exists()


MISUSED = [
    ["rebuild", "a.ipynb", "04_batch_norm"], ["import", "g.csv", "in"], ["mark", "in"],
    ["grade", "in", "--workers", "0.5"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", MISUSED, ids=str)
def test_what_is_missing_or_wrong_is_said(course, graded, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: bncourse.grading" in capsys.readouterr().err
    assert not graded
