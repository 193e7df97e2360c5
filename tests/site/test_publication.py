"""The site where an address is set, and where none is: what it has and what it lacks."""

import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest
import site_probe
import small_book
import yaml
from elsewhere import copy_book

sys.path.append(str(site_probe.ROOT / "book" / "_ext"))
import book_publish

REPO = "owner/name"
GITHUB = f"https://github.com/{REPO}"
COLAB = f"https://colab.research.google.com/github/{REPO}/blob/main/"
CHAPTER = "chapters/04_batch_norm"
SHEET = "chapters/exercises/04_batch_norm"
WITHOUT_SOURCE = {"search", "genindex", "404"}
SITE = "https://owner.github.io/name/"
MOVED = {"book/old_name": "notation.html", "old": "chapters/04_batch_norm.html"}
CONFIG = yaml.safe_load((site_probe.ROOT / "_config.yml").read_text(encoding="utf-8"))
REDIRECTS = CONFIG["sphinx"]["config"]["redirects"]
LOST = "chapters/exercises/no/such/page.html"
LISTED = (site_probe.ROOT / "book" / "addresses.txt").read_text(encoding="utf-8")
ADDRESSES = [line for line in LISTED.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("given", "found"),
    [(SITE, SITE), (SITE[:-1], SITE), (SITE + "/", SITE), ("", ""), (None, "")],
)
def test_an_address_ends_with_one_slash(given, found):
    app = SimpleNamespace(config=SimpleNamespace(overrides={"html_baseurl": given}))
    assert book_publish.address(app) == found


class Head(HTMLParser):
    """The title, the meta elements and the canonical link of a page."""

    def __init__(self, path):
        super().__init__()
        self.meta, self.canonical = {}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note one element."""
        attrs = dict(attrs)
        if tag == "meta" and "content" in attrs:
            name = attrs.get("property") or attrs.get("name")
            assert name not in self.meta or name == "viewport", f"two {name}"
            self.meta[name] = attrs["content"]
        if tag == "link" and attrs.get("rel") == "canonical":
            self.canonical.append(attrs["href"])


class Links(HTMLParser):
    """The addresses of a page's links, and the text alternatives of its images."""

    def __init__(self, path):
        super().__init__()
        self.links, self.images = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note one element."""
        attrs = dict(attrs)
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "img":
            self.images.append(attrs.get("alt"))

    def starting(self, start):
        """Return the links that start in this way."""
        return [link for link in self.links if link and link.startswith(start)]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Build a small copy of the book that has an address and two renamed pages."""
    changes = {"sphinx": {"config": {"redirects": MOVED}}}
    folder = copy_book(tmp_path_factory.mktemp("published") / "book", REPO)
    small_book.shorten_book(folder, changes)
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


def pages(site):
    """Return the names of the pages with content, without suffix."""
    names = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    return sorted(
        name for name in names - {"404", "genindex", "search"} - set(MOVED) if name[0] != "_"
    )


def test_sitemap_lists_the_pages_and_nothing_else(published):
    tree = ElementTree.parse(published / "sitemap.xml")
    places = [place.text for place in tree.iter() if place.tag.endswith("}loc")]
    assert sorted(places) == [f"{SITE}{page}.html" for page in pages(published)]
    assert len(places) >= 10


def test_each_page_names_its_address_and_previews_itself(published):
    for page in pages(published):
        head = Head(published / f"{page}.html")
        assert head.canonical == [f"{SITE}{page}.html"]
        assert head.meta["og:url"] == f"{SITE}{page}.html"
        assert head.meta["og:site_name"] == CONFIG["title"]
        assert head.meta["og:title"]
        assert len(head.meta["og:image:alt"]) > 60
        assert 30 < len(head.meta["description"]) <= 163  # 160 and an ellipsis
        assert head.meta["description"] == head.meta["og:description"]
        assert not re.search(r"\\|\$|,,", head.meta["description"])


def test_preview_picture_exists(published):
    image = Head(published / "index.html").meta["og:image"]
    assert image.startswith(SITE)
    assert (published / image.removeprefix(SITE)).is_file()


def test_a_chapter_is_described_by_the_question_it_answers(published):
    home = (site_probe.ROOT / "index.md").read_text(encoding="utf-8")
    description = Head(published / "chapters/04_batch_norm.html").meta["description"]
    assert description.endswith("?")
    assert f"(chapters/04_batch_norm.ipynb) | {description} |" in home


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
    lost = (published / "404.html").read_text(encoding="utf-8")
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


