"""Exercises that run in the page: what a reader does, and what goes wrong on the way."""

import gzip
import re

import pytest
import site_probe
from live_cases import RIGHT, WRONG
from playwright.sync_api import expect

SHEET = "chapters/exercises/04_batch_norm"
HOSTILE = {
    "output without end": "print('a' * 10**7)\nfor i in range(9**5): print(i)\n1 / 0",
    "a message of its own": "import js\njs.postMessage('done')\n1 / 0",
    "memory": "a = np.ones(3 * 10**7)\n1 / 0",
}
LONG = 90_000  # ms: two cores may be shared by many


@pytest.fixture(scope="module")
def page(live_folder, chromium, served):
    """Open a sheet, press the first button, and wait until Python is there."""
    tab = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    tab.set_default_timeout(LONG)
    tab.asked, tab.files = [], []
    site_probe.listen(tab, [], tab.asked)
    tab.on("request", lambda r: tab.files.append(r.url.removeprefix(f"{served}/")))
    tab.goto(f"{served}/{SHEET}.html", wait_until="load")
    tab.before = list(tab.files)
    tab.locator(".live button").first.click()
    expect(tab.locator(".live [role=status]").first).to_have_text(
        "Python is ready.", timeout=LONG
    )
    yield tab
    tab.context.close()


def ran(tab, code, at=0):
    """Write an answer, run it with the keyboard, and return what the page says."""
    area = tab.locator(".live textarea").nth(at)
    area.fill(code)
    area.press("Shift+Enter")
    status = tab.locator(".live [role=status]").nth(at)
    expect(status).not_to_have_text(re.compile("loading|Running"), timeout=LONG)
    return status.inner_text()


def output(tab):
    return tab.locator(".live pre").first.inner_text()


def test_nothing_is_loaded_before_a_click(page, site):
    files = sorted(name for name in page.before if "/live/" in name)
    assert [name.rsplit("/", 1)[1] for name in files] == ["live.css", "live.js"]
    assert sum(len(gzip.compress((site / name).read_bytes())) for name in files) < 5_000


def test_the_right_answer_counts_and_a_mistake_is_named(page):
    assert ran(page, WRONG).startswith("Not yet")
    assert "divided by m - 1" in output(page)
    assert ran(page, RIGHT) == "Right. 1 of 5 right on this sheet."
    assert page.locator(".live-progress").inner_text() == "1 of 5 right on this sheet."
    assert page.evaluate("document.activeElement.localName") == "textarea"
    following = page.get_by_role("link", name="Next task")
    assert following.get_attribute("href") == "#the-whole-forward-pass"
    assert ran(page, WRONG).startswith("Not yet")
    expect(following).to_be_hidden()


@pytest.mark.parametrize("what", HOSTILE)
def test_the_page_outlives_what_an_answer_does(page, what):
    assert ran(page, HOSTILE[what]).startswith("An error")
    assert len(output(page)) < 21_500
    assert ran(page, RIGHT).startswith("Right")


def test_an_endless_loop_is_stopped(page):
    page.locator(".live textarea").first.fill("print('begun')\nwhile True:\n    pass")
    page.locator(".live textarea").first.press("Shift+Enter")
    expect(page.locator(".live pre").first).to_have_text("begun\n", timeout=LONG)
    page.locator(".live button", has_text="Stop").first.press("Enter")
    expect(page.locator(".live [role=status]").first).to_have_text(
        re.compile("Stopped|Python is ready")
    )
    assert page.evaluate("document.activeElement.textContent") == "Run"
    assert ran(page, RIGHT).startswith("Right")


def test_a_draft_is_kept_and_can_be_taken_back(page, served):
    again = page.context.new_page()
    again.goto(f"{served}/{SHEET}.html")
    expect(again.locator(".live-progress")).to_have_text("1 of 5 right on this sheet.")
    again.get_by_role("button", name="Go on with your answer").click()
    area = again.locator(".live textarea")
    assert area.input_value() == RIGHT
    area.press("Control+End")
    again.keyboard.type("if x:")
    again.keyboard.press("Enter")
    assert area.input_value() == RIGHT + "if x:\n    "
    again.get_by_role("button", name="Start over").click()
    assert area.input_value().endswith("raise NotImplementedError")
    expect(again.locator(".live-progress")).to_have_text("")
    again.close()


def test_a_breakdown_and_a_lost_file_stop_one_run_only(page):
    """The next run starts anew."""
    wheel = "**/numpy-*.whl"
    page.route(wheel, lambda route: route.abort())
    assert ran(page, "import os\nos._exit(1)").startswith("Python broke down")
    assert ran(page, RIGHT).startswith("Python could not be loaded")
    page.unroute(wheel)
    page.route(wheel, lambda route: route.fulfill(body="another file"))
    assert ran(page, RIGHT).startswith("Python could not be loaded")
    page.unroute(wheel)
    assert ran(page, RIGHT).startswith("Right")


