"""Make the text hypertext: words and symbols lead to their rows, and links bring a preview.

On the site, the first mention of a term of `book/glossary.md` in a chapter, and the first of a
symbol of `book/notation.md`, as a formula or by its code name, become links to the row. The
number of a formula leads to the rows of its symbols. These links and those to equations,
papers, claims and names of the library get a class; `previews.js` shows in a card what they
lead to. Without the script they are plain links.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from book_places import CHAPTER, TAG, closed, equation_id
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

TERMS, SYMBOLS = "book/glossary", "book/notation"
PREVIEWED = re.compile(
    r"#eq-\w+-[\w-]+$|#bnlib\.[\w.]+$|(?:^|/)(?:claims|references|glossary|notation)\.html#\S+$"
)
OTHER_SENSE = {  # of a chapter: words and letters that mean something else there
    "2": ["W"],  # a whitening matrix
    "3": [r"\mu", r"\sigma ^ 2"],  # of the population
    "5": ["vanish"],  # become zero at once
    "6": [r"\sigma ^ 2"],  # of all values
    "9": ["momentum"],  # the optimizer's
    "a1": ["W"],
}
LETTER = re.compile(r"\\?[A-Za-z]+")
INDEX = re.compile(r"_(?:\w|\{\w+\})")
SIGN = re.compile(r"\\mathrm\{[^{}]*\}|\\[A-Za-z]+|[^\s{}/]")
LAYOUT = {r"\frac", r"\tfrac"}
SAME = {  # ways to write the same
    r"\text{": r"\mathrm{",
    r"\mathcal{": r"\mathrm{",
    r"\operatorname{": r"\mathrm{",
    r"\mathrm{d}": r"\partial\ell\partial ",
}
UNNAMED = re.compile(r'(<a [^>]*#symbol-([\w-]+)"[^>]*)>(?=<span class="math)')


def signs(tex: str) -> str:
    """Return the signs of a formula, one space between two, without indices and fractions."""
    for one, other in SAME.items():
        tex = tex.replace(one, other)
    parts = [part.replace(" ", "") for part in SIGN.findall(INDEX.sub("", tex))]
    return " ".join(part for part in parts if part not in LAYOUT)


def symbols(node: nodes.Node) -> list[str]:
    """Return the letters or formulas that a cell lists, as their signs."""
    cells = [part.astext().split(", ") for part in node.findall(nodes.math)]
    return [signs(tex) for cell in cells for tex in cell]


def give_ids(app: Sphinx, tree: nodes.document) -> None:
    """Give each row an id: of a term, of a symbol by its code name or TeX, of a chapter."""
    for body in tree.findall(nodes.tbody) if app.env.docname in (TERMS, SYMBOLS) else ():
        for row in body.children:
            first, second, *_ = row.children
            if app.env.docname == TERMS:
                row["ids"] = [nodes.make_id(first.astext())]
                row["names"] = first.astext().split(", ")
            elif names := symbols(first):
                code = second.astext() if isinstance(second[0][0], nodes.literal) else ""
                row["ids"] = [re.sub(r"\W+", "-", f"symbol-{code or names[0]}")]
                row["names"] = [*names, *(f"`{name}`" for name in code.split(", ") if code)]
            else:
                row["ids"] = [f"letters-{first.astext().lower()}"]


@cache
def rows(env: BuildEnvironment, page: str) -> list[nodes.row]:
    """Return the rows of a page's tables, if the book has the page."""
    return [*env.get_doctree(page).findall(nodes.row)] if page in env.all_docs else []


def own_letters(env: BuildEnvironment, chapter: str) -> list[str]:
    """Return the letters that have a meaning of their own in a chapter."""
    cells = (row[1] for row in rows(env, SYMBOLS) if row[0].astext().lower() == chapter)
    texts = (part.astext() for cell in cells for part in cell.findall(nodes.math))
    return list(filter(LETTER.fullmatch, texts))


def either(names: Iterable[str]) -> str:
    """Return a pattern of the names, the longest first."""
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or "(?!)"


