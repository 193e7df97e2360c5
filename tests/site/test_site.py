"""The built site: no warning, no dead link, no request elsewhere, readable by everyone."""

import functools
import gzip
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
import site_probe
from lxml import html

SOURCE = "_modules/bnlib/functional/forward"  # a file of the library, as one page
FILES = [*site_probe.pages(), SOURCE]
# One directive writes all pages of the library: two of them are opened, the rest is read.
LIBRARY = {"book/api/functional", "book/api/torch_layers"}
PAGES = [file for file in FILES if "/api/" not in file or file in LIBRARY]
WITH_MATHS = [page for page in PAGES if page.startswith("chapters/")] + ["book/notation"]
FIRST, ALL = 320_000, 520_000  # bytes of a page, compressed: at first view, read to its end
HOME_LIMIT = 200_000
TEXT = (".html", ".css", ".js", ".svg", ".json")
each_file = pytest.mark.parametrize("page", FILES)
each_page = pytest.mark.parametrize("page", PAGES)
each_width = pytest.mark.parametrize("width", site_probe.WIDTHS)
FAULTS = {  # what `site_probe.look` returns that must be empty, and why
    "asked": "a request leaves the site",
    "troubles": "an error, or a file that is missing",
    "cut": "something ends beyond the screen",
    "unreachable": "a box scrolls and takes no focus",
    "undrawn": "a formula is not drawn, or has no MathML",
    "raw": "TeX stands in the text",
    "stops": "a formula in the text does not fit; it belongs on a line of its own",
    "light": "axe-core finds a violation",
    "dark": "a colour is too weak in the dark",
}


class Outline(NamedTuple):
    """The ids, the addresses and the images of one page."""

    ids: set[str]
    links: list[str]
    images: list[tuple[str, str]]


@functools.cache
def outline(path):
    """Parse one HTML file."""
    page = html.parse(path)
    images = [(image.get("src"), image.get("alt")) for image in page.iter("img")]
    ids = {"", "top", *page.xpath("//@id | //@name")}
    return Outline(ids, page.xpath("//@href | //@src"), images)


def test_every_page_that_is_written_is_built_and_tested(site):
    root = site_probe.ROOT
    sources = [*root.glob("book/[!_]*.md"), *root.glob("book/api/*.md")]
    sources += root.glob("chapters/**/*.ipynb")
    written = {path.relative_to(root).with_suffix("").as_posix() for path in sources}
    assert len(written) > 50
    assert written <= set(FILES)
    built = {p.relative_to(site).with_suffix("").as_posix() for p in site.rglob("*.html")}
    pages = {page for page in built if page[0] != "_"} - set(site_probe.REDIRECTS)
    assert pages == set(FILES) - {SOURCE}


@each_file
def test_internal_links_land(site, page):
    path = site / f"{page}.html"
    dead = []
    for link in outline(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        start = site if parts.path.startswith("/") else path.parent  # as on a server
        inside = unquote(parts.path).removeprefix(site_probe.HOME).lstrip("/")
        target = (start / inside).resolve() if parts.path else path
        target = target / "index.html" if target.is_dir() else target
        lands = target.is_file()
        if lands and target.suffix == ".html":
            lands = unquote(parts.fragment) in outline(target).ids
        if not lands:
            dead.append(link)
    assert dead == []


@each_file
def test_page_has_an_icon_and_images_have_a_text_alternative(site, page):
    """Without an icon, browsers ask for /favicon.ico, which is not there."""
    images = outline(site / f"{page}.html").images
    assert [src for src, alt in images if not alt or "_images/" in alt or " " not in alt] == []
    assert any(link.endswith("favicon.svg") for link in outline(site / f"{page}.html").links)


def test_no_script_comes_from_elsewhere(site):
    links = {link for page in FILES for link in outline(site / f"{page}.html").links}
    scripts = {link for link in links if urlsplit(link).path.endswith((".js", ".css"))}
    assert [link for link in scripts if urlsplit(link).netloc] == []
    assert len(scripts) > 5


@each_width
@each_page
def test_a_page_has_no_fault(look, page, width):
    facts = look(page, width)
    faults = {why: facts[what] for what, why in FAULTS.items() if facts[what]}
    if width != site_probe.WIDTHS[0]:
        faults.pop(FAULTS["stops"], None)
    assert faults == {}
    assert facts["wider"] <= 0
    assert page not in WITH_MATHS or facts["formulas"] > 0


@functools.cache
def weight(path):
    """Return the bytes of a file as a host sends it: text compressed, the rest as it is."""
    body = path.read_bytes()
    return len(gzip.compress(body, mtime=0)) if path.suffix in TEXT else len(body)


@each_page
@pytest.mark.parametrize(("when", "limit"), [("first", FIRST), ("files", ALL)])
def test_a_page_with_its_files_is_light(look, site, page, when, limit):
    asked = [urlsplit(address) for address in look(page, 1280)[when]]
    names = {parts.path.lstrip("/") for parts in asked if parts.scheme == "http"}
    assert {f"{page}.html", "_static/book.css"} <= names
    files = {name: weight(site / name) for name in names}
    heaviest = sorted(files.items(), key=lambda item: -item[1])[:6]
    assert sum(files.values()) <= (HOME_LIMIT if page == "index" else limit), heaviest


@each_width
@each_page
def test_every_image_keeps_its_room_and_its_proportions(look, page, width):
    for image in look(page, width)["images"]:
        assert image["width"] > 0, image["src"]
        assert image["height"] > 0, image["src"]
        sizes = zip(image["natural"], (image["width"], image["height"]), strict=True)
        assert {dots // size for dots, size in sizes} <= {1, 2}, image["src"]
        across, high = image["shown"]
        if high:  # not in a part that is folded or replaced by a figure that moves
            assert across / high == pytest.approx(image["width"] / image["height"], rel=0.02)


@each_page
def test_every_picture_is_sharp_on_a_screen_with_two_dots_for_one(look, page):
    images = look(page, 1280)["images"]
    assert len(images) >= {"chapters/04_batch_norm": 6, "index": 1}.get(page, 0)
    drawn = [image for image in images if not image["src"].endswith(".svg")]
    shown = [image for image in drawn if image["shown"][0]]
    assert [i["src"] for i in shown if i["natural"][0] < 1.9 * i["shown"][0]] == []


@pytest.mark.skipif(bool(site_probe.CONFIG["html"].get("baseurl")), reason="buttons use it")
def test_no_font_of_brands_is_loaded_for_a_link_to_github(look):
    files = look("book/references", 1280)["files"]
    assert [name for name in files if "/fa-" in name and "brands" in name] == []
