"""The site's own search finds the book's terms, names of functions, and Chinese words."""

import re
from urllib.parse import quote

import pytest
from glossary import NUMBERS, ROWS

DONE = """() => {
  const summary = document.querySelector(".search-summary");
  return /finished|did not match/.test(summary?.innerText);
}"""
NAMES = {
    "batch_norm_train": "chapters/04_batch_norm",
    "running_var": "chapters/07_inference",
    "moving_variance": "book/notation",
    "Newton": "chapters/02_whitening",
    "bubblewrap": "book/instructors",
}
WORD = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]{2,}")


@pytest.fixture(scope="module")
def search(chromium, served):
    """Give a function that searches for words and returns the pages found."""
    tab = chromium.new_page()

    def found(words):
        tab.goto(f"{served}/search.html?q={quote(words)}")
        tab.wait_for_function(DONE)
        links = tab.locator("ul.search li > a").evaluate_all("all => all.map((a) => a.href)")
        return {link.removeprefix(f"{served}/").split(".html")[0] for link in links}

    yield found
    tab.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_term_leads_to_the_glossary_and_to_its_chapters(search, row):
    term, _, _, chapters = row
    words = " ".join(WORD.findall(term.split(",")[0]))
    found = search(words)
    expected = {f"chapters/{NUMBERS[n.strip()].stem}" for n in chapters.split(",")}
    assert "book/glossary" in found
    assert expected & found, f"{words}: found {found}, none of {expected}"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_to_its_page(search, name):
    assert NAMES[name] in search(name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_chinese_term_leads_to_the_glossary(search, row):
    assert "book/glossary" in search(WORD.findall(row[1])[0])


def test_nonsense_finds_nothing(search):
    assert search("qwertzuiopq") == set()
