"""Give a published site what search engines, link previews and lost readers need.

A preview, a canonical link and the sitemap need the site's address, `html.baseurl` in
`_config.yml`. Until `make configure` sets it they are left out, so that no page holds an
address that leads nowhere. Redirects and the page for unknown addresses are always there.
"""

import re
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config

NEED_ADDRESS = ("sphinx_sitemap", "sphinxext.opengraph")
SETTINGS = ("ogp_", "sitemap_")
IMAGE = "_images/learning_rates.png"  # the home page's figure, which Sphinx copies there
QUESTION = re.compile(r"^\| \[[^]]+\]\(([\w/]+)\.ipynb\) \| (.+\?) \|", re.MULTILINE)


def address(app: Sphinx) -> str:
    """Return the site's address with a slash at its end, or "" where none is set."""
    found = str(app.config.overrides.get("html_baseurl") or "")
    return found.rstrip("/") + "/" if found else ""


def set_addresses(app: Sphinx, config: Config) -> None:
    """Derive from the site's address whatever else holds one."""
    site = address(app)
    home = config.notfound_urls_prefix = urlsplit(site).path or "/"
    lost = config.notfound_context
    config.notfound_context = {**lost, "body": lost["body"].replace("{home}", home)}
    if site:
        config.html_baseurl = config.ogp_site_url = site
        config.ogp_image = urljoin(site, IMAGE)


def read_questions(app: Sphinx) -> None:
    """Read from the home page the question that each chapter answers."""
    home = (Path(app.srcdir) / "index.md").read_text(encoding="utf-8")
    app.env.book_questions = dict(QUESTION.findall(home))  # type: ignore[attr-defined]


def describe(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Let a chapter's question describe it; other pages are described by their beginning."""
    question = app.env.book_questions.get(page)  # type: ignore[attr-defined]
    if question:
        context["meta"] = {**(context.get("meta") or {}), "og:description": question}
        context["metatags"] += f'<meta name="description" content="{escape(question)}" />\n'


def setup(app: Sphinx) -> dict:
    """Load the extensions that can do their work, and connect the steps above."""
    for name in ("notfound.extension", "sphinx_reredirects"):
        app.setup_extension(name)
    app.connect("config-inited", set_addresses)
    if address(app):
        for name in NEED_ADDRESS:
            app.setup_extension(name)
        app.connect("builder-inited", read_questions)
        app.connect("html-page-context", describe, priority=400)  # before the preview's
    else:
        for name in app.config.overrides:
            if name.startswith(SETTINGS):
                app.add_config_value(name, None, "")  # known, so that nothing warns
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
