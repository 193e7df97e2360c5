"""`python -m bncourse.grading`: what its options mean, with a stand-in for the work."""

import json
import shutil
from pathlib import Path

import pytest
from grading_cases import RIGHT, SHEET, hand_in, submission

from bncourse.grading import (
    Limits,
    NoSandboxError,
    Settings,
    __main__,
    find_submissions,
    rebuild,
)
from bncourse.grading.__main__ import main

SHEETS = {"04_batch_norm": SHEET}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Make a folder with one sheet and one submission, and work there."""
    hand_in(tmp_path / "in", "ada", submission())
    folder = tmp_path / "chapters" / "exercises" / "04_batch_norm"
    folder.mkdir(parents=True)
    (folder / "exercises.ipynb").write_text(json.dumps(SHEET), encoding="utf-8")
    (tmp_path / "other").symlink_to(tmp_path / "chapters" / "exercises")
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
    assert settings == Settings(SHEETS, 0, Limits(total=60, cell=10.0), "/opt/bwrap", 2)
    assert out == Path("grades.csv")
    assert capsys.readouterr().out == "grades.csv: 3 answers: 1 blank, 2 graded\n"


@pytest.mark.parametrize(("seconds", "cell"), [("8", 4.0), ("15.5", 7.75), ("90", 10.0)])
def test_grade_takes_options(course, graded, seconds, cell):
    options = ["-o", "new.csv", "--seed", "5", "--workers", "3", "--seconds", seconds]
    options += ["--sheets", "other", "--no-sandbox"]
    assert main(["grade", "in", *options]) == 0
    ((_, settings, out),) = graded
    assert settings == Settings(SHEETS, 5, Limits(total=float(seconds), cell=cell), None, 3)
    assert out == Path("new.csv")
    assert main(["grade", "in", "--output", "a.csv"]) == 0
    assert graded[1][2] == Path("a.csv")


def test_no_option_of_grade_may_be_abbreviated(course, graded):
    with pytest.raises(SystemExit):
        main(["grade", "in", "--no-sand"])
    assert not graded


def test_rebuild_writes_a_notebook_and_says_what_was_odd(course, capsys):
    path = Path("in/ada/04_batch_norm/exercises.ipynb")
    odd = submission({**RIGHT, "ex04_q3": "ß"})
    odd["cells"] = [c for c in odd["cells"] if c["id"] != "ex04_q1-grade"]
    path.write_text(json.dumps(odd), encoding="utf-8")
    for option in ("-o", "--output"):
        assert main(["rebuild", str(path), "04_batch_norm", option, "b.ipynb"]) == 0
        out = "MISSING ex04_q1-grade: restored\nwritten to b.ipynb\n"
        assert capsys.readouterr().out == out
    wanted = json.dumps(rebuild(odd, SHEET).notebook, indent=1, ensure_ascii=False) + "\n"
    assert Path("b.ipynb").read_text(encoding="utf-8") == wanted
    assert "ß" in wanted


def test_import_enters_grades_into_the_course(course, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(__main__, "import_grades", lambda *a: calls.append(a) or 7)
    assert main(["import", "g.csv", "in", "--course", "mine"]) == 0
    submissions = find_submissions(Path("in"), SHEETS)
    assert calls == [(Path("g.csv"), submissions, SHEETS, Path("mine"))]
    assert capsys.readouterr().out == "7 submissions entered into mine/gradebook.db\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["rebuild", "a.ipynb", "04_batch_norm"],
        ["import", "g.csv", "in"],
        ["grade"],
        ["mark", "in"],
        ["grade", "in", "--seed", "x"],
        ["grade", "in", "--workers", "0.5"],
    ],
)
def test_what_is_missing_or_wrong_is_said(course, graded, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: bncourse.grading" in capsys.readouterr().err
    assert not graded


@pytest.mark.parametrize("error", [NoSandboxError, ValueError, OSError])
def test_an_error_is_one_line_and_status_2(course, graded, monkeypatch, capsys, error):
    def fail():
        raise error("this is why")

    monkeypatch.setattr(__main__, "find_bubblewrap", fail)
    assert main(["grade", "in"]) == 2
    assert capsys.readouterr() == ("", "bncourse.grading: this is why\n")


def test_an_unknown_sheet_is_named(course, capsys):
    path = "in/ada/04_batch_norm/exercises.ipynb"
    shutil.copytree("chapters/exercises/04_batch_norm", "chapters/exercises/05_next")
    assert main(["rebuild", path, "99_none", "-o", "b.ipynb"]) == 2
    known = "04_batch_norm, 05_next"
    message = f"bncourse.grading: expected one of the sheets {known}, got '99_none'\n"
    assert capsys.readouterr().err == message
    assert not Path("b.ipynb").exists()


HELP = {
    (): [
        "usage: bncourse.grading [-h] {grade,rebuild,import} ...",
        "python -m bncourse.grading grade SUBMISSIONS -o grades.csv",
        "grade grade all submissions of a folder",
        "rebuild put one submission into the pristine sheet",
        "import enter grades into nbgrader's gradebook",
    ],
    ("grade",): [
        "submissions STUDENT/SHEET/FILE.ipynb below it",
        "--seed SEED your secret: changes all cases",
        "--workers WORKERS submissions at a time (2)",
        "--seconds SECONDS for one submission (60)",
        "--no-sandbox run students' code with all your rights",
        "--sheets SHEETS with solutions",
    ],
    ("rebuild",): [
        "sheet name of the sheet, as 04_batch_norm",
        "--sheets SHEETS with solutions",
    ],
    ("import",): ["--course COURSE folder of nbgrader's course", "--sheets SHEETS with solu"],
}


@pytest.mark.parametrize("command", HELP)
def test_help_says_what_to_give(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for text in HELP[command]:
        assert text in out
