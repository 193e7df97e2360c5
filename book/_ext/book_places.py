r"""Let chapters link to equations, papers, claims and names of the library.

A chapter links in plain Markdown, which opens the right page in JupyterLab and on GitHub, too:

- ``[(4.1)](04_batch_norm.ipynb#eq-4-1)``, an equation with ``\tag{4.1}``
- ``[Ioffe & Szegedy (2015)](../book/references.md#ioffe2015batch)``, by the key
- ``[false](../book/claims.md#c5)``, a row with ``[C5]{#c5}``
- ``[`moments`](../book/api/passes.md#bnlib.passes.plain.moments)``, by its full name

MyST knows only headings as places of a page; here it learns these as well.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

KEYS = {  # of a page: the file that introduces its places, and how
    "book/references": ("book/references.bib", re.compile(r"^@\w+\{(\w+),", re.MULTILINE)),
    "book/claims": ("book/claims.md", re.compile(r"\]\{#(\w+)\}")),
}
TAG = re.compile(r"\\\\?tag\{([\w.]+)\}")  # in a notebook's JSON the backslash is doubled


def equation_id(number: str) -> str:
    """Return the place of an equation on its page: ``eq-4-1`` for (4.1)."""
    return "eq-" + number.replace(".", "-").lower()


def places(app: Sphinx, env: Any, page: str) -> Iterator[str]:
    """Yield the places of a page that are no headings."""
    if page in KEYS:
        file, pattern = KEYS[page]
        yield from pattern.findall(Path(app.srcdir, file).read_text("utf-8"))
    if page.startswith("chapters/"):
        source = Path(env.doc2path(page)).read_text("utf-8")
        yield from map(equation_id, TAG.findall(source))
    objects = env.get_domain("py").objects
    yield from (name for name, found in objects.items() if found.docname == page)


def add_places(app: Sphinx, env: Any) -> None:
    """Tell MyST the places of each page."""
    for page in env.all_docs:  # perhaps only a part of the book
        known = env.metadata[page].setdefault("myst_slugs", {})
        known.update({place: (None, place, place) for place in places(app, env, page)})


def setup(app: Sphinx) -> dict:
    """Add the places when all pages are read."""
    app.connect("env-updated", add_places)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
