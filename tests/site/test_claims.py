"""Every claim has its row, its verdict, and a section that computes it and links back."""

import functools
import re
from collections import Counter

import pytest
from lxml import html

# The ids of the rows: a letter for where a claim was read, and how many rows.
SIZES = {"A": 17, "B": 6, "C": 12, "D": 3, "E": 9, "Q": 14}
IDS = [f"{letter}{number}" for letter, n in SIZES.items() for number in range(1, n + 1)]
QUESTIONS = [name for name in IDS if name[0] == "Q"]
VERDICTS = ("holds", "holds if", "false", "contested", "answered")
IN_A_CHAPTER = ".//a[starts-with(@href, '../chapters/')]"


@functools.cache
def article(path):
    """Return the text of a page."""
    [body] = html.parse(path).xpath("//article")
    return body


def text(element):
    """Return the words of an element, without the sign that links to a heading."""
    return " ".join(element.text_content().removesuffix("#").split())


def target(site, link):
    """Return the heading and the section that a link leads to, if a cell runs in it."""
    address, _, place = link.get("href").partition("#")
    cell = "contains(@class, 'cell_input')"
    sections = article(site / "book" / address).xpath(
        f".//section[@id='{place}'][h1|h2|h3][.//div[{cell}]]"
    )
    return [(text(section.xpath("h1|h2|h3")[0]), section) for section in sections]


@pytest.fixture(scope="module")
def claims(site):
    return article(site / "book" / "claims.html")


@pytest.fixture(scope="module")
def questions(site):
    return article(site / "book" / "questions.html")


@pytest.fixture(scope="module")
def rows(claims):
    """Give the claim, the verdict and the links of each row, by its id."""
    table = [row.findall("td") for row in claims.xpath(".//tr[td[4]]")]
    assert len(table) == len(IDS)
    return {text(name): cells for name, *cells in table}


def verdict(row):
    return row[1].findtext(".//strong")


@pytest.mark.parametrize("name", IDS)
def test_a_row_has_a_claim_its_verdict_and_a_section_that_settles_it(site, rows, name):
    claim, judged, links = rows[name]
    assert len(text(claim).split()) >= 4
    assert (verdict(rows[name]) == "answered") == (name in QUESTIONS)
    if verdict(rows[name]) in ("holds if", "answered"):  # the condition, the answer
        assert re.search(r"\w", text(judged).removeprefix(verdict(rows[name])))
    back = f".//a[substring-after(@href, 'claims.html') = '#{name.lower()}']"
    settled = []
    for link in links.xpath(IN_A_CHAPTER):
        [(title, section)] = target(site, link)
        assert text(link) == title
        settled += section.xpath(back)
    assert settled, "no section links back"


def test_the_counts_are_those_of_the_rows(claims, rows):
    counted = Counter(map(verdict, rows.values()))
    table = claims.xpath(".//tr[count(td)=3]")
    said = {text(word): int(text(number)) for word, _, number in table}
    assert said == {word: counted[word] for word in VERDICTS}
    first = f"{len(IDS) - len(QUESTIONS)} claims and {len(QUESTIONS)} questions"
    assert first in text(claims)


def test_the_twelve_false_ones_are_listed(claims, rows):
    [listed] = claims.xpath(".//section[@id='twelve-things-people-say-that-are-false']")
    names = [text(link) for link in listed.xpath(".//li//a")]
    assert sorted(names) == sorted(n for n in rows if verdict(rows[n]) == "false")
    assert len(names) == 12


def test_each_question_has_an_answer_of_a_paragraph_and_a_section(site, questions):
    answers = questions.xpath(".//section[starts-with(@id, 'q') and h3]")
    assert [text(answer[0]).split(".")[0] for answer in answers] == QUESTIONS
    short = questions.xpath(".//section[@id='more-questions-that-readers-ask']//p[strong]")
    assert len(short) >= 15
    for answer in answers + short:
        links = answer.xpath(IN_A_CHAPTER)
        assert any(target(site, link) for link in links), text(answer)[:60]
    for answer in answers:
        assert sum(len(text(part).split()) for part in answer[1:]) >= 30, text(answer[0])
