"""Bring grades into nbgrader's gradebook, where written answers and feedback go on."""

import csv
import importlib
import json
import warnings
from pathlib import Path
from typing import Any

from bnlib.grading.batch import Submission, write
from bnlib.grading.rebuild import rebuild
from bnlib.grading.sheets import Notebook, read_notebook

NOTEBOOK = "exercises"


def read_csv(path: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Return the points of each exercise that code judged, by student and sheet."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            each = found.setdefault((row["student"], row["sheet"]), {})
            if row["kind"] in ("code", "repair"):
                each[row["exercise"]] = float(row["points"])
    return found


def import_grades(
    grades: Path, submissions: list[Submission], sheets: dict[str, Notebook], course: Path
) -> int:
    """Enter the grades of a CSV into ``course/gradebook.db``; return how many submissions.

    The rebuilt notebooks are put into ``course/autograded``, where nbgrader's form grader
    and feedback look for them. Assignments must exist: `make assignments` enters them.

    Raises
    ------
    ImportError
        If nbgrader is missing.
    """
    api: Any = importlib.import_module("nbgrader.api")
    points = read_csv(grades)
    count = 0
    database = f"sqlite:///{course / 'gradebook.db'}"
    with warnings.catch_warnings(), api.Gradebook(database) as book:
        warnings.simplefilter("ignore")  # nbgrader 0.9 makes SQLAlchemy 2.1 warn
        for each in submissions:
            if (each.student, each.sheet) in points:
                keep_notebook(each, sheets[each.sheet], course)
                enter(book, each, points[each.student, each.sheet])
                count += 1
    return count


def keep_notebook(submission: Submission, sheet: Notebook, course: Path) -> None:
    """Write a submission, rebuilt, to where nbgrader keeps what it has graded."""
    try:
        notebook = rebuild(read_notebook(submission.path), sheet).notebook
    except ValueError:
        notebook = rebuild({"cells": []}, sheet).notebook
    folder = course / "autograded" / submission.student / submission.sheet
    folder.mkdir(parents=True, exist_ok=True)
    write(
        folder / f"{NOTEBOOK}.ipynb", json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    )


def enter(book: Any, submission: Submission, points: dict[str, float]) -> None:
    """Set the automatic scores of one submission, and leave the others to be marked."""
    book.update_or_create_student(submission.student)
    entry = book.update_or_create_submission(submission.sheet, submission.student)
    for notebook in entry.notebooks:
        for grade in notebook.grades:
            exercise = grade.name.removesuffix("-grade").removesuffix("-answer")
            if exercise in points:
                grade.auto_score, grade.needs_manual_grade = points[exercise], False
            else:
                grade.needs_manual_grade = True
    book.db.commit()
