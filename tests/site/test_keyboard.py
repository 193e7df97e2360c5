"""Keyboard only: every control is reached, seen, used and left with Tab and some keys."""

import functools

import pytest
import site_probe

CHAPTER = "chapters/04_batch_norm"
SHEET = "chapters/exercises/04_batch_norm"
PAGES = (CHAPTER, SHEET, "book/playground")
SEARCH = "search-button__button"
MOST = 400  # presses of Tab; a page that needs more holds a trap
# Nothing moves, and the button that comes and goes with the scrolling stays away.
STILL = """() => document.head.append(Object.assign(document.createElement("style"), {
  textContent: `*, ::before, ::after {transition: none !important; animation: none !important}
    #pst-back-to-top {display: none !important}`,
}))"""
each_page = pytest.mark.parametrize("page", PAGES)
each_width = pytest.mark.parametrize("width", site_probe.WIDTHS)

# What a control looks like, with its parts: whatever differs with the focus is the mark of it.
PREPARE = """() => {
  const traits = ["outline", "boxShadow", "backgroundColor", "borderColor", "stroke",
                  "strokeWidth", "fill", "color", "opacity", "transform"];
  const look = (e) => [e, ...[...e.querySelectorAll("*")].slice(0, 12)].map((part) => {
    const style = getComputedStyle(part);
    return traits.map((name) => style[name]).join();
  }).join();
  const clamp = (a, b, most) => (Math.max(a, 0) + Math.min(b, most)) / 2;
  const covered = (e) => {
    const { left, right, top, bottom, height } = e.getBoundingClientRect();
    if (height === 0) return false;  // its parts are drawn elsewhere, as in the side bar
    const hit = document.elementFromPoint(clamp(left, right, innerWidth),
                                          clamp(top, bottom, innerHeight));
    return !hit || hit === document.body || !(e.contains(hit) || hit.contains(e));
  };
  const name = (e) => (e.getAttribute("aria-label") || e.textContent.trim()).slice(0, 40)
    + " " + e.outerHTML.slice(0, 90);
  const shown = (e) => e.checkVisibility({ visibilityProperty: true });
  const stops = [];
  window.probe = {
    /** Note the control that has the focus; say whether there is one, and a new one. */
    note() {
      const e = document.activeElement;
      if (e === document.body || stops.some((stop) => stop.e === e)) return false;
      const seen = e.checkVisibility({ opacityProperty: true }) && shown(e);
      stops.push({ e, with: look(e), name: name(e), seen, covered: covered(e) });
      return true;
    },
    /** Give what was noted, now that the focus is elsewhere; begin anew. */
    give() {
      const follows = (a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING;
      const kinds = "a[href], button, input, summary, [tabindex]";
      const usable = [...document.querySelectorAll(kinds)]
        .filter((e) => e.tabIndex >= 0 && shown(e) && !e.matches("[type=radio]:not(:checked)"));
      const reached = new Set(stops.map((stop) => stop.e));
      const found = {
        names: stops.map((stop) => stop.name),
        hidden: stops.filter((stop) => !stop.seen).map((stop) => stop.name),
        covered: stops.filter((stop) => stop.covered).map((stop) => stop.name),
        unmarked: stops.filter((stop) => stop.with === look(stop.e)).map((stop) => stop.name),
        disordered: stops.slice(1).filter((stop, i) => !follows(stops[i].e, stop.e))
          .map((stop) => stop.name),
        missed: usable.filter((e) => !reached.has(e)).map(name),
      };
      stops.length = 0;
      return found;
    },
  };
}"""


@pytest.fixture(scope="module")
def opened(chromium, served):
    """Give a function that opens a page once at each width, ready to be probed."""

    @functools.cache
    def opens(page, width):
        tab = chromium.new_page(viewport={"width": width, "height": 900})
        tab.add_init_script("delete HTMLElement.prototype.popover")  # test_previews.py
        tab.add_init_script(f"({PREPARE})(); addEventListener('DOMContentLoaded', {STILL});")
        tab.goto(f"{served}/{page}.html", wait_until="load")
        return tab

    return opens


def walk(tab, key):
    """Press a key until the focus leaves the page or comes round; return what was met."""
    for _ in range(MOST):
        tab.keyboard.press(key)
        if not tab.evaluate("probe.note()"):
            return tab.evaluate("probe.give()")
    return pytest.fail(f"{key} never leaves the page: {tab.evaluate('probe.give()')['names']}")


def focus(tab, test="true"):
    """Return the element that has the focus; demand something of it, `e`."""
    element = tab.evaluate_handle("document.activeElement").as_element()
    assert element.evaluate(f"e => {test}"), test
    return element


def has_focus(element):
    return element.evaluate("e => e === document.activeElement")


