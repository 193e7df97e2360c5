"""Grades on their way into nbgrader's gradebook."""

import os
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from grading_cases import RIGHT, SHEET, cell_of, hand_in, submission

from bncourse.grading import find_submissions, gradebook, read_notebook, rebuild
from bncourse.grading.__main__ import main

NAME = "04_batch_norm"
SHEETS = {NAME: SHEET}
CSV = """student,sheet,exercise,kind,points,most,status,message,notes
ada,04_batch_norm,ex04_q1,code,2.5,3.0,graded,ß,
ada,04_batch_norm,ex04_q2,repair,1,4.0,timed out,,
ada,04_batch_norm,ex04_q3,derivation,0.0,3.0,to mark,,
bob,04_batch_norm,ex04_q1,code,0.0,3.0,graded,,
bob,04_batch_norm,ex04_q3,derivation,0.0,3.0,blank,,
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Make a gradebook with one sheet: two answers judged by code, and a derivation."""
    api = pytest.importorskip("nbgrader.api")
    path = tmp_path_factory.mktemp("book") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # alembic
        warnings.simplefilter("ignore")  # nbgrader 0.9 makes SQLAlchemy 2.1 warn
        with api.Gradebook(f"sqlite:///{path}") as book:
            book.add_assignment(NAME)
            book.add_notebook(NAME, NAME)
            for name in ("ex04_q1-grade", "ex04_q2-grade", "ex04_q3-answer"):
                kind = "code" if name.endswith("-grade") else "markdown"
                book.add_grade_cell(name, NAME, NAME, max_score=4, cell_type=kind)
            for number in (1, 2, 3):
                book.add_solution_cell(f"ex04_q{number}-answer", NAME, NAME)
    return path


