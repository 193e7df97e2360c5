"""A folder of submissions: several at a time, cut off and taken up again, told apart."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from grading_cases import BUBBLEWRAP, FULL, RIGHT, SHEET, hand_in, needs_sandbox, submission

from bncourse.grading import Limits, Settings, batch, find_submissions, grade_all, sandbox
from bncourse.grading.__main__ import main

SHEETS = {"04_batch_norm": SHEET}
LIMITS = Limits(cell=1.0, total=4.0)
SETTINGS = Settings(SHEETS, limits=LIMITS, program=BUBBLEWRAP)
ANSWERS = {
    "ada": RIGHT,
    "bob": {},
    "cyd": {"ex04_q1": RIGHT["ex04_q1"]},
    "dan": {**RIGHT, "ex04_q1": "import os\nos._exit(1)"},
    "eve": {**RIGHT, "ex04_q1": "def standardize(x, eps):\n    while True: pass"},
}


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def handed_in(tmp_path):
    for student, answers in ANSWERS.items():
        hand_in(tmp_path / "submitted", student, submission(answers))
    bad = hand_in(tmp_path / "submitted", "fay", submission())
    bad.write_text("{ no json", encoding="utf-8")
    return tmp_path / "submitted"


@needs_sandbox
def test_the_csv_tells_everything_apart(handed_in, tmp_path):
    out = tmp_path / "grades.csv"
    grade_all(find_submissions(handed_in, SHEETS), SETTINGS, out)
    rows = read(out)
    first = {r["student"]: (r["status"], float(r["points"])) for r in rows
             if r["exercise"] == "ex04_q1"}  # fmt: skip
    assert first == {
        "ada": ("graded", 3.0), "bob": ("blank", 0.0), "cyd": ("graded", 3.0),
        "dan": ("crashed", 0.0), "eve": ("timed out", 0.0), "fay": ("unreadable", 0.0),
    }  # fmt: skip
    second = {r["student"]: (r["status"], float(r["points"])) for r in rows
              if r["exercise"] == "ex04_q2"}  # fmt: skip
    assert second["dan"] == second["eve"] == second["ada"] == ("graded", 4.0)
    assert second["cyd"] == ("blank", 0.0)
    marks = {r["status"] for r in rows if r["student"] == "ada"}
    assert marks == {"graded", "to mark"}


def count_runs(monkeypatch):
    """Count the children that are started."""
    runs = []
    real = sandbox.run
    monkeypatch.setattr("bncourse.grading.marking.run", lambda *a: runs.append(1) or real(*a))
    return runs


@needs_sandbox
def test_a_second_run_grades_nothing_again_and_only_what_changed(tmp_path, monkeypatch):
    folder, out = tmp_path / "submitted", tmp_path / "grades.csv"
    for student in ("ada", "cyd"):
        hand_in(folder, student, submission(ANSWERS[student]))
    runs = count_runs(monkeypatch)
    grade_all(find_submissions(folder, SHEETS), SETTINGS, out)
    first = out.read_bytes()
    assert len(runs) == 2
    grade_all(find_submissions(folder, SHEETS), SETTINGS, out)
    assert (len(runs), out.read_bytes()) == (2, first)
    path = folder / "cyd" / "04_batch_norm" / "exercises.ipynb"
    path.write_text(json.dumps(submission()), encoding="utf-8")
    grade_all(find_submissions(folder, SHEETS), SETTINGS, out)
    assert len(runs) == 3
    assert out.read_bytes() != first
    other = Settings(SHEETS, seed=5, limits=LIMITS, program=BUBBLEWRAP)
    grade_all(find_submissions(folder, SHEETS), other, out)
    assert len(runs) == 5


@needs_sandbox
def test_a_killed_run_goes_on_where_it_was(tmp_path):
    folder, out = tmp_path / "submitted", tmp_path / "grades.csv"
    students = [f"s{i:02}" for i in range(12)]
    for student in students:
        hand_in(folder, student, submission())
    command = [sys.executable, "-m", "bncourse.grading", "grade", str(folder), "-o", str(out)]
    sheets = batch.__file__  # any path; the real folder of sheets follows
    root = sheets.split("/bncourse/")[0]
    command += ["--sheets", f"{root}/chapters/exercises", "--workers", "1"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    parts = tmp_path / "grades.csv.parts"
    deadline = time.monotonic() + 60
    while len(list(parts.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.json")}
    assert 3 <= len(done) < 12
    assert not out.exists()
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{12 * len(RIGHT)} answers" in again.stdout
    kept = {name: (parts / name).stat().st_mtime_ns for name in done}
    assert kept == done  # nothing graded twice
    rows = read(out)
    assert sorted({r["student"] for r in rows}) == students  # nothing lost
    assert sum(float(r["points"]) for r in rows) == 12 * sum(FULL.values())


def test_damaged_and_foreign_results_are_not_taken(tmp_path):
    path = tmp_path / "a.json"
    for text in ("", "{", "[]", '{"fingerprint": "other"}', "5"):
        path.write_text(text, encoding="utf-8")
        assert batch.stored(path, "mark") is None
    path.write_text('{"fingerprint": "mark", "rows": []}', encoding="utf-8")
    assert batch.stored(path, "mark") == {"fingerprint": "mark", "rows": []}


def test_what_a_spreadsheet_would_run_is_quoted():
    text = batch.as_csv([["=1+1", "@x", "fine", 2.5, ""]])
    assert text.strip() == "'=1+1,'@x,fine,2.5,"


def test_without_a_sandbox_it_refuses_unless_told(tmp_path, monkeypatch, capsys):
    hand_in(tmp_path / "submitted", "ada", submission({"ex04_q1": RIGHT["ex04_q1"]}))
    monkeypatch.setattr("bncourse.grading.sandbox.shutil.which", lambda name: None)
    root = batch.__file__.split("/bncourse/")[0]
    command = ["grade", str(tmp_path / "submitted"), "-o", str(tmp_path / "g.csv"),
               "--sheets", f"{root}/chapters/exercises"]  # fmt: skip
    assert main(command) == 2
    assert "no sandbox: bubblewrap (bwrap) is missing" in capsys.readouterr().err
    assert not (tmp_path / "g.csv").exists()
    with pytest.raises(SystemExit):  # in full, or not at all
        main([*command, "--no-sand"])
    assert main([*command, "--no-sandbox"]) == 0
    assert {r["exercise"]: r["points"] for r in read(tmp_path / "g.csv")}["ex04_q1"] == "3.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grade", "nowhere", "--no-sandbox"], "no submissions in nowhere; expected STUDENT"),
        (["grade", "x", "--sheets", "nowhere"], "no sheets in nowhere; expected NAME"),
        (["rebuild", "x.ipynb", "04_batch_norm", "-o", "y"], "x.ipynb is no notebook"),
    ],
)
def test_the_command_line_says_what_is_wrong(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    root = batch.__file__.split("/bncourse/")[0]
    if "--sheets" not in arguments:
        arguments = [*arguments, "--sheets", f"{root}/chapters/exercises"]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_rebuild_writes_the_pristine_sheet(tmp_path, capsys):
    path = hand_in(tmp_path, "ada", submission())
    root = batch.__file__.split("/bncourse/")[0]
    out = tmp_path / "whole.ipynb"
    command = ["rebuild", str(path), "04_batch_norm", "-o", str(out),
               "--sheets", f"{root}/chapters/exercises"]  # fmt: skip
    assert main(command) == 0
    assert json.loads(out.read_text(encoding="utf-8"))["cells"] == submission()["cells"]
    assert "written to" in capsys.readouterr().out
