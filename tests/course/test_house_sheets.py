"""The sources of the exercise sheets obey their rules."""

import copy
import re

import pytest
from house import CHAPTERS, ROOT, SHEETS, read_notebook, report
from sheet_rules import RULES, mixed, tasks

from bncourse.checks import EXERCISES

each_sheet = pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)


@each_sheet
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_sheet_obeys(rule, path):
    faults = list(rule(read_notebook(path)))
    assert not faults, report(path.relative_to(ROOT).as_posix(), faults)


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


@pytest.mark.parametrize("public", [True, False])
def test_a_sheet_keeps_one_solution_out_of_the_book(public):
    sheet = copy.deepcopy(read_notebook(SHEETS[0]))
    for task in tasks(sheet):
        task.public_solution = public
    assert "keep their solutions out" in "\n".join(mixed(sheet))
