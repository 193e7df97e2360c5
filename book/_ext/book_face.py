"""Give the site a face: one rail, claims in the margin, figures that move, and a footer.

The sources stay plain Jupyter Book. A chapter's link to a row of `book/claims.md` becomes a
badge, and on a wide screen the claim stands in the margin beside it. A link to a figure of
`book/playground.md` brings the figure. The rail on the left lists the sections of the page
below its title.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from book_previews import rows
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from bnlib import __version__

CLAIM = re.compile(r"(?:^|/)claims\.html#([a-z]\d+)$")
FIGURE = re.compile(r"(?:^|/)playground\.html#([\w-]+)$")
KINDS = {"index": "cover", "chapters/exercises/": "sheet", "chapters/": "chapter"}
HERE = re.compile(r'<a class="current reference internal" href="#">.*?</a>')
CHINESE = re.compile(r">([^<]*[\u4e00-\u9fff][^<]*)<")
UNIT = re.compile(r"(?<=\d) (?=%|× |[kMG]B\b|m?s\b)|(?<=hapter) (?=A?\d)")
MARKS = tuple(".,;:!?)]")
VERDICTS = ("holds if", "holds", "false", "contested", "answered")


def kind(page: str) -> str:
    """Return what kind of page this is: cover, sheet, chapter, or page."""
    return next((name for start, name in KINDS.items() if page.startswith(start)), "page")


@cache
def claims(env: BuildEnvironment) -> dict[str, tuple[list[nodes.Node], str]]:
    """Return, for each id of a claim, its words and its verdict."""
    known = {}
    for row in rows(env, "book/claims"):
        ids = [name for part in row.findall(nodes.inline) for name in part["ids"]]
        if ids:
            _, claim, verdict, *_ = row.children
            word = next(filter(verdict.astext().startswith, VERDICTS))
            known[ids[0]] = claim[0].children, word
    return known


@cache
def figures(env: BuildEnvironment) -> dict[str, nodes.container]:
    """Return the figures that move, each by the id of its section."""
    if "book/playground" not in env.all_docs:
        return {}
    page = env.get_doctree("book/playground")
    moving = [box for box in page.findall(nodes.container) if "bn-figure" in box["classes"]]
    return {name: box for box in moving for name in box.parent["ids"]}


def block(node: nodes.Node) -> nodes.Node:
    """Return the part of a section in which a node stands."""
    while not isinstance(node.parent, nodes.section | nodes.document):
        node = node.parent
    return node


def links(tree: nodes.document, pattern: re.Pattern[str]) -> Iterator[tuple[nodes.Node, str]]:
    """Yield each link to such an address, with what the pattern finds."""
    for link in list(tree.findall(nodes.reference)):
        if match := pattern.search(link.get("refuri", "")):
            yield link, match[1]


def set_in_margin(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Mark the links to claims, and set each claim beside the first of its links."""
    known, shown = claims(app.env), set()
    for link, name in links(tree, CLAIM):
        if name not in known:
            continue
        words, verdict = known[name]
        colour = f"is-{verdict.replace(' ', '-')}"
        link["classes"] += ["book-claim", colour]
        if name in shown or kind(page) != "chapter":
            continue
        shown.add(name)
        opened = f'<div class="book-note {colour}" role="note" data-pagefind-ignore="all">'
        opened += f'<p class="book-note-label">{name.upper()} <b>{verdict}</b></p>'
        place = block(link)
        at = place.parent.index(place)
        place.parent[at:at] = [
            nodes.raw("", opened, format="html"),
            nodes.paragraph("", "", *(word.deepcopy() for word in words)),
            nodes.raw("", "</div>", format="html"),
        ]


def bring_figures(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Set a figure that moves below the paragraph of a chapter that links to it."""
    for link, name in links(tree, FIGURE) if kind(page) == "chapter" else ():
        if figure := figures(app.env).get(name):
            place = block(link)
            place.parent.insert(place.parent.index(place) + 1, figure.deepcopy())


def leave_out_setup(app: Sphinx, tree: nodes.document) -> None:
    """Leave out the cell that installs `bnlib` on Colab, while no address is known to it."""
    if not app.config.overrides.get("html_baseurl"):
        for cell in list(tree.findall(nodes.container)):
            if "tag_bootstrap" in cell["classes"]:
                cell.parent.remove(cell)


def keep_together(tree: nodes.document) -> None:
    """Let no line begin with the mark that follows a formula, or end with its bracket."""
    for formula in list(tree.findall(nodes.math)):
        box, at = formula.parent, formula.parent.index(formula)
        kept = nodes.inline("", "", formula.deepcopy(), classes=["book-keep"])
        before, after = box[at - 1] if at else None, box[at + 1] if at + 1 < len(box) else None
        if isinstance(after, nodes.Text) and after.startswith(MARKS):
            kept += nodes.Text(after[0])
            box[at + 1] = nodes.Text(after[1:])
        if isinstance(before, nodes.Text) and before.endswith(("(", "[")):
            kept.insert(0, nodes.Text(before[-1]))
            box[at - 1] = nodes.Text(before[:-1])
        if len(kept) > 1:
            box[at] = kept


def keep_units(tree: nodes.document) -> None:
    """Let no line begin with the unit of a number, or with the number of a chapter."""
    for text in list(tree.findall(nodes.Text)):
        if UNIT.search(text) and not isinstance(
            text.parent, nodes.FixedTextElement | nodes.literal
        ):
            text.parent.replace(text, nodes.Text(UNIT.sub("\N{NO-BREAK SPACE}", text)))


def dress(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Change the tree of one page."""
    if app.builder.name == "html":
        set_in_margin(app, tree, page)
        bring_figures(app, tree, page)
        keep_together(tree)
        keep_units(tree)
        leave_out_setup(app, tree)


def footer(app: Sphinx, context: Any) -> str:
    """Return what each page says at its end: licence, version, how to cite, whom to tell."""
    home = context["pathto"](app.config.root_doc)
    return (
        f'<p class="book-facts"><a href="{home}">{app.config.project}</a>, {__version__}. '
        'Text and figures: CC BY 4.0; code: BSD 3-Clause. '
        f'<a href="{home}#licence-citation-errors">Licence, citation, errors</a></p>'
    )  # fmt: skip


def on_page(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Set the kind of the page, the sections in the rail, and the footer."""
    if app.builder.name != "html":
        return
    if "body" in context:
        first = '<section class="'
        body = context["body"].replace(first, f"{first}book-{kind(page)} ", 1)
        context["body"] = CHINESE.sub(r'><span lang="zh">\1</span><', body)
    context["theme_extra_footer"] = footer(app, context)
    toctree, sections = context["generate_toctree_html"], context["generate_toc_html"]

    def rail(*arguments: Any, **options: Any) -> Any:
        """Return the pages of the book, and below this page its sections."""
        pages = toctree(*arguments, **options)
        below = str(sections() or "").replace("<ul ", '<ul data-rail="" ', 1)
        return HERE.sub(lambda here: here[0] + below, str(pages), count=1)

    context["generate_toctree_html"] = rail


def setup(app: Sphinx) -> dict:
    """Connect the steps to Sphinx."""
    app.connect("doctree-resolved", dress, priority=700)  # links have their addresses
    app.connect("html-page-context", on_page, priority=700)  # after the theme's functions
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
