"""The chapters obey the rules of notebook_rules.py and edition_rules.py."""

import re

import edition_rules
import nbformat
import notebook_rules
import pytest
from house import CHAPTERS, cells, joined, read_notebook, report, tags
from tagged_cells import tag_faults

RULES = [*notebook_rules.RULES, *edition_rules.RULES]
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@each_chapter
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_chapter_obeys(rule, path):
    faults = list(rule(read_notebook(path)))
    assert not faults, report(f"chapters/{path.name}", faults)


@each_chapter
def test_chapter_is_stored_as_make_run_stores_it(path):
    notebook = read_notebook(path)
    nbformat.validate(notebook)
    expected = nbformat.writes(notebook) + "\n"
    same = path.read_text(encoding="utf-8") == expected
    assert same, f"chapters/{path.name} is not stored as nbformat writes it; run `make run`"


@each_chapter
def test_chapter_number_is_the_file_number_and_opens_every_id(path):
    number, _ = path.stem.split("_", 1)
    notebook = read_notebook(path)
    assert joined(notebook.cells[0].source).startswith(f"# {number.upper().lstrip('0')}. ")
    pattern = re.compile(rf"{number}(-[a-z0-9]+)+")  # by hand: links survive edits
    assert [cell.id for cell in notebook.cells if not pattern.fullmatch(cell.id)] == []


@each_chapter
def test_tagged_cells_equal_the_library(path):
    faults = [
        f"{name}: {fault}"
        for name, cell, source in cells(read_notebook(path))
        for fault in tag_faults(source, tags(cell))
    ]
    assert not faults, report(f"chapters/{path.name}", faults)
