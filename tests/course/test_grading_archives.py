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
# What is taken in: the path in an archive, the bytes, and the names that notebooks then have.
GOOD = [
    ("N N_200_assignsubmission_file_/A.IPYNB", NOTEBOOK, {"A.ipynb"}),
    ("N N_201_assignsubmission_file_b.v2.ipynb", NOTEBOOK, {"b.v2.ipynb"}),
    ("s/N N_202_assignsubmission_file/x_9_assignsubmission_file_/c.ipynb", NOTEBOOK,
     {"c.ipynb"}),
    ("doe_203_5678_w.zip", ONE, {"a.ipynb"}),
    ("roe_LATE_204_5_my_file-1.ipynb", NOTEBOOK, {"my_file-1.ipynb"}),
    ("N N_205_assignsubmission_file_/w.zip",
     zipped(("x/y/" * 99 + "a.ipynb", NOTEBOOK), ("a.ipynb", NOTEBOOK)),
     {"a.ipynb", "1-a.ipynb"}),
    ("N N_206_assignsubmission_file_/w.zip",
     zipped(("../../../a.ipynb", NOTEBOOK), ("/etc/b.ipynb", NOTEBOOK),
            ("c:\\d\\c.ipynb", NOTEBOOK), ("-d.ipynb", NOTEBOOK)),
     {"a.ipynb", "b.ipynb", "c.ipynb", "d.ipynb"}),
    ("N N_207_assignsubmission_file_/w.zip",
     zipped(("x_1_assignsubmission_file_/a.ipynb", NOTEBOOK)), {"a.ipynb"}),
    ("N N_208_assignsubmission_file_/w.zip",
     zipped(("a\n<b>\x1b" + "x" * 300 + ".ipynb", NOTEBOOK)),
     {r"a\x0a\x3cb\x3e\x1b" + "x" * 132 + ".ipynb"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """Take in archives with a student for each; return the folder and what was said."""
    folder = tmp_path_factory.mktemp("zips")
    inside = folder / "archive"
    inside.mkdir()
    with zipfile.ZipFile(inside / "moodle.zip", "w") as archive:
        for number, (data, _) in enumerate(BAD.values(), 100):
            archive.writestr(f"N N_{number}_assignsubmission_file/w.zip", data)
        for path, data, _ in GOOD:
            archive.writestr(path, data)
        archive.writestr("N N_300_assignsubmission_file/my.pdf", b"%PDF")
        archive.writestr("N N_301_assignsubmission_onlinetext/onlinetext.html", b"")
    (inside / "damaged.zip").write_bytes(ONE[:40])
    (inside / "doe_77_5678_w.zip").write_bytes(ONE)  # unpacked once, as some browsers do
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


@pytest.mark.parametrize(("number", "names"), [*enumerate([row[2] for row in GOOD], 200)])
def test_notebooks_are_taken_in_below_their_students_name(taken, number, names):
    folder, said = taken
    student = "a@x.org" if number == 207 else str(number)  # from the worksheet
    files = {path.name: path.read_bytes() for path in (folder / "out" / student).iterdir()}
    assert files == dict.fromkeys(names, NOTEBOOK)
    assert f"{student}:" not in said


def test_nobody_is_left_without_a_line_and_nothing_leaves_the_folder(taken):
    folder, said = taken
    numbers = {*range(100, 100 + len(BAD)), *range(200, 200 + len(GOOD)), 77, 300} - {207}
    assert {path.name for path in (folder / "out").iterdir()} == {*map(str, numbers), "a@x.org"}
    assert {path.name for path in folder.iterdir()} == {"archive", "out"}
    [left] = (folder / "out" / "300").iterdir()
    assert left.name == "my.pdf - no notebook.ipynb"
    assert "damaged.zip: File is not a zip" in said
    assert "onlinetext.html: no student's number in the name" in said
    for path in (folder / "out").rglob("*"):
        assert not path.is_symlink()
        assert path.name.isprintable()
