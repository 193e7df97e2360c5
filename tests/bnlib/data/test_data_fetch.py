"""Fetching over HTTP: the right files once, from the cache afterwards, and no half files."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pooch
import pytest
from data_server import CIFAR_FILES, FASHION_FILES, SMALL, serve

from bnlib.data import FetchError, fetch
from bnlib.data.download import cache_folder

FILES = {"fashion_mnist": FASHION_FILES, "cifar10": CIFAR_FILES}
IMAGES = "train-images-idx3-ubyte.gz"
each_set = pytest.mark.parametrize("name", FILES)


@pytest.fixture
def site(monkeypatch):
    """Serve both sets; nothing between us and the server."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    with serve(FASHION_FILES | CIFAR_FILES) as site:
        yield site


def get(site, cache, name="fashion_mnist", **options):
    """Fetch a small set from the server."""
    return fetch(name, cache=cache, base_url=site.url, sources=SMALL, **options)


def kept(cache):
    """Return the names of all files in a cache."""
    return sorted(path.name for path in Path(cache).rglob("*") if path.is_file())


@each_set
def test_the_files_are_fetched_kept_and_read(site, tmp_path, name):
    split = get(site, tmp_path, name)
    assert kept(tmp_path / name) == sorted(FILES[name])
    for file, content in FILES[name].items():
        assert (tmp_path / name / file).read_bytes() == content
    np.testing.assert_equal(split, SMALL[name].read(tmp_path / name))
    shape = {"fashion_mnist": (7, 1, 28, 28), "cifar10": (15, 3, 32, 32)}[name]
    assert (split.x_train.shape, split.y_train.shape) == (shape, shape[:1])


@each_set
def test_a_second_call_asks_nothing(site, tmp_path, name):
    first = get(site, tmp_path, name)
    assert site.asked == Counter(dict.fromkeys(FILES[name], 1))
    np.testing.assert_equal(get(site, tmp_path, name), first)
    assert site.asked == Counter(dict.fromkeys(FILES[name], 1))


def test_a_full_cache_needs_no_network(tmp_path, site):
    first = get(site, tmp_path)
    fetched = fetch("fashion_mnist", cache=tmp_path, sources=SMALL)  # nobody on port 9
    np.testing.assert_equal(fetched, first)


@pytest.mark.parametrize("spoiled", [b"", b"\0", FASHION_FILES[IMAGES][:-1]])
def test_a_spoiled_file_in_the_cache_is_fetched_again_and_no_other(site, tmp_path, spoiled):
    first = get(site, tmp_path)
    site.asked.clear()
    (tmp_path / "fashion_mnist" / IMAGES).write_bytes(spoiled)
    np.testing.assert_equal(get(site, tmp_path), first)
    assert site.asked == {IMAGES: 1}


def test_a_file_put_there_by_hand_is_used(site, tmp_path):
    (tmp_path / "cifar10").mkdir()
    for file, content in CIFAR_FILES.items():
        (tmp_path / "cifar10" / file).write_bytes(content)
    assert len(get(site, tmp_path, "cifar10").x_test) == 3
    assert not site.asked


def test_the_files_come_as_they_are(site, tmp_path):
    """A server may call .gz an encoding, and the client would unpack it on the way."""
    get(site, tmp_path)
    assert site.encodings == {"identity"}


@pytest.mark.parametrize("end", ["", "/"])
def test_a_mirror_may_be_a_folder_and_end_in_a_slash(site, tmp_path, end):
    site.files = {f"a/b/{file}": content for file, content in CIFAR_FILES.items()}
    fetch("cifar10", tmp_path, f"{site.url}/a/b{end}", sources=SMALL)
    assert list(site.asked) == ["a/b/cifar-10-binary.tar.gz"]


def test_the_cache_is_the_argument_or_the_variable_or_the_systems(monkeypatch, tmp_path):
    monkeypatch.delenv("BNLIB_CACHE", raising=False)
    assert cache_folder(None) == pooch.os_cache("bnlib")
    monkeypatch.setenv("BNLIB_CACHE", "")
    assert cache_folder(None) == pooch.os_cache("bnlib")
    monkeypatch.setenv("BNLIB_CACHE", str(tmp_path / "variable"))
    assert cache_folder(None) == tmp_path / "variable"
    assert cache_folder(tmp_path) == cache_folder(str(tmp_path)) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("~/x") == tmp_path / "x"


def test_the_variable_chooses_where_files_are_kept(site, monkeypatch, tmp_path):
    monkeypatch.setenv("BNLIB_CACHE", str(tmp_path / "a" / "b"))
    get(site, None, "cifar10")
    assert kept(tmp_path / "a" / "b" / "cifar10") == list(CIFAR_FILES)


def test_an_interrupt_leaves_nothing_behind_and_a_second_try_works(site, tmp_path, monkeypatch):
    def interrupt(self, url, output_file, pooch):
        Path(output_file).write_bytes(FASHION_FILES[IMAGES][:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pooch.HTTPDownloader, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            get(site, tmp_path)
    assert kept(tmp_path) == []
    assert len(get(site, tmp_path).x_train) == 7


CHILD = """
import sys
if {hidden}:
    sys.modules["tqdm"] = None
from data_server import SMALL
from bnlib.data import fetch
fetch("cifar10", sys.argv[1], sys.argv[2], progress={progress}, sources=SMALL)
"""


def child(site, cache, progress=True, hidden=False, **variables):
    """Start another process that fetches CIFAR-10."""
    code = CHILD.format(progress=progress, hidden=hidden)
    command = [sys.executable, "-W", "error", "-c", code, str(cache), site.url]
    paths = [str(Path(__file__).parent), *sys.path]
    variables |= {"PYTHONPATH": os.pathsep.join(paths)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=os.environ | variables, **pipes)


def test_a_killed_process_leaves_no_file_that_is_taken_for_good(site, tmp_path):
    site.wait = threading.Event()
    with child(site, tmp_path) as process:
        deadline = time.monotonic() + 60
        while not any(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    site.wait.set()
    assert process.returncode == -signal.SIGKILL
    assert "cifar-10-binary.tar.gz" not in kept(tmp_path)
    site.wait = None
    assert len(get(site, tmp_path, "cifar10").x_train) == 15
    assert site.asked == {"cifar-10-binary.tar.gz": 2}


@pytest.mark.parametrize(
    ("disable", "progress", "hidden", "shown"),
    [
        ("", True, False, True),
        ("1", True, False, False),
        ("", False, False, False),
        ("", True, True, False),  # no tqdm, no bar
    ],
)
def test_the_bar_is_written_to_stderr_only_when_enabled(
    site, tmp_path, disable, progress, hidden, shown
):
    process = child(site, tmp_path, progress, hidden, TQDM_DISABLE=disable)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, ""), err
    assert ("100%" in err, bool(err)) == (shown, shown)
    assert kept(tmp_path) == list(CIFAR_FILES)


def test_nothing_is_written_here_and_poochs_log_is_as_before(
    site, tmp_path, capfd, monkeypatch
):
    log = pooch.get_logger()
    monkeypatch.setattr(log, "level", logging.DEBUG)
    get(site, tmp_path)
    assert log.level == logging.DEBUG
    site.files.clear()
    with pytest.raises(FetchError):
        get(site, tmp_path / "other")
    assert log.level == logging.DEBUG
    assert capfd.readouterr() == ("", "")
