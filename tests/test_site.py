"""The built site: no warning, no dead link, no request elsewhere, readable by everyone."""

import functools
import os
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
import site_probe

PAGES = site_probe.pages()
each_page = pytest.mark.parametrize("page", PAGES)
each_width = pytest.mark.parametrize("width", site_probe.WIDTHS)
each_theme = pytest.mark.parametrize("theme", site_probe.THEMES)


class Outline(HTMLParser):
    """The ids, the addresses and the images of one page."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.images = {"", "top"}, [], []

    def handle_starttag(self, tag, attrs):
        """Note one element."""
        attrs = dict(attrs)
        self.ids |= {attrs.get("id"), attrs.get("name")} - {None}
        self.links += [attrs[key] for key in ("href", "src") if attrs.get(key)]
        if tag == "img":
            self.images.append((attrs.get("src"), attrs.get("alt")))


@functools.cache
def outline(path):
    """Parse one HTML file."""
    parser = Outline()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the book once, from clean, every warning an error."""
    done, folder = site_probe.build(tmp_path_factory.mktemp("book"))
    if done.returncode:
        pytest.fail(f"the book does not build:\n{done.stdout}\n{done.stderr}", pytrace=False)
    return folder


@pytest.fixture(scope="module")
def chromium():
    """Start Chromium, or skip; with BOOK_REQUIRE_BROWSER=1 a missing one is a failure."""
    path = site_probe.find_browser()
    if path is None:
        stop = pytest.fail if os.environ.get("BOOK_REQUIRE_BROWSER") == "1" else pytest.skip
        stop("no Chromium found; install it or set CHROMIUM=/path/to/chromium")
    with site_probe.browser(path) as started:
        yield started


@pytest.fixture(scope="module")
def look(chromium, site):
    """Give a function (page, width) -> facts that opens each page once at each width."""
    with site_probe.served(site) as address:
        yield functools.cache(
            lambda page, width: site_probe.look(chromium, f"{address}/{page}.html", width)
        )


@each_page
def test_page_is_built(site, page):
    assert (site / f"{page}.html").is_file()


def test_every_built_page_is_tested(site):
    built = {p.relative_to(site).with_suffix("").as_posix() for p in site.rglob("*.html")}
    assert {page for page in built if not page.startswith("_")} == set(PAGES)


@each_page
def test_internal_links_land(site, page):
    path = site / f"{page}.html"
    dead = []
    for link in outline(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        lands = target.is_file()
        if lands and target.suffix == ".html":
            lands = unquote(parts.fragment) in outline(target).ids
        if not lands:
            dead.append(link)
    assert dead == []


@each_page
def test_images_have_a_text_alternative(site, page):
    images = outline(site / f"{page}.html").images
    assert [src for src, alt in images if not alt or "_images/" in alt or " " not in alt] == []


@each_page
def test_page_has_an_icon(site, page):
    """Without one, browsers ask for /favicon.ico, which is not there."""
    assert any(link.endswith("favicon.svg") for link in outline(site / f"{page}.html").links)


def test_no_script_comes_from_elsewhere(site):
    links = {link for page in PAGES for link in outline(site / f"{page}.html").links}
    scripts = {link for link in links if urlsplit(link).path.endswith((".js", ".css"))}
    assert [link for link in scripts if urlsplit(link).netloc] == []
    assert any(link.endswith("mathjax/tex-chtml.js") for link in scripts)


@each_width
@each_page
def test_no_request_leaves_the_site(look, page, width):
    assert look(page, width)["asked"] == []


@each_width
@each_page
def test_no_error_and_no_missing_file(look, page, width):
    assert look(page, width)["troubles"] == []


@each_page
def test_every_formula_is_typeset(look, page):
    facts = look(page, 1280)
    assert facts["typeset"] == facts["written"]
    assert facts["bad"] == []
    assert facts["raw"] == []


def test_pages_with_mathematics_have_formulas(look):
    with_maths = [page for page in PAGES if page.startswith("chapters/")] + ["book/notation"]
    assert [page for page in with_maths if look(page, 1280)["typeset"] == 0] == []


@each_width
@each_page
def test_page_is_not_wider_than_the_screen(look, page, width):
    assert look(page, width)["wider"] <= 0
    assert look(page, width)["cut"] == []


@each_width
@each_page
def test_boxes_that_scroll_take_the_focus(look, page, width):
    assert look(page, width)["unreachable"] == []


@each_page
def test_formulas_in_the_text_fit_a_wide_screen(look, page):
    """One that fits is no tab stop; one that does not belongs on a line of its own."""
    assert look(page, 1280)["stops"] == []


@each_theme
@each_width
@each_page
def test_axe_finds_no_violation(look, page, width, theme):
    assert look(page, width)[theme] == []
