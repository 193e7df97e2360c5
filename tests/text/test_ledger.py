"""Every claim of the notes has its row, its verdict, and a section that computes it."""

import re

import nbformat
import pytest
from house import ROOT, report
from ledger_rules import IDS, LINK, QUESTIONS, ROW, ledger_faults, question_faults, sections

CLAIMS = (ROOT / "book/claims.md").read_text(encoding="utf-8")
ANSWERS = (ROOT / "book/questions.md").read_text(encoding="utf-8")
CHAPTER = """# 4. Title
## Found
### Below
Text. Ledger: A2, Q3.
## Empty
## Found
Ledger: B1.
#### Deep
"""


def test_the_two_pages_are_complete():
    for page, faults in (
        ("claims", ledger_faults(CLAIMS)),
        ("questions", question_faults(ANSWERS)),
    ):
        faults = list(faults)
        assert not faults, report(f"book/{page}.md", faults)
    assert len(IDS) == len(set(IDS)) == 61
    assert len(QUESTIONS) == 14


def as_line(fields):
    """Return a row as it stands on the page: its id is an address, too."""
    name, *others = fields.values()
    return " | ".join([f"| [{name}]{{#{name.lower()}}}", *others]) + " |"


def change_row(name, **parts):
    """Return the ledger with some cells of one row exchanged."""
    [row] = [row for row in ROW.findall(CLAIMS) if row[0] == name]
    fields = dict(zip(["id", "claim", "verdict", "links"], row, strict=True))
    assert as_line(fields) in CLAIMS
    return CLAIMS.replace(as_line(fields), as_line(fields | parts))


def a_link(anchor, chapter="03_standardization", label="x"):
    return f"[{label}](../chapters/{chapter}.ipynb#{anchor})"


VARIANCES = a_link("four-ways-to-compute-a-variance")
NO_CELL = "is no section with an executed cell"
LEDGER_TRIALS = {
    "a row is missing": (re.sub(r"(?m)^\| \[A9\].*\n", "", CLAIMS), "A9: stands on the page 0"),
    "a row stands twice": (change_row("A9", id="A8"), "A8: stands on the page 2"),
    "an id is unknown": (change_row("A9", id="A18"), "A18: is no id"),
    "a verdict is unknown": (change_row("A9", verdict="**plausible**"), "A9: the verdict"),
    "a verdict is missing": (change_row("A9", verdict="no word"), "A9: the verdict"),
    "a condition is missing": (change_row("A9", verdict="**holds if**"), "the condition"),
    "an answer is missing": (change_row("Q7", verdict="**answered**."), "the answer"),
    "a claim is answered": (change_row("A9", verdict="**answered**: yes"), "another verdict"),
    "a question holds": (change_row("Q7", verdict="**holds**"), "a question is answered"),
    "a claim is empty": (change_row("A9", claim="-"), "A9: the claim is missing"),
    "a row has no link": (change_row("A9", links="chapter 3"), "A9: has no link"),
    "a chapter is missing": (change_row("A9", links=a_link("x", "99_none")), NO_CELL),
    "a heading is missing": (change_row("A9", links=a_link("no-such")), NO_CELL),
    "nothing runs there": (change_row("A9", links=a_link("exercises")), NO_CELL),
    "a link has another name": (change_row("A9", links=VARIANCES), "is called 'x'"),
    "the section says nothing of it": (change_row("A9", links=VARIANCES), "links back"),
    "a count is wrong": (change_row("A9", verdict="**false**"), "counts"),
    "a false claim is not listed": (
        CLAIMS.replace("[A6](claims.md#a6)", "there"), "lists other rows"),
    "the sentence is wrong": (CLAIMS.replace("47 claims", "48 claims"), "first sentences"),
}  # fmt: skip


def without_links(title):
    """Return the questions page with the links of one part turned into plain words."""
    head, mark, rest = ANSWERS.partition(title)
    part, blank, tail = rest.partition("\n### " if title.startswith("###") else "\n\n")
    assert LINK.search(part)
    return head + mark + LINK.sub("there", part) + blank + tail


SHORT = re.sub(r"(?s)(### Q7\..*?\n\n).*?(?=### Q8)", r"\1No.\n\n", ANSWERS)
QUESTION_TRIALS = {
    "a question is missing": (re.sub(r"(?m)^### Q7\..*\n", "", ANSWERS), "got 13 parts"),
    "a question moved": (ANSWERS.replace("### Q7.", "### Q8."), "expected headings"),
    "an answer is short": (SHORT, "shorter"),
    "a link is missing": (without_links("### Q7."), "Q7. Are these"),
    "a link is missing below": (without_links("**What does `eps` do?**"), "eps` do"),
    "a link does not land": (ANSWERS.replace("#other-inputs", "#others"), NO_CELL),
    "few more questions": (ANSWERS.partition("### Gradients")[0][:-4000], "at least 15"),
}  # fmt: skip


TRIALS = LEDGER_TRIALS | QUESTION_TRIALS


@pytest.mark.parametrize(("text", "message"), TRIALS.values(), ids=TRIALS)
def test_a_broken_page_fails(text, message):
    assert text not in (CLAIMS, ANSWERS)
    faults = question_faults if text.startswith(ANSWERS[:20]) else ledger_faults
    assert message in "\n".join(faults(text))


def chapter():
    """Return a small notebook: a markdown cell for each line, an executed cell after two."""
    new = nbformat.v4.new_notebook()
    for line in CHAPTER.splitlines():
        new.cells.append(nbformat.v4.new_markdown_cell(line))
        if line in ("### Below", "#### Deep"):
            count = 1 + sum(cell.cell_type == "code" for cell in new.cells)
            new.cells.append(nbformat.v4.new_code_cell("# 1", execution_count=count))
    new.cells.append(nbformat.v4.new_code_cell("2", execution_count=None))
    new.cells.append(nbformat.v4.new_markdown_cell("```python\n# no heading\n```"))
    return new


def test_sections_end_at_the_next_heading_of_their_level():
    found = sections(chapter())
    assert list(found) == ["4-title", "found", "below", "empty", "found-1", "deep"]
    assert {name: section.ran for name, section in found.items()} == {
        "4-title": [1, 2], "found": [1], "below": [1], "empty": [], "found-1": [2], "deep": [2],
    }  # fmt: skip
    assert found["found"].ledger == found["below"].ledger == {"A2", "Q3"}
    assert found["found-1"].ledger == {"B1"}
    assert found["4-title"].ledger == {"A2", "Q3", "B1"}


def test_anchors_are_made_as_the_book_makes_them():
    new = nbformat.v4.new_notebook()
    titles = [
        "## What does `len(X.shape)` mean?",
        "## O(m) and 1×1, the note's",
        "## Two: a, b",
    ]
    new.cells = [nbformat.v4.new_markdown_cell("\n\n".join(titles))]
    wanted = ["what-does-lenxshape-mean", "om-and-11-the-notes", "two-a-b"]
    assert list(sections(new)) == wanted


def test_a_heading_too_deep_has_no_anchor(tmp_path):
    (tmp_path / "chapters").mkdir()
    nbformat.write(chapter(), tmp_path / "chapters/04_x.ipynb")
    text = change_row("A9", links=a_link("deep", "04_x", "Deep"))
    assert NO_CELL in "\n".join(ledger_faults(text, tmp_path))
