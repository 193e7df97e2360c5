"""Let the docstrings of bnlib, written for `help()`, pass through reStructuredText."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

STAR = re.compile(r"\*(?=spatial)")  # (N, C, *spatial) opens no emphasis


def escaped(line: str) -> str:
    """Return ``line`` with the stars outside of literals escaped."""
    parts = line.split("``")
    parts[::2] = [STAR.sub(r"\\*", part) for part in parts[::2]]
    return "``".join(parts)


def escape_stars(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Escape the star of ``*spatial``, in place."""
    lines[:] = map(escaped, lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at each docstring before napoleon does."""
    app.connect("autodoc-process-docstring", escape_stars, priority=100)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
