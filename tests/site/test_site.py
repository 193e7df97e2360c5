"""The built site: no warning, no dead link, no request elsewhere, readable by everyone."""

import functools
import gzip
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
import site_probe

SOURCE = "_modules/bnlib/stats/one_pass"  # a file of the library, as one page
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


@each_file
def test_page_is_built(site, page):
    assert (site / f"{page}.html").is_file()


def test_every_built_page_is_tested(site):
    built = {p.relative_to(site).with_suffix("").as_posix() for p in site.rglob("*.html")}
    pages = {page for page in built if page[0] != "_"} - set(site_probe.redirects())
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
def test_images_have_a_text_alternative(site, page):
    images = outline(site / f"{page}.html").images
    assert [src for src, alt in images if not alt or "_images/" in alt or " " not in alt] == []


@each_file
def test_page_has_an_icon(site, page):
    """Without one, browsers ask for /favicon.ico, which is not there."""
    assert any(link.endswith("favicon.svg") for link in outline(site / f"{page}.html").links)


def test_no_script_comes_from_elsewhere(site):
    links = {link for page in FILES for link in outline(site / f"{page}.html").links}
    scripts = {link for link in links if urlsplit(link).path.endswith((".js", ".css"))}
    assert [link for link in scripts if urlsplit(link).netloc] == []
    assert len(scripts) > 5


@each_width
@each_page
def test_no_request_leaves_the_site(look, page, width):
    assert look(page, width)["asked"] == []


@each_width
@each_page
def test_no_error_and_no_missing_file(look, page, width):
    assert look(page, width)["troubles"] == []


@each_page
def test_every_formula_is_drawn_and_has_its_mathml(look, page):
    assert look(page, 1280)["undrawn"] == []
    assert look(page, 1280)["raw"] == []


@pytest.mark.parametrize("page", WITH_MATHS)
def test_a_page_with_mathematics_has_formulas(look, page):
    assert look(page, 1280)["formulas"] > 0


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


@each_page
def test_axe_finds_no_violation(look, page):
    assert look(page, 1280)["light"] == []


@pytest.mark.parametrize("page", site_probe.KINDS)
def test_axe_finds_no_violation_at_375(look, page):
    assert look(page, 375)["light"] == []


@each_page
def test_axe_finds_no_colour_too_weak_in_the_dark(look, page):
    assert look(page, 1280)["dark"] == []


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
    drawn = [image for image in look(page, 1280)["images"] if not image["src"].endswith(".svg")]
    shown = [image for image in drawn if image["shown"][0]]
    blurred = [i["src"] for i in shown if i["natural"][0] < 1.9 * i["shown"][0]]
    assert blurred == []


@pytest.mark.parametrize(("page", "least"), [("chapters/04_batch_norm", 6), ("index", 1)])
def test_the_images_were_looked_at(look, page, least):
    assert len(look(page, 1280)["images"]) >= least
