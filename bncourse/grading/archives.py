"""Take in the archives of Canvas and Moodle: a plugin of `nbgrader zip_collect`, with limits.

Of what students have handed in it takes notebooks alone, and those in a zip of their own,
each into a folder with the student's name. No path, link or size of an archive counts. What
cannot be taken in leaves an empty notebook whose name says why, so that `grade` has a line
for everybody.
"""

import io
import itertools
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nbgrader.plugins import ExtractorPlugin
from traitlets import Unicode

from bncourse.grading import clean
from bncourse.grading.batch import SPARE, in_processes
from bncourse.grading.sheets import LARGEST, read_file
from bncourse.grading.tables import names_of, read_csv

MOST = 1000  # files in a student's zip
ROOM = LARGEST  # bytes of the notebooks in it
BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """One file of a student: ``path`` itself, or that member of the archive ``path``."""

    student: str
    name: str
    path: Path
    member: int | None = None


def content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Return the bytes of an archive's member, whatever size it says that it has.

    Raises
    ------
    ValueError
        If it is a link, encrypted, or has more bytes than ``most``.
    """
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ValueError("it is a link")
    if info.flag_bits & 1:
        raise ValueError("it is encrypted")
    with archive.open(info) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it holds more than {ROOM // 2**20} MB")
    return data


def read(piece: Piece) -> bytes:
    """Return the bytes of a student's file."""
    if piece.member is None:
        return read_file(piece.path)
    with zipfile.ZipFile(piece.path) as archive:
        return content(archive, archive.infolist()[piece.member], LARGEST)


def notebooks(piece: Piece) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each notebook that a student's file is or holds."""
    if not piece.name.lower().endswith(".zip"):
        yield piece.name, read(piece)
        return
    left = ROOM
    with zipfile.ZipFile(io.BytesIO(read(piece))) as archive:
        if len(archive.infolist()) > MOST:
            raise ValueError(f"it holds more than {MOST} files")
        for info in archive.infolist():
            name = last(info.filename)
            if name.lower().endswith(".zip"):
                raise ValueError("it holds another zip")
            if name.lower().endswith(".ipynb") and not name.startswith("."):
                data = content(archive, info, left)
                left -= len(data)
                yield name, data


def last(path: str) -> str:
    """Return the name at the end of a path of any system."""
    return re.split(r"[/\\]", path)[-1]


def keep(folder: Path, name: str, data: bytes = b"") -> None:
    """Write a notebook into a folder, under a name that is free and safe."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"\.ipynb$", "", clean.name(name), flags=re.I).lstrip(".-")
    for number in itertools.count():
        path = folder / f"{f'{number}-' if number else ''}{stem[:150]}.ipynb"
        try:
            with path.open("xb") as file:
                file.write(data)
            return
        except FileExistsError:
            continue


def take(piece: Piece, folder: Path) -> str:
    """Write a file's notebooks below its student's name; return why that failed, or nothing."""
    try:
        taken = list(notebooks(piece))
    except BROKEN as error:
        return str(error) or type(error).__name__
    for name, data in taken:
        keep(folder / piece.student, name, data)
    return "" if taken else "it holds no notebook"


def in_folder(folder: Path, pattern: re.Pattern[str]) -> Iterator[Piece | str]:
    """Yield each student's file in a folder and its archives, or a sentence on what is none."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".csv"):
        names: Iterable[tuple[int | None, str]] = [(None, str(path.relative_to(folder)))]
        if path.suffix == ".zip" and not pattern.search(path.name):
            try:
                with zipfile.ZipFile(path) as archive:
                    infos = enumerate(archive.infolist())
                    names = [(i, info.filename) for i, info in infos if not info.is_dir()]
            except BROKEN as error:
                yield f"{path.name}: {error}"
                continue
        for member, name in names:
            match = pattern.search(name)
            if match:
                yield Piece(match["student"], last(match["file"]), path, member)
            else:
                yield f"{path.name}: {clean.name(name)}: no student's number in the name"


def worksheet(folder: Path) -> dict[str, str]:
    """Return the e-mail addresses by number, from the grading worksheets of Moodle."""
    known = {}
    for path in sorted(folder.rglob("*.csv")):
        for line in read_csv(path)[0]:
            number, address = line.get("Identifier"), line.get("Email address")
            if number and address:
                known[names_of(number)[-1]] = clean.name(address)
    return known


def unpack(archives: Path, folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Write all notebooks to ``folder``/STUDENT; return a sentence on each thing that is none.

    ``pattern`` finds the student and the file in a name.
    """
    known, everything = worksheet(archives), list(in_folder(archives, pattern))
    said = [sentence for sentence in everything if isinstance(sentence, str)]
    pieces = [p for p in everything if isinstance(p, Piece)]
    pieces = [replace(p, student=known.get(p.student, p.student)) for p in pieces]
    mine = [p for p in pieces if p.name.lower().endswith((".ipynb", ".zip"))]
    for piece, got in in_processes(partial(take, folder=folder), mine, 2, SPARE):
        why = got.get("why", got.get("result"))
        if why:
            said.append(f"{piece.student}: {clean.name(f'{piece.name}: {why}')}")
            keep(folder / piece.student, f"{piece.name} - {why}".replace("/", " "))
    for piece in pieces:  # nobody is left without a line
        if not (folder / piece.student).exists():
            said.append(f"{piece.student}: {clean.name(piece.name)}: no notebook")
            keep(folder / piece.student, f"{piece.name} - no notebook")
    return said


class Extractor(ExtractorPlugin):  # type: ignore[misc]
    """Unpack what Canvas and Moodle hand over, for `nbgrader zip_collect`."""

    named_regexp = Unicode(
        r"(?:^|/)[^/]*?_(?:LATE_)?(?P<student>\d+)_"
        r"(?:assignsubmission_file(?:_?/|_)|\d+_)(?P<file>[^/].*)$",
        help="finds the student and the file in NAME_[LATE_]ID_NUMBER_FILE, as Canvas names "
        "them, and in NAME_ID_assignsubmission_file/FILE, as Moodle does",
    ).tag(config=True)

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Take in all archives and files of a folder; tell what is not taken in."""
        pattern = re.compile(self.named_regexp)
        for sentence in unpack(Path(archive_path), Path(extracted_path), pattern):
            self.log.warning("Not taken in: %s", sentence)
