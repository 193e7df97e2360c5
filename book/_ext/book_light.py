"""Make the built site light: only the icons and rules that are used, and few scripts.

The theme loads 23 icons from a font of 1,400, the tools of search on every page, a copy of
all icons as a script, and style sheets of which a page uses a tenth.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fontTools import subset
from sphinx.application import Sphinx

ICON_SCRIPT = "scripts/fontawesome.js"
ICON_NOTE = "/* The icons are drawn by the web font in the theme's style sheet. */\n"
ICON_FONT = "vendor/fontawesome/webfonts/fa-solid-900.woff2"
ICON_SHEET = "styles/pydata-sphinx-theme.css"
BOOK_SHEET = "styles/sphinx-book-theme.css"
SHEETS = (ICON_SHEET, BOOK_SHEET, "sphinx-design.min.css")
RULE = re.compile(r"(\s*(?:/\*.*?\*/\s*)*)([^{}]+)(\{[^{}]*\})", re.DOTALL)
SEARCH = re.compile(
    r'\s*<script src="[^"]*(?:searchtools|language_data|sphinx_highlight|searchindex)\.js[^"]*"'
    r"></script>"
)


def icons(sheet: str, names: Iterable[str]) -> set[str]:
    """Return the characters of the icons with these names, and those in the sheet's text."""
    rules = re.findall(r'((?:\.fa-[\w-]+:+before,?)+)\{content:"\\(\w+)"\}', sheet)
    code = {name: at for group, at in rules for name in re.findall(r"fa-([\w-]+)", group)}
    named = {chr(int(code[name], 16)) for name in names if name in code}
    return named | set(re.findall(r"[\ue000-\uf8ff]", sheet))


def keep_characters(font: Path, characters: Iterable[str], target: Path) -> None:
    """Write a font as WOFF2, without all other characters."""
    options = subset.Options(flavor="woff2")
    with subset.load_font(str(font), options) as glyphs:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="".join(characters))
        subsetter.subset(glyphs)
        subset.save_font(glyphs, str(target), options)


def keep_rules(sheet: str, words: set[str]) -> str:
    """Take out of a style sheet the selectors with a class that no page and script names."""

    def used(selector: str) -> bool:
        plain = re.sub(r"\([^()]*\)", "", selector)  # what is in :not() need not be there
        classes = re.findall(r"\.([A-Za-z_][\w-]*)", plain)
        return all(name in words or name.startswith("bs-") for name in classes)

    def shorter(rule: re.Match[str]) -> str:
        comment, group, body = rule.groups()
        if group.startswith("@"):
            return rule[0]
        selectors = re.split(r",(?![^(]*\))", group)  # not at commas in parentheses
        kept = [selector for selector in selectors if used(selector)]
        return comment + (",".join(kept) + body if kept else "")

    return RULE.sub(shorter, sheet)


def lighten(app: Sphinx, error: Exception | None) -> None:
    """Take out of the finished site what no reader needs."""
    if error is not None or app.builder.name != "html":
        return
    static, names, words = Path(app.outdir) / "_static", set(), set()
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text("utf-8")
        names.update(re.findall(r"\bfa-([\w-]+)", text))
        for classes in set(re.findall(r'class="([^"]*)"', text)):
            words.update(classes.split())
        if SEARCH.search(text):
            path.write_text(SEARCH.sub("", text), "utf-8")
    for source_map in (static / "scripts").glob("*.map"):
        source_map.unlink()
    sheets = {static / name: (static / name).read_text("utf-8") for name in SHEETS}
    own, sheet = sheets[static / BOOK_SHEET], sheets[static / ICON_SHEET]
    written = {chr(int(code, 16)) for code in re.findall(r"\\(f[0-9a-f]{3})\b", own)}
    keep_characters(static / ICON_FONT, icons(sheet, names) | written, static / ICON_FONT)
    (static / ICON_SCRIPT).write_text(ICON_NOTE, "utf-8")
    for script in static.rglob("*.js"):
        words.update(re.findall(r"[\w-]+", script.read_text("utf-8")))
    for path, sheet in sheets.items():
        path.write_text(keep_rules(sheet, words), "utf-8")


def write_on_all_processors(app: Sphinx, env: Any) -> None:
    """Write pages side by side where the system can fork; they are read one by one."""
    app.parallel = os.cpu_count() or 1


def setup(app: Sphinx) -> dict:
    """Connect the steps to Sphinx."""
    app.connect("env-updated", write_on_all_processors)
    app.connect("build-finished", lighten)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
