"""The home page links the PDF of the book if there is one, and only then."""

import re
import sys

import pytest
import small_book
import tiny_book
from house import ROOT

sys.path.append(str(ROOT / "book" / "_ext"))
sys.path.append(str(ROOT / "book" / "tools"))

from book_pdf import PRINTED
from pdf.__main__ import TARGET

DIRECTIVE = re.compile(r"(?ms)^```\{book-pdf\} \S.*?^```$")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Write the tiny book with the link as it stands on the real home page."""
    [link] = DIRECTIVE.findall((ROOT / "index.md").read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("linked") / "book"
    return tiny_book.write(folder, home=f"# A tiny book\n\nIts first page.\n\n{link}\n")


def home(book):
    """Build the site, every warning an error; return the home page."""
    done = small_book.build(book, "-n", "-W")
    assert done.returncode == 0, done.stderr
    return (book / "_build" / "html" / "index.html").read_text(encoding="utf-8")


def test_link_goes_with_the_file(book):
    """The second build follows the first: the page is read anew when the file is gone."""
    pdf = book / PRINTED
    copy = book / "_build" / "html" / pdf.name
    pdf.parent.mkdir(parents=True)
    pdf.write_bytes(bytes(2_340_000))
    [link] = re.findall(r'<p class="book-pdf">.*</p>', home(book))
    assert re.search(rf'href="{pdf.name}"[^>]*>Download the whole .*</a> \(2.3\sMB\)</p>', link)
    assert copy.stat().st_size == 2_340_000
    pdf.unlink()
    assert pdf.name not in home(book)
    assert not copy.exists()


def test_make_pdf_writes_what_the_link_expects():
    assert ROOT / PRINTED == TARGET
