"""Make the built site lighter: no redundant script, and pages written side by side."""

import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ICON_SCRIPT = "scripts/fontawesome.js"
ICON_NOTE = "/* The icons are drawn by the web font in the theme's style sheet. */\n"


def drop_scripts(app: Sphinx, error: Exception | None) -> None:
    """Empty the redundant icon script (1.5 MB) and remove what only debuggers read."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    if (static / ICON_SCRIPT).is_file():
        (static / ICON_SCRIPT).write_text(ICON_NOTE, encoding="utf-8")
    for source_map in (static / "scripts").glob("*.map"):
        source_map.unlink()


def write_on_all_processors(app: Sphinx, env: Any) -> None:
    """Write pages side by side where the system can fork; they are read one by one."""
    app.parallel = os.cpu_count() or 1


def setup(app: Sphinx) -> dict:
    """Connect the steps to Sphinx."""
    app.connect("env-updated", write_on_all_processors)
    app.connect("build-finished", drop_scripts)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
