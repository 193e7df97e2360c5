"""The glossary is in order, bilingual, and points to chapters that use its words."""

import functools
import re

import pytest
from glossary import NUMBERS, ROWS, TABLES, TEXT
from house import cells, read_notebook

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@functools.cache
def prose(path):
    """Return all Markdown of a chapter in small letters."""
    notebook = read_notebook(path)
    return " ".join(source for _, _, source in cells(notebook, "markdown")).lower()


def test_every_line_of_the_tables_is_read():
    lines = [line for line in TEXT.splitlines() if line.startswith("| ")]
    assert len(ROWS) == len(lines) - len(TABLES)  # less the headings
    assert len(ROWS) >= 40


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_terms_stand_in_order(table):
    terms = [term.lower() for term, *_ in table]
    assert terms == sorted(terms)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_term_has_a_translation_a_meaning_and_a_chapter_that_uses_it(row):
    term, chinese, meaning, chapters = row
    assert CHINESE.search(chinese)
    assert len(meaning.split()) >= 4 or "$" in meaning
    words = [word.strip() for word in term.lower().split(",")]
    for number in map(str.strip, chapters.split(",")):
        text = prose(NUMBERS[number])
        assert any(word in text for word in words), f"chapter {number} has none of {words}"


def test_entries_in_italics_exist():
    terms = " ".join(term for term, *_ in ROWS)
    for word in re.findall(r"\*([a-z ]+)\*", TEXT):
        assert word in terms or word == "italics", word
