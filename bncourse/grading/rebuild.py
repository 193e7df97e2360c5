"""Put a student's answers into the pristine sheet, whatever happened to the notebook.

Survives deleted, edited, duplicated and stripped cells, new cell ids, and a way through
Colab. An answer is found by nbgrader's id, else by the cell's id, else by the name of the
function it defines or by the heading above it; so it is, too, where the cell of that id is
still blank. The last copy counts; of a text, all that stands under the heading.
"""

import re
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

from bncourse.checks import EXERCISES
from bncourse.grading.clean import pictures_of, with_attached
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
    """Return whether a code cell gives a value to the name that an exercise asks for."""
    if task.name not in EXERCISES or cell.get("cell_type") != "code":
        return False
    name, source = EXERCISES[task.name].function, source_of(cell)
    if name not in source:
        return False
    try:
        symbol = symtable.symtable(source, "cell", "exec").lookup(name)
        return symbol.is_assigned() or symbol.is_imported()
    except KeyError:
        return False
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(re.search(rf"^ *(def|class) {name}\b|^ *{name} *=[^=]", source, re.M))


def below(
    cells: list[Cell], task: Task, known: set[str], titles: tuple[str, ...]
) -> Iterator[Cell]:
    """Yield the cells under an exercise's heading that are not the sheet's own.

    ``titles`` open the sheet's headings; what a student wrote behind its own text counts.
    """
    inside = False
    for cell in cells:
        text = source_of(cell).strip()
        heading = text.startswith(titles)
        inside = text.startswith(task.title) if heading else inside
        if not inside or text in known or CHECKS.search(text):
            continue
        own = [text[len(title) :] for title in known if heading and text.startswith(title)]
        if own or not heading:
            yield {**cell, "source": own[0].strip()} if own else cell


def joined(cells: list[Cell]) -> Cell:
    """Return one text cell of several, with their pictures under names of their own."""
    texts, pictures = [], {}
    for number, cell in enumerate(map(with_attached, cells)):
        text = source_of(cell)
        for name, data in pictures_of(cell).items():
            new = f"{number}-{name}" if name in pictures else name
            text = text.replace(f"(attachment:{name})", f"(attachment:{new})")
            pictures[new] = data
        texts.append(text)
    attached = {"attachments": pictures} if pictures else {}
    return {**cells[0], "source": "\n\n".join(texts), **attached}


def find(
    cells: list[Cell], task: Task, pristine: Cell, known: set[str], titles: tuple[str, ...]
) -> list[Cell]:
    """Return the copies of an exercise's answer, by the first way that finds one not blank."""

    def filled(some: list[Cell]) -> list[Cell]:
        return [c for c in some if not is_blank(source_of(c), source_of(pristine))]

    same = [c for c in cells if grade_id(c) == task.answer]
    if not task.by_code:
        around = list(below(cells, task, known, titles))
        texts = [c for c in around if c.get("cell_type") != "code"]
        here = [c for c in filled(same[-1:]) if c not in texts]
        whole = [*here, *filled(texts)] or filled(around)  # code where there is no text
        return [joined(whole)] if whole else same or texts[-1:]
    defining = [c for c in cells if defines(c, task)]
    apart = [c for c in defining if not CHECKS.search(source_of(c))]
    return filled(same) or filled(apart) or filled(defining) or same or apart


def handed_out(sheet: Notebook) -> set[str]:
    """Return the texts of a sheet's own cells, as students and as readers get them."""
    cells = [*blank(sheet)["cells"], *for_learners(sheet)["cells"]]
    return {source_of(cell).strip() for cell in cells} - {BLANK_TEXT}


def rebuild(submission: Notebook, sheet: Notebook) -> Rebuilt:
    """Return the answers of a submission, and the pristine sheet with them in place.

    Parameters
    ----------
    submission, sheet : dict
        Notebooks as JSON; ``sheet`` is the source, with solutions, which never come out.
    """
    pristine, known = blank(sheet), handed_out(sheet)
    cells = [c for c in submission["cells"] if isinstance(c.get("source", ""), str | list)]
    cells = cells[:MOST]
    whole = Rebuilt(pristine)
    taken: dict[int, str] = {}
    places = {c["id"]: c for c in pristine["cells"]}
    titles = tuple(task.title for task in tasks(sheet))
    for task in tasks(sheet):
        copies = find(cells, task, places[task.answer], known, titles)
        if not copies:
            whole.notes.append(f"MISSING {task.name}: no answer cell")
            continue
        if len(copies) > 1:
            whole.notes.append(f"DUPLICATE {task.name}: {len(copies)} copies, the last counts")
        stubs = [c for c in cells if task.by_code and grade_id(c) == task.answer]
        taken |= {id(c): "" for c in [*stubs, *copies]} | {id(copies[-1]): task.answer}
        if stubs and copies[-1] not in stubs:
            whole.notes.append(f"MOVED {task.name}: the answer stands in another cell")
        whole.answers[task.name] = text = source_of(copies[-1])
        if is_blank(text, source_of(places[task.answer])):
            whole.blanks.add(task.name)
        place_in(places[task.answer], copies[-1])
    whole.code = list(to_execute(cells, taken, pristine))
    whole.notes += edited(cells, pristine)
    return whole


def place_in(place: Cell, answer: Cell) -> None:
    """Put an answer into its place of the pristine sheet, with its pictures."""
    if place["cell_type"] == "markdown":
        answer = with_attached(answer)
        pictures = pictures_of(answer)
        place |= {"attachments": pictures} if pictures else {}
    place["source"] = source_of(answer)


def to_execute(
    cells: list[Cell], taken: dict[int, str], pristine: Notebook
) -> Iterator[tuple[str, str]]:
    """Yield the code cells to run: all but copies that do not count and the sheet's checks."""
    roles = ("bootstrap", "check", "grade")
    own = {source_of(c).strip() for c in pristine["cells"] if tag(c) in roles}
    start = [source_of(c) for c in pristine["cells"] if tag(c) == "bootstrap"]
    for number, cell in enumerate(cells):
        source, name = source_of(cell), taken.get(id(cell))
        if cell.get("cell_type") != "code" or name == "":
            continue
        for text in start:  # what stands behind it is the student's
            source = source.replace(text, "")
        if name or (source.strip() and source.strip() not in own):
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
