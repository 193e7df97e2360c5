"""`python -m bncourse.grading grade SUBMISSIONS -o grades.csv`, and what goes with it."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bncourse.grading import clean
from bncourse.grading.batch import (
    Settings,
    as_csv,
    find_submissions,
    grade_all,
    kept_seed,
    overlooked,
    read_sheets,
    write,
)
from bncourse.grading.gradebook import import_grades, refuse_names, scores
from bncourse.grading.rebuild import rebuild
from bncourse.grading.sandbox import Limits, NoSandboxError, find_bubblewrap
from bncourse.grading.sheets import as_stored, read_notebook
from bncourse.grading.tables import (
    Lines,
    as_plain_csv,
    by_exercise,
    changes,
    merge,
    names_of,
    read_people,
    read_table,
    totals,
)


def shard(text: str) -> slice:
    """Return which submissions ``K/N`` stands for: of every N the K-th, counted from 1."""
    k, _, n = text.partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"expected K/N with 1 <= K <= N, got {text!r}")
    return slice(int(k) - 1, None, int(n))


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
    grade.add_argument("--shard", type=shard, help="K/N: of every N submissions the K-th")
    grade.add_argument(
        "--no-sandbox", action="store_true", help="run students' code with all your rights"
    )
    return grade


def add_tables(commands: Any) -> None:
    """Add the commands that make tables of tables."""
    join = commands.add_parser("merge", help="join the tables of several shards")
    join.add_argument("parts", type=Path, nargs="+")
    join.add_argument("-o", "--output", type=Path, default=Path("grades.csv"))
    ask = commands.add_parser("exercises", help="what went wrong in each exercise, as a table")
    ask.add_argument("grades", type=Path)
    ask.add_argument("-o", "--output", type=Path, default=Path("exercises.csv"))
    total = commands.add_parser("totals", help="add the gradebook's points to a class list")
    total.add_argument("people", type=Path, help="a CSV, as Moodle, Canvas or you write it")
    total.add_argument("--key", required=True, help="its column that names the students")
    total.add_argument("--course", type=Path, required=True, help="folder of nbgrader's course")
    total.add_argument("-o", "--output", type=Path, default=Path("totals.csv"))


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
    add_tables(commands)
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
    if options.shard and options.seed is None:
        raise ValueError("grade: --shard needs --seed, the same for all shards")
    seed = kept_seed(options.output.parent) if options.seed is None else options.seed
    settings = Settings(sheets, seed, limits, program, options.workers)
    for sentence in overlooked(options.submissions, sheets):
        print(f"not graded: {sentence}", file=sys.stderr)
    submissions = find_submissions(options.submissions, sheets)[options.shard or slice(None)]
    try:
        refuse_names(*(s.student for s in submissions))
    except ValueError as error:  # they are graded all the same
        print(f"cannot be imported: {error}", file=sys.stderr)
    before = read_table(options.output) if options.output.exists() else []
    rows = grade_all(submissions, settings, options.output)
    if before:
        tell_changes(before, options.output)
    status = Counter(row[6] for row in rows)
    told = ", ".join(f"{count} {name}" for name, count in sorted(status.items()))
    print(f"{options.output}: {len(rows)} answers: {told}")


def tell_changes(before: Lines, path: Path) -> None:
    """Write which marks are others than in the table that stood there before."""
    changed = changes(before, read_table(path))
    if len(changed) > 1:
        told = path.with_suffix(".changed.csv")
        write(told, as_plain_csv(changed))
        print(f"{told}: {len(changed) - 1} marks are others than before", file=sys.stderr)


def merge_command(options: argparse.Namespace) -> None:
    """Join the tables of shards."""
    table = merge(options.parts)
    write(options.output, as_plain_csv(table))
    print(f"{options.output}: {len(table) - 1} answers")


def exercises_command(options: argparse.Namespace) -> None:
    """Write what each exercise showed."""
    write(options.output, as_plain_csv(by_exercise(read_table(options.grades))))
    print(f"written to {options.output}")


def totals_command(options: argparse.Namespace) -> None:
    """Write the class list with everybody's points; say who is not on it."""
    people, header = read_people(options.people, options.key)
    known = scores(options.course)
    listed = {name for person in people for name in names_of(person[options.key])}
    others = {student for _, got in known.values() for student in got} - listed
    for student in sorted(others):
        print(f"not in {options.people}: {clean.name(student)}", file=sys.stderr)
    write(options.output, as_csv(totals(people, header, options.key, known)))
    print(f"{options.output}: {len(people)} lines, {len(known)} sheets")


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
    commands = {
        "grade": grade_command, "rebuild": rebuild_command, "import": import_command,
        "merge": merge_command, "exercises": exercises_command, "totals": totals_command,
    }  # fmt: skip
    try:
        commands[options.command](options)
    except (NoSandboxError, ValueError, OSError, KeyError) as error:
        print(f"bncourse.grading: {clean.visible(str(error))}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
