"""Make a PDF smaller without changing anything in it.

Chromium writes each tag for screen readers as an object of its own, uncompressed: 100,000 in
this book, half of the file. Since PDF 1.5 small objects may stand together in compressed
object streams, with a compressed table of where each one is (ISO 32000-1, 7.5.7 and 7.5.8).
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from pypdf import PdfReader
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    IndirectObject,
    NameObject,
    NumberObject,
    PdfObject,
    StreamObject,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"  # the second line says: not a text file
TOGETHER = 200  # objects in one stream
FREE, ALONE, INSIDE = 0, 1, 2  # where an object is: nowhere, at an offset, in a stream
Places = dict[int, tuple[int, int, int]]


def written(thing: PdfObject) -> bytes:
    """Return an object as it stands in a file."""
    buffer = io.BytesIO()
    thing.write_to_stream(buffer)
    return buffer.getvalue()


def stream(content: bytes, kind: str, entries: dict[str, PdfObject]) -> StreamObject:
    """Return a compressed stream of some kind."""
    plain = DecodedStreamObject()
    plain.set_data(content)
    packed = plain.flate_encode()
    packed[NameObject("/Type")] = NameObject(kind)
    packed.update({NameObject(name): value for name, value in entries.items()})
    return packed


def put(out: io.BytesIO, number: int, thing: PdfObject, places: Places) -> None:
    """Write one object that stands alone, and note its place."""
    places[number] = (ALONE, out.tell(), 0)
    out.write(b"%d 0 obj\n%b\nendobj\n" % (number, written(thing)))


def together(group: list[tuple[int, bytes]]) -> StreamObject:
    """Return an object stream: pairs of number and offset, then the objects themselves."""
    offset, pairs = 0, []
    for number, content in group:
        pairs.append(b"%d %d" % (number, offset))
        offset += len(content) + 1
    head = b" ".join(pairs) + b"\n"
    body = b"\n".join(content for _, content in group)
    counts = {"/N": NumberObject(len(group)), "/First": NumberObject(len(head))}
    return stream(head + body, "/ObjStm", counts)


def things(reader: PdfReader) -> Iterator[tuple[int, PdfObject]]:
    """Yield the number and the content of each object of a file."""
    for number in sorted(reader.xref[0]):
        thing = reader.get_object(IndirectObject(number, 0, reader))
        if thing is not None:
            yield number, thing


def table(places: Places, number: int, trailer: dict) -> StreamObject:
    """Return the table of all places, which stands in a stream with this number."""
    rows = [places.get(each, (FREE, 0, 0)) for each in range(number + 1)]
    content = b"".join(struct.pack(">BIH", *row) for row in rows)
    widths = ArrayObject([NumberObject(1), NumberObject(4), NumberObject(2)])
    entries = {"/Size": NumberObject(number + 1), "/W": widths}
    return stream(content, "/XRef", entries | trailer)


def pack(source: Path, target: Path) -> None:
    """Write the PDF ``source`` in few bytes to ``target``."""
    reader = PdfReader(source)
    out, places, small = io.BytesIO(START), {}, []
    out.seek(0, io.SEEK_END)
    for number, thing in things(reader):
        if isinstance(thing, StreamObject):
            put(out, number, thing, places)
        else:
            small.append((number, written(thing)))
    last = max(reader.xref[0])
    for first in range(0, len(small), TOGETHER):
        group, last = small[first : first + TOGETHER], last + 1
        put(out, last, together(group), places)
        places |= {each: (INSIDE, last, at) for at, (each, _) in enumerate(group)}
    kept = [key for key in ("/Root", "/Info", "/ID") if key in reader.trailer]
    trailer = {key: reader.trailer.raw_get(key) for key in kept}
    start, number = out.tell(), last + 1
    places[number] = (ALONE, start, 0)
    put(out, number, table(places, number, trailer), places)
    out.write(b"startxref\n%d\n%%%%EOF\n" % start)
    target.write_bytes(out.getvalue())
