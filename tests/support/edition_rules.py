"""The rules for a whole chapter; each takes a notebook and yields its faults."""

import ast
import re
from collections.abc import Iterator

import book_library
from house import cells, joined, tags
from nbformat import NotebookNode
from notebook_rules import has_image, line_count, word_count

OPENING = re.compile(
    r"# (?:\d+|A\d)\. [^\n]+\n\n"
    r"(?P<answer>[^\n]+[.!])\n\n"
    r"!\[(?P<alt>[^\]]{40,})\]\(\.\./book/figures/[\w.]+\)\n\n"
    r"\*\*(?P<minutes>\d+) minutes\.\*\* Needs [^\n]+\n\n"
    r"\*\*The question\.\*\* [^\n]+\?[^\n]*"
)
LIMITS = {"words": 2800, "open cells": 45, "open lines": 220, "lines": 450, "minutes": 40}
LABELS = {  # what a folded cell says it holds, and what it then must hold
    "Imports": (ast.Import, ast.ImportFrom),
    "Code of the figure": (ast.Expr,),
    "Checks": (ast.Assert,),
    "Helpers": (ast.FunctionDef, ast.ClassDef),
}
LINKED = re.compile(r"\[[^\]]*\]\([^)]*\)")
MENTIONS = {
    "chapter": re.compile(r"\b[Cc]hapter (\d+)\b"),
    "equation": re.compile(r"\(([A-Z]?\d+\.\d+)\)"),
    "paper": re.compile(r"\b([A-Z][\w-]+(?: (?:&|and) [A-Z][\w-]+| et al\.)?,? \(?\d{4})\)?"),
}
LIBRARY = {name for module in book_library.documented() for name in book_library.public(module)}
NAME = re.compile(r"(\[?)`(\w+)(?:\(\))?`")
Faults = Iterator[str]


def sizes(notebook: NotebookNode) -> dict[str, int]:
    """Return words, open cells and lines, all lines, figures, and minutes rounded to 5."""
    code = [(cell, line_count(source)) for _, cell, source in cells(notebook)]
    seen = [n for cell, n in code if "hide-input" not in tags(cell)]
    words = sum(word_count(source) for _, _, source in cells(notebook, "markdown"))
    figures = sum(has_image(cell) for cell, _ in code)
    minutes = words / 150 + sum(seen) * 5 / 60 + figures * 20 / 60
    return {
        "words": words, "open cells": len(seen), "open lines": sum(seen),
        "lines": sum(n for _, n in code), "figures": figures,
        "minutes": max(5, 5 * round(minutes / 5)),
    }  # fmt: skip


def size(notebook: NotebookNode) -> Faults:
    """Keep a chapter short, and let it state the minutes that it takes."""
    counted = sizes(notebook)
    for name, limit in LIMITS.items():
        if counted[name] > limit:
            yield f"{counted[name]} {name}, at most {limit}"
    stated = re.search(r"(\d+) minutes", joined(notebook.cells[0].source))
    if stated and int(stated[1]) != counted["minutes"]:
        yield f"says {stated[1]} minutes, counted are {counted['minutes']}"


def opening(notebook: NotebookNode) -> Faults:
    """Open with title, answer, figure, minutes and needs, question; then the folded setup."""
    match = OPENING.fullmatch(joined(notebook.cells[0].source).strip())
    if match is None:
        yield "cell 0: expected title, answer, figure, '**N minutes.** Needs ...', question"
    elif word_count(match["answer"]) > 40:
        yield f"cell 0: the answer has {word_count(match['answer'])} words, at most 40"
    for cell in notebook.cells[1:3]:
        if "hide-input" not in tags(cell):
            yield f"{cell.id}: the second and the third cell are the setup, folded"


def folds(notebook: NotebookNode) -> Faults:
    """Fold only what imports, draws, checks or defines helpers, under a label that says so."""
    for name, cell, source in cells(notebook):
        if "hide-input" not in tags(cell) or "bootstrap" in tags(cell):
            continue
        label = cell.metadata.get("mystnb", {}).get("code_prompt_show")
        if label not in LABELS:
            yield f"{name}: mystnb.code_prompt_show is {label!r}, expected one of {[*LABELS]}"
            continue
        holds = [isinstance(node, LABELS[label]) for node in ast.parse(source).body]
        if not any(holds) or (label == "Code of the figure") != ("plt.show()" in source):
            yield f"{name}: is folded as {label!r} and holds something else"


def predictions(notebook: NotebookNode) -> Faults:
    """Hide what answers a prediction: the next output, and the text that tells it."""
    waiting = None
    for cell in notebook.cells:
        text = joined(cell.source)
        if waiting == "text" and cell.cell_type == "markdown":
            if not text.startswith("<details>\n<summary>"):
                yield f"{cell.id}: tells what was to be predicted; put it into <details>"
            waiting = None
        if waiting == "output" and cell.cell_type == "code" and cell.outputs:
            hidden = cell.metadata.get("jupyter", {}).get("outputs_hidden")
            if "hide-output" not in tags(cell) or not hidden:
                yield f"{cell.id}: shows what was to be predicted; hide its output"
            if "code_prompt_show" not in cell.metadata.get("mystnb", {}):
                yield f"{cell.id}: its hidden output needs a label, mystnb.code_prompt_show"
            waiting = "text"
        if cell.cell_type == "markdown" and "**Predict" in text:
            waiting = "output"


def links(notebook: NotebookNode) -> Faults:
    """Link a section's first mention of a chapter, an equation, a paper, a library name."""
    number = re.match(r"# (\w+)\.", joined(notebook.cells[0].source))
    own = number[1] if number else ""
    text = "\n\n".join(source for _, _, source in cells(notebook, "markdown"))
    for section in re.split(r"(?m)^(?=##+ )", text):
        title, _, text = section.strip().partition("\n")
        known = {own, *re.findall(r"\\tag\{(\S+?)\}", text)}
        prose = re.sub(r"(?s)\$\$.*?\$\$|```.*?```", " ", text)
        plain = re.sub(r"`[^`\n]*`", " ", prose)
        if "[[" in plain:
            yield f"{title}: a link stands inside a link"
        inside = [range(*link.span()) for link in LINKED.finditer(plain)]
        for kind, pattern in MENTIONS.items():
            for mention in pattern.finditer(plain):
                what = mention[1].replace("(", "").replace(",", "")
                linked = any(mention.start() in span for span in inside)
                if what not in known and not linked:
                    yield f"{title}: {kind} {what} is mentioned without a link"
                known.add(what)
        for bracket, name in NAME.findall(prose):
            if name in LIBRARY - known and not bracket:
                yield f"{title}: `{name}` of the library is mentioned without a link"
            known.add(name)


def test_part(notebook: NotebookNode) -> Faults:
    """Touch the test images in cells that report; what chooses or trains stands before them."""
    seen = False
    for cell in notebook.cells:
        source = joined(cell.source)
        if cell.cell_type != "code":
            seen = seen and not re.search(r"(?m)^##+ ", source)
            continue
        touched = re.search(r"\.[xy]_test\b", source)
        if bool(touched) != ("report" in tags(cell)):
            yield f"{cell.id}: the tag 'report' belongs to cells that touch the test images"
        after = source[touched.end() :] if touched else source
        if (seen := seen or bool(touched)) and re.search(r"\bfit\(|\.[xy]_val\b", after):
            yield f"{cell.id}: trains or chooses after the test images were seen"


RULES = [opening, size, folds, predictions, links, test_part]
