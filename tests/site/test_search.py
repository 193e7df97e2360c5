"""The search finds the section that a reader wants, opens its place, and needs no network."""

import re

import pytest
import site_probe
from glossary import NUMBERS, ROWS

# What a reader types, and the section that must come first; of a page alone, any of its own.
WANTED = {
    "γ": "book/notation",
    "ε": "book/notation",
    "σ²": "book/notation#symbol-var",
    "gamma": "chapters/09_training#weight-decay-on-gamma-and-beta",
    "eps": "chapters/02_whitening#what-eps-does",
    "normalization": "chapters/01_why_normalize#why-normalize",
    "normalisation": "chapters/01_why_normalize#why-normalize",
    "批归一化": "book/glossary",
    "批量归一化": "book/glossary",
    "gradient check": "book/glossary",
    "momentum": "chapters/07_inference#momentum-one-name-two-meanings",
    "moving_variance": "book/notation#symbol-running_var",
    "running mean": "book/notation#running-statistics",
    "cold start": "chapters/07_inference#the-cold-start",
    "fold": "chapters/08_in_practice#folding",
    "whitening": "chapters/02_whitening#whitening",
    "covariate shift": "chapters/10_why_it_works#does-it-reduce-internal-covariate-shift",
    "dropout": "chapters/07_inference#two-modes-as-with-dropout",
    "batch_norm_train": "chapters/04_batch_norm#a-batch-of-one",
    "bubblewrap": "book/instructors",
    "SyncBatchNorm": "book/questions#several-devices",
    "NHWC": "book/glossary#channels-last",
    "学习率": "book/glossary#effective-rate",  # the end of a word
    "层归一化": "book/glossary",
    "license": "index#licence-citation-errors",
    "errata": "book/changes#changes-and-errata",
    "capstone": "chapters/exercises/capstone",
}
WORD, HAN = re.compile(r"[A-Za-z]{3,}"), re.compile(r"[\u4e00-\u9fff]{2,}")
FIRST_LINK = "pagefind-results li:first-child a"  # others may load before it
FIRST = 10  # results, which fill some screens
FIND = """async ([words, most]) => {
  const search = PagefindComponents.getInstanceManager().getInstance();
  const { results } = await new Promise((resolve) => {
    search.on("results", resolve, document);
    search.triggerSearch(words);
  });
  const data = await Promise.all(results.slice(0, most).map((result) => result.data()));
  return data.map(({ url }) => url.split(".html")[0].slice(1));
}"""


@pytest.fixture(scope="module")
def tab(chromium, served):
    """Open the page of search, and wait until it can search."""
    opened = chromium.new_page(viewport={"width": 375, "height": 800})
    opened.goto(f"{served}/search.html?q=momentum")
    opened.locator(FIRST_LINK).wait_for()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def find(tab):
    """Give a function that returns the places of the first results."""
    return lambda words, most=FIRST: tab.evaluate(FIND, [words, most])


def page(place):
    """Return the page of a place."""
    return place.rpartition("/")[0]


def test_an_old_address_answers(tab, served):
    link = tab.locator(FIRST_LINK)
    address = f"{served}/chapters/07_inference.html?marked=momentum#{WANTED['momentum'][22:]}"
    assert link.get_attribute("href") == address.removeprefix(served)
    assert tab.locator(".bd-search-container input").input_value() == "momentum"
    assert re.match(r"\d+ results for momentum", tab.locator("pagefind-summary").inner_text())
    assert tab.locator(".bd-search-container .fa-magnifying-glass").bounding_box()["width"] > 8


def test_a_sign_of_a_formula_that_a_reader_copies_is_found(chromium, served):
    opened = chromium.new_page()
    opened.goto(f"{served}/search.html?q=ϵ")  # the index has ε
    assert "notation" in opened.locator(FIRST_LINK).get_attribute("href")
    opened.close()


@pytest.mark.parametrize("words", WANTED)
def test_the_section_that_a_reader_wants_comes_first(find, site, words):
    name, _, place = WANTED[words].partition("#")
    places = find(words, 1)
    assert page(places[0]) == name
    assert places[0].endswith(f"/{place}" if place else "")
    assert f'id="{places[0].rpartition("/")[2]}"' in (site / f"{name}.html").read_text("utf-8")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_term_leads_to_the_glossary_and_to_its_chapters(find, row):
    term, chinese, _, chapters = row
    pages = {page(place) for place in find(" ".join(WORD.findall(term.split(",")[0])), 20)}
    assert "book/glossary" in pages
    assert pages & {f"chapters/{NUMBERS[n.strip()].stem}" for n in chapters.split(",")}
    assert page(find(HAN.search(chinese)[0], 1)[0]) == "book/glossary"


def test_the_library_comes_after_the_book(find):
    for words in ("whitening", "running mean", "gradient check"):
        library = [place.startswith("book/api/") for place in find(words, 300)]
        assert any(library)
        assert not any(library[: FIRST * 2])


def test_nonsense_and_folded_code_find_nothing(find, tab):
    """In quotes; without them Pagefind looks for words that begin as the nonsense does."""
    assert find('"find_spec"') == find('"qwertzuiopq"') == []
    assert tab.locator("pagefind-summary").inner_text() == 'No results for "qwertzuiopq"'


@pytest.mark.parametrize("width", site_probe.WIDTHS)
def test_keys_alone_lead_to_the_place_and_the_words_are_marked(chromium, site, width):
    """From a folder below another server's root, with all other addresses out of reach."""
    with site_probe.served(site.parent) as address:
        tab = chromium.new_page(viewport={"width": width, "height": 800})
        troubles, asked, loaded = [], [], []
        site_probe.listen(tab, troubles, asked)
        tab.on("request", lambda r: loaded.append(r.url))
        tab.goto(f"{address}/{site.name}/book/how_to_use.html", wait_until="load")
        assert not [url for url in loaded if "pagefind" in url]
        tab.keyboard.press("Control+k")
        tab.keyboard.insert_text("cold start")
        tab.locator(FIRST_LINK).wait_for()
        assert tab.locator("pagefind-results li:first-child mark").first.inner_text() == "cold"
        assert site_probe.violations(tab, "light") == []
        assert site_probe.violations(tab, "dark", runOnly=site_probe.COLOURS) == []
        for key in ("ArrowDown", "ArrowDown", "ArrowUp", "Enter"):
            tab.keyboard.press(key)
        tab.wait_for_url(f"{address}/{site.name}/chapters/07_inference.html#the-cold-start")
        heading = tab.locator("#the-cold-start :is(h2, h3)")
        assert 0 <= heading.bounding_box()["y"] < 400
        marked = heading.locator("mark").all_inner_texts()
        assert {word.lower() for word in marked} == {"cold", "start"}
        assert tab.locator("body > :not(.bd-container) mark, nav mark").count() == 0
        assert troubles == asked == []
        tab.close()


def test_a_page_that_no_server_sent_says_what_to_do(chromium, site):
    tab = chromium.new_page()
    tab.goto((site / "search.html").as_uri())
    assert "make serve" in tab.locator("pagefind-summary").inner_text()
    tab.close()
