"""Give a published site what search engines, previews, lost readers and licences need.

A preview, a canonical link and the sitemap need the site's address, `html.baseurl` in
`_config.yml`. Until `make configure` sets it they are left out, so that no page holds an
address that leads nowhere. Redirects and the page for unknown addresses are always there,
and where `THIRD_PARTY.md` names ``licences/NAME.txt``, the licence of the package NAME.
"""

import re
from functools import cache
from html import escape
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

NEED_ADDRESS = ("sphinx_sitemap", "sphinxext.opengraph")
SETTINGS = ("ogp_", "sitemap_")
IMAGE = "_images/learning_rates.png"  # the home page's figure, which Sphinx copies there
QUESTION = re.compile(r"^\| \[[^]]+\]\(([\w/]+)\.ipynb\) \| (.+\?) \|", re.MULTILINE)
NAMED = re.compile(r"`licences/([\w.-]+)\.txt`")
LICENCE = re.compile(r"\.dist-info/(?:licenses/)?LICENSE[.\w]*$")


def address(app: Sphinx) -> str:
    """Return the site's address with a slash at its end, or "" where none is set."""
    base = str(app.config.overrides.get("html_baseurl") or "")
    return base.rstrip("/") + "/" if base else ""


def set_addresses(app: Sphinx, config: Config) -> None:
    """Derive from the site's address whatever else holds one."""
    site = address(app)
    home = config.notfound_urls_prefix = urlsplit(site).path or "/"
    lost = config.notfound_context
    config.notfound_context = {**lost, "body": lost["body"].replace("{home}", home)}
    if site:
        config.html_baseurl = config.ogp_site_url = site
        config.ogp_image = urljoin(site, IMAGE)


@cache
def questions(book: Path) -> dict[str, str]:
    """Return the question that each chapter answers, as the home page says."""
    return dict(QUESTION.findall((Path(book) / "index.md").read_text(encoding="utf-8")))


def describe(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Let a chapter's question describe it; other pages are described by their beginning."""
    if question := questions(app.srcdir).get(page):
        context["meta"] = {**(context.get("meta") or {}), "og:description": question}
        context["metatags"] += f'<meta name="description" content="{escape(question)}" />\n'


def copy_licences(app: Sphinx, error: Exception | None) -> None:
    """Write the licences of installed packages, parts of which the site ships."""
    listed = Path(app.srcdir, "THIRD_PARTY.md")
    if error is None and app.builder.name == "html" and listed.is_file():
        folder = Path(app.outdir, "_static", "licences")
        folder.mkdir(exist_ok=True)
        for package in NAMED.findall(listed.read_text("utf-8")):
            files = distribution(package).files or ()
            [text] = [file.read_text("utf-8") for file in files if LICENCE.search(str(file))]
            (folder / f"{package}.txt").write_text(text, "utf-8")


def setup(app: Sphinx) -> dict:
    """Load the extensions that can do their work, and connect the steps above."""
    for name in ("notfound.extension", "sphinx_reredirects"):
        app.setup_extension(name)
    app.connect("config-inited", set_addresses)
    app.connect("build-finished", copy_licences)
    if address(app):
        for name in NEED_ADDRESS:
            app.setup_extension(name)
        app.connect("html-page-context", describe, priority=400)  # before the preview's
    else:
        for name in app.config.overrides:
            if name.startswith(SETTINGS):
                app.add_config_value(name, None, "")  # known, so that nothing warns
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
