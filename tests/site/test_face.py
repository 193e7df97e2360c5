"""The look of the site: measure, margin, rail, motion, paper."""

import re

import pytest
import site_probe

CHAPTER = "chapters/04_batch_norm"
VERDICTS = "holds|holds-if|false|contested|answered"
FONTS = site_probe.ROOT / "book" / "_static" / "fonts"

# How many characters stand on each full line of plain paragraphs.
LINES = """() => {
  const lines = [], range = document.createRange();
  for (const word of document.querySelectorAll("a.book-term:not(:has(*))")) {
    word.replaceWith(...word.childNodes);  // a link in a line makes it no shorter
  }
  document.body.normalize();
  for (const text of document.querySelectorAll(".bd-article section > p")) {
    if (text.querySelector("*") || text.innerText.length < 150) continue;
    const letters = text.firstChild;
    let [count, top] = [0, null];
    for (let i = 0; i < letters.length; i += 1) {
      range.setStart(letters, i);
      range.setEnd(letters, i + 1);
      const box = range.getClientRects()[0];
      if (top !== null && box.top > top + 8) count = lines.push(count) * 0;
      [count, top] = [count + 1, box.top];
    }
  }
  return lines.sort((a, b) => a - b);
}"""


@pytest.fixture(scope="module")
def tab(chromium, served):
    """Open a chapter in the dark, in a wide window."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    tab.goto(f"{served}/{CHAPTER}.html", wait_until="load")
    yield tab
    tab.close()


def test_lines_have_65_to_75_characters(tab):
    lines = tab.evaluate(LINES)
    assert len(lines) > 5
    assert 65 <= lines[len(lines) // 2] <= 75


def test_the_book_has_its_own_faces_and_they_are_small(tab):
    loaded = "[...document.fonts].filter(f => f.status === 'loaded').map(f => f.family)"
    assert {"Book Serif", "Book Mono"} <= {name.strip('"') for name in tab.evaluate(loaded)}
    assert sum(font.stat().st_size for font in FONTS.glob("*.woff2")) <= 60_000


def test_a_claim_has_its_verdict_and_stands_in_the_margin(site, tab):
    page = (site / f"{CHAPTER}.html").read_text("utf-8")
    links = re.findall(r'<a class="([^"]*)" href="[^"]*claims.html#[a-z]\d+"', page)
    assert len(links) > 5
    claim = re.compile(rf"\bbook-claim is-({VERDICTS})\b")
    assert [link for link in links if not claim.search(link)] == []
    text, note = (tab.locator(part).first.bounding_box() for part in (
        "section.book-chapter > section > p", ".book-note"
    ))  # fmt: skip
    assert note["x"] > text["x"] + text["width"]


def test_the_rail_follows_the_reader(tab):
    for place in ("what-it-buys", "further-reading", "one-function"):
        tab.evaluate("id => document.getElementById(id).scrollIntoView()", place)
        marked = tab.locator("[data-rail] [aria-current]")
        tab.wait_for_function(
            "id => document.querySelector('[data-rail] [aria-current]')?.hash === '#' + id",
            arg=place,
        )
        assert 0 < marked.bounding_box()["y"] < 900


def test_paper_is_light_and_folds_stay_as_they_are(tab):
    theme = "document.documentElement.dataset.theme"
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.evaluate(theme) == "light"
    style = "getComputedStyle(document.querySelector('.bd-article pre'))"
    assert tab.evaluate(f"{style}.breakInside") == "avoid"
    fade = "getComputedStyle(document.querySelector('.bd-article details > *')).animationName"
    assert tab.evaluate(fade) == "none"  # else what was just opened prints as a gap
    assert tab.evaluate("document.querySelectorAll('.bd-article details[open]').length") == 0
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(theme) == "dark"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_cover_moves_where_motion_is_welcome_and_can_be_paused(chromium, served, motion):
    tab = chromium.new_page(reduced_motion=motion)
    tab.goto(f"{served}/index.html", wait_until="load")
    value = "document.querySelectorAll('[role=slider]')[7].getAttribute('aria-valuenow')"
    if motion == "reduce":
        assert tab.get_by_role("button", name="Let it move").is_visible()
    else:
        tab.wait_for_function(f"{value} !== '5.7'")
        tab.get_by_role("button", name="Pause").click()
    before = tab.evaluate(value)
    tab.wait_for_timeout(200)
    assert tab.evaluate(value) == before
    tab.close()


def test_drawings_are_read_on_a_phone_and_no_width_scrolls_sideways(chromium, served):
    tab = chromium.new_page(viewport={"width": 375, "height": 800})
    tab.goto(f"{served}/{CHAPTER}.html", wait_until="load")
    shares = tab.evaluate("""[...document.querySelectorAll(".cell_output > figure > img")]
      .filter((e) => e.clientWidth).map((e) => e.clientWidth / e.getAttribute("width"))""")
    assert len(shares) > 2
    assert min(shares) >= 0.879  # the smallest label: 9 points at 100 dots an inch
    for width in (1920, 1200, 1199, 992, 768, 320):  # where the layout changes
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0, width
    tab.close()


@pytest.mark.parametrize(
    "page", ["chapters/05_backward", "chapters/exercises/05_backward", "book/api/functional"]
)
def test_no_two_controls_have_the_same_name(chromium, served, page):
    tab = chromium.new_page(viewport={"width": 375, "height": 800})
    tab.goto(f"{served}/{page}.html", wait_until="load")
    names = tab.evaluate("""[...document.querySelectorAll(
      ".bd-article button, .bd-article details:not(.hide) > summary"
    )].map((e) => e.ariaLabel ?? e.innerText)""")
    assert len(names) > 5
    assert sorted(names) == sorted(set(names))
    tab.close()


def test_a_note_of_a_fold_stands_in_the_margin(tab):
    tab.emulate_media(media="screen")
    tab.evaluate("document.querySelectorAll('.bd-article details').forEach(d => d.open = true)")
    fold, note = (
        tab.locator(f".bd-article details:has(> .book-note) > {part}").first.bounding_box()
        for part in ("p", ".book-note")
    )
    assert note["x"] > fold["x"] + fold["width"]
