"""The sources of the exercise sheets obey their rules, and each rule sees a fault."""

import copy
import re

import notebook_rules
import pytest
from house import CHAPTERS, SHEETS, joined, read_notebook, tags

from bncourse.checks import EXERCISES

FIELDS = {"name", "kind", "difficulty", "minutes", "claim", "points", "public_solution"}
KINDS = {"code": "Code", "repair": "Repair", "derivation": "Derive", "written": "Write",
         "predict": "Predict, then run"}  # fmt: skip
ROLES = {
    True: ["task", "hint", "answer", "check", "grade"],  # judged by code
    False: ["task", "hint", "written"],
}
# What nbgrader needs of a cell, by its role: grade, solution, locked.
GRADED = {"answer": (False, True, False), "grade": (True, False, True),
          "written": (True, True, False)}  # fmt: skip


def tasks(notebook):
    """Return the metadata of every exercise, in order."""
    return [cell.metadata.exercise for cell in notebook.cells if "exercise" in cell.metadata]


def by_code(task):
    """Say whether code judges an exercise."""
    return task.kind in ("code", "repair")


def fields(notebook):
    """Demand that each exercise says what it is, how hard, how long and what it serves."""
    for task in tasks(notebook):
        assert set(task) == FIELDS
        assert task.kind in KINDS
        assert task.difficulty in (1, 2, 3)
        assert 5 <= task.minutes <= 60
        assert re.fullmatch(r"[A-EQ]\d{1,2}", task.claim), "no id of the ledger"
        assert task.points in range(1, 7)


def statement(notebook):
    """Open each exercise with a heading, its kind, its minutes and its points."""
    for number, cell in enumerate(c for c in notebook.cells if "exercise" in c.metadata):
        task, text = cell.metadata.exercise, joined(cell.source)
        assert re.match(rf"## [\dC]+\.{number + 1} \w", text)
        assert f"**{KINDS[task.kind]}**, {task.minutes} minutes, {task.points} points." in text


def complete(notebook):
    """Give each exercise its cells: task, hint, and what is checked or marked."""
    for task in tasks(notebook):
        own = [cell for cell in notebook.cells if cell.id.partition("-")[0] == task.name]
        roles = [role for cell in own for role in tags(cell)[:1]]
        known = {*ROLES[True], *ROLES[False]}
        assert [role for role in roles if role in known] == ROLES[by_code(task)]
        assert not by_code(task) or EXERCISES[task.name].points == task.points


def mixed(notebook):
    """Ask for at least two answers in code, one in words, and one prediction."""
    kinds = [task.kind for task in tasks(notebook)]
    assert 4 <= len(kinds) <= 7
    assert sum(map(by_code, tasks(notebook))) >= 2
    assert {"derivation", "written"} & set(kinds)
    assert "predict" in kinds
    public = [task.public_solution for task in tasks(notebook)]
    assert public.count(False) == 1, "one exercise keeps its solution out of the book"


def graded(notebook):
    """Set up nbgrader's cells as it needs them."""
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        settings = meta and (meta.grade, meta.solution, meta.locked)
        assert settings == GRADED.get((tags(cell) or [""])[0]), cell.id
        if meta:
            assert (meta.grade_id, meta.schema_version, meta.task) == (cell.id, 3, False)
            assert ("points" in meta) == meta.grade


def solved(notebook):
    """Mark where each solution begins and ends, and mark schemes with points."""
    for cell in notebook.cells:
        marks = [joined(cell.source).count(f"### {word} SOLUTION") for word in ("BEGIN", "END")]
        assert marks[0] == marks[1], cell.id
        assert bool(marks[0]) == ("answer" in tags(cell)), cell.id
        assert "written" not in tags(cell) or re.search(r"\(\d point", joined(cell.source))


def as_a_notebook(notebook):
    """Obey what holds for the chapters' notebooks, too."""
    for name in ("metadata", "code_length", "executed", "outputs", "plain_code"):
        assert not [*getattr(notebook_rules, name)(notebook)]


RULES = [fields, statement, complete, mixed, graded, solved, as_a_notebook]


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sheet_obeys(rule, path):
    rule(read_notebook(path))


def test_every_exercise_of_the_checks_is_asked_once_and_chapters_link_to_their_sheets():
    names = [task.name for path in SHEETS for task in tasks(read_notebook(path))]
    assert len(names) == len(set(names))
    assert set(EXERCISES) <= set(names)
    chapters = {path.stem: path.read_text(encoding="utf-8") for path in CHAPTERS}
    assert {path.stem for path in SHEETS} <= {*chapters, "capstone"}
    for path in SHEETS:
        link = f"](exercises/{path.name})"
        assert link in chapters.get(path.stem, link)


# Each breaks a good sheet in one way: (the rule that must see it, the change).
BREAKS = [
    (fields, lambda c: c["task"].metadata.exercise.pop("claim")),
    (fields, lambda c: c["task"].metadata.exercise.update(claim="Z9")),
    (fields, lambda c: c["task"].metadata.exercise.update(points=2.5)),
    (fields, lambda c: c["task"].metadata.exercise.update(minutes=500)),
    (statement, lambda c: c["task"].update(source="## 4.1 Title without the rest")),
    (complete, lambda c: c["hint"].metadata.update(tags=["other"])),
    (complete, lambda c: c["task"].metadata.exercise.update(points=6)),
    (mixed, lambda c: [c[f"ex01_q{i}"].metadata.pop("exercise") for i in (1, 2, 4)]),
    (mixed, lambda c: c["ex01_q5"].metadata.exercise.update(kind="code")),
    (mixed, lambda c: c["task"].metadata.exercise.update(public_solution=False)),
    (mixed, lambda c: c["ex01_q3"].metadata.exercise.update(public_solution=True)),
    (graded, lambda c: c["grade"].metadata.nbgrader.update(locked=False)),
    (graded, lambda c: c["answer"].metadata.nbgrader.update(points=1)),
    (graded, lambda c: c["answer"].metadata.nbgrader.update(grade_id="x")),
    (solved, lambda c: c["answer"].update(source="x = 1")),
    (as_a_notebook, lambda c: c["answer"].update(source="\n".join(["x = 1"] * 21))),
    (as_a_notebook, lambda c: c["check"].update(execution_count=None)),
]


@pytest.mark.parametrize(("rule", "change"), BREAKS, ids=range(len(BREAKS)))
def test_every_rule_sees_a_fault(rule, change):
    sheet = copy.deepcopy(read_notebook(SHEETS[0]))
    parts = {cell.id: cell for cell in sheet.cells}
    for cell in sheet.cells:
        for tag in cell.metadata.get("tags", []):
            parts.setdefault(tag, cell)
    change(parts)
    with pytest.raises(AssertionError):
        rule(sheet)
