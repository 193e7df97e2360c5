"""Data sets: what mutation testing found unproved."""

import gzip
import importlib.util
import logging

import pooch
import pytest
from data_server import CIFAR_FILES, CIFAR_MEMBERS, SMALL, archive, checksums

from bnlib.data import Source, fetch
from bnlib.data.download import _bar_is_possible, download
from bnlib.data.formats import read_cifar10

NAME = "cifar-10-binary.tar.gz"


@pytest.fixture
def seen(monkeypatch):
    """Record for each transfer whether it shows a bar, and the level of pooch's log."""
    found, original = [], pooch.HTTPDownloader

    class Recorder(original):
        def __init__(self, progressbar=False, **options):
            found.append(progressbar)
            super().__init__(progressbar=False, **options)

        def __call__(self, *arguments):
            found.append(pooch.get_logger().level)
            super().__call__(*arguments)

    monkeypatch.setattr(pooch, "HTTPDownloader", Recorder)
    return found


@pytest.mark.parametrize(("disable", "possible"), [(None, True), ("", True), ("1", False)])
def test_a_bar_is_possible_unless_it_is_switched_off(monkeypatch, disable, possible):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if disable is not None:
        monkeypatch.setenv("TQDM_DISABLE", disable)
    assert _bar_is_possible() is possible


def test_no_bar_is_possible_without_tqdm(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not _bar_is_possible()


@pytest.mark.parametrize("disable", ["", "1"])
@pytest.mark.parametrize("options", [{}, {"progress": True}, {"progress": False}])
def test_a_transfer_shows_a_bar_where_it_is_asked_for(
    cifar_site, tmp_path, monkeypatch, seen, options, disable
):
    monkeypatch.setenv("TQDM_DISABLE", disable)
    bar = options.get("progress", True) and not disable
    level = logging.INFO if bar else logging.WARNING
    fetch("cifar10", tmp_path / "a", cifar_site.url, sources=SMALL, **options)
    checksum = checksums(CIFAR_FILES)[NAME]
    download(f"{cifar_site.url}/{NAME}", tmp_path / "b" / NAME, checksum, **options)
    assert seen == [bar, level] * 2


def test_only_slashes_are_taken_from_the_end_of_an_address(cifar_site, tmp_path):
    cifar_site.files = {f"X/{NAME}": CIFAR_FILES[NAME]}
    fetch("cifar10", tmp_path, f"{cifar_site.url}/X", sources=SMALL)
    assert list(cifar_site.asked) == [f"X/{NAME}"]


def test_a_source_without_files_is_refused():
    with pytest.raises(ValueError, match=r"^Source: expected plain file names, .*got '': ''; "):
        Source("https://localhost", {}, read_cifar10)


def test_an_archive_that_is_packed_twice_is_refused(tmp_path):
    (tmp_path / NAME).write_bytes(gzip.compress(archive(CIFAR_MEMBERS)))
    with pytest.raises(ValueError, match=r"^read_cifar10: expected a whole tar\.gz archive"):
        read_cifar10(tmp_path)
