"""The pages are light, their text does not wait for MathJax, and images keep their room."""

import functools
import gzip
import re
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
import site_probe
from PIL import Image

PAGES = site_probe.pages()
LIMIT = 1_000_000  # bytes of one page with all its files, compressed
TEXT = (".html", ".css", ".js", ".svg", ".json")
PAINTED = """() => {
  const [text] = performance.getEntriesByName("first-contentful-paint");
  const maths = performance.getEntriesByType("resource").find((e) => /tex-chtml/.test(e.name));
  return {
    text: text?.startTime,
    asked: maths?.startTime,
    shown: document.querySelector(".bd-article h1").checkVisibility(),
    formulas: document.querySelectorAll("mjx-container").length,
  };
}"""
each_page = pytest.mark.parametrize("page", PAGES)
each_width = pytest.mark.parametrize("width", site_probe.WIDTHS)


@functools.cache
def weight(path):
    """Return the bytes of a file as a host sends it: text compressed, the rest as it is."""
    body = path.read_bytes()
    return len(gzip.compress(body, mtime=0)) if path.suffix in TEXT else len(body)


@each_page
def test_a_page_with_all_its_files_weighs_less_than_1_mb(look, site, page):
    asked = [urlsplit(address) for address in look(page, 1280)["files"]]
    names = {parts.path.lstrip("/") for parts in asked if parts.scheme == "http"}
    assert {f"{page}.html", "_static/book.css"} <= names
    files = {name: weight(site / name) for name in names}
    heaviest = sorted(files.items(), key=lambda item: -item[1])[:6]
    assert sum(files.values()) <= LIMIT, heaviest


@each_width
@each_page
def test_every_image_keeps_its_room_and_its_proportions(look, page, width):
    for image in look(page, width)["images"]:
        assert image["width"] > 0, image["src"]
        assert image["height"] > 0, image["src"]
        assert [image["width"], image["height"]] == image["natural"], image["src"]
        across, high = image["shown"]
        if high:  # not in a part that is folded or replaced by a figure that moves
            assert across / high == pytest.approx(image["width"] / image["height"], rel=0.02)


def test_the_book_has_images(look):
    assert len(look("chapters/04_batch_norm", 1280)["images"]) > 5
    assert len(look("index", 375)["images"]) == 1


def test_lighter_images_have_the_same_pixels(site):
    lighter = sorted((site / "_images").glob("*.webp"))
    assert len(lighter) > 50
    for path in lighter:
        with Image.open(path) as shown, Image.open(path.with_suffix(".png")) as drawn:
            same = np.asarray(shown.convert("RGBA")) == np.asarray(drawn.convert("RGBA"))
        assert same.all(), path.name
        assert path.stat().st_size < path.with_suffix(".png").stat().st_size


@each_page
def test_no_script_tag_loads_mathjax_while_the_page_is_read(site, page):
    """The tag that stands there is that of a small loader, which is deferred."""
    text = (site / f"{page}.html").read_text(encoding="utf-8")
    tags = re.findall(r"<(?:script|link)\b[^>]*mathjax/[^>]*>", text)
    assert all("after_text.js" in tag and "defer" in tag for tag in tags)
    assert len(tags) == (1 if 'class="math' in text else len(tags[:1]))


@pytest.fixture(scope="module")
def held_back(chromium, served):
    """Open a chapter while MathJax is held back; give what happened, in order."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    held = []
    tab.route("**/tex-chtml.js", lambda route: held.append(route))
    tab.goto(f"{served}/chapters/04_batch_norm.html", wait_until="domcontentloaded")
    end = time.monotonic() + 30
    while not held and time.monotonic() < end:
        tab.wait_for_timeout(50)
    seen = {"asked": len(held), "before": tab.evaluate(PAINTED)}
    held[0].continue_()
    tab.wait_for_load_state("load")
    tab.evaluate(site_probe.SETTLE)
    seen["after"] = tab.evaluate(PAINTED)
    yield seen
    tab.close()


def test_the_first_text_is_painted_while_mathjax_is_held_back(held_back):
    assert held_back["asked"] == 1
    assert held_back["before"]["text"] > 0
    assert held_back["before"]["shown"]
    assert held_back["before"]["formulas"] == 0


def test_mathjax_is_asked_for_after_the_first_text(held_back):
    assert held_back["after"]["asked"] > held_back["after"]["text"]
    assert held_back["after"]["formulas"] > 50


def test_without_mathjax_the_page_settles_and_shows_its_text(chromium, served):
    tab = chromium.new_page()
    tab.route("**/tex-chtml.js", lambda route: route.abort())
    tab.goto(f"{served}/chapters/04_batch_norm.html", wait_until="load")
    tab.evaluate(site_probe.SETTLE)
    assert tab.locator(".bd-article h1").is_visible()
    tab.close()
