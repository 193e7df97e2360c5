"""Bring grades into nbgrader's gradebook, where written answers and feedback go on."""

import csv
import importlib
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bncourse.grading import clean
from bncourse.grading.batch import SPARE, Submission, chosen, in_processes, write
from bncourse.grading.rebuild import rebuild
from bncourse.grading.sheets import Notebook, as_stored

NEEDED = {"student", "sheet", "exercise", "kind", "points", "status", "message"}


class Mark(NamedTuple):
    """What the table says of one exercise."""

    points: float | None  # None: a person marks it
    comment: str  # what the student should read


UNMARKED = Mark(None, "")


def read_csv(path: Path) -> dict[tuple[str, str], dict[str, Mark]]:
    """Return the marks of a table by student and sheet, then by exercise.

    Raises
    ------
    ValueError
        If the file has not the columns of `python -m bncourse.grading grade`.
    """
    marks: dict[tuple[str, str], dict[str, Mark]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = sorted(NEEDED - set(rows.fieldnames or ()))
        if missing:
            raise ValueError(
                f"{path}: expected the table of `python -m bncourse.grading grade`, found no "
                f"column {missing[0]!r}; run grade again, another program may have replaced it"
            )
        for row in rows:
            judged = row["kind"] in ("code", "repair") or row["status"] == "blank"
            comment = row["message"] or ("" if row["status"] == "graded" else row["status"])
            mark = Mark(float(row["points"]), comment) if judged else UNMARKED
            key = clean.from_table(row["student"]), row["sheet"]
            marks.setdefault(key, {})[row["exercise"]] = mark
    return marks


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
    marks = read_csv(grades)
    known = [s for s in submissions if (s.student, s.sheet) in marks]
    keep = partial(keep_notebook, sheets=sheets, course=course)
    count = 0
    database = f"sqlite:///{course / 'gradebook.db'}"
    with warnings.catch_warnings(), api.Gradebook(database) as book:
        warnings.simplefilter("ignore")  # nbgrader 0.9 makes SQLAlchemy 2.1 warn
        for submission, said in in_processes(keep, known, 2, SPARE):
            try:
                enter(book, submission, marks[submission.student, submission.sheet])
                count += 1
            except Exception as error:  # everybody else's marks are entered
                book.db.rollback()
                said = {"why": f"not entered: {type(error).__name__}: {error}"}
            if "why" in said:
                name = f"{submission.student}/{submission.sheet}"
                print(f"{name}: {clean.visible(said['why'], 500)}", file=sys.stderr)
    return count


def keep_notebook(submission: Submission, sheets: dict[str, Notebook], course: Path) -> None:
    """Write a submission, rebuilt, to where nbgrader keeps what it has graded."""
    sheet = sheets[submission.sheet]
    try:
        notebook = rebuild(chosen(submission, sheet)[0], sheet).notebook
    except ValueError:
        notebook = rebuild({"cells": []}, sheet).notebook
    folder = course / "autograded" / submission.student / submission.sheet
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{submission.sheet}.ipynb", as_stored(notebook))


def exercise_of(cell: str) -> str:
    """Return the exercise that a cell of nbgrader belongs to."""
    return cell.removesuffix("-grade").removesuffix("-answer")


def enter(book: Any, submission: Submission, marks: dict[str, Mark]) -> None:
    """Set automatic scores and comments of one submission; leave the rest to be marked."""
    book.update_or_create_student(submission.student)
    entry = book.update_or_create_submission(submission.sheet, submission.student)
    for notebook in entry.notebooks:
        for grade in notebook.grades:
            points = marks.get(exercise_of(grade.name), UNMARKED).points
            grade.needs_manual_grade = points is None
            if points is not None:
                grade.auto_score = points
        for comment in notebook.comments:  # a person's own comment stays before this one
            text = marks.get(exercise_of(comment.name), UNMARKED).comment
            comment.auto_comment = clean.literal(text)
    book.db.commit()
