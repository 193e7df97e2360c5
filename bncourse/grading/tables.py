"""Tables of a class: parts of it joined, what each exercise showed, each student's total."""

import csv
import io
import re
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from bncourse.grading.batch import COLUMNS

Lines = list[dict[str, str]]
Table = list[list[Any]]

MISTAKE = re.compile(r"looks like (.+)")  # how a message names one
ABOUT = ["sheet", "exercise", "kind", "handed in", "mean of points", "of", "wrong ones"]


def as_plain_csv(table: Table) -> str:
    """Return a table as CSV text; its cells come from a table that is safe already."""
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue()


def read_csv(path: Path) -> tuple[Lines, list[str]]:
    """Return a CSV file's lines by column, and its columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        return list(reader), list(reader.fieldnames or ())


def read_table(path: Path) -> Lines:
    """Return the lines of a table that `python -m bncourse.grading grade` has written.

    Raises
    ------
    ValueError
        If a column is missing.
    """
    lines, header = read_csv(path)
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise ValueError(
            f"{path}: expected the table of `python -m bncourse.grading grade`, found no "
            f"column {missing[0]!r}; run grade again, another program may have replaced it"
        )
    return lines


def merge(paths: list[Path]) -> Table:
    """Return several tables as one, sorted, as they stand in the files; see ``--shard``.

    Raises
    ------
    ValueError
        If an answer stands in two of them.
    """
    known: dict[tuple[str, ...], list[Any]] = {}
    for path in paths:
        for line in read_table(path):
            key = line["student"], line["sheet"], line["exercise"]
            if key in known:
                raise ValueError(
                    f"{path}: expected each answer in one table, found {key[2]} of {key[0]!r} "
                    "again; merge the parts of one run"
                )
            known[key] = [line[column] for column in COLUMNS]
    answers = sorted(known, key=lambda key: key[:2])  # a sheet's exercises keep their order
    return [COLUMNS, *(known[key] for key in answers)]


def changes(before: Lines, now: Lines) -> Table:
    """Return a line for each mark that differs from that of an earlier table."""
    marks = {(o["student"], o["sheet"], o["exercise"]): o["points"] for o in before}
    table: Table = [["student", "sheet", "exercise", "before", "now"]]
    for line in now:
        key = line["student"], line["sheet"], line["exercise"]
        old = marks.get(key, line["points"])
        if float(old) != float(line["points"]):
            table.append([*key, old, line["points"]])
    return table


def by_exercise(lines: Lines) -> Table:
    """Return a line for each exercise: how many tried it, their mean, the named mistakes.

    "handed in" counts answers that are neither blank nor missing. Behind a mistake stands
    the share of these answers whose message names it.
    """
    table: Table = [ABOUT]
    for sheet, exercise in sorted({(line["sheet"], line["exercise"]) for line in lines}):
        of = [line for line in lines if (line["sheet"], line["exercise"]) == (sheet, exercise)]
        tried = [line for line in of if line["status"] not in ("blank", "missing")]
        marked = [float(line["points"]) for line in tried if line["status"] != "to mark"]
        mean = round(statistics.fmean(marked), 2) if marked else ""
        named = Counter(m for line in tried for m in set(MISTAKE.findall(line["message"])))
        wrong = [f"{m} ({count / len(tried):.0%})" for m, count in named.most_common()]
        table.append(
            [sheet, exercise, of[0]["kind"], len(tried), mean, of[0]["most"], "; ".join(wrong)]
        )
    return table


def read_people(path: Path, key: str) -> tuple[Lines, list[str]]:
    """Return a class list's lines and its columns; ``key`` is the one with the names.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    people, header = read_csv(path)
    if key not in header:
        raise ValueError(f"{path}: expected a column {key!r}, found {', '.join(header)}")
    return people, header


def names_of(text: str) -> list[str]:
    """Return the names that a cell may mean: its text, and the last word of it."""
    return [text, *text.split()[-1:]]


def totals(people: Lines, header: list[str], key: str, scores: dict[str, Any]) -> Table:
    """Return the class list with a column of points for each sheet, and the sum.

    ``scores`` maps each sheet to its most points and to the points by student. A column
    that has the sheet's name, or that and a number in brackets as Canvas writes it, is
    filled; else there is a new one. Who has handed in nothing keeps what stands there. Of
    "Participant 7", as Moodle writes it, the last word counts. Canvas' line of points
    possible gets the most points.
    """
    columns = {sheet: column_of(sheet, header) for sheet in scores}
    table: Table = [[*header, *(c for c in columns.values() if c not in header), "total"]]
    for person in people:
        line: dict[str, Any] = dict.fromkeys(table[0], "") | person
        if any("Points Possible" in person[column] for column in header):
            points = {columns[sheet]: most for sheet, (most, _) in scores.items()}
        else:
            points = {
                columns[sheet]: got[name]
                for sheet, (_, got) in scores.items()
                for name in reversed(names_of(person[key]))
                if name in got
            }
        line |= points | ({"total": sum(points.values())} if points else {})
        table.append([line[column] for column in table[0]])
    return table


def column_of(sheet: str, header: list[str]) -> str:
    """Return the column of a class list that a sheet's points belong to."""
    known = (c for c in header if re.fullmatch(rf"{re.escape(sheet)}( \(\d+\))?", c))
    return next(known, sheet)
