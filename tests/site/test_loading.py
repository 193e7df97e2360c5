"""The text of a page does not wait for MathJax, and lighter images show the same pixels."""

import time

import numpy as np
import pytest
import site_probe
from PIL import Image

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


def test_lighter_images_have_the_same_pixels(site):
    lighter = sorted((site / "_images").glob("*.webp"))
    assert len(lighter) > 50
    for path in lighter:
        with Image.open(path) as shown, Image.open(path.with_suffix(".png")) as drawn:
            same = np.asarray(shown.convert("RGBA")) == np.asarray(drawn.convert("RGBA"))
        assert same.all(), path.name
        assert path.stat().st_size < path.with_suffix(".png").stat().st_size


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
