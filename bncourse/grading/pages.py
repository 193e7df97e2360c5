"""What nbgrader's pages show to whoever marks: students' text that cannot act, and criteria.

nbgrader's templates show Markdown as it comes, HTML and links included, with the rights of
whoever marks. The course's nbgrader_config.py puts `markdown` in the place of that filter,
and `preprocess` before it.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import pass_context
from mistune.util import escape
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import from_dict

from bncourse.grading import clean
from bncourse.grading.sheets import Cell, read_notebook, source_of, tag

# TeX that makes links, styles and scripts, or changes what other formulas on the page mean.
COMMANDS = re.compile(
    r"\\(?=(href|url|style|class|cssId|data|require|mmlToken|bbox|enclose|includegraphics|"
    r"unicode|[egx]?def|let|(re)?new|Declare|csname))"
)
# A box of its own: nothing in it can cover what stands outside.
BOX = '<div style="contain: content; overflow: auto">{}</div>'


class Renderer(IPythonRenderer):
    """Markdown as HTML without links, and with pasted pictures alone; HTML is shown as text."""

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Return a link's text and its address."""
        return text if text == escape(url) else f"{text} ({escape(url)})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return a picture that was pasted, of others the address."""
        name = unquote(url.removeprefix("attachment:"))
        known = url.startswith("attachment:") and name in self.attachments
        return super().image(text, f"attachment:{name}") if known else self.link(text, url)

    def block_code(self, code: str, info: str | None = None) -> str:
        """Return code as it is, whatever language it says that it is in."""
        return f"<pre><code>{escape(code)}</code></pre>\n"

    def multiline_math(self, text: str) -> str:
        """Return formulas of several lines."""
        return self.escape_html(text)


@pass_context
def markdown(context: Any, source: str) -> str:
    """Return a text as HTML; a filter of nbconvert, in the place of its own."""
    text = COMMANDS.sub(r"\\ ", clean.visible(source, clean.LONGEST))
    pictures = clean.pictures_of(context.get("cell") or {})
    renderer = Renderer(escape=True, exclude_anchor_links=True, attachments=pictures)
    try:
        return BOX.format(MarkdownWithMath(renderer=renderer).render(text))
    except Exception:  # what no parser can read is still there to be marked
        return BOX.format(f"<pre>{escape(text)}</pre>")


def preprocess(notebook: Any, resources: Any) -> tuple[Any, Any]:
    """Return a notebook as nbgrader's pages may show it; in the form grader with criteria."""
    known = criteria(resources) if "submission_id" in resources else {}
    cells: list[Cell] = []
    for cell in notebook["cells"]:
        if tag(cell) != "hint":
            cells += [shown(cell), *known.get(cell.get("id"), ())]
    return from_dict({**notebook, "cells": cells}), resources  # type: ignore[no-untyped-call]


def shown(cell: Cell) -> Cell:
    """Return a cell for `markdown`; what `clean.clean_cell` has put away is there again."""
    if cell["cell_type"] == "code":
        return clean.clean_cell(cell)
    text = cell["metadata"].get("original")
    if cell["cell_type"] == "raw":
        text = clean.literal(source_of(cell))
    new = {**cell, "cell_type": "markdown"}
    return new | {"source": text} if isinstance(text, str) else new


def criteria(resources: Any) -> dict[str, list[Cell]]:
    """Return what a marker wants to read below an answer, by the id of the answer's cell."""
    folder, name = Path(resources["metadata"]["path"]), resources["notebook_id"]
    source = folder.parents[2] / "source" / resources["assignment_id"] / f"{name}.ipynb"
    try:
        sheet = read_notebook(source)
    except ValueError:
        return {}
    below = {}
    for cell in sheet["cells"]:
        if tag(cell) == "written":
            answer, mark, points = source_of(cell).rpartition("(1 point")
            text = f"**Criteria.** {mark}{points}\n\n**Model answer.** {answer}"
            below[cell["id"]] = [{"cell_type": "markdown", "metadata": {}, "source": text}]
    return below
