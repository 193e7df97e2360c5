"""Give a page with figures that move their scripts, and give every other page none.

A page holds a still image in a container with the class ``bn-figure-NAME``. The script
``book/figures_js/NAME.js`` replaces it. Without JavaScript the image stays.
"""

import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

SOURCE = Path("book/figures_js")
FIGURE = re.compile(r"\bbn-figure-(\w+)")


def copy_scripts(app: Sphinx) -> None:
    """Copy scripts and style sheet into the site, outside of what every page loads."""
    if app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "figures"
        shutil.copytree(Path(app.srcdir) / SOURCE, target, dirs_exist_ok=True)


def add_scripts(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Load what the figures of this page need."""
    names = dict.fromkeys(FIGURE.findall(context.get("body", "")))
    if names:
        app.add_css_file("figures/figures.css")
        for name in ["core", *names]:
            app.add_js_file(f"figures/{name}.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Connect the two steps to Sphinx."""
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", add_scripts)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
