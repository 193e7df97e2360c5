"""What Canvas and Moodle hand over is taken in, whatever students have put into it."""

import io
import re
import stat
import zipfile
import zlib

import pytest

pytest.importorskip("nbgrader")

from bncourse.grading import archives

PATTERN = re.compile(archives.Extractor.named_regexp.default_value)
NOTEBOOK = b'{"cells": []}'


def zipped(*files, link=False):
    """Return a zip of files (name, bytes)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK if link else stat.S_IFREG) << 16
            archive.writestr(info, text, zipfile.ZIP_DEFLATED)
    return data.getvalue()


ONE = zipped(("a.ipynb", NOTEBOOK))
CRC = zlib.crc32(NOTEBOOK).to_bytes(4, "little")
ENCRYPTED = bytearray(ONE)
for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    ENCRYPTED[ONE.index(mark) + offset] |= 1
# What a student's zip is, and a word of the reason why it is not taken in.
BAD = {
    "half": (ONE[: len(ONE) // 2], "not a zip"),
    "nothing": (zipped(), "no notebook"),
    "other files": (zipped(("a.txt", b"x"), ("__MACOSX/._a.ipynb", b"x")), "no notebook"),
    "encrypted": (bytes(ENCRYPTED), "encrypted"),
    "crc": (ONE.replace(CRC, b"xxxx"), "CRC"),
    "nested": (zipped(("b.zip", ONE)), "another zip"),
    "link": (zipped(("a.ipynb", "/etc/passwd"), link=True), "link"),
    "many": (zipped(*((f"{i}.txt", b"") for i in range(1001))), "1000 files"),
    "bomb": (zipped(("a.ipynb", b"0" * 150), ("b.ipynb", b"0" * 150)), "holds more"),
    "huge": (zipped(("a.ipynb", b"0" * 201)), "holds more"),
}  # fmt: skip
# What is taken in: the file's name, its bytes, and the names that the notebooks then have.
GOOD = {
    "plain": ("a.ipynb", NOTEBOOK, {"a.ipynb"}),
    "capital": ("A.IPYNB", NOTEBOOK, {"A.ipynb"}),
    "dots": ("v1.2.ipynb", NOTEBOOK, {"v1.2.ipynb"}),
    "a zip": ("w.zip", ONE, {"a.ipynb"}),
    "folders": ("w.zip", zipped(("x/y/" * 99 + "a.ipynb", NOTEBOOK), ("a.ipynb", NOTEBOOK)),
                {"a.ipynb", "1-a.ipynb"}),
    "leaves": ("w.zip", zipped(("../../../a.ipynb", NOTEBOOK), ("/etc/b.ipynb", NOTEBOOK),
                               ("c:\\d\\c.ipynb", NOTEBOOK), ("-d.ipynb", NOTEBOOK)),
               {"a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb"}),
    "another's name": ("w.zip", zipped(("x_1_assignsubmission_file_/a.ipynb", NOTEBOOK)),
                       {"a.ipynb"}),
    "odd name": ("w.zip", zipped(("a\n<b>\x1b" + "x" * 300 + ".ipynb", NOTEBOOK)), None),
}  # fmt: skip


# The same of the names that Canvas and Moodle give.
FILES = {77: "a.ipynb", 78: "my_file-1.ipynb", 300: "my.pdf - no notebook.ipynb",
         302: "b.ipynb", 303: "w.ipynb"}  # fmt: skip


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """Take in one archive with a student for each; return the folder and what was said."""
    folder = tmp_path_factory.mktemp("zips")
    inside = folder / "archive"
    inside.mkdir()
    with zipfile.ZipFile(inside / "moodle.zip", "w") as archive:
        for number, (data, _) in enumerate(BAD.values(), 100):
            archive.writestr(f"N N_{number}_assignsubmission_file/w.zip", data)
        for number, (name, data, _) in enumerate(GOOD.values(), 200):
            archive.writestr(f"N N_{number}_assignsubmission_file_/{name}", data)
        archive.writestr("N N_300_assignsubmission_file/my.pdf", b"%PDF")
        archive.writestr("N N_301_assignsubmission_onlinetext/onlinetext.html", b"")
        archive.writestr("N N_302_assignsubmission_file_b.ipynb", NOTEBOOK)
        nested = "s/N N_303_assignsubmission_file_/x_9_assignsubmission_file_/w.ipynb"
        archive.writestr(nested, NOTEBOOK)
    (inside / "damaged.zip").write_bytes(ONE[:40])
    (inside / "doe_77_5678_w.zip").write_bytes(ONE)  # unpacked once, as some browsers do
    (inside / "roe_LATE_78_5_my_file-1.ipynb").write_bytes(NOTEBOOK)
    (inside / "worksheet.csv").write_text(
        "Identifier,Email address\nParticipant 207,a@x.org\nParticipant 9,\n", encoding="utf-8"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "ROOM", 200)
        said = archives.unpack(inside, folder / "out", PATTERN)
    return folder, "\n".join(said)


@pytest.mark.parametrize(("number", "name"), [*enumerate(BAD, 100)])
def test_a_bad_zip_leaves_a_line_that_says_why(taken, number, name):
    folder, said = taken
    [left] = (folder / "out" / str(number)).iterdir()
    assert left.name.startswith("w.zip - ")
    assert BAD[name][1] in left.name
    assert left.read_bytes() == b""
    assert f"{number}: w.zip: " in said


@pytest.mark.parametrize(("number", "name"), [*enumerate(GOOD, 200)])
def test_notebooks_are_taken_in_below_their_students_name(taken, number, name):
    folder, said = taken
    student = "a@x.org" if number == 207 else str(number)  # from the worksheet
    files = list((folder / "out" / student).iterdir())
    assert {path.read_bytes() for path in files} == {NOTEBOOK}
    _, _, names = GOOD[name]
    assert {path.name for path in files} == names or (names is None and len(files) == 1)
    assert f"{student}:" not in said


def test_nobody_is_left_without_a_line_and_nothing_leaves_the_folder(taken):
    folder, said = taken
    numbers = {*range(100, 100 + len(BAD)), *range(200, 200 + len(GOOD)), *FILES} - {207}
    assert {path.name for path in (folder / "out").iterdir()} == {*map(str, numbers), "a@x.org"}
    assert {path.name for path in folder.iterdir()} == {"archive", "out"}
    for number, name in FILES.items():
        assert [path.name for path in (folder / "out" / str(number)).iterdir()] == [name]
    assert "damaged.zip: File is not a zip" in said
    assert "onlinetext.html: no student's number in the name" in said
    for path in (folder / "out").rglob("*"):
        assert not path.is_symlink()
        assert path.name.isprintable()
