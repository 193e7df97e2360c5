"""Let the site carry the licences of the packages whose files it ships.

`THIRD_PARTY.md` lists them. Where it names ``licences/NAME.txt``, the licence of the
installed package NAME is copied there.
"""

import re
from importlib.metadata import distribution
from pathlib import Path

from sphinx.application import Sphinx

NAMED = re.compile(r"`licences/([\w.-]+)\.txt`")
LICENCE = re.compile(r"\.dist-info/(?:licenses/)?LICENSE[.\w]*$")


def licence(package: str) -> str:
    """Return the text of an installed package's licence."""
    files = distribution(package).files or ()
    [text] = [file.read_text("utf-8") for file in files if LICENCE.search(str(file))]
    return text


def copy(app: Sphinx, error: Exception | None) -> None:
    """Write the licences into the finished site."""
    listed = Path(app.srcdir, "THIRD_PARTY.md")
    if error is None and app.builder.name == "html" and listed.is_file():
        folder = Path(app.outdir, "_static", "licences")
        folder.mkdir(exist_ok=True)
        for package in NAMED.findall(listed.read_text("utf-8")):
            (folder / f"{package}.txt").write_text(licence(package), "utf-8")


def setup(app: Sphinx) -> dict:
    """Copy when the site is written."""
    app.connect("build-finished", copy)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
