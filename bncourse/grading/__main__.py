"""`python -m bncourse.grading grade SUBMISSIONS -o grades.csv`, and what goes with it."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bncourse.grading.batch import (
    Settings,
    find_submissions,
    grade_all,
    kept_seed,
    overlooked,
    read_sheets,
    write,
)
from bncourse.grading.clean import visible
from bncourse.grading.gradebook import import_grades
from bncourse.grading.rebuild import rebuild
from bncourse.grading.sandbox import Limits, NoSandboxError, find_bubblewrap
from bncourse.grading.sheets import as_stored, read_notebook


def add_grade(commands: Any) -> argparse.ArgumentParser:
    """Add the command that grades; no option may be abbreviated."""
    grade: argparse.ArgumentParser = commands.add_parser(
        "grade", help="grade all submissions of a folder", allow_abbrev=False
    )
    grade.add_argument("submissions", type=Path, help="STUDENT/SHEET/FILE.ipynb below it")
    grade.add_argument("-o", "--output", type=Path, default=Path("grades.csv"))
    grade.add_argument("--seed", type=int, help="your secret (drawn, and kept in seed.txt)")
    grade.add_argument("--workers", type=int, default=2, help="submissions at a time (2)")
    grade.add_argument("--seconds", type=float, default=60, help="for one submission (60)")
    grade.add_argument(
        "--no-sandbox", action="store_true", help="run students' code with all your rights"
    )
    return grade


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    top = argparse.ArgumentParser(prog="bncourse.grading", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    grade = add_grade(commands)
    redo = commands.add_parser("rebuild", help="put one submission into the pristine sheet")
    redo.add_argument("submission", type=Path)
    redo.add_argument("sheet", help="name of the sheet, as 04_batch_norm")
    redo.add_argument("-o", "--output", type=Path, required=True)
    book = commands.add_parser("import", help="enter grades into nbgrader's gradebook")
    book.add_argument("grades", type=Path)
    book.add_argument("submissions", type=Path)
    book.add_argument("--course", type=Path, required=True, help="folder of nbgrader's course")
    for command in (grade, redo, book):
        command.add_argument(
            "--sheets", type=Path, default=Path("book/sheets"), help="with solutions"
        )
    return top


def grade_command(options: argparse.Namespace) -> None:
    """Grade everything and say what came out."""
    sheets = read_sheets(options.sheets)
    program = None if options.no_sandbox else find_bubblewrap()
    limits = Limits(total=options.seconds, cell=options.seconds / 6)
    seed = kept_seed(options.output.parent) if options.seed is None else options.seed
    settings = Settings(sheets, seed, limits, program, options.workers)
    for sentence in overlooked(options.submissions, sheets):
        print(f"not graded: {sentence}", file=sys.stderr)
    rows = grade_all(find_submissions(options.submissions, sheets), settings, options.output)
    status = Counter(row[6] for row in rows)
    told = ", ".join(f"{count} {name}" for name, count in sorted(status.items()))
    print(f"{options.output}: {len(rows)} answers: {told}")


def rebuild_command(options: argparse.Namespace) -> None:
    """Write one rebuilt notebook and say what was odd."""
    sheets = read_sheets(options.sheets)
    if options.sheet not in sheets:
        known = ", ".join(sheets)
        raise ValueError(f"expected one of the sheets {known}, got {options.sheet!r}")
    rebuilt = rebuild(read_notebook(options.submission), sheets[options.sheet])
    write(options.output, as_stored(rebuilt.notebook))
    print("\n".join([*rebuilt.notes, f"written to {options.output}"]))


def import_command(options: argparse.Namespace) -> None:
    """Enter a CSV's grades."""
    sheets = read_sheets(options.sheets)
    submissions = find_submissions(options.submissions, sheets)
    count = import_grades(options.grades, submissions, sheets, options.course)
    print(f"{count} submissions entered into {options.course / 'gradebook.db'}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    options = parser().parse_args(argv)
    commands = {"grade": grade_command, "rebuild": rebuild_command, "import": import_command}
    try:
        commands[options.command](options)
    except (NoSandboxError, ValueError, OSError, KeyError) as error:
        print(f"bncourse.grading: {visible(str(error))}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
