"""The site where an address is set, and where none is: what it has and what it lacks."""

import re
from functools import cache
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import book_pdf
import pytest
import site_probe
import small_book
from elsewhere import copy_book
from lxml import html
from site_probe import CONFIG, REDIRECTS

REPO = "owner/name"
GITHUB = f"https://github.com/{REPO}"
COLAB = f"https://colab.research.google.com/github/{REPO}/blob/main/"
CHAPTER = "chapters/04_batch_norm"
SHEET = "chapters/exercises/04_batch_norm"
WITHOUT_SOURCE = {"search", "genindex", "404"}
SITE = "https://owner.github.io/name/"
MOVED = {"book/old_name": "notation.html", "old": "chapters/04_batch_norm.html"}
LOST = "chapters/exercises/no/such/page.html"
LISTED = (site_probe.ROOT / "book" / "addresses.txt").read_text(encoding="utf-8")
ADDRESSES = [line for line in LISTED.splitlines() if not line.startswith("#")]


class Page:
    """The meta elements, the canonical link, the links and the text of a page."""

    def __init__(self, path):
        tree = html.parse(path)
        metas = tree.xpath("//meta[@content][not(@name='viewport')]")
        self.meta = {e.get("property") or e.get("name"): e.get("content") for e in metas}
        assert len(self.meta) == len(metas), path
        self.canonical = tree.xpath("//link[@rel='canonical']/@href")
        self.links = tree.xpath("//a/@href")
        self.text = path.read_text(encoding="utf-8")

    def starting(self, start):
        """Return the links that start in this way."""
        return [link for link in self.links if link.startswith(start)]


@cache
def pages(site):
    """Return the pages of a site by name without suffix, less those that were renamed."""
    names = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    names = {name for name in names - set(MOVED) - set(REDIRECTS) if name[0] != "_"}
    assert {"index", CHAPTER, SHEET, "book/how_to_use"} <= names
    return {name: Page(site / f"{name}.html") for name in names}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Build a small copy of the book that has an address and two renamed pages."""
    folder = copy_book(tmp_path_factory.mktemp("published") / "book", REPO)
    small_book.shorten_book(folder, MOVED)
    config = folder / "_config.yml"  # the address may be written without its last slash
    config.write_text(config.read_text("utf-8").replace(SITE, SITE.rstrip("/")), "utf-8")
    (folder / book_pdf.PRINTED).parent.mkdir(parents=True)
    (folder / book_pdf.PRINTED).write_bytes(bytes(2_340_000))
    done = small_book.build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def published(book):
    return book / "_build" / "html"


@pytest.fixture
def unset(site):
    """Give the book's own site, which has no address."""
    if CONFIG["html"].get("baseurl"):
        pytest.skip("the book has an address")
    return site


def test_sitemap_lists_the_pages_with_content_and_nothing_else(published):
    tree = ElementTree.parse(published / "sitemap.xml")
    places = [place.text for place in tree.iter() if place.tag.endswith("}loc")]
    names = set(pages(published)) - WITHOUT_SOURCE
    assert sorted(places) == sorted(f"{SITE}{name}.html" for name in names)
    assert len(places) >= 10


def test_each_page_names_its_address_and_previews_itself(published):
    for name in set(pages(published)) - WITHOUT_SOURCE:
        page = pages(published)[name]
        assert page.canonical == [f"{SITE}{name}.html"]
        assert page.meta["og:url"] == f"{SITE}{name}.html"
        assert page.meta["og:site_name"] == CONFIG["title"]
        assert page.meta["og:title"]
        assert len(page.meta["og:image:alt"]) > 60
        assert 30 < len(page.meta["description"]) <= 163  # 160 and an ellipsis
        assert page.meta["description"] == page.meta["og:description"]
        assert not re.search(r"\\|\$|,,", page.meta["description"])
    image = pages(published)["index"].meta["og:image"]
    assert image.startswith(SITE)
    assert (published / image.removeprefix(SITE)).is_file()


def test_a_chapter_is_described_by_the_question_it_answers(published):
    home = (site_probe.ROOT / "index.md").read_text(encoding="utf-8")
    description = pages(published)[CHAPTER].meta["description"]
    assert description.endswith("?")
    assert f"({CHAPTER}.ipynb) | {description} |" in home


def test_the_home_page_links_the_pdf_where_there_is_one(published, site):
    link = r'href="(_downloads/[^"]*\.pdf)"[^>]*>.*Download the whole .*</a> \(2.3\sMB\)</p>'
    home = pages(published)["index"].text
    pdf = published / re.search(f'<p class="book-pdf">.*{link}', home)[1]
    assert (pdf.name, pdf.stat().st_size) == (book_pdf.PRINTED.name, 2_340_000)
    printed = any(site.glob(f"_downloads/*/{book_pdf.PRINTED.name}"))
    assert ("book-pdf" in pages(site)["index"].text) == printed


@pytest.mark.parametrize("old", MOVED)
def test_renamed_page_leads_to_its_new_address(published, old):
    text = (published / f"{old}.html").read_text(encoding="utf-8")
    [target] = set(re.findall(r'(?:url=|target = ")([^"]+)"', text))
    new = urljoin(f"{SITE}{old}.html", target).removeprefix(SITE)
    assert new == urljoin(f"{old}.html", MOVED[old])
    assert (published / new).is_file()


