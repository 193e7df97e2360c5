"""Let readers search by section: Pagefind's index in place of Sphinx's.

Of the finished site, each section, each name of the library and each row of a term or a symbol
becomes a small page of its own, and Pagefind's program indexes these. The page's path says
where the section stands:
``chapters/07_inference/the-cold-start.html`` leads to
``chapters/07_inference.html#the-cold-start``; `search.js` makes the one of the other.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pagefind_bin
from sphinx.application import Sphinx

# What kind a page is, and how much its words count; the first that its address begins with.
# How much the names of its sections count is set by kind, in `search.js`.
KINDS = {
    "book/api/": ("library", 0.1),
    "book/benchmarks": ("appendix", 0.2),
    "book/changes": ("appendix", 0.1),
    "chapters/exercises/capstone": ("appendix", 0.7),
    "chapters/exercises/": ("exercise", 0.3),
    "chapters/a": ("appendix", 0.7),
    "book/claims": ("appendix", 0.7),
    "book/notation": ("title", 2),
    "book/glossary": ("title", 2),
    "index": ("title", 0.5),
    "": ("title", 1),
}
ARTICLE = re.compile(r'<article class="bd-article">(.*?)</article>', re.DOTALL)
PART = re.compile(r'<(?:section|dt class="sig)\b[^>]* id="([^"]+)"[^>]*>')
NO_RESULT = "letters-|symbol-momentum"  # of one chapter; a term of the glossary, too
ROW = re.compile(rf'<tr\b[^>]* id="(?!{NO_RESULT})([^"]+)">(.*?</td>)(.*?)</tr>', re.DOTALL)
HEADING = re.compile(r"<h([1-6])\b[^>]*>(.*?)</h\1>", re.DOTALL)
MARKUP = re.compile(r'<a class="headerlink".*?</a>|<[^>]*>')
NOT_SEARCHED = (
    ".headerlink, .viewcode-link, .eqno, img, svg, .tag_bootstrap, .tag_hide-input .cell_input"
)
SEARCHED = {  # in formulas σ² is one word, each other sign one of its own
    "</mi><mn>2</mn></msup>": "²</mi></msup>",
    "</mi>": "</mi> ",
    "</mo>": "</mo> ",
    "ϵ": "ε",
    **{mark: f" {mark} " for mark in "，（）、"},  # no part of a Chinese word
}
HAN = re.compile(r"[\u4e00-\u9fff]{3,}")  # Pagefind finds a word by its beginning alone


def rows_last(text: str) -> str:
    """Return the text of a page with its rows as sections at the end."""
    section = r'<section id="\1"><h4>\2</h4>\3</section>'
    return ROW.sub("", text) + "".join(row.expand(section) for row in ROW.finditer(text))


def endings(text: str) -> str:
    """Return the endings of two and more signs of the Chinese words in a text."""
    words = sorted(set(HAN.findall(text)))
    return " ".join(word[start:] for word in words for start in range(1, len(word) - 1))


def sections(page: str, html: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the HTML of a small page for each section of a page."""
    article = ARTICLE.search(html)
    if not article or page.startswith("_modules/"):
        return
    kind, weight = next(value for start, value in KINDS.items() if page.startswith(start))
    text = article[1]
    for shown, searched in SEARCHED.items():
        text = text.replace(shown, searched)
    whole = ""
    _, *parts = PART.split(rows_last(text))
    for place, body in zip(parts[::2], parts[1::2], strict=True):
        heading = HEADING.search(body)
        title = " ".join(MARKUP.sub("", heading[2]).split()) if heading else place
        level = int(heading[1]) if heading else 3
        key = "appendix" if level > 3 else kind
        if key != "title":  # Pagefind makes much of headings
            body = re.sub(r"<(/?)h[1-6]\b", r"<\1p", body)
        whole = whole or title
        counts = weight * (5 - level) / 2  # a page comes before its sections
        names = "".join(
            f'<p data-pagefind-ignore data-pagefind-meta="{what}">{name}</p>'
            for what, name in ((key, title), ("page", whole), ("endings", endings(body)))
            if name
        )
        start = f'<html lang="en"><body data-pagefind-body data-pagefind-weight="{counts}">'
        yield f"{page}/{place}.html", f"{start}{names}{body}</body></html>"


def index(app: Sphinx, error: Exception | None) -> None:
    """Index the finished site."""
    if error is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    shutil.rmtree(site / "pagefind", ignore_errors=True)
    with TemporaryDirectory() as folder:
        for path in site.rglob("*.html"):
            page = path.relative_to(site).with_suffix("").as_posix()
            for name, html in sections(page, path.read_text("utf-8")):
                Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
                Path(folder, name).write_text(html, "utf-8")
        command = [pagefind_bin.get_executable(), "--site", folder, "--quiet"]
        command += ["--output-path", site / "pagefind", "--exclude-selectors", NOT_SEARCHED]
        subprocess.run(command, check=True)
    for name in ("searchtools", "language_data", "sphinx_highlight"):  # Sphinx's own
        (site / "_static" / f"{name}.js").unlink(missing_ok=True)


def leave_out(app: Sphinx) -> None:
    """Keep Sphinx from making an index of its own."""
    app.builder.search = False


def search_page(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """Yield the page of search, which Sphinx then does not make; old addresses lead there."""
    yield "search", {}, "search.html"


def setup(app: Sphinx) -> dict:
    """Connect the steps to Sphinx."""
    app.connect("builder-inited", leave_out)
    app.connect("html-collect-pages", search_page)
    app.connect("build-finished", index, priority=900)  # when formulas are drawn
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
