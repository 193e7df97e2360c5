"""`book/tools/pdf`: what happens before and after the browser prints."""

import io
import json
import sys
from collections import Counter

import pytest
import yaml
from book_pdf import PRINTED
from bs4 import BeautifulSoup
from house import ROOT
from pdf import __main__ as command
from pdf import merge, printing
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import NameObject

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [{"file": "chapters/one", "sections": [{"file": "chapters/sub/two"}]}]
SMALL = {"root": "index", "parts": [
    {"caption": "Chapters", "chapters": CHAPTERS},
    {"caption": "Back matter", "chapters": [{"file": "book/last"}]},
]}  # fmt: skip
PAGE = """<html><head>{sheets}
<script src="_static/b.js"></script></head><body><nav>menu</nav>
<article class="bd-article"><section id="{name}"><h1>Page {name}<a class="headerlink">#</a></h1>
<h2 id="same">Same</h2>{body}</section></article></body></html>"""
BODIES = {
    "index": '<p class="book-pdf">PDF</p><a href="chapters/one.html#same">in</a>',
    "chapters/one": '<a href="sub/two.html">two</a><a href="#same">same</a><a href="">top</a>'
    '<a href="../search.html">search</a><a href="../_sources/one.ipynb">notebook</a>'
    '<a href="https://example.org/a.html">out</a><img src="../_images/a.png" loading="lazy"/>',
    "chapters/sub/two": '<details class="hide"><summary>Show</summary><pre>code</pre></details>'
    '<details class="sd-dropdown"><summary>Solution</summary><p>text</p></details>',
    "book/last": '<h6>Deep</h6><a href="../chapters/sub/two.html#same">two</a>',
}


@pytest.fixture
def site(tmp_path):
    """Write a site of four pages."""
    for name, body in BODIES.items():
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        home = "../" * name.count("/")
        files = ["a.css"] + ["one.css"] * (name == "chapters/one")
        sheets = "".join(f'<link rel="stylesheet" href="{home}_static/{f}"/>' for f in files)
        own = {"name": name.split("/")[-1], "sheets": sheets, "body": body}
        path.write_text(PAGE.format(**own), encoding="utf-8")
    return tmp_path


@pytest.fixture
def one(site):
    """Merge the site into one page."""
    return BeautifulSoup(merge.merge(site, SMALL, "p { color: red }"), "html.parser")


def test_entries_of_the_book_start_with_the_home_page_and_open_each_part_once():
    pages = list(merge.entries(TOC))
    assert pages[0] == ("index", 1, None)
    captions = [part["caption"] for part in TOC["parts"]]
    assert [caption for _, _, caption in pages if caption] == captions
    assert ("chapters/exercises/04_batch_norm", 3, None) in pages


def test_headings_nest_as_parts_chapters_and_sections(one):
    headings = [(h.name, h.get_text()) for h in one.select("h1, h2, h3, h4, h5, h6")]
    assert headings == [
        ("h1", "Page index"), ("h2", "Same"), ("h1", "Contents"),
        ("h1", "Chapters"), ("h2", "Page one"), ("h3", "Same"),
        ("h3", "Page two"), ("h4", "Same"),
        ("h1", "Back matter"), ("h2", "Page last"), ("h3", "Same"), ("h6", "Deep"),
    ]  # fmt: skip


def test_ids_are_unique_and_links_and_files_are_found(one):
    ids = Counter(place["id"] for place in one.select("[id]"))
    assert set(ids.values()) == {1}
    links = [link["href"] for link in one.select("a[href]")]
    assert [x for x in links if x[0] == "#" and x[1:] not in ids] == []
    assert [x for x in links if x[0] != "#"] == ["https://example.org/a.html"]
    assert one.find("img").attrs == {"src": "_images/a.png"}
    assert one.select("script") == []
    assert [a["href"] for a in one.select("link")] == ["_static/a.css", "_static/one.css"]
    assert one.find("style").string == "p { color: red }"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("sub/two.html", "#chapters-sub-two"),
        ("../index.html#same", "#index--same"),
        ("#same", "#chapters-one--same"),
        ("#caf%C3%A9", "#chapters-one--café"),
        ("", "#chapters-one"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("//example.org/one.html", "//example.org/one.html"),
        ("../genindex.html", None),
        ("one.ipynb", None),
    ],
)
def test_target(link, expected):
    known = {"index", "chapters/one", "chapters/sub/two"}
    assert merge.target("chapters/one", link, known) == expected


def test_what_folds_is_open_and_what_serves_the_screen_is_gone(one):
    assert [d["class"] for d in one.select("details")] == [["sd-dropdown"]]
    assert all(d.has_attr("open") for d in one.select("details"))
    assert one.find("pre").get_text() == "code"
    text = one.find("body").get_text()
    assert "Solution" in text
    assert [word for word in ("Show", "menu", "PDF", "#") if word in text] == []


def test_links_that_lead_nowhere_are_found():
    writer = PdfWriter()
    page = writer.add_blank_page(width=100, height=100)
    for address in ("http://127.0.0.1:8000/a", "file:///a.html", "https://example.org/"):
        writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url=address))
    for place in ("/here", "/nowhere"):
        writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url="https://example.org/"))
        link = page["/Annots"][-1].get_object()
        del link["/A"]
        link[NameObject("/Dest")] = NameObject(place)
    writer.add_named_destination(title="/here", page_number=0)
    writer.write(file := io.BytesIO())
    dead = command.dead_links(PdfReader(file))
    assert dead == ["/nowhere", "file:///a.html", "http://127.0.0.1:8000/a"]


def test_without_chromium_nothing_changes(site, monkeypatch):
    book, target = site / "book of mine", site / "book.pdf"
    book.mkdir()
    (book / "_toc.yml").write_text(json.dumps(SMALL), encoding="utf-8")
    (book / "_build").mkdir()
    (book / "_build" / "html").symlink_to(site)
    target.write_bytes(b"an older one")
    monkeypatch.setenv("CHROMIUM", str(site / "nothing"))
    with pytest.raises(SystemExit, match=r"make pdf: .*apt-get install chromium"):
        command.main(book, target)
    monkeypatch.setenv("CHROMIUM", sys.executable)  # it prints nothing and ends
    assert printing.find_browser() == sys.executable
    with pytest.raises(SystemExit, match="make pdf: Chromium stopped"):
        command.main(book, target)
    assert target.read_bytes() == b"an older one"


def test_make_pdf_writes_what_the_home_page_links():
    assert ROOT / PRINTED == command.TARGET


def test_packed_file_holds_the_same_in_fewer_bytes(tmp_path):
    plain, packed = tmp_path / "plain.pdf", tmp_path / "packed.pdf"
    titles = [f"Title {n}" for n in range(300)]  # small objects that point to each other
    writer = PdfWriter()
    writer.add_blank_page(width=100, height=100)
    for title in titles:
        writer.add_outline_item(title=title, page_number=0)
    writer.add_metadata({"/Title": "A title"})
    writer.write(plain)
    command.pack(plain, packed)
    new = PdfReader(packed, strict=True)
    assert packed.stat().st_size < plain.stat().st_size / 4
    assert new.metadata.title == "A title"
    assert [item.title for item in new.outline] == titles
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.pdf", "plain.pdf"]
