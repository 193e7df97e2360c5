"""Change one constant, one marked region or one cell of a text, and no other byte."""

import json
import re
from typing import Any

TAG = "bootstrap"
CONSTANT = re.compile(r'^REPOSITORY = "([^"]*)"$', re.MULTILINE)
REGION = r"""(?msx)
    ^(?P<indent>[ ]*) (?:\#|<!--)[ ]configure:[ ]begin[ ]{name}\b [^\n]*\n
    (?P<body>.*?)
    ^[ ]*(?:\#|<!--)[ ]configure:[ ]end\b"""


def with_repository(source: str, repo: str) -> str:
    """Return the bootstrap cell's source with ``repo`` in its constant ``REPOSITORY``."""
    source, count = CONSTANT.subn(f'REPOSITORY = "{repo}"', source)
    if count != 1:
        raise ValueError(f'expected one line REPOSITORY = "...", found {count}')
    return source


def with_region(text: str, name: str, lines: str) -> str:
    """Return ``text`` with ``lines``, indented like the marks, in the region ``name``."""
    found = list(re.finditer(REGION.format(name=name), text))
    if len(found) != 1:
        raise ValueError(
            f"expected one region from `configure: begin {name}` to `configure: end`, "
            f"found {len(found)}"
        )
    start, end = found[0].span("body")
    indent = found[0]["indent"]
    body = "".join(indent + line for line in lines.splitlines(keepends=True))
    return text[:start] + body + text[end:]


def as_stored(notebook: dict[str, Any]) -> str:
    """Return the text of a notebook as nbformat writes it."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def with_cell(text: str, source: str) -> str:
    """Return a notebook's text with ``source`` in the cell tagged `bootstrap`.

    Raises
    ------
    ValueError
        If not exactly one code cell has the tag, or other bytes would change too.
    """
    notebook = json.loads(text)
    if as_stored(notebook) != text:
        raise ValueError("not stored as nbformat writes it; run `make run` first")
    cells = [c for c in notebook["cells"] if TAG in c["metadata"].get("tags", [])]
    if len(cells) != 1 or cells[0]["cell_type"] != "code":
        raise ValueError(f"expected one code cell tagged {TAG!r}, found {len(cells)}")
    cells[0]["source"] = source.strip().splitlines(keepends=True)
    return as_stored(notebook)