class FirstMentions:
    """The terms and symbols that a chapter has not mentioned yet."""

    def __init__(self, app: Sphinx, page: str, chapter: str) -> None:
        """Begin with all of them, less what means something else in this chapter."""
        self.places = {
            source: {n: row["ids"][0] for row in rows(app.env, source) for n in row["names"]}
            for source in (TERMS, SYMBOLS)
        }
        self.address = {to: app.builder.get_relative_uri(page, to) for to in self.places}
        self.own = own_letters(app.env, chapter)
        other = self.own + OTHER_SENSE.get(chapter, [])
        self.known = {places.get(name) for places in self.places.values() for name in other}
        self.rows = {n: r for n, r in self.places[SYMBOLS].items() if r not in self.known}
        self.rows |= dict.fromkeys(self.own, f"letters-{chapter}")
        self.sign = re.compile(rf"(?<!\S)(?:{either(self.rows)})(?!\S)")
        term = either(self.places[TERMS]).replace(r"\ ", r"\s")
        self.term = re.compile(rf"(?<![\w-])({term})s?(?![\w-])", re.IGNORECASE)

    def link(self, page: str, name: str, shown: nodes.Node) -> nodes.Node:
        """Return a link to the row of a name, if this is the first mention of it."""
        place = self.places[page].get(name)
        if place is None or place in self.known:
            return shown
        self.known.add(place)
        address = f"{self.address[page]}#{place}"
        classes = ["book-term"]
        return nodes.reference("", "", shown, internal=True, refuri=address, classes=classes)

    def symbol(self, node: nodes.Node) -> nodes.Node:
        """Return a formula or a code name, in a link if it is a symbol."""
        formula = isinstance(node, nodes.math)
        name = signs(node.astext()) if formula else f"`{node.astext()}`"
        return self.link(SYMBOLS, name, node.deepcopy())

    def formula(self, node: nodes.math_block) -> nodes.Node:
        """Return a formula beside its number, which leads to the rows of its symbols."""
        tex = node.astext()
        tag = TAG.search(tex)
        if not tag:
            return node
        tex, number = tex.replace(tag[0], ""), f"({tag[1]})"
        rows = {self.rows[name]: name in self.own for name in self.sign.findall(signs(tex))}
        names = sorted(rows, key=rows.__getitem__)  # letters of the chapter come last
        link = (
            f'a class="book-number book-term book-preview" data-rows="{" ".join(names)}" '
            f'href="{self.address[SYMBOLS]}#{names[0]}" aria-label="Symbols of {number}"'
            if names
            else 'span class="book-number"'
        )
        beside = f"<{link}>{number}</{link.split()[0]}>"
        drawn = nodes.math_block("", tex, **node.non_default_attributes())
        return nodes.container("", drawn, nodes.raw("", beside, format="html"),
                               ids=[equation_id(tag[1])], classes=["book-formula"])  # fmt: skip

    def words(self, text: str) -> list[nodes.Node]:
        """Return a text with links around the terms in it."""
        names = {name.lower(): name for name in self.places[TERMS]}
        parts, end = [], 0
        for match in self.term.finditer(text):
            name = names[re.sub(r"\s", " ", match[1].lower())]
            parts += [nodes.Text(text[end : match.start()])]
            parts += [self.link(TERMS, name, nodes.Text(match[0]))]
            end = match.end()
        return [*parts, nodes.Text(text[end:])]


def link(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Add the links of a chapter, and mark all that bring a preview."""
    if app.builder.name != "html":
        return
    if chapter := CHAPTER.fullmatch(page):
        mentions = FirstMentions(app, page, chapter[1])
        for node in [part for part in tree.findall() if not closed(part, nodes.caption)]:
            if isinstance(node, nodes.math_block):
                node.parent.replace(node, mentions.formula(node))
            elif isinstance(node, nodes.math | nodes.literal):
                node.parent.replace(node, mentions.symbol(node))
            elif isinstance(node, nodes.Text):
                node.parent.replace(node, mentions.words(str(node)))
    for reference in tree.findall(nodes.reference):
        address = reference.get("refuri") or f"#{reference.get('refid')}"
        if PREVIEWED.search(address):
            reference["classes"] += ["book-preview"]


def on_page(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Name the links around formulas, and load the script where there is a preview."""
    if "book-preview" in context.get("body", ""):
        context["body"] = UNNAMED.sub(r'\1 aria-label="\2">', context["body"])
        app.add_js_file("previews.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    """Connect the steps to Sphinx."""
    app.connect("doctree-read", give_ids)
    app.connect("doctree-resolved", link, priority=690)  # before book_face copies what it needs
    app.connect("html-page-context", on_page)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
