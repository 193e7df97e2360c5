"""Bring grades into nbgrader's gradebook, where written answers and feedback go on."""

import importlib
import re
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bncourse.grading import clean
from bncourse.grading.batch import SPARE, Submission, chosen, in_processes, write
from bncourse.grading.rebuild import rebuild
from bncourse.grading.sheets import Notebook, as_stored, read_file, tag
from bncourse.grading.tables import read_table


class Mark(NamedTuple):
    """What the table says of one exercise."""

    points: float | None  # None: a person marks it
    comment: str  # what the student should read


UNMARKED = Mark(None, "")
NAME = re.compile(r'(?!\.)[^,"/<>*?\[\]]+')  # a comma shifts the columns of nbgrader's export


def read_csv(path: Path) -> dict[tuple[str, str], dict[str, Mark]]:
    """Return the marks of a table by student and sheet, then by exercise.

    Raises
    ------
    ValueError
        If the file has not the columns of `python -m bncourse.grading grade`.
    """
    marks: dict[tuple[str, str], dict[str, Mark]] = {}
    for row in read_table(path):
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
    marks, late = read_csv(grades), penalties(course)
    known = [s for s in submissions if (s.student, s.sheet) in marks]
    keep = partial(keep_notebook, sheets=sheets, course=course)
    count = 0
    database = f"sqlite:///{course / 'gradebook.db'}"
    with warnings.catch_warnings(), api.Gradebook(database) as book:
        warnings.simplefilter("ignore")  # nbgrader 0.9 makes SQLAlchemy 2.1 warn
        for submission, said in in_processes(keep, known, 2, SPARE):
            try:
                enter(book, submission, marks[submission.student, submission.sheet], late)
                count += 1
            except Exception as error:  # everybody else's marks are entered
                book.db.rollback()
                said = {"why": f"not entered: {type(error).__name__}: {error}"}
            if "why" in said:
                name = f"{submission.student}/{submission.sheet}"
                print(f"{name}: {clean.visible(said['why'], 500)}", file=sys.stderr)
    return count


def keep_notebook(submission: Submission, sheets: dict[str, Notebook], course: Path) -> None:
    """Write a submission, rebuilt and clean, to where nbgrader keeps what it has graded."""
    refuse_names(submission.student)
    sheet = sheets[submission.sheet]
    try:
        notebook = rebuild(chosen(submission, sheet)[0], sheet).notebook
    except ValueError:
        notebook = rebuild({"cells": []}, sheet).notebook
    answers = ("answer", "written")
    cells = [clean.clean_cell(c) if tag(c) in answers else c for c in notebook["cells"]]
    folder = course / "autograded" / submission.student / submission.sheet
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / f"{submission.sheet}.ipynb", as_stored({**notebook, "cells": cells}))


def exercise_of(cell: str) -> str:
    """Return the exercise that a cell of nbgrader belongs to."""
    return cell.removesuffix("-grade").removesuffix("-answer")


def penalties(course: Path) -> Any:
    """Return nbgrader's plugin for late submissions, as the course's settings choose it."""
    loader: Any = importlib.import_module("traitlets.config.loader")
    steps: Any = importlib.import_module("nbgrader.preprocessors")
    settings = course / "nbgrader_config.py"
    config = None
    if settings.exists():
        config = loader.PyFileConfigLoader(settings.name, str(course)).load_config()
    step = steps.AssignLatePenalties(config=config)
    step.init_plugin()
    return step.plugin_inst


def handed_in(submission: Submission) -> str | None:
    """Return what stands in the submission's ``timestamp.txt``, where there is one."""
    path = submission.path.with_name("timestamp.txt")
    return read_file(path).decode("utf-8").strip() or None if path.is_file() else None


def enter(book: Any, submission: Submission, marks: dict[str, Mark], late: Any) -> None:
    """Set automatic scores, comments and the penalty of one submission.

    What a person has marked stays marked.
    """
    student, sheet = submission.student, submission.sheet
    refuse_names(student)
    book.update_or_create_student(student)
    entry = book.update_or_create_submission(sheet, student, timestamp=handed_in(submission))
    for notebook in entry.notebooks:
        for grade in notebook.grades:
            points = marks.get(exercise_of(grade.name), UNMARKED).points
            grade.needs_manual_grade = points is None and grade.manual_score is None
            if points is not None:
                grade.auto_score = points
        for comment in notebook.comments:  # a person's own comment stays before this one
            text = marks.get(exercise_of(comment.name), UNMARKED).comment
            comment.auto_comment = clean.literal(text)
    book.db.commit()
    for notebook in entry.notebooks:  # after the commit, since it asks for the new score
        seconds = entry.total_seconds_late
        penalty = (
            late.late_submission_penalty(student, notebook.score, seconds) if seconds else 0
        )
        notebook.late_submission_penalty = min(max(penalty or 0, 0), notebook.score)
    book.db.commit()


def refuse_names(*students: str) -> None:
    """Refuse names that nbgrader's export, or its folders, would not bear.

    Raises
    ------
    ValueError
        With all names that have such a character. The escapes of `clean.name` are well.
    """
    bad = [repr(s) for s in students if not (NAME.fullmatch(s) and s.isprintable())]
    if bad:
        raise ValueError(
            'expected names without , " / < > * ? [ ] and control codes, and without a dot in '
            f"front, got {', '.join(sorted(set(bad)))}; rename the folders, and grade again"
        )


def scores(course: Path) -> dict[str, tuple[float, dict[str, float]]]:
    """Return each assignment's most points, and each student's score without the penalty."""
    api: Any = importlib.import_module("nbgrader.api")
    with (
        warnings.catch_warnings(),
        api.Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book,
    ):
        warnings.simplefilter("ignore")  # nbgrader 0.9 makes SQLAlchemy 2.1 warn
        return {
            sheet.name: (
                sheet.max_score,
                {e.student.id: max(0.0, e.score - e.late_submission_penalty)
                 for e in sheet.submissions},
            )
            for sheet in sorted(book.assignments, key=lambda a: a.name)
        }  # fmt: skip
