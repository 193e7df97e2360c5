"""`make pdf` writes fewer bytes, and the same PDF."""

import sys

from house import ROOT
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject

sys.path.append(str(ROOT / "book" / "tools"))

from pdf.command import pack


def sample(path):
    """Write a PDF of two pages with many small objects that point to each other."""
    writer = PdfWriter()
    for _ in range(2):
        page = writer.add_blank_page(width=100, height=100)
        marks = [DictionaryObject({NameObject("/N"): NumberObject(n)}) for n in range(300)]
        page[NameObject("/Marks")] = writer._add_object(
            DictionaryObject({NameObject(f"/M{n}"): writer._add_object(m)
                              for n, m in enumerate(marks)})
        )  # fmt: skip
    writer.add_outline_item(title="The second page", page_number=1)
    writer.add_metadata({"/Title": "A title"})
    writer.write(path)


def test_packed_file_holds_the_same_in_fewer_bytes(tmp_path):
    plain, packed = tmp_path / "plain.pdf", tmp_path / "packed.pdf"
    sample(plain)
    pack(plain, packed)
    new = PdfReader(packed, strict=True)
    assert packed.stat().st_size < plain.stat().st_size / 4
    assert new.metadata.title == "A title"
    assert [item.title for item in new.outline] == ["The second page"]
    for page in new.pages:
        assert [page["/Marks"][f"/M{n}"]["/N"] for n in range(300)] == list(range(300))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed.pdf", "plain.pdf"]
