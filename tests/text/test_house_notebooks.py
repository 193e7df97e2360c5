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


def test_there_are_chapters():
    """Without this, no chapters would mean no faults."""
    assert CHAPTERS


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
def test_chapter_number_is_the_file_number(path):
    name = re.fullmatch(r"(\d\d|a\d)_[a-z0-9_]+\.ipynb", path.name)
    assert name, f"chapters/{path.name}: expected a name like 04_batch_norm.ipynb"
    title = joined(read_notebook(path).cells[0].source).splitlines()[0]
    assert title.startswith(f"# {name[1].upper().lstrip('0')}. "), (
        f"chapters/{path.name} opens with {title!r}"
    )
    ids = [cell.id for cell in read_notebook(path).cells if not cell.id.startswith(name[1])]
    assert not ids, report(
        f"chapters/{path.name}", [f"{i}: id of another chapter" for i in ids]
    )


@each_chapter
def test_tagged_cells_equal_the_library(path):
    faults = [
        f"{name}: {fault}"
        for name, cell, source in cells(read_notebook(path))
        for fault in tag_faults(source, tags(cell))
    ]
    assert not faults, report(f"chapters/{path.name}", faults)
