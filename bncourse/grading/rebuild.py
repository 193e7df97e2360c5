"""Put a student's answers into the pristine sheet, whatever happened to the notebook.

Survives deleted, edited, duplicated and stripped cells, new cell ids, and a way through
Colab. An answer is found by nbgrader's id, else by the cell's id, else by the name of the
function it defines or by the heading above it. The last copy counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bncourse.checks import EXERCISES
from bncourse.grading.sheets import (
    BLANK_TEXT,
    Cell,
    Notebook,
    Task,
    blank,
    for_learners,
    is_blank,
    source_of,
    tag,
    tasks,
)

CHECKS = re.compile(r"\bchecks\s*\.\s*(require|score)\s*\(")
MOST = 500  # cells that are looked at


@dataclass
class Rebuilt:
    """A submission made whole.

    ``notebook`` is the pristine sheet with the answers in place; ``answers`` the text of
    each that was found, by exercise; ``blanks`` the exercises left as handed out; ``code``
    the cells to execute, (id, source), in the student's order; ``notes`` what was odd.
    """

    notebook: Notebook
    answers: dict[str, str] = field(default_factory=dict)
    blanks: set[str] = field(default_factory=set)
    code: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def grade_id(cell: Cell) -> str:
    """Return nbgrader's id of a cell, else the cell's own, else nothing."""
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = about.get("grade_id") if isinstance(about, dict) else None
    return str(name or cell.get("id") or "")


def defines(cell: Cell, task: Task) -> bool:
    """Return whether a code cell defines the function that an exercise asks for."""
    if task.name not in EXERCISES or cell.get("cell_type") != "code":
        return False
    name = re.escape(EXERCISES[task.name].function)
    return bool(re.search(rf"^(def|class) {name}\b|^{name} *=[^=]", source_of(cell), re.M))


def below(cells: list[Cell], task: Task, known: set[str]) -> Iterator[Cell]:
    """Yield the text cells under an exercise's heading that are not the sheet's own."""
    inside = False
    for cell in cells:
        text = source_of(cell)
        if cell.get("cell_type") == "markdown" and text.startswith("## "):
            inside = text.startswith(task.title)
        elif inside and cell.get("cell_type") == "markdown" and text.strip() not in known:
            yield cell


def find(cells: list[Cell], task: Task, known: set[str]) -> list[Cell]:
    """Return the copies of an exercise's answer, by the first way that finds any."""
    same = [c for c in cells if grade_id(c) == task.answer]
    if same or not task.by_code:
        return same or list(below(cells, task, known))
    return [c for c in cells if defines(c, task) and not CHECKS.search(source_of(c))]


def rebuild(submission: Notebook, sheet: Notebook) -> Rebuilt:
    """Return the answers of a submission, and the pristine sheet with them in place.

    Parameters
    ----------
    submission, sheet : dict
        Notebooks as JSON; ``sheet`` is the source, with solutions, which never come out.
    """
    pristine = blank(sheet)
    cells = [c for c in submission["cells"] if isinstance(c.get("source", ""), str | list)][
        :MOST
    ]
    handed_out = [*pristine["cells"], *for_learners(sheet)["cells"]]
    known = {source_of(c).strip() for c in handed_out} - {BLANK_TEXT}
    whole = Rebuilt(pristine)
    taken: dict[int, str] = {}
    places = {c["id"]: c for c in pristine["cells"]}
    for task in tasks(sheet):
        copies = find(cells, task, known)
        if not copies:
            whole.notes.append(f"MISSING {task.name}: no answer cell")
            continue
        if len(copies) > 1:
            whole.notes.append(f"DUPLICATE {task.name}: {len(copies)} copies, the last counts")
        taken |= {id(c): "" for c in copies[:-1]} | {id(copies[-1]): task.answer}
        text = source_of(copies[-1])
        whole.answers[task.name] = text
        if is_blank(text, source_of(places[task.answer])):
            whole.blanks.add(task.name)
        places[task.answer]["source"] = text
    whole.code = list(to_execute(cells, taken, pristine))
    whole.notes += edited(cells, pristine)
    return whole


def to_execute(
    cells: list[Cell], taken: dict[int, str], pristine: Notebook
) -> Iterator[tuple[str, str]]:
    """Yield the code cells to run: answers and what the student added, no checks."""
    own = {c["id"] for c in pristine["cells"] if tag(c) in ("bootstrap", "check", "grade")}
    for number, cell in enumerate(cells):
        source, name = source_of(cell), taken.get(id(cell))
        if cell.get("cell_type") != "code" or name == "" or grade_id(cell) in own:
            continue
        if name or not CHECKS.search(source):
            yield name or f"cell-{number}", source


def edited(cells: list[Cell], pristine: Notebook) -> Iterator[str]:
    """Yield a note for each check or graded cell that was changed or deleted."""
    there = {grade_id(c): source_of(c) for c in cells}
    for cell in pristine["cells"]:
        if tag(cell) in ("check", "grade"):
            name = str(cell["id"])
            if name not in there:
                yield f"MISSING {name}: restored"
            elif there[name].strip() != source_of(cell).strip():
                yield f"EDITED {name}: restored"
