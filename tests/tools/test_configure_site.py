"""The buttons of the built pages: right where an address is set, absent where none is."""

from html.parser import HTMLParser

import pytest
import site_probe
import small_book
from elsewhere import copy_book

GITHUB = "https://github.com/owner/name"
COLAB = "https://colab.research.google.com/github/owner/name/blob/main/"
CHAPTER = "chapters/04_batch_norm"
SHEET = "chapters/exercises/04_batch_norm"
WITHOUT_SOURCE = {"search", "genindex", "404"}


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


def built(folder, repo):
    """Build a small copy of the book with this address or none; return book and site."""
    book = copy_book(folder / "book", repo)
    small_book.edit(book / "_toc.yml", small_book.shorten)
    small_book.edit(book / "_config.yml", lambda config: small_book.change(config, {}))
    done = small_book.build(book)
    assert done.returncode == 0, done.stdout + done.stderr
    return book, book / "_build" / "html"


@pytest.fixture(scope="module")
def addressed(tmp_path_factory):
    return built(tmp_path_factory.mktemp("addressed"), "owner/name")


@pytest.fixture(scope="module")
def unset(tmp_path_factory):
    return built(tmp_path_factory.mktemp("unset"), None)[1]


def pages(site):
    """Return the links of each page, by its name without suffix."""
    found = {
        path.relative_to(site).with_suffix("").as_posix(): path for path in site.rglob("*.html")
    }
    pages = {name: Links(path) for name, path in found.items() if name[0] != "_"}
    assert {"index", CHAPTER, SHEET, "book/how_to_use"} <= set(pages)
    return pages


def test_a_chapter_and_a_sheet_open_on_colab_and_no_other_page_does(addressed):
    launched = {name: page.starting(COLAB) for name, page in pages(addressed[1]).items()}
    assert {name: links for name, links in launched.items() if links} == {
        name: [f"{COLAB}{name}.ipynb"] for name in (CHAPTER, SHEET)
    }


def test_each_page_names_its_source_and_a_place_for_issues(addressed):
    book, site = addressed
    for name, page in pages(site).items():
        assert page.starting(GITHUB).count(GITHUB) == 1, name
        [issue] = page.starting(f"{GITHUB}/issues/new?title=")
        assert f"%2F{name}.html&" in issue
        edits = page.starting(f"{GITHUB}/edit/main/")
        assert len(edits) == (name not in WITHOUT_SOURCE), name
        sources = [edit.removeprefix(f"{GITHUB}/edit/main/") for edit in edits]
        assert all((book / source).is_file() for source in sources), name
        assert all(source.rpartition(".")[0] == name for source in sources)


def test_a_sheets_download_is_the_file_that_readers_open(addressed):
    book, site = addressed
    download = (site / "_sources" / f"{SHEET}.ipynb").read_bytes()
    assert download == (book / f"{SHEET}.ipynb").read_bytes()
    assert b'REPOSITORY = \\"owner/name\\"' in download


def test_a_sheets_page_has_hints_and_solutions_on_a_click(addressed):
    text = (addressed[1] / f"{SHEET}.html").read_text(encoding="utf-8")
    assert "# your code here" in text
    assert (text.count(">Hint</"), text.count(">Solution</")) == (7, 6)
    assert "BEGIN SOLUTION" not in text


def test_pages_say_how_to_open_a_chapter(addressed, unset):
    say = [
        (site / "book/how_to_use.html").read_text(encoding="utf-8")
        for site in (addressed[1], unset)
    ]
    assert ["button with a rocket" in text for text in say] == [True, False]
    assert ["has no address on the web" in text for text in say] == [False, True]


def test_without_an_address_there_is_no_button(unset):
    for name, page in pages(unset).items():
        assert page.starting("https://colab.research.google.com/github") == [], name
        assert [link for link in page.links if "/edit/" in link or "/issues/" in link] == [], (
            name
        )
        text = (unset / f"{name}.html").read_text(encoding="utf-8")
        assert "launch-buttons" not in text
        assert "source-buttons" not in text
        assert "github.com/owner" not in text


def test_no_link_is_empty_or_leads_to_another_project(addressed, unset):
    for site in (addressed[1], unset):
        for name, page in pages(site).items():
            wrong = [e for e in page.links if not e or "None" in e or "executablebooks" in e]
            assert wrong == [], name
            assert all(page.images), f"{name}: an image lacks its text alternative"


def test_buttons_open_and_are_readable_by_everyone(addressed, chromium):
    with site_probe.served(addressed[1]) as address:
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
