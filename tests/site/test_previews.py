"""Links bring a card with what they lead to: by mouse, by keyboard, by touch."""

import re

import pytest
import site_probe
from house import CHAPTERS

CHAPTER = "chapters/04_batch_norm"
LINK = re.compile(r'<a class="[^"]*\bbook-preview\b[^"]*" href="([^"#]*)#([^"]+)"')
SHORT = "chapters/a2_second_derivatives"
MENTIONED = {  # words without a link in the source of a page, and where the site leads them
    ("chapters/09_training", "exercise 9.5"): "exercises/09_training.html#which-activation",
    ("chapters/12_many_devices", "(12.1)</a> under"): "#eq-12-1",  # in a caption
    ("chapters/exercises/06_cnn", "exercise 6.2"): "#batch-normalization-by-rows",
    ("book/api/deploy", "Chan, Golub"): "../references.html#chan1983",  # over two lines
    ("book/benchmarks", '<code class="docutils literal notranslate"><span class="pre">'
     "bnlib.functional"): "api/functional.html#module-bnlib.functional",
}  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 800}
CARD = ".book-card"
# The page without a card is for test_site.py: leave the section in which there is one.
REST = """() => document.querySelectorAll("section > section:not(:has(.book-card))")
  .forEach((section) => section.remove())"""
KINDS = {  # how the address of a link ends, and what its card then says
    "#eq-4-1": ["(4.1)", "∑"],
    "notation.html#symbol-gamma": ["scale, learned", "(𝐶,)", "weight", "gamma"],
    "glossary.html#running-statistics": ["移动平均统计量", "averages that the layer keeps"],
    "references.html#ioffe2015batch": ["Ioffe, Sergey and Szegedy", "arXiv:1502.03167"],
    "claims.html#b4": ["Six numbered equations", "holds"],
    "functional.html#bnlib.functional.batch_norm_train": [
        "batch_norm_train(x, gamma, beta", "Normalize each channel"],
}  # fmt: skip


def previews(site):
    """Yield each page with the page and the place that one of its previews shows."""
    for path in site.rglob("*.html"):
        for address, place in LINK.findall(path.read_text("utf-8")):
            yield path, (path.parent / address).resolve() if address else path, place


def test_what_a_preview_shows_is_there(site):
    wanted = {(page, place) for _, page, place in previews(site)}
    assert len(wanted) > 250
    texts = {page: page.read_text("utf-8") for page, _ in wanted}
    holder = '<(?:tr|li|dt|div|td><p><span)\\b[^>]* id="{}"'
    lost = [(page.stem, place) for page, place in wanted
            if len(re.findall(holder.format(re.escape(place)), texts[page])) != 1]  # fmt: skip
    assert lost == []


@pytest.mark.parametrize(("page", "words"), MENTIONED)
def test_what_a_text_names_without_a_link_gets_one(site, page, words):
    text = (site / f"{page}.html").read_text("utf-8")
    links = re.findall(rf'href="([^"]*)">{re.escape(words)}', text)
    assert [link for link in links if link.startswith(MENTIONED[page, words])]


def test_every_term_and_symbol_has_a_place(site):
    for page, rows in (("glossary", 52), ("notation", 46)):
        text = (site / "book" / f"{page}.html").read_text("utf-8")
        places = re.findall('<tr class="[^"]*" id="([^"]+)"', text)
        assert len(places) == len(set(places)) == rows


def test_a_chapter_links_each_term_and_symbol_once_at_most(site):
    linked = {}
    for path in CHAPTERS:
        text = (site / "chapters" / path.name).with_suffix(".html").read_text("utf-8")
        places = linked[path.stem] = re.findall(r'<a class="book-term[^#]*#([^"]+)"', text)
        assert len(places) == len(set(places)), path.stem
        assert len(places) >= 6, path.stem
    assert "ghost-batch-normalization" in linked["07_inference"]  # the longest term
    assert {"symbol-dy", "symbol-var"} <= set(linked["09_training"])  # as formulas
    assert "symbol-dmu" in linked["05_backward"]  # by its code name
    assert not {"momentum", "symbol-momentum"} & set(linked["09_training"])  # the optimizer's


def test_the_number_of_each_formula_brings_its_symbols(site):
    pages = [site / "chapters" / f"{path.stem}.html" for path in CHAPTERS]
    text = "".join(page.read_text("utf-8") for page in pages)
    numbers = re.findall(r'<(\w+) class="book-number', text)
    assert len(numbers) > 90
    assert set(numbers) == {"a"}
    rows = "symbol-x_hat symbol-x symbol-mu symbol-running_mean letters-11"
    assert f'data-rows="{rows}" href="../book/notation.html#symbol-x_hat"' in text


