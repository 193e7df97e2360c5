"""The rules that each exercise sheet obeys; each takes a notebook and yields its faults."""

import re
from collections.abc import Iterator

from house import cells, joined, tags
from nbformat import NotebookNode
from notebook_rules import code_length, executed, metadata, outputs, plain_code

from bncourse.checks import EXERCISES

FIELDS = {"name", "kind", "difficulty", "minutes", "claim", "points", "public_solution"}
KINDS = {"code": "Code", "repair": "Repair", "derivation": "Derive", "written": "Write",
         "predict": "Predict, then run"}  # fmt: skip
BY_CODE = {"code", "repair"}
ROLES = {
    True: ["task", "hint", "answer", "check", "grade"],  # judged by code
    False: ["task", "hint", "written"],
}
ALL_ROLES = {role for each in ROLES.values() for role in each}
CLAIM = re.compile(r"[A-EQ]\d{1,2}")
Faults = Iterator[str]


def tasks(notebook: NotebookNode) -> list[dict]:
    """Return the metadata of every exercise, in order."""
    return [cell.metadata.exercise for cell in notebook.cells if "exercise" in cell.metadata]


def fields(notebook: NotebookNode) -> Faults:
    """Demand that each exercise says what it is, how hard, how long and what it serves."""
    for task in tasks(notebook):
        name = task.get("name")
        if set(task) != FIELDS:
            yield f"{name}: fields {sorted(task)}, expected {sorted(FIELDS)}"
            continue
        if task.kind not in KINDS:
            yield f"{name}: kind {task.kind!r}, expected one of {sorted(KINDS)}"
        if task.difficulty not in (1, 2, 3) or not 5 <= task.minutes <= 60:
            yield f"{name}: difficulty {task.difficulty}, {task.minutes} minutes"
        if not CLAIM.fullmatch(task.claim):
            yield f"{name}: claim {task.claim!r} is no id of the ledger"
        if task.points != int(task.points) or not 1 <= task.points <= 6:
            yield f"{name}: {task.points} points, expected a whole number up to 6"


def statement(notebook: NotebookNode) -> Faults:
    """Open each exercise with a heading, its kind, its minutes and its points."""
    for number, cell in enumerate(c for c in notebook.cells if "exercise" in c.metadata):
        task, text = cell.metadata.exercise, joined(cell.source)
        opening = f"**{KINDS.get(task.kind)}**, {task.minutes} minutes, {task.points} points."
        if not re.match(rf"## [\dC]+\.{number + 1} \w", text) or opening not in text:
            yield f"{cell.id}: expected '## N.{number + 1} Title' and {opening!r}"


def complete(notebook: NotebookNode) -> Faults:
    """Give each exercise its cells: task, hint, and what is checked or marked."""
    for task in tasks(notebook):
        by_code = task.kind in BY_CODE
        own = [cell for cell in notebook.cells if cell.id.partition("-")[0] == task.name]
        found = [role for cell in own for role in tags(cell)[:1] if role in ALL_ROLES]
        if found != ROLES[by_code]:
            yield f"{task.name}: cells {found}, expected {ROLES[by_code]}"
        if by_code and task.name not in EXERCISES:
            yield f"{task.name}: bncourse.checks does not know it"
        elif by_code and EXERCISES[task.name].points != task.points:
            yield f"{task.name}: {EXERCISES[task.name].points} points in bncourse.checks"


def mixed(notebook: NotebookNode) -> Faults:
    """Ask for at least two answers in code, one in words, and one prediction."""
    kinds = [task.kind for task in tasks(notebook)]
    if not 4 <= len(kinds) <= 7:
        yield f"{len(kinds)} exercises, expected 4 to 7"
    if sum(kind in BY_CODE for kind in kinds) < 2:
        yield "fewer than two exercises are judged by code"
    if not {"derivation", "written"} & set(kinds):
        yield "no derivation and no written answer"
    hidden = [task.name for task in tasks(notebook) if not task.public_solution]
    if len(hidden) != 1:
        yield f"{hidden} keep their solutions out of the book, expected one exercise"
    if "predict" not in kinds:
        yield "nothing to predict"


def graded(notebook: NotebookNode) -> Faults:
    """Set up nbgrader's cells as it needs them; see FACTS in the instructor's page."""
    for cell in notebook.cells:
        role, meta = (tags(cell) or [""])[0], cell.metadata.get("nbgrader")
        expected = {"answer": (False, True, False), "grade": (True, False, True),
                    "written": (True, True, False)}.get(role)  # fmt: skip
        found = meta and (meta.grade, meta.solution, meta.locked)
        if found != expected:
            yield f"{cell.id}: nbgrader (grade, solution, locked) {found}, expected {expected}"
        if meta and (meta.grade_id != cell.id or meta.schema_version != 3 or meta.task):
            yield f"{cell.id}: nbgrader metadata {dict(meta)}"
        if meta and ("points" in meta) != meta.grade:
            yield f"{cell.id}: points belong to graded cells, and only there"


def solved(notebook: NotebookNode) -> Faults:
    """Mark where each solution begins and ends, and mark schemes with points."""
    for name, cell, source in cells(notebook):
        marks = [source.count(f"### {word} SOLUTION") for word in ("BEGIN", "END")]
        if marks[0] != marks[1] or bool(marks[0]) != ("answer" in tags(cell)):
            yield f"{name}: {marks} marks of a solution"
    for name, cell, source in cells(notebook, "markdown"):
        if "written" in tags(cell) and not re.search(r"\(\d point", source):
            yield f"{name}: no mark scheme such as '(1 point for ...)'"


RULES = [
    metadata, code_length, executed, outputs, plain_code, fields, statement, complete, mixed,
    graded, solved,
]  # fmt: skip
