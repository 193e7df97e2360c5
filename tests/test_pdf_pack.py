"""`book/tools/pdf/pack.py`: fewer bytes, the same objects."""

import sys

from house import ROOT
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, NumberObject

sys.path.append(str(ROOT / "book" / "tools"))

from pdf import pack


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
    pack.pack(plain, packed)
    old, new = PdfReader(plain, strict=True), PdfReader(packed, strict=True)
    assert packed.stat().st_size < plain.stat().st_size / 4
    for number, thing in pack.things(old):
        assert pack.written(new.get_object(number)) == pack.written(thing)
    assert new.metadata.title == "A title"
    assert [item.title for item in new.outline] == ["The second page"]
    assert [page["/Marks"]["/M299"]["/N"] for page in new.pages] == [299, 299]


def test_table_says_where_each_object_stands(tmp_path):
    """Readers differ in what they believe: the table's index, or the numbers in the stream."""
    plain, packed = tmp_path / "plain.pdf", tmp_path / "packed.pdf"
    sample(plain)
    pack.pack(plain, packed)
    reader = PdfReader(packed, strict=True)
    assert len(reader.xref_objStm) > 600
    for number, (holder, index) in reader.xref_objStm.items():
        stream = reader.get_object(holder)
        assert int(stream.get_data().split()[2 * index]) == number
    for number, offset in reader.xref[0].items():
        assert packed.read_bytes()[offset:].startswith(b"%d 0 obj" % number)
