"""Grades on their way into nbgrader's gradebook, which a stand-in plays here."""

import sys
import types
import warnings
from types import SimpleNamespace

import pytest
from grading_cases import RIGHT, SHEET, hand_in, submission

from bncourse.grading import find_submissions, gradebook, rebuild
from bncourse.grading.sheets import as_stored

SHEETS = {"04_batch_norm": SHEET}
CSV = """student,sheet,exercise,kind,points,most,status,message,notes
ada,04_batch_norm,ex04_q1,code,2.5,3.0,graded,ß,
ada,04_batch_norm,ex04_q2,repair,1,4.0,timed out,,
ada,04_batch_norm,ex04_q3,derivation,0.0,3.0,to mark,,
bob,04_batch_norm,ex04_q1,code,0.0,3.0,graded,,
bob,04_batch_norm,ex04_q3,derivation,0.0,3.0,blank,,
"""


@pytest.fixture
def books(monkeypatch):
    """Play nbgrader: remember what is entered."""
    made = []

    class Gradebook:
        def __init__(self, database):
            warnings.warn("as SQLAlchemy does", stacklevel=1)
            self.database, self.students, self.entries, self.commits = database, [], {}, 0
            self.comments = {}
            self.db = SimpleNamespace(commit=self.commit)
            made.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.closed = True

        def commit(self):
            warnings.warn("as SQLAlchemy does", stacklevel=1)
            self.commits += 1

        def update_or_create_student(self, name):
            self.students.append(name)

        def update_or_create_submission(self, sheet, student):
            names = ("ex04_q1-grade", "ex04_q2-answer", "ex04_q3-answer")
            grades = [
                SimpleNamespace(name=n, auto_score=None, needs_manual_grade=None) for n in names
            ]
            comments = [
                SimpleNamespace(name=f"ex04_q{number}-answer", auto_comment="No response.")
                for number in (1, 2, 3)
            ]
            self.entries[sheet, student] = grades
            self.comments[student] = comments
            return SimpleNamespace(
                notebooks=[SimpleNamespace(grades=grades, comments=comments)]
            )

    api = types.ModuleType("nbgrader.api")
    api.Gradebook = Gradebook
    monkeypatch.setitem(sys.modules, "nbgrader", types.ModuleType("nbgrader"))
    monkeypatch.setitem(sys.modules, "nbgrader.api", api)
    return made


def test_points_are_read_by_student_and_sheet(tmp_path):
    (tmp_path / "g.csv").write_text(CSV, encoding="utf-8")
    ada = {"ex04_q1": (2.5, "ß"), "ex04_q2": (1.0, "timed out"), "ex04_q3": (None, "")}
    bob = {"ex04_q1": (0.0, ""), "ex04_q3": (0.0, "blank")}
    wanted = {("ada", "04_batch_norm"): ada, ("bob", "04_batch_norm"): bob}
    assert gradebook.read_csv(tmp_path / "g.csv") == wanted


@pytest.mark.parametrize(
    "text", ["", "student,sheet,exercise,kind,points,status\n", "id;score"]
)
def test_another_table_is_refused(tmp_path, text):
    path = tmp_path / "g.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"g\.csv: .* no column '\w+'"):
        gradebook.read_csv(path)


@pytest.mark.filterwarnings("ignore:as SQLAlchemy")
def test_scores_are_entered_and_the_rest_is_left_to_mark(tmp_path, books):
    answers = {**RIGHT, "ex04_q3": "ß"}
    for student in ("ada", "bob", "cyd"):
        hand_in(tmp_path / "in", student, submission(answers))
    bad = tmp_path / "in" / "bob" / "04_batch_norm" / "04_batch_norm.ipynb"
    bad.write_text("{", encoding="utf-8")
    (tmp_path / "g.csv").write_text(CSV, encoding="utf-8")
    course, submissions = tmp_path / "course", find_submissions(tmp_path / "in", SHEETS)
    for _ in range(2):  # the second import replaces the first
        count = gradebook.import_grades(tmp_path / "g.csv", submissions, SHEETS, course)
        assert count == 2
    _, book = books
    assert book.closed
    assert book.database == f"sqlite:///{course}/gradebook.db"
    assert (book.students, book.commits) == (["ada", "bob"], 2)
    entered = {
        student: [(g.auto_score, g.needs_manual_grade) for g in grades]
        for (sheet, student), grades in book.entries.items()
    }
    assert {sheet for sheet, _ in book.entries} == {"04_batch_norm"}
    assert entered == {
        "ada": [(2.5, False), (1.0, False), (None, True)],
        "bob": [(0.0, False), (None, True), (0.0, False)],
    }
    said = {name: [c.auto_comment for c in all_] for name, all_ in book.comments.items()}
    assert said == {"ada": ["ß", "timed out", ""], "bob": ["", "", "blank"]}
    kept = {
        p.relative_to(course).as_posix(): p.read_text("utf-8") for p in course.rglob("*.ipynb")
    }
    handed_in = {"ada": submission(answers), "bob": {"cells": []}}
    assert kept == {
        f"autograded/{name}/04_batch_norm/04_batch_norm.ipynb":
            as_stored(rebuild(notebook, SHEET).notebook)
        for name, notebook in handed_in.items()
    }  # fmt: skip
