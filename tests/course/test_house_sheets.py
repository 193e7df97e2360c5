"""The exercise sheets obey their rules, and readers get them without solutions."""

import copy
import json
import re
import sys

import nbformat
import pytest
from house import CHAPTERS, ROOT, joined, read_notebook, report
from sheet_rules import RULES, tasks

from bncourse.checks import EXERCISES
from bncourse.grading.sheets import stub

SHEETS = sorted((ROOT / "chapters" / "exercises").glob("*/exercises.ipynb"))
sys.path.insert(0, str(ROOT / "book" / "_ext"))
from book_exercises import SHEET, transformed  # noqa: E402

each_sheet = pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.parent.name)


def test_there_is_a_sheet_for_each_chapter_that_has_one():
    assert SHEETS
    chapters = {path.stem for path in CHAPTERS}
    assert {path.parent.name for path in SHEETS} <= {*chapters, "capstone"}
    for path in SHEETS:
        assert SHEET.fullmatch(path.relative_to(ROOT).with_suffix("").as_posix())


@each_sheet
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sheet_obeys(rule, path):
    faults = list(rule(read_notebook(path)))
    assert not faults, report(path.relative_to(ROOT).as_posix(), faults)


def test_every_exercise_of_the_checks_is_asked_once():
    names = [task.name for path in SHEETS for task in tasks(read_notebook(path))]
    assert len(names) == len(set(names))
    assert set(EXERCISES) <= set(names)


@each_sheet
def test_the_chapter_links_to_its_sheet(path):
    chapter = ROOT / "chapters" / f"{path.parent.name}.ipynb"
    if chapter.exists():
        link = f"](exercises/{path.parent.name}/exercises.ipynb)"
        assert link in chapter.read_text(encoding="utf-8")


@each_sheet
@pytest.mark.parametrize("folds", [True, False], ids=["site", "download"])
def test_readers_get_no_solution_in_the_answer_cells(path, folds):
    text = transformed(path.read_text(encoding="utf-8"), folds)
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert "### BEGIN SOLUTION" not in text
    assert "checks.score" not in text
    assert not [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        assert not cell.outputs
    answers = [c for c in notebook.cells if c.id.endswith("-answer") and c.cell_type == "code"]
    assert answers
    assert all("raise NotImplementedError" in cell.source for cell in answers)
    folded = [cell for cell in notebook.cells if "{dropdown} Solution" in cell.source]
    public = [task for task in tasks(read_notebook(path)) if task.public_solution]
    assert len(folded) == (len(public) if folds else 0)


@each_sheet
def test_a_solution_that_is_not_public_is_nowhere_on_the_site(path):
    source = read_notebook(path)
    site = transformed(path.read_text(encoding="utf-8"), True)
    for task in tasks(source):
        answer = next(c for c in source.cells if c.id == f"{task.name}-answer")
        last = (
            joined(answer.source).replace("    ### END SOLUTION", "").strip().splitlines()[-1]
        )
        line = json.dumps(last.strip(), ensure_ascii=False)[1:-1]
        assert (line in site) == task.public_solution, task.name


def test_a_stub_keeps_what_stands_around_the_solution():
    source = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n\nz = 1"
    wanted = "def f(x):\n    # your code here\n    raise NotImplementedError\n\nz = 1"
    assert stub(source) == wanted


# Each breaks a good sheet in one way: (the rule that must see it, the change).
BREAKS = [
    ("fields", lambda c: c["task"].metadata.exercise.pop("claim")),
    ("fields", lambda c: c["task"].metadata.exercise.update(claim="Z9")),
    ("fields", lambda c: c["task"].metadata.exercise.update(points=2.5)),
    ("fields", lambda c: c["task"].metadata.exercise.update(minutes=500)),
    ("statement", lambda c: c["task"].update(source="## 4.1 Title without the rest")),
    ("complete", lambda c: c["hint"].metadata.update(tags=["other"])),
    ("complete", lambda c: c["task"].metadata.exercise.update(points=6)),
    ("mixed", lambda c: c["task"].metadata.pop("exercise")),
    ("graded", lambda c: c["grade"].metadata.nbgrader.update(locked=False)),
    ("graded", lambda c: c["answer"].metadata.nbgrader.update(points=1)),
    ("graded", lambda c: c["answer"].metadata.nbgrader.update(grade_id="x")),
    ("solved", lambda c: c["answer"].update(source="x = 1")),
    ("code_length", lambda c: c["answer"].update(source="\n".join(["x = 1"] * 21))),
    ("executed", lambda c: c["check"].update(execution_count=None)),
]


@pytest.mark.parametrize(("name", "change"), BREAKS, ids=range(len(BREAKS)))
def test_every_rule_sees_a_fault(name, change):
    sheet = copy.deepcopy(read_notebook(SHEETS[0]))
    if name == "mixed":
        sheet.cells = [c for c in sheet.cells if not re.fullmatch(r"ex\d\d_q[3-6]", c.id)]
    parts = {}
    for cell in sheet.cells:
        for tag in cell.metadata.get("tags", []):
            parts.setdefault(tag, cell)
    change(parts)
    rule = next(rule for rule in RULES if rule.__name__ == name)
    assert list(rule(sheet))
