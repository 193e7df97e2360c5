r"""Let chapters link to equations, papers, claims and names of the library.

A chapter links in plain Markdown, which opens the right page in JupyterLab and on GitHub, too:

- ``[(4.1)](04_batch_norm.ipynb#eq-4-1)``, an equation with ``\tag{4.1}``
- ``[Ioffe & Szegedy (2015)](../book/references.md#ioffe2015batch)``, by the key
- ``[false](../book/claims.md#c5)``, a row with ``[C5]{#c5}``
- ``[`moments`](../book/api/passes.md#bnlib.passes.plain.moments)``, by its full name

MyST knows only headings as places of a page; here it learns these as well. Where a page names
an equation, a chapter, an exercise, a paper or a name of the library from ``bnlib.`` on without
a link, as sheets, captions and docstrings do, the site adds it. The list of papers has surnames
first, as links do.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style
from sphinx.application import Sphinx

KEYS = {  # of a page: the file that introduces its places, and how
    "book/references": ("book/references.bib", re.compile(r"^@\w+\{(\w+),", re.MULTILINE)),
    "book/claims": ("book/claims.md", re.compile(r"\]\{#(\w+)\}")),
}
TAG = re.compile(r"\\\\?tag\{([\w.]+)\}")  # in a notebook's JSON the backslash is doubled
MENTION = re.compile(
    r"\((?P<equation>A?\d+\.\d+)\)|\b[Cc]hapter\s(?P<chapter>A?\d+)\b(?!\.\d)"
    r"|\b[Ee]xercises?\s(?P<exercise>\w+\.\d+)"
    r"|(?P<author>[A-Z][\w-]+)(?:,\s[A-Z]\w+)*(?:\set\sal\.|\s(?:&|and)\s[A-Z]\w+)?"
    r"\s(?:\((?P<year>\d{4})\)|(?P<bare>\d{4})\b)"
)
CHAPTER = re.compile(r"chapters/0?(a?\d+)_\w+")
CLOSED = (nodes.reference, nodes.title, nodes.math, nodes.literal, nodes.FixedTextElement)


class SurnameFirst(Style):
    """The style "plain", sorted by author, with the surname before the given names."""

    default_name_style = "lastfirst"


def closed(node: nodes.Node, *more: type[nodes.Node]) -> bool:
    """Say whether a node stands where no link may begin, or in more such places."""
    above = node.parent
    return above is not None and (isinstance(above, (*CLOSED, *more)) or closed(above, *more))


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


@cache
def equations(env: Any) -> dict[str, str]:
    """Return the page of each equation, by its place."""
    pages = {page: env.metadata[page].get("myst_slugs", {}) for page in env.all_docs}
    return {slug: page for page, slugs in pages.items() for slug in slugs if slug[:3] == "eq-"}


@cache
def chapters(env: Any) -> dict[str, str]:
    """Return the page of each chapter, by its number."""
    matches = {page: CHAPTER.fullmatch(page) for page in env.all_docs}
    return {match[1].upper(): page for page, match in matches.items() if match}


@cache
def exercises(env: Any) -> dict[str, tuple[str, str]]:
    """Return the page and the section of each exercise, by its number."""
    pages = [page for page in env.all_docs if page.startswith("chapters/exercises/")]
    return {
        title.split(" ")[0]: (page, f"#{place}")
        for page in pages
        for _, place, title in env.metadata[page].get("myst_slugs", {}).values()
    }


def target(env: Any, mention: re.Match[str]) -> tuple[str | None, str]:
    """Return the page and the place that words name, if the book has them."""
    if number := mention["equation"]:
        place = equation_id(number)
        return equations(env).get(place), f"#{place}"
    if number := mention["chapter"]:
        return chapters(env).get(number), ""
    if number := mention["exercise"]:
        return exercises(env).get(number, (None, ""))
    page = "book/references"
    start = mention["author"].lower() + (mention["year"] or mention["bare"])
    keys = [key for key in env.metadata[page].get("myst_slugs", ()) if key.startswith(start)]
    return (page, f"#{keys[0]}") if len(keys) == 1 else (None, "")


def link_names(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Make links of full names of the library, such as ``bnlib.stats.mean_var``."""
    objects = app.env.get_domain("py").objects
    for literal in list(tree.findall(nodes.literal)) if app.builder.name == "html" else ():
        there = objects.get(literal.astext())
        if there and there.docname != page and not closed(literal):
            address = app.builder.get_relative_uri(page, there.docname) + f"#{there.node_id}"
            link = nodes.reference("", "", literal.deepcopy(), internal=True, refuri=address)
            literal.parent.replace(literal, link)


def link_mentions(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Make links of what a page's text names."""
    for text in list(tree.findall(nodes.Text)) if app.builder.name == "html" else ():
        if closed(text) or not MENTION.search(text):
            continue
        parts, end = [], 0
        for mention in MENTION.finditer(text):
            there, place = target(app.env, mention)
            if there is None or (there == page and not place):
                continue
            address = app.builder.get_relative_uri(page, there) + place
            link = nodes.reference("", mention[0], internal=True, refuri=address)
            parts += [nodes.Text(text[end : mention.start()]), link]
            end = mention.end()
        text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def setup(app: Sphinx) -> dict:
    """Register a style for papers, and add the places when all pages are read."""
    register_plugin("pybtex.style.formatting", "surname_first", SurnameFirst)
    app.connect("env-updated", add_places)
    for step in (link_names, link_mentions):
        app.connect("doctree-resolved", step, priority=680)  # before cards are given
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
