"""The rules for the cells of a chapter; each takes a notebook and yields its faults.

`test_house_notebooks.py` applies them to the chapters, and `test_house_trials_notebooks.py`
to a notebook that is broken on purpose, in one way for each rule.
"""

import ast
import re
import statistics
from collections.abc import Iterator

from house import cells, joined, tags
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
ENDING = ["## What we have shown", "## Exercises", "## Further reading"]
DIRECTIVE = re.compile(r"^\s*(?:```+|~~~+|:::+)\s*\{|^\s*:::|\{[a-z:-]+\}`", re.MULTILINE)
UNSTABLE = {
    "a number with more than 6 decimals": re.compile(r"\d\.\d{7}"),
    "a memory address": re.compile(r"\b0x[0-9a-fA-F]{6,}"),
}
Faults = Iterator[str]


def metadata(notebook: NotebookNode) -> Faults:
    """Keep the notebook's metadata free of versions and of editors' notes."""
    if notebook.metadata != METADATA:
        yield f"metadata: expected {METADATA}, got {dict(notebook.metadata)}"
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"nbformat: expected 4.5, got {notebook.nbformat}.{notebook.nbformat_minor}"


def executed(notebook: NotebookNode) -> Faults:
    """Demand that every code cell ran, in order: nbval passes a cell that never ran."""
    for wanted, (name, cell, _) in enumerate(cells(notebook), 1):
        if cell.execution_count != wanted:
            yield f"{name}: execution count {cell.execution_count}, expected {wanted}"


def line_count(source: str) -> int:
    """Return the number of lines that are not blank."""
    return sum(bool(line.strip()) for line in source.splitlines())


def word_count(source: str) -> int:
    """Return the words of a Markdown cell without displayed equations, code and tables."""
    prose = re.sub(r"(?s)\$\$.*?\$\$|```.*?```", " ", source)
    prose = re.sub(r"(?m)^\s*\|.*$", " ", prose)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    return len(re.sub(r"\$[^$]*\$", " x ", prose).split())


def code_length(notebook: NotebookNode) -> Faults:
    """Keep code cells short; what is longer goes to bnlib."""
    lengths = [(name, line_count(source)) for name, _, source in cells(notebook)]
    for name, length in lengths:
        if not 1 <= length <= 20:
            yield f"{name}: {length} non-blank lines, at most 20; move code to bnlib"
    if lengths and statistics.median(length for _, length in lengths) > 8:
        yield "the median code cell has more than 8 lines"


def prose_length(notebook: NotebookNode) -> Faults:
    """Keep markdown cells short."""
    for name, _, source in cells(notebook, "markdown"):
        if (words := word_count(source)) > 140:
            yield f"{name}: {words} words, at most 140 (aim at 90); split it"


def plain_code(notebook: NotebookNode) -> Faults:
    """Demand plain Python that runs in any folder; ruff refuses star imports."""
    for name, _, source in cells(notebook):
        try:
            ast.parse(source)
        except SyntaxError as error:
            yield f"{name}: is not plain Python ({error.msg}); no magics, no shell commands"
        if "../" in source:
            yield f"{name}: uses '../'; Colab has no such folder"


def no_directives(notebook: NotebookNode) -> Faults:
    """Keep MyST out of the chapters: it renders nowhere but in the book."""
    for name, _, source in cells(notebook, "markdown"):
        if markup := DIRECTIVE.search(source):
            yield f"{name}: MyST markup {markup.group().strip()!r} renders only in the book"


def has_image(cell: NotebookNode) -> bool:
    """Say whether a code cell shows a picture."""
    return any(
        kind.startswith("image/") for out in cell.outputs for kind in out.get("data", {})
    )


def figures(notebook: NotebookNode) -> Faults:
    """Give each figure a text alternative and a caption; `test_site.py` sees other images."""
    for name, cell, source in cells(notebook):
        shows, myst = has_image(cell), cell.metadata.get("mystnb", {})
        if shows and len(myst.get("image", {}).get("alt", "").strip()) < 40:
            yield f"{name}: metadata mystnb.image.alt needs at least 40 characters"
        if shows and not myst.get("figure", {}).get("caption", "").strip():
            yield f"{name}: metadata mystnb.figure.caption is missing"
        if shows and "plt.show()" not in source.splitlines():
            yield f"{name}: a drawing ends with plt.show(); what checks it may follow"
        if shows and any(out.output_type == "execute_result" for out in cell.outputs):
            yield f"{name}: shows a value too; a figure cell shows only a figure"
        if not shows and ({"image", "figure"} & set(myst) or "plt.show()" in source):
            yield f"{name}: is made for a figure, but none is stored; run `make run`"


def texts(output: NotebookNode) -> Iterator[str]:
    """Yield what an output says in words."""
    for key in ("text", "traceback", "evalue"):
        yield joined(output.get(key, ""))
    for kind, data in output.get("data", {}).items():
        if kind.startswith("text/"):
            yield joined(data)


def outputs(notebook: NotebookNode) -> Faults:
    """Store nothing that another run or another machine would print differently."""
    for name, cell, _ in cells(notebook):
        kinds = [out.output_type for out in cell.outputs]
        if any(out.get("name") == "stderr" for out in cell.outputs):
            yield f"{name}: wrote to stderr; no warnings and no progress bars in chapters"
        if ("error" in kinds) != ("raises-exception" in tags(cell)):
            yield f"{name}: an error and the tag raises-exception go together"
        text = "\n".join(text for out in cell.outputs for text in texts(out))
        for what, pattern in UNSTABLE.items():
            if unstable := pattern.search(text):
                yield f"{name}: prints {what}: {unstable.group()!r}"


def ending(notebook: NotebookNode) -> Faults:
    """Close with the three sections, in order."""
    lines = [line for _, _, text in cells(notebook, "markdown") for line in text.splitlines()]
    titles = [line.strip() for line in lines if line.strip() in ENDING]
    if titles != ENDING:
        yield f"sections: expected {ENDING} once each and in this order, got {titles}"


RULES = [
    metadata, executed, code_length, prose_length, plain_code, no_directives, figures, outputs,
    ending,
]  # fmt: skip