def test_page_not_found_works_at_any_depth(published, chromium, tmp_path):
    """The host answers any unknown address with this page; styles and links still work."""
    (tmp_path / "name").symlink_to(published)
    lost = pages(published)["404"].text
    tab, troubles = chromium.new_page(), []
    with site_probe.served(tmp_path) as address:
        missing = f"{address}/name/{LOST}"
        tab.route(missing, lambda route: route.fulfill(body=lost, content_type="text/html"))
        site_probe.listen(tab, troubles, troubles)
        tab.goto(missing, wait_until="load")
        assert tab.locator(".bd-article h1").inner_text() == "Page not found"
        assert tab.evaluate("document.styleSheets.length") >= 4
        tab.get_by_role("link", name="the first page").click()
        tab.wait_for_url(f"{address}/name/**")
        assert tab.locator(".bd-article h1").inner_text().startswith(CONFIG["title"])
        tab.close()
    assert troubles == []


def test_while_no_address_is_set_none_is_invented_and_there_is_no_button(unset):
    assert not (unset / "sitemap.xml").exists()
    for name, page in pages(unset).items():
        assert page.canonical == []
        assert [meta for meta in page.meta if meta and meta.startswith("og:")] == []
        assert page.starting("https://colab.research.google.com/github") == [], name
        assert not re.search("/edit/main/|/issues/new", " ".join(page.links)), name
        assert not re.search("launch-buttons|source-buttons|github.com/owner", page.text), name


def test_every_address_that_a_page_has_had_still_leads_to_one():
    now = set(site_probe.pages()) - {"404", "genindex", "search"}
    assert len(set(ADDRESSES)) == len(ADDRESSES)
    assert now <= set(ADDRESSES), "book/addresses.txt lacks a page"
    assert set(ADDRESSES) - now == set(REDIRECTS), "a renamed page needs a redirect"
    for old, new in REDIRECTS.items():
        target = urlsplit(urljoin(f"{old}.html", new)).path
        assert target.removesuffix(".html") in now, f"{old} is sent to {new}"


def test_a_chapter_and_a_sheet_open_on_colab_and_no_other_page_does(published):
    launched = {name: page.starting(COLAB) for name, page in pages(published).items()}
    ours = {name: [f"{COLAB}{name}.ipynb"] for name in (CHAPTER, SHEET)}
    assert {name: links for name, links in launched.items() if links} == ours


def test_each_page_names_its_source_and_a_place_for_issues(book, published):
    for name, page in pages(published).items():
        assert page.starting(GITHUB).count(GITHUB) == 1, name
        [issue] = page.starting(f"{GITHUB}/issues/new?title=")
        assert f"%2F{name}.html&" in issue
        edits = page.starting(f"{GITHUB}/edit/main/")
        assert len(edits) == (name not in WITHOUT_SOURCE), name
        sources = [edit.removeprefix(f"{GITHUB}/edit/main/") for edit in edits]
        assert all((book / source).is_file() for source in sources), name
        assert all(source.rpartition(".")[0] == name for source in sources)


def test_a_sheet_has_its_download_and_hints_and_solutions_on_a_click(book, published):
    download = (published / "_sources" / f"{SHEET}.ipynb").read_bytes()
    assert download == (book / f"{SHEET}.ipynb").read_bytes()
    assert b'REPOSITORY = \\"owner/name\\"' in download
    text = pages(published)[SHEET].text
    assert "# your code here" in text
    assert (text.count(">Hint</"), text.count(">Solution</")) == (7, 6)
    assert "BEGIN SOLUTION" not in text


def test_without_the_folder_of_make_live_nothing_shows_of_it(published):
    for name in (SHEET, CHAPTER):
        assert not re.search(r"tag_live-|live\.js", pages(published)[name].text)
    assert not (published / "_static" / "live").exists()


def test_pages_say_how_to_open_a_chapter(published, unset):
    say = [pages(site)["book/how_to_use"].text for site in (published, unset)]
    assert ["button with a rocket" in text for text in say] == [True, False]
    assert ["has no address on the web" in text for text in say] == [False, True]


def test_no_link_is_empty_or_leads_to_another_project(published, unset):
    for name, page in [*pages(published).items(), *pages(unset).items()]:
        wrong = [e for e in page.links if not e or "None" in e or "executablebooks" in e]
        assert wrong == [], name


def test_buttons_open_and_are_readable_by_everyone(published, chromium):
    with site_probe.served(published) as address:
        tab = site_probe.opened(chromium)
        for facts in site_probe.look(tab, f"{address}/{SHEET}.html").values():
            wrong = {key: facts[key] for key in (*site_probe.THEMES, "troubles", "asked")}
            assert not any(wrong.values()), wrong
        tab.goto(f"{address}/{SHEET}.html")
        tab.locator(".dropdown-launch-buttons > button").click()
        link = tab.locator(".dropdown-launch-buttons a")
        assert link.is_visible()
        assert link.get_attribute("href") == f"{COLAB}{SHEET}.ipynb"
        tab.close()
