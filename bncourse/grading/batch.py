"""Grade a folder of submissions: several at a time, and again from where a run was cut off.

Each result is written to a file of its own as soon as it is known, under a temporary name
that is then changed, so a result is there in full or not at all. A run that is started
again takes what is there. It grades again what changed since.
"""

import csv
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from bncourse.grading.marking import Row, grade, zero
from bncourse.grading.sandbox import Limits
from bncourse.grading.sheets import Notebook, read_notebook, tasks

COLUMNS = ["student", "sheet", *[column.name for column in fields(Row)], "notes"]


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one sheet."""

    student: str
    sheet: str
    path: Path


@dataclass(frozen=True)
class Settings:
    """How to grade: the sheets by name, the secret seed, the limits, the sandbox."""

    sheets: dict[str, Notebook]
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    program: str | None = None
    workers: int = 2


def read_sheets(folder: Path) -> dict[str, Notebook]:
    """Return the sheets' sources by name: ``NAME.ipynb``, or nbgrader's ``NAME/NAME.ipynb``.

    Raises
    ------
    ValueError
        If there are none.
    """
    paths = [
        *folder.glob("*.ipynb"),
        *(p for p in folder.glob("*/*.ipynb") if p.stem == p.parent.name),
    ]
    if not paths:
        raise ValueError(f"grading: no sheets in {folder}; expected NAME.ipynb there")
    return {path.stem: read_notebook(path) for path in sorted(paths)}


def find_submissions(folder: Path, sheets: dict[str, Notebook]) -> list[Submission]:
    """Return what was handed in, as nbgrader lays it out: STUDENT/SHEET/FILE.ipynb.

    Raises
    ------
    ValueError
        If there is nothing.
    """
    submissions = {}
    for path in sorted(folder.glob("*/*/*.ipynb")):
        student, sheet = path.parts[-3:-1]
        if sheet in sheets:
            submissions[student, sheet] = Submission(student, sheet, path)
    if not submissions:
        raise ValueError(
            f"grading: no submissions in {folder}; expected STUDENT/SHEET/FILE.ipynb, with a "
            f"sheet among {', '.join(sheets)}"
        )
    return list(submissions.values())


def fingerprint(submission: Submission, settings: Settings) -> str:
    """Return what the result depends on, in short: the file, the sheet, the seed."""
    parts = [json.dumps(settings.sheets[submission.sheet], sort_keys=True), str(settings.seed)]
    digest = hashlib.sha256("\0".join(parts).encode())
    digest.update(submission.path.read_bytes())
    return digest.hexdigest()


def one(submission: Submission, settings: Settings) -> dict[str, Any]:
    """Return the result of one submission, whatever is in its file."""
    sheet = settings.sheets[submission.sheet]
    mark = fingerprint(submission, settings)
    try:
        notebook = read_notebook(submission.path)
    except ValueError as error:
        rows = [zero(task, "unreadable", str(error)) for task in tasks(sheet)]
        return {"fingerprint": mark, "rows": [asdict(row) for row in rows], "notes": []}
    rows, notes = grade(notebook, sheet, settings.seed, settings.limits, settings.program)
    return {"fingerprint": mark, "rows": [asdict(row) for row in rows], "notes": notes}


def write(path: Path, text: str) -> None:
    """Write a file so that it is there in full or as it was."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def stored(path: Path, mark: str) -> dict[str, Any] | None:
    """Return a result that an earlier run left, if it is of the same submission."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        return dict(result) if result["fingerprint"] == mark else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def results(
    submissions: list[Submission], settings: Settings, folder: Path
) -> Iterator[tuple[Submission, dict[str, Any]]]:
    """Yield each submission's result, new or stored, as they come."""
    folder.mkdir(parents=True, exist_ok=True)
    todo = []
    for submission in submissions:
        path = folder / f"{submission.student}--{submission.sheet}.json"
        known = stored(path, fingerprint(submission, settings))
        if known:
            yield submission, known
        else:
            todo.append((submission, path))
    with ThreadPoolExecutor(settings.workers) as pool:
        running = {pool.submit(one, item[0], settings): item for item in todo}
        for future in as_completed(running):
            submission, path = running[future]
            result = future.result()
            write(path, json.dumps(result, indent=1))
            yield submission, result


def grade_all(submissions: list[Submission], settings: Settings, out: Path) -> list[list[Any]]:
    """Grade everything, write ``out`` as CSV, and return its rows.

    Results of single submissions stand in a folder beside it, ``out`` + ".parts".
    """
    graded: dict[tuple[str, str], dict[str, Any]] = {}
    parts = out.with_name(f"{out.name}.parts")
    for submission, result in results(submissions, settings, parts):
        graded[submission.student, submission.sheet] = result
        print(f"\r{len(graded)} of {len(submissions)} submissions", end="", file=sys.stderr)
    print(file=sys.stderr)
    lines = []
    for (student, sheet), result in sorted(graded.items()):
        notes = "; ".join(result["notes"])
        lines += [[student, sheet, *row.values(), notes] for row in result["rows"]]
    write(out, as_csv([COLUMNS, *lines]))
    return lines


def as_csv(rows: list[list[Any]]) -> str:
    """Return rows as CSV text; what a spreadsheet would take for a formula gets a quote."""
    text = io.StringIO()
    for row in rows:
        safe = [f"'{v}" if isinstance(v, str) and v[:1] in "=+-@" and v else v for v in row]
        csv.writer(text).writerow(safe)
    return text.getvalue()