def test_no_address_is_invented_while_none_is_set(unset):
    assert not (unset / "sitemap.xml").exists()
    for page in site_probe.pages():
        head = Head(unset / f"{page}.html")
        assert head.canonical == []
        assert [name for name in head.meta if name and name.startswith("og:")] == []


def test_every_address_that_a_page_has_had_still_leads_to_one():
    now = set(site_probe.pages()) - {"404", "genindex", "search"}
    assert len(set(ADDRESSES)) == len(ADDRESSES)
    assert now <= set(ADDRESSES), "book/addresses.txt lacks a page"
    assert set(ADDRESSES) - now == set(REDIRECTS), "a renamed page needs a redirect"
    for old, new in REDIRECTS.items():
        target = urlsplit(urljoin(f"{old}.html", new)).path
        assert target.removesuffix(".html") in now, f"{old} is sent to {new}"


def links(site):
    """Return the links of each page, by its name without suffix."""
    names = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    names = {name for name in names - set(MOVED) - set(REDIRECTS) if name[0] != "_"}
    assert {"index", CHAPTER, SHEET, "book/how_to_use"} <= names
    return {name: Links(site / f"{name}.html") for name in names}


def test_a_chapter_and_a_sheet_open_on_colab_and_no_other_page_does(published):
    launched = {name: page.starting(COLAB) for name, page in links(published).items()}
    assert {name: links for name, links in launched.items() if links} == {
        name: [f"{COLAB}{name}.ipynb"] for name in (CHAPTER, SHEET)
    }


def test_each_page_names_its_source_and_a_place_for_issues(book, published):
    for name, page in links(published).items():
        assert page.starting(GITHUB).count(GITHUB) == 1, name
        [issue] = page.starting(f"{GITHUB}/issues/new?title=")
        assert f"%2F{name}.html&" in issue
        edits = page.starting(f"{GITHUB}/edit/main/")
        assert len(edits) == (name not in WITHOUT_SOURCE), name
        sources = [edit.removeprefix(f"{GITHUB}/edit/main/") for edit in edits]
        assert all((book / source).is_file() for source in sources), name
        assert all(source.rpartition(".")[0] == name for source in sources)


def test_a_sheets_download_is_the_file_that_readers_open(book, published):
    download = (published / "_sources" / f"{SHEET}.ipynb").read_bytes()
    assert download == (book / f"{SHEET}.ipynb").read_bytes()
    assert b'REPOSITORY = \\"owner/name\\"' in download


def test_a_sheets_page_has_hints_and_solutions_on_a_click(published):
    text = (published / f"{SHEET}.html").read_text(encoding="utf-8")
    assert "# your code here" in text
    assert (text.count(">Hint</"), text.count(">Solution</")) == (7, 6)
    assert "BEGIN SOLUTION" not in text


def test_pages_say_how_to_open_a_chapter(published, unset):
    say = [
        (site / "book/how_to_use.html").read_text(encoding="utf-8")
        for site in (published, unset)
    ]
    assert ["button with a rocket" in text for text in say] == [True, False]
    assert ["has no address on the web" in text for text in say] == [False, True]


def test_without_an_address_there_is_no_button(unset):
    for name, page in links(unset).items():
        assert page.starting("https://colab.research.google.com/github") == [], name
        assert [a for a in page.links if "/edit/main/" in a or "/issues/new" in a] == [], name
        text = (unset / f"{name}.html").read_text(encoding="utf-8")
        assert "launch-buttons" not in text
        assert "source-buttons" not in text
        assert "github.com/owner" not in text


def test_no_link_is_empty_or_leads_to_another_project(published, unset):
    for site in (published, unset):
        for name, page in links(site).items():
            wrong = [e for e in page.links if not e or "None" in e or "executablebooks" in e]
            assert wrong == [], name
            assert all(page.images), f"{name}: an image lacks its text alternative"


def test_buttons_open_and_are_readable_by_everyone(published, chromium):
    with site_probe.served(published) as address:
        for width in site_probe.WIDTHS:
            facts = site_probe.look(chromium, f"{address}/{CHAPTER}.html", width)
            wrong = {key: facts[key] for key in (*site_probe.THEMES, "troubles", "asked")}
            assert not any(wrong.values()), wrong
        tab = chromium.new_page()
        tab.goto(f"{address}/{CHAPTER}.html")
        tab.locator(".dropdown-launch-buttons > button").click()
        link = tab.locator(".dropdown-launch-buttons a")
        assert link.is_visible()
        assert link.get_attribute("href") == f"{COLAB}{CHAPTER}.ipynb"
        tab.close()
