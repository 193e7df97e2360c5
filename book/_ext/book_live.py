"""Let readers run exercises in the page: `make live` first, then `make book`.

Without the folder of `make live` nothing changes, byte for byte. With it, cells of a sheet's
page get a tag that says what they are to a run, and pages with something to run a script.
A chapter's cell that runs in place has the tag ``live`` itself.
"""

import json
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

FOLDER = Path("_build", "live")
SHEET = re.compile(r"chapters/exercises/\w+")
logger = logging.getLogger(__name__)


def about(app: Sphinx) -> dict[str, Any]:
    """Return what `make live` wrote about its folder; empty without one."""
    path = Path(app.srcdir) / FOLDER / "live.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def warn_if_old(app: Sphinx) -> None:
    """Warn if the code was changed since `make live`."""
    if live := about(app):
        root, folder = Path(app.srcdir), Path(app.srcdir) / FOLDER / live["folder"]
        held = {f"book/live/{path.name}": path.read_bytes() for path in folder.glob("*.*")}
        with zipfile.ZipFile(next(folder.glob("pyodide/bnlib-*.whl"))) as wheel:
            held |= {name: wheel.read(name) for name in wheel.namelist()}
        for name, body in held.items():
            if (root / name).is_file() and (root / name).read_bytes() != body:
                logger.warning("%s was changed since `make live`: run it again", name)


def mark(app: Sphinx, docname: str, source: list[str]) -> None:
    """Tag the cells of a sheet's page."""
    if SHEET.fullmatch(docname) and (roles := about(app).get("cells")):
        app.env.note_dependency(str(Path(app.srcdir) / FOLDER / "live.json"))
        page = json.loads(source[0])
        for cell in page["cells"]:
            if cell["id"] in roles:
                cell["metadata"].setdefault("tags", []).append(f"live-{roles[cell['id']]}")
        source[0] = json.dumps(page, ensure_ascii=False)


def add_files(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Let pages with something to run load the script and the styles."""
    live = about(app)
    if live and "tag_live" in context.get("body", ""):
        size = {"data-megabytes": str(live["megabytes"])}
        app.add_js_file(f"live/{live['folder']}/live.js", loading_method="defer", **size)
        app.add_css_file(f"live/{live['folder']}/live.css")


def copy(app: Sphinx, error: Exception | None) -> None:
    """Copy the folder into the finished site; remove an older one."""
    if app.builder.name == "html" and not error:
        target = Path(app.outdir) / "_static" / "live"
        shutil.rmtree(target, ignore_errors=True)
        if live := about(app):
            folder = live["folder"]
            shutil.copytree(Path(app.srcdir) / FOLDER / folder, target / folder)


def setup(app: Sphinx) -> dict:
    """Connect the steps."""
    app.connect("builder-inited", warn_if_old)
    app.connect("source-read", mark, priority=900)  # after the sheets' pages are made
    app.connect("html-page-context", add_files)
    app.connect("build-finished", copy)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