def press_on(tab, control, key):
    """Focus a control, press a key, and let what follows happen."""
    control.focus()
    tab.keyboard.press(key)
    tab.wait_for_timeout(50)


@each_width
@each_page
def test_tab_meets_every_control_in_order_and_shows_where_it_is(opened, page, width):
    tab = opened(page, width)
    forth = walk(tab, "Tab")
    assert len(forth["names"]) > 20
    for fault in ("disordered", "hidden", "covered", "unmarked", "missed"):
        assert forth[fault] == [], fault
    if page != CHAPTER:  # a long way
        back = walk(tab, "Shift+Tab")
        assert back["names"] == forth["names"][::-1]
        assert back["covered"] == back["hidden"] == []


@each_width
def test_the_skip_link_is_shown_and_leads_past_the_side_bar(opened, width):
    tab = opened(SHEET, width)
    tab.reload(wait_until="load")
    tab.keyboard.press("Tab")
    assert focus(tab).get_attribute("href") == "#main-content"
    assert focus(tab).bounding_box()["y"] >= 0
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    focus(tab, "e.closest('#main-content, .bd-content, .bd-main')")
    focus(tab, "!e.closest('.bd-sidebar-primary')")


ONE_OF_EACH_KIND = """() => [...document.querySelectorAll(".bd-article details")]
  .filter((e) => e.parentElement.closest("details") === null)
  .filter((e, i, all) => all.findIndex((other) => other.className === e.className) === i)
  .forEach((e) => e.firstElementChild.classList.add("one-of-each"))"""


@each_width
@pytest.mark.parametrize(("page", "least"), [(CHAPTER, 2), (SHEET, 1), ("book/playground", 1)])
def test_enter_and_space_open_and_close_what_is_folded(opened, page, least, width):
    tab = opened(page, width)
    tab.evaluate(ONE_OF_EACH_KIND)
    folded = tab.locator("summary.one-of-each")
    assert folded.count() >= least
    for summary in folded.all():
        before = summary.evaluate("e => e.parentElement.open")
        for key, now in (("Enter", not before), ("Space", before)):
            press_on(tab, summary, key)
            assert summary.evaluate("e => e.parentElement.open") is now
            assert summary.locator("xpath=following-sibling::*[1]").is_visible() is now
            assert has_focus(summary)


DRAWERS = [("primary-toggle", 375), ("secondary-toggle", 375), (SEARCH, 375), (SEARCH, 1280)]


@pytest.mark.parametrize(("name", "width"), DRAWERS)
def test_a_drawer_takes_the_focus_and_gives_it_back(opened, name, width):
    tab = opened(SHEET, width)
    button = tab.locator(f"button.{name}:visible").first
    for _ in range(2):
        press_on(tab, button, "Enter")
        tab.wait_for_function("document.querySelector('dialog[open]') !== null")
        focus(tab, "e.closest('dialog[open]')")
        if name != SEARCH:  # it holds one field only
            tab.keyboard.press("Tab")
            focus(tab, "e.closest('dialog[open]')")
        tab.keyboard.press("Escape")
        tab.wait_for_function("document.querySelector('dialog[open]') === null")
        tab.wait_for_timeout(50)
        assert has_focus(button)


def test_a_button_that_is_pressed_keeps_the_focus(opened):
    tab = opened(SHEET, 1280)
    theme = tab.locator("button.theme-switch-button:visible").first
    side = tab.locator("button.primary-toggle:visible").first
    modes = set()
    for _ in range(3):
        press_on(tab, theme, "Enter")
        assert has_focus(theme)
        modes.add(tab.evaluate("document.documentElement.dataset.mode"))
    assert modes == {"light", "dark", "auto"}
    for shown in (False, True):
        press_on(tab, side, "Space")
        tab.wait_for_timeout(400)
        assert has_focus(side)
        assert tab.locator(".bd-sidebar-primary nav a").first.is_visible() is shown
    press_on(tab, tab.locator("button.copybtn:visible").first, "Enter")
    tab.wait_for_function("document.querySelector('.copybtn.success') !== null")


@pytest.mark.parametrize("by_key", [True, False])
def test_a_link_in_the_drawer_leads_to_its_section(opened, by_key):
    tab = opened(SHEET, 375)
    press_on(tab, tab.locator("button.secondary-toggle:visible"), "Enter")
    target = focus(tab).get_attribute("href")
    tab.keyboard.press("Enter") if by_key else tab.locator(f"dialog a[href='{target}']").click()
    tab.wait_for_function("document.querySelector('dialog[open]') === null")
    assert tab.evaluate("location.hash") == target
    assert 0 <= tab.locator(target).bounding_box()["y"] < 450
    tab.evaluate("history.replaceState(null, '', location.pathname); scrollTo(0, 0)")
