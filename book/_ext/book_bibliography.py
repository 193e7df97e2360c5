"""Write the reference list with surnames first, and let chapters link to papers and claims.

A chapter links to a paper as ``[Ioffe & Szegedy (2015)](../book/references.md#ioffe2015batch)``
and to a claim as ``[false](../book/claims.md#c5)``: plain Markdown, which opens the right page
in JupyterLab and on GitHub. MyST knows only headings as places of a page; here it learns the
keys of the bibliography and the ids of inline attributes, such as ``[C5]{#c5}``.
"""

import re
from pathlib import Path
from typing import Any

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from sphinx.application import Sphinx


class SurnameFirst(Style):
    """The style "plain", sorted by author, with the surname before the given names."""

    default_name_style = "lastfirst"


ANCHORS = {  # of a page: what introduces one in its source
    "book/references": ("book/references.bib", re.compile(r"^@\w+\{(\w+),", re.MULTILINE)),
    "book/claims": ("book/claims.md", re.compile(r"\]\{#(\w+)\}")),
}


def add_anchors(app: Sphinx, env: Any) -> None:
    """Tell MyST the places of a page that are no headings."""
    for page, (file, pattern) in ANCHORS.items():
        if page not in env.all_docs:  # a part of the book is built
            continue
        text = Path(app.srcdir, file).read_text("utf-8")
        known = env.metadata[page].setdefault("myst_slugs", {})
        known.update({key: (None, key, key) for key in pattern.findall(text)})


def setup(app: Sphinx) -> dict:
    """Register the style under the name ``surname_first``."""
    app.connect("env-updated", add_anchors)
    register_plugin("pybtex.style.formatting", "surname_first", SurnameFirst)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
