"""`make pdf`: a tiny book is printed, and its PDF is read as a reader meets it."""

import re

import pytest
import small_book
import tiny_book
from pdf import __main__ as command
from pdf import printing
from pypdf import PdfReader


@pytest.fixture(scope="module")
def printed(tmp_path_factory, chromium_path):
    """Print the tiny book once; give what the command said and the PDF."""
    folder = tiny_book.write(tmp_path_factory.mktemp("tiny") / "book")
    built = small_book.build(folder)
    assert built.returncode == 0, built.stdout + built.stderr
    target = folder / "made" / "tiny.pdf"
    said = []
    with pytest.MonkeyPatch.context() as patch:
        for module in (command, printing):
            patch.setattr(module, "show", said.append)
        command.main(folder, target)
    assert [path.name for path in target.parent.iterdir()] == ["tiny.pdf"]
    return "\n".join(said), PdfReader(target)


@pytest.fixture(scope="module")
def text(printed):
    """Return the text of each page, with every white space as one blank."""
    return [" ".join(page.extract_text().split()) for page in printed[1].pages]


def titles(outline, reader, level=0):
    """Yield (level, title, page) of each entry of the outline."""
    for entry in outline:
        if isinstance(entry, list):
            yield from titles(entry, reader, level + 1)
        else:
            yield level, entry.title, reader.get_destination_page_number(entry) + 1


def links(reader):
    """Yield (page, address outside or place inside, its page) of each link."""
    for number, page in enumerate(reader.pages, 1):
        for note in page.get("/Annots", []):
            link = note.get_object()
            if "/A" in link:
                yield number, str(link["/A"]["/URI"]), None
            else:
                place = reader.named_destinations[link["/Dest"]]
                yield number, link["/Dest"], reader.get_destination_page_number(place) + 1


def test_outline_nests_as_the_book_does_and_contents_tell_the_pages(printed, text):
    steps = ("once for the page numbers", "once for good", "4 pages")
    assert [step for step in steps if step not in printed[0]] == []
    assert list(titles(printed[1].outline, printed[1])) == [
        (0, "A tiny book", 1), (0, "Contents", 2), (0, "Chapters", 3),
        (1, tiny_book.TITLE, 3), (2, "The question", 3), (2, "2. A second chapter", 4),
        (3, "The question", 4), (3, "References", 4),
    ]  # fmt: skip
    assert re.search(r"1\. A first chapter .* paper 3 2\. A second chapter 4 A tiny", text[1])
    assert [re.search(r"A tiny book (\d)", page)[1] for page in text[2:]] == ["3", "4"]


def test_links_stay_inside(printed):
    """A section has the title of one in chapter 1; a link of two lines counts once."""
    assert set(links(printed[1])) == {
        (2, "/chapters-01_first", 3),
        (2, "/chapters-02_second", 4),
        (3, "/chapters-02_second--the-question", 4),
        (3, "/chapters-02_second--ioffe2015batch", 4),
        (3, "/index", 1),
        (3, "https://example.org/", None),
        (3, "/chapters-01_first", 3),
        (4, "/chapters-02_second--equation-label", 4),
        (4, "https://arxiv.org/abs/1502.03167", None),
    }


def test_formulas_are_set(text):
    assert "(1.1)" in text[2]
    assert re.findall(r"\\\w+|\$|\\[\[(]", "".join(text)) == []
    assert re.search("[σ𝜎]", text[2])


def test_code_is_not_cut(printed, text):
    """A line that is longer than the paper is wide goes on below, to its last word."""
    assert tiny_book.LONG.replace(" ", "") in text[2].replace(" ", "")
    lines = printed[1].pages[2].extract_text().splitlines()
    assert max(len(line) for line in lines if "number_" in line) < 100
    assert "wider than the paper" not in printed[0]


def test_what_folds_is_open(text):
    assert tiny_book.HIDDEN in text[2]
    assert "Setup for Colab" not in text[2]
    assert "Solution" in text[3]
    assert "The text of the solution." in text[3]


def test_file_is_tagged_and_has_title_and_language(printed):
    root = printed[1].root_object
    assert printed[1].metadata.title == "A tiny book"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
