"""What the page of claims and the questions page must say; each rule yields its faults.

`test_ledger.py` applies the rules to the two pages, and to pages that are broken on purpose.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from house import ROOT, joined, read_notebook
from myst_parser.mdit_to_docutils.base import default_slugify
from nbformat import NotebookNode

# The ids of the rows: a letter for where a claim was read, and how many rows.
SIZES = {"A": 17, "B": 6, "C": 12, "D": 3, "E": 9, "Q": 14}
IDS = [f"{letter}{number}" for letter, n in SIZES.items() for number in range(1, n + 1)]
QUESTIONS = [name for name in IDS if name[0] == "Q"]
VERDICTS = ("holds", "holds if", "false", "contested", "answered")
ROW = re.compile(r"(?m)^\| \[([A-Z]\d+)\]\{#\w+\} \| (.+?) \| (.*?) \| (.*?) \|$")
COUNT = re.compile(r"(?m)^\| \*\*([a-z ]+)\*\* \| .+ \| (\d+) \|$")
SENTENCE = re.compile(r"(\d+) claims and (\d+) questions")
FALSE = re.compile(r"(?s)^## Twelve things people say that are false\n(.*?)^## ", re.MULTILINE)
LINK = re.compile(r"\[([^\[\]]+)\]\(\.\./(chapters/[^()#]+)(?:#([^()]*))?\)")
Faults = Iterator[str]


class Section(NamedTuple):
    """A heading of a notebook, with what stands below it."""

    title: str
    level: int
    ran: list[int]  # the execution counts of its code cells
    ledger: set[str]  # the ids that its text says it settles


def headings(source: str) -> Iterator[tuple[str, str]]:
    """Yield (marks, title) for each heading of a markdown cell, and ("", line) between."""
    for line in re.sub(r"(?s)```.*?```", "", source).splitlines():
        found = re.match(r"(#{1,6}) +(.+?) *$", line)
        yield (found[1], found[2]) if found else ("", line)


def sections(notebook: NotebookNode) -> dict[str, Section]:
    """Return a notebook's sections by anchor; each holds its subsections' cells as well."""
    found: dict[str, Section] = {}
    stack: list[Section] = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.execution_count is not None:
            for section in stack:
                section.ran.append(cell.execution_count)
        for marks, text in headings(joined(cell.source)) if cell.cell_type != "code" else ():
            if marks:
                stack = [section for section in stack if section.level < len(marks)]
                stack.append(Section(text, len(marks), [], set()))
                anchor = default_slugify(text.replace("`", ""))
                same = sum(anchor == re.sub(r"-\d+$", "", known) for known in found)
                found[f"{anchor}-{same}" if anchor in found else anchor] = stack[-1]
            names = re.findall(r"Ledger: ([A-Z]\d+(?:, [A-Z]\d+)*)", text)
            names += [name.upper() for name in re.findall(r"claims\.md#([a-z]\d+)", text)]
            for section in stack:
                section.ledger.update(*(name.split(", ") for name in names))
    return found


@cache
def stored_sections(path: Path) -> dict[str, Section]:
    """Return the sections of a stored notebook."""
    return sections(read_notebook(path))


def link_faults(text: str, root: Path = ROOT) -> Faults:
    """Demand that a link to a chapter lands on a section that computes something."""
    for label, name, anchor in LINK.findall(text):
        found = stored_sections(root / name) if (root / name).is_file() else {}
        section = found.get(anchor)
        if section is None or section.level > 3 or not section.ran:
            yield f"[{label}]: {name}#{anchor} is no section with an executed cell"


def row_faults(name: str, claim: str, verdict: str, links: str, root: Path = ROOT) -> Faults:
    """Check a row: its verdict, and links named like sections that settle it."""
    word = re.match(r"\*\*(.+?)\*\*(.*)", verdict)
    if word is None or word[1] not in VERDICTS:
        yield f"{name}: the verdict is none of {VERDICTS}: {verdict!r}"
    elif (word[1] == "answered") != (name in QUESTIONS):
        yield f"{name}: a question is answered, and a claim gets another verdict"
    elif not re.search(r"\w", word[2]) and word[1] in ("holds if", "answered"):
        yield f"{name}: the verdict {word[1]!r} needs the condition or the answer"
    if len(claim.split()) < 4:
        yield f"{name}: the claim is missing"
    targets = LINK.findall(links)
    if not targets:
        yield f"{name}: has no link to a section of a chapter"
    known = [(label, root / path, anchor) for label, path, anchor in targets]
    found = [(label, stored_sections(path).get(anchor))
             for label, path, anchor in known if path.is_file()]  # fmt: skip
    landed = [(label, section) for label, section in found if section]
    for label, section in landed:
        if label != section.title:
            yield f"{name}: the link is called {label!r}, the section {section.title!r}"
    if landed and not any(name in section.ledger for _, section in landed):
        yield f"{name}: no section that it links to links back to the row"


def ledger_faults(text: str, root: Path = ROOT) -> Faults:
    """Check the claims ledger: every row once, its verdict, its links, and the counts."""
    rows = ROW.findall(text)
    names = [row[0] for row in rows]
    for name in IDS:
        if names.count(name) != 1:
            yield f"{name}: stands on the page {names.count(name)} times, expected once"
    for name in sorted(set(names) - set(IDS)):
        yield f"{name}: is no id of a row"
    for row in rows:
        yield from row_faults(*row, root=root)
    yield from link_faults(text, root)
    words = Counter(re.match(r"(?:\*\*(.+?)\*\*)?", row[2])[1] for row in rows)
    if (written := COUNT.findall(text)) != [(v, str(words[v])) for v in VERDICTS]:
        yield f"counts: the page says {written}, its rows {dict(words)}"
    listed = [
        sorted(re.findall(r"\[(\w+)\]\(", part)) for part in FALSE.findall(text + "\n## ")
    ]
    false = sorted(row[0] for row in rows if row[2].startswith("**false**"))
    if listed != [false] or len(false) != 12:
        yield f"twelve things that are false: the page lists other rows than {false}"
    said = [tuple(map(int, pair)) for pair in SENTENCE.findall(text)]
    if said != [(len(rows) - words["answered"], words["answered"])]:
        yield f"counts: the first sentences say {said}"


def question_faults(text: str, root: Path = ROOT) -> Faults:
    """Check the questions page: Q1 to Q14 in order, an answer and a link each, then more."""
    main, _, more = text.partition("\n## More questions")
    parts = re.split(r"(?m)^### ", main)[1:]
    numbers = [re.match(r"(Q\d+)\. \S.*\?", part) for part in parts]
    if [found and found[1] for found in numbers] != QUESTIONS:
        yield f"questions: expected headings '### Q1. ...?' to 'Q14', got {len(parts)} parts"
    for part in parts:
        title, _, answer = part.partition("\n")
        if len(re.sub(r"\(\S*\)", "", answer).split()) < 30:
            yield f"{title}: the answer is shorter than a paragraph"
        if not LINK.search(answer):
            yield f"{title}: has no link to a section of a chapter"
    short = [block for block in more.split("\n\n") if block.strip().startswith("**")]
    if len(short) < 15:
        yield f"more questions: {len(short)}, expected at least 15"
    for block in short:
        if not LINK.search(block):
            yield f"{block[:50]!r}: has no link to a section of a chapter"
    yield from link_faults(text, root)
