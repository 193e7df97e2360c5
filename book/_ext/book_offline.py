"""Make the built site complete in itself: no content delivery network, no redundant script.

MathJax comes from the installed wheel ``sphinx-mathjax-offline``. Only the parts that TeX
input with CommonHTML output can load are copied: 6 MB of 24. A page loads about 0.3 MB of
them, compressed, after its first text is painted.
"""

from __future__ import annotations

import os
import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

WHEEL = "sphinx-mathjax-offline"
PARTS = (
    "tex-chtml.js",
    "input/tex/extensions",
    "output/chtml/fonts/woff-v2",
    "a11y",
    "sre",
)
LOADER = "after_text.js"
ICON_SCRIPT = "scripts/fontawesome.js"
ICON_NOTE = "/* The icons are drawn by the web font in the theme's style sheet. */\n"


def mathjax_folder() -> Path:
    """Return the MathJax folder of the installed wheel."""
    folder = Path(str(distribution(WHEEL).locate_file(WHEEL))) / "static" / "mathjax"
    if not (folder / PARTS[0]).is_file():
        raise FileNotFoundError(f"book_offline: no {PARTS[0]} in {folder}; reinstall {WHEEL}")
    return folder


def copy_parts(source: Path, target: Path) -> None:
    """Copy the files and folders named in ``PARTS`` from one MathJax folder to another."""
    for part in PARTS:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            shutil.copy2(source / part, target / part)


def point_to_own_mathjax(app: Sphinx, config: Config) -> None:
    """Let every page with formulas load MathJax from the site's own static folder."""
    config.mathjax_path = f"mathjax/{LOADER}"


def complete_site(app: Sphinx, error: Exception | None) -> None:
    """Copy MathJax into the finished site and empty the redundant icon script (1.5 MB)."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    copy_parts(mathjax_folder(), static / "mathjax")
    shutil.copy2(Path(__file__).with_name(LOADER), static / "mathjax")
    if (static / ICON_SCRIPT).is_file():
        (static / ICON_SCRIPT).write_text(ICON_NOTE, encoding="utf-8")
    for source_map in (static / "scripts").glob("*.map"):
        source_map.unlink()


def write_on_all_processors(app: Sphinx, env: Any) -> None:
    """Write pages side by side where the system can fork; they are read one by one."""
    app.parallel = os.cpu_count() or 1


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the steps to Sphinx."""
    app.connect("config-inited", point_to_own_mathjax)
    app.connect("env-updated", write_on_all_processors)
    app.connect("build-finished", complete_site)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