@pytest.mark.parametrize("width", site_probe.WIDTHS)
def test_axe_finds_no_violation_beside_a_verdict(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    ran(page, WRONG)
    for button in page.locator(".live button:visible").all():
        assert min(button.bounding_box()[side] for side in ("width", "height")) >= 44
    assert page.evaluate(site_probe.MEASURE)["cut"] == []
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    page.evaluate(site_probe.THIN)
    assert [site_probe.violations(page, theme) for theme in site_probe.THEMES] == [[], []]


def test_no_request_went_elsewhere(page):
    assert len([name for name in page.files if name.endswith(".wasm")]) > 2
    assert page.asked == []


BLOCKED = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("refused", "SecurityError"); },
})"""


@pytest.mark.parametrize("blocked", [False, True])
def test_sheets_keep_their_drafts_apart_and_live_without_storage(
    live_folder, chromium, served, blocked
):
    window = chromium.new_context()
    window.add_init_script(BLOCKED if blocked else "")
    window.route("**/pyodide/**", lambda route: route.abort())  # Python itself is not needed
    tab, sheets = window.new_page(), (SHEET, "chapters/exercises/05_backward")
    for time in ("written", "read"):
        for sheet in sheets:
            tab.goto(f"{served}/{sheet}.html")
            tab.locator(".live button").first.click()
            area = tab.locator(".live textarea")
            if time == "written":
                area.fill(f"# {sheet}")
            assert (area.input_value() == f"# {sheet}") is (time == "written" or not blocked)
    window.close()


@pytest.mark.parametrize("lost", [False, True])
def test_code_has_colours_where_their_files_are_to_be_had(live_folder, chromium, served, lost):
    if not (live_folder / "editor").is_dir():
        pytest.skip("expected the editor that `make live` fetches")
    tab = chromium.new_page()
    tab.route("**/pyodide/**", lambda route: route.abort())
    if lost:
        tab.route("**/editor/**", lambda route: route.abort())
    tab.goto(f"{served}/{SHEET}.html")
    tab.locator(".live button").first.click()
    area = tab.locator(".live textarea")
    area.fill(RIGHT)
    assert tab.locator(".live .keyword").all_inner_texts() == ["def", "return"][: 2 - 2 * lost]
    area.press("Escape")
    area.press("Control+End")
    tab.keyboard.type("3")
    tab.keyboard.press("Control+z")
    assert area.input_value() == RIGHT
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Run"
    tab.close()


def test_a_chapters_cell_runs_in_place(page, served):
    tab = page.context.new_page()
    tab.set_default_timeout(LONG)
    tab.goto(f"{served}/chapters/04_batch_norm.html")
    stored = tab.locator(".tag_live .cell_output").inner_text()
    tab.get_by_role("button", name="Run it here").click()
    assert ran(tab, tab.locator(".live textarea").input_value()) == "Done."
    assert output(tab).strip() == stored.strip()
    tab.close()


@pytest.mark.parametrize("lack", ["Worker", "WebAssembly", "scripts", "a server"])
def test_a_browser_that_cannot_run_it_shows_todays_page(
    live_folder, chromium, served, site, lack
):
    tab = chromium.new_page(java_script_enabled=lack != "scripts")
    tab.add_init_script(f"delete window.{lack}" if lack.isalpha() else "")
    address = site.as_uri() if lack == "a server" else served
    tab.goto(f"{address}/{SHEET}.html")
    assert tab.locator(".tag_live-answer:visible").count() == 5
    assert tab.locator(".live, .live-note, .live-progress").count() == 0
    tab.close()


def test_pages_with_something_to_run_load_it_and_no_others(site, live_folder):
    cells = {}
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        cells[path.stem] = len(re.findall(r'class="cell [^"]*\btag_live', text))
        assert ("live.js" in text) == (cells[path.stem] > 0), path.name
    assert sum(cells.values()) > 10
    anchors = (site / "book" / "how_to_use.html").read_text(encoding="utf-8")
    script = (live_folder / "live.js").read_text(encoding="utf-8")
    for anchor in re.findall(r"#([a-z-]+)`", script):
        assert f'id="{anchor}"' in anchors
    sources = (site / "_sources").rglob("*.ipynb")
    assert [
        p.name for p in sources if "live-" in p.read_text("utf-8").replace("-live-", "")
    ] == []
