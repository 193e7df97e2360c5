"""What readers get of a sheet: the file without solutions, and the page with them folded."""

import json
import re
import shutil

import exercises as tool
import nbformat
import pytest
from book_exercises import SHEET, page
from house import ROOT, SHEETS, project_files, read_notebook
from test_house_sheets import tasks

from bncourse.grading.sheets import SOLUTION, source_of, tag

READERS = ROOT / "chapters" / "exercises"
each_sheet = pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.stem)


def bare(text):
    """Return a text with one blank between words, however far its lines are indented."""
    return " ".join(text.split())


def solutions(notebook):
    """Yield what only the source may hold: solutions, and model answers; bare."""
    for cell in notebook["cells"]:
        if tag(cell) == "answer":
            for solution in SOLUTION.finditer(source_of(cell)):
                yield bare("\n".join(solution[0].splitlines()[1:-1]))
        elif tag(cell) == "written":
            yield bare(source_of(cell))


def test_the_committed_sheets_are_those_that_are_made(tmp_path):
    tool.main(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {path.name: path.read_bytes() for path in READERS.iterdir()} == made, (
        "run `make exercises`"
    )
    assert sorted(made) == [path.name for path in SHEETS]
    for path in READERS.iterdir():
        nbformat.validate(nbformat.read(path, as_version=4))


def test_nothing_below_chapters_holds_a_solution():
    secrets = [s for path in SHEETS for s in solutions(read_notebook(path))]
    assert len(secrets) >= sum(len(tasks(read_notebook(path))) for path in SHEETS)
    names = {name for name in project_files() if name.startswith("chapters/")}
    names.remove("chapters/.ruff.toml")
    assert {f"chapters/exercises/{path.name}" for path in SHEETS} < names
    for name in names:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "BEGIN SOLUTION" not in text, name
        shown = [bare(source_of(cell)) for cell in json.loads(text)["cells"]]  # notebooks all
        assert not [secret for secret in secrets if any(secret in cell for cell in shown)], name


@pytest.mark.parametrize("name", ["ex04_q1-answer", "ex04_q3-answer"])
def test_a_sheet_that_holds_answers_is_left_as_it_is(tmp_path, capsys, name):
    for path in READERS.iterdir():
        shutil.copy(path, tmp_path)
    mine, other = tmp_path / "04_batch_norm.ipynb", tmp_path / "05_backward.ipynb"
    notebook = read_notebook(mine)
    next(c for c in notebook.cells if c.id == name).source = "mine = 1"
    mine.write_text(json.dumps(notebook), encoding="utf-8")
    other.write_text(other.read_text(encoding="utf-8").replace("Points", "points"), "utf-8")
    tool.main(tmp_path)
    assert read_notebook(mine) == notebook
    assert other.read_bytes() == (READERS / other.name).read_bytes()
    assert "04_batch_norm.ipynb holds answers" in capsys.readouterr().out


@each_sheet
def test_a_page_has_the_readers_sheet_and_public_solutions_on_a_click(path):
    name = (READERS / path.stem).relative_to(ROOT).as_posix()
    assert SHEET.fullmatch(name)[1] == path.stem
    source = read_notebook(path)
    notebook = nbformat.reads(page(source), as_version=4)
    reader = read_notebook(READERS / path.name)
    given = {cell.id: source_of(cell) for cell in reader.cells}
    shown = {cell.id: cell.source for cell in notebook.cells}
    folded = {name for name, text in shown.items() if text.startswith("::::{dropdown}")}
    assert {name: shown[name] for name in set(shown) - folded}.items() <= given.items()
    for task in tasks(source):
        assert shown[f"{task.name}-hint"].startswith("::::{dropdown} Hint\n")
        by_code = f"{task.name}-check" in shown
        place = f"{task.name}-check-solution" if by_code else f"{task.name}-answer"
        answer = next(c for c in source.cells if c.id == f"{task.name}-answer")
        secrets = list(solutions({"cells": [answer]}))
        assert (place in shown) == task.public_solution
        everything = bare(" ".join(shown.values()))
        assert {secret in everything for secret in secrets} == {task.public_solution}
    assert not re.search("(BEGIN|END) SOLUTION|checks.score", page(source))
