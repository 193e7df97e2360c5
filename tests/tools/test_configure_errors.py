"""`make configure`: what it refuses, and that an error changes no file."""

from pathlib import Path

import pytest
from address_files import CHAPTER, OURS, SHEET, content, copy_files, text
from configure import command
from configure.rewriting import with_region
from configure.texts import address


@pytest.fixture
def book(tmp_path):
    """Return a copy of the files that hold the address, without one."""
    command.update(copy_files(tmp_path), command.UNSET)
    return tmp_path


@pytest.mark.parametrize(
    "repo", ["", "name", "https://github.com/a/b", "a/b.git", "a/b/c", "-a/b", "a/..", 'a/b"']
)
def test_a_wrong_repository_is_refused(repo):
    with pytest.raises(ValueError, match="--repo: expected owner/name as on GitHub, got"):
        address(repo)


@pytest.mark.parametrize(
    "site", ["", "books.example", "http://a.b", "https://a/b?c", "https://a b"]
)
def test_a_wrong_site_is_refused(site):
    with pytest.raises(ValueError, match="--site: expected an address such as"):
        address("owner/name", site)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("README.md", "configure: end", "", "README.md: expected one region from `configure: "),
        ("_config.yml", "begin address", "begin a", "_config.yml: .* address` .*, found 0"),
        ("book/bootstrap.py", "REPOSITORY = ", "R = ", "bootstrap.py: expected one line REPO"),
        (SHEET, '"bootstrap"', '"b"', "04_batch_norm.ipynb: expected one code cell tagged"),
        (CHAPTER, ' "cells"', '  "cells"', "batch_norm.ipynb: not stored as nbformat"),
    ],
)
def test_a_file_that_does_not_fit_leaves_all_as_they_were(book, name, old, new, message):
    (book / name).write_text(text(book, name).replace(old, new), encoding="utf-8")
    before = content(book)
    with pytest.raises(ValueError, match=message):
        command.update(book, OURS)
    assert content(book) == before


def test_a_full_disk_leaves_all_files_as_they_were(book, monkeypatch):
    before, write, written = content(book), Path.write_bytes, []

    def fill(path, data):
        written.append(path)
        if len(written) != 4:
            return write(path, data)
        write(path, data[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match="no space left"):
        command.update(book, OURS)
    assert content(book) == before
    assert len(written) == 8


def test_regions_may_not_be_doubled():
    region = "# configure: begin a\n# configure: end\n"
    assert with_region(region, "a", "b\n") == "# configure: begin a\nb\n# configure: end\n"
    with pytest.raises(ValueError, match="found 2"):
        with_region(region * 2, "a", "b\n")