@pytest.fixture
def book(tmp_path, database):
    """Give a copy of the gradebook in the test's folder, open."""
    api = pytest.importorskip("nbgrader.api")
    shutil.copy(database, tmp_path / "gradebook.db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with api.Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as opened:
            yield opened


def enter(folder, text=CSV):
    """Import a table for what stands in ``folder``; return how many were entered."""
    (folder / "g.csv").write_text(text, encoding="utf-8")
    submissions = find_submissions(folder / "in", SHEETS)
    return gradebook.import_grades(folder / "g.csv", submissions, SHEETS, folder)


def test_scores_are_entered_and_the_rest_is_left_to_mark(tmp_path, book):
    answers = {**RIGHT, "ex04_q3": "ß"}
    for student in ("ada", "bob", "cyd"):
        hand_in(tmp_path / "in", student, submission(answers))
    (tmp_path / "in" / "bob" / NAME / f"{NAME}.ipynb").write_text("{", encoding="utf-8")
    assert [enter(tmp_path), enter(tmp_path)] == [2, 2]  # the second replaces the first
    entered, said = {}, {}
    for entry in book.assignment_submissions(NAME):
        (notebook,), student = entry.notebooks, entry.student.id
        grades = {g.name: (g.auto_score, g.needs_manual_grade) for g in notebook.grades}
        entered[student] = [grades[name] for name in sorted(grades)]
        comments = {c.name: c.auto_comment for c in notebook.comments}
        said[student] = [comments[name] for name in sorted(comments)]
    assert entered == {
        "ada": [(2.5, False), (1.0, False), (None, True)],
        "bob": [(0.0, False), (None, True), (0.0, False)],
    }
    assert said == {"ada": ["    ß", "    timed out", ""], "bob": ["", "", "    blank"]}
    kept = [read_notebook(tmp_path / "autograded" / student / NAME / f"{NAME}.ipynb")
            for student in ("ada", "bob")]  # fmt: skip
    written, empty = (cell_of(notebook, "ex04_q3-answer") for notebook in kept)
    assert (written["source"], written["metadata"]["original"]) == (["    ß"], "ß")
    assert empty["source"] == ["    *Your answer.*"]


def test_what_fails_for_one_student_is_said_and_the_others_are_entered(
    tmp_path, book, monkeypatch, capsys
):
    def rebuilt(notebook, sheet):
        if notebook["cells"][0]["source"] == "bob":
            os._exit(3)
        return rebuild(notebook, sheet)

    for student in ("=ada", "a[b", "cyd"):
        path = hand_in(tmp_path / "in", student, submission())
    path.with_name("z.ipynb").write_text("{", encoding="utf-8")  # an older one, damaged
    cell = {"cell_type": "code", "source": "bob"}
    hand_in(tmp_path / "in", "bob", {"cells": [cell]})
    monkeypatch.setattr(gradebook, "rebuild", rebuilt)
    more = "".join(f"{name},{NAME},ex04_q1,code,0.0,3.0,graded,,\n" for name in ("a[b", "cyd"))
    assert enter(tmp_path, CSV.replace("ada,", "'=ada,") + more) == 3
    said = capsys.readouterr().err
    assert f"bob/{NAME}: the grader's process ended" in said
    assert f"a[b/{NAME}: not entered: ValueError: expected names without" in said


CONFIG = """c = get_config()
c.AssignLatePenalties.plugin_class = "late_by_hour.ByHour"
"""
PLUGIN = """from nbgrader.plugins import LateSubmissionPlugin


class ByHour(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return total_seconds_late / 3600
"""


@pytest.mark.parametrize(("hour", "penalty"), [(11, 0.0), (13, 1.0), (23, 3.5)])
def test_a_late_answer_costs_what_nbgraders_plugin_says(
    tmp_path, book, monkeypatch, capsys, hour, penalty
):
    """Due at 12; never more than the score of 3.5."""
    (tmp_path / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "late_by_hour.py").write_text(PLUGIN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    book.update_or_create_assignment(NAME, duedate="2030-01-01 12:00:00 UTC")
    hand_in(tmp_path / "in", "bob", submission({}))
    path = hand_in(tmp_path / "in", "ada", submission({}))
    stamp = f"2030-01-01 {hour}:00:00 UTC\n"
    path.with_name("timestamp.txt").write_text(stamp, encoding="utf-8")
    enter(tmp_path)
    entry = book.find_submission(NAME, "ada")
    assert (entry.score, entry.late_submission_penalty) == (3.5, penalty)
    people, out = tmp_path / "people.csv", tmp_path / "totals.csv"
    people.write_text("ID,Name\n,Points Possible\nada,Ada\n", encoding="utf-8")
    command = ["totals", str(people), "--key", "ID", "--course", str(tmp_path), "-o", str(out)]
    assert main(command) == 0
    assert "people.csv: bob\n" in capsys.readouterr().err  # is not on the list
    assert out.read_text(encoding="utf-8").splitlines() == [
        f"ID,Name,{NAME},total", ",Points Possible,12.0,12.0",
        f"ada,Ada,{3.5 - penalty},{3.5 - penalty}",
    ]  # fmt: skip


def test_what_a_person_has_marked_stays_marked(tmp_path, book):
    hand_in(tmp_path / "in", "ada", submission(RIGHT))
    assert enter(tmp_path) == 1
    grade = book.find_grade("ex04_q3-answer", NAME, NAME, "ada")
    assert grade.needs_manual_grade
    grade.manual_score, grade.needs_manual_grade = 2.0, False
    book.db.commit()
    enter(tmp_path)
    book.db.refresh(grade)
    assert (grade.manual_score, grade.needs_manual_grade) == (2.0, False)


BAD_NAMES = ["doe, jane", 'a"b', "a/b", "a<b", "..", ".a", "a\nb", "[x]", "a*", ""]


def test_a_name_that_nbgrader_cannot_bear_is_refused():
    """Brackets and stars would stop the feedback of a whole class, a dot hides its own."""
    for name in BAD_NAMES:
        with pytest.raises(ValueError, match=r"expected names without , .* got ") as error:
            gradebook.refuse_names("ada", name)
        assert "ada" not in str(error.value)
    gradebook.refuse_names("ada", "-dash", "@handle", "Müller Ö.", "a;b", r"\x0a")