class Reader:
    """A page in a browser, and what it asks for after it is loaded."""

    def __init__(self, chromium, address, **options):
        self.tab = chromium.new_context(reduced_motion="reduce", **options).new_page()
        self.tab.goto(address, wait_until="load")
        self.fetched, self.troubles = [], []
        site_probe.listen(self.tab, self.troubles, self.troubles)
        self.tab.on("request", lambda r: r.resource_type == "fetch" and self.fetched.append(r))

    def link(self, end):
        """Return the first link with such an address, in the middle of the screen."""
        link = self.tab.locator(f".bd-article a.book-preview[href$='{end}']").first
        link.evaluate("e => e.scrollIntoView({ block: 'center' })")
        return link

    def card(self, state="visible"):
        """Wait until the card is there, or no longer."""
        card = self.tab.locator(CARD)
        card.wait_for(state=state)
        return card


@pytest.fixture(scope="module")
def reader(chromium, served):
    """Open a chapter on a wide screen."""
    opened = Reader(chromium, f"{served}/{CHAPTER}.html", viewport=WIDE)
    yield opened
    opened.tab.context.close()


@pytest.fixture
def phone(chromium, served):
    """Open a short chapter on a phone."""
    opened = Reader(chromium, f"{served}/{SHORT}.html", viewport=NARROW, has_touch=True)
    yield opened
    opened.tab.context.close()


@pytest.mark.parametrize("end", KINDS)
def test_hover_opens_a_card_that_the_mouse_can_enter(reader, end):
    reader.tab.mouse.move(1, 1)
    reader.card("detached")
    reader.link(end).hover()
    card = reader.card()
    said = re.sub(r"\s+", "", card.evaluate("e => e.textContent"))
    said += re.sub(r"\s+", "", card.inner_text())
    assert [words for words in KINDS[end] if re.sub(r"\s+", "", words) not in said] == []
    assert card.locator("[id], a.book-preview, .headerlink").count() == 0
    card.hover()
    reader.tab.wait_for_timeout(400)
    assert card.is_visible()
    assert card.locator("a").last.get_attribute("href").endswith(end)


def test_the_card_of_a_number_lists_symbols_with_code_name_meaning_and_shape(reader):
    number = reader.tab.locator("#eq-4-4 a.book-number")
    number.evaluate("e => e.scrollIntoView({ block: 'center' })")
    number.hover()
    symbols = reader.tab.locator(f"{CARD}[aria-label$='Symbols of (4.4)'] dl")
    symbols.wait_for()
    assert symbols.locator("dt").count() == 4
    said = re.sub(r"\s+", "", symbols.evaluate("e => e.textContent"))
    assert "gamma,scale,learned,(" in said


def test_each_page_is_fetched_once_and_chinese_is_marked(reader):
    names = [request.url.rsplit("/", 1)[1] for request in reader.fetched]
    assert len(names) == len(set(names)) == len(KINDS) - 1  # the equation is on the page
    assert reader.troubles == []
    reader.link("#running-statistics").hover()
    reader.card().locator("dd [lang=zh]").wait_for()


def test_focus_opens_tab_enters_and_escape_closes(reader):
    tab = reader.tab
    tab.mouse.move(1, 1)
    reader.card("detached")
    link = reader.link("#ioffe2015batch")
    has_focus = "e => e === document.activeElement"
    tab.keyboard.press("Tab")  # from here on the keyboard is used
    link.focus()
    reader.card()
    assert link.evaluate(has_focus)
    assert link.get_attribute("aria-describedby") == "book-card"
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "arXiv:1502.03167"
    tab.wait_for_timeout(100)
    tab.keyboard.press("Escape")
    reader.card("detached")
    assert link.evaluate(has_focus)
    tab.wait_for_timeout(400)
    assert tab.locator(CARD).count() == 0
    assert link.get_attribute("aria-describedby") is None


def test_axe_finds_nothing_in_a_section_with_a_card(reader):
    reader.link("#b4").focus()
    reader.card()
    reader.tab.evaluate(REST)
    assert site_probe.violations(reader.tab, "light") == []
    assert site_probe.violations(reader.tab, "dark", runOnly=site_probe.COLOURS) == []
    assert reader.tab.locator(CARD).is_visible()


def test_the_first_tap_opens_the_second_follows(phone):
    for end in ("notation.html#symbol-x", "05_backward.html#eq-5-15"):
        phone.link(end).tap()
        box = phone.card().bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]
        assert phone.tab.evaluate("document.scrollingElement.scrollWidth") == NARROW["width"]
    phone.tab.touchscreen.tap(5, NARROW["height"] - 5)
    phone.card("detached")
    phone.link("#symbol-x").tap()
    phone.card()
    phone.link("#symbol-x").tap()
    phone.tab.wait_for_url("**/notation.html#symbol-x")


def test_a_link_whose_page_cannot_be_fetched_is_followed(phone):
    phone.tab.route("**/notation.html", lambda route: (
        route.continue_() if route.request.is_navigation_request() else route.abort()
    ))  # fmt: skip
    phone.link("#symbol-x").tap()
    phone.tab.wait_for_url("**/notation.html#symbol-x")


def test_without_a_script_links_are_links(chromium, served):
    tab = chromium.new_page(java_script_enabled=False)
    tab.goto(f"{served}/{SHORT}.html")
    tab.locator("a[href$='#symbol-x']").first.click()
    tab.wait_for_url("**/notation.html#symbol-x")
    assert tab.locator("tr:target td").nth(1).inner_text() == "x"
    tab.close()
