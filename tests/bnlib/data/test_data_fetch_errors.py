"""What `fetch` says when it cannot fetch, and what it leaves behind: nothing."""

import re
import socket
import sys
from hashlib import sha256

import pytest
from data_server import CIFAR_FILES, SMALL, checksums

from bnlib.data import FetchError, Source, fetch
from bnlib.data.formats import read_cifar10

NAME = "cifar-10-binary.tar.gz"
CONTENT = CIFAR_FILES[NAME]
RIGHT = checksums(CIFAR_FILES)[NAME]


def refused(cifar_site, cache, message):
    """Hold the error's whole text; then see that nothing stays and that a second try works."""
    with pytest.raises(FetchError) as caught:
        fetch("cifar10", cache, cifar_site.url, sources=SMALL)
    folder = cache / "cifar10"
    assert str(caught.value) == message.format(url=f"{cifar_site.url}/{NAME}", folder=folder)
    assert not any(cache.rglob("*.*"))
    assert not list(folder.iterdir())
    cifar_site.files, cifar_site.cut, cifar_site.length = dict(CIFAR_FILES), None, True
    assert len(fetch("cifar10", cache, cifar_site.url, sources=SMALL).x_train) == 15
    return caught.value


MISMATCH = (
    "fetch: expected " + NAME + " with " + RIGHT + ", got sha256:{got} ({size} bytes) from "
    "{{url}}; nothing was kept: try again later, or name another base_url"
)


def test_a_missing_file(cifar_site, tmp_path):
    cifar_site.files.clear()
    error = refused(
        cifar_site,
        tmp_path,
        "fetch: expected {url}, got HTTP status 404 (Not Found); check base_url, or name that "
        "of a mirror",
    )
    assert isinstance(error, OSError)
    assert type(error.__cause__).__name__ == "HTTPError"
    assert error.__cause__.response.raw.closed  # or the socket would be left to chance


@pytest.mark.parametrize(
    "content", [b"", b"<html>log in</html>", CONTENT[:-1], CONTENT[:-1] + b"\1", CONTENT * 2]
)
def test_another_file(cifar_site, tmp_path, content):
    cifar_site.files[NAME] = content
    got = sha256(content).hexdigest()
    refused(cifar_site, tmp_path, MISMATCH.format(got=got, size=len(content)))


def test_a_truncated_file_of_undeclared_length(cifar_site, tmp_path):
    cifar_site.cut, cifar_site.length = 1000, False
    got = sha256(CONTENT[:1000]).hexdigest()
    refused(cifar_site, tmp_path, MISMATCH.format(got=got, size=1000))


def test_a_connection_that_breaks_in_the_middle(cifar_site, tmp_path):
    cifar_site.cut = len(CONTENT) // 2
    refused(
        cifar_site,
        tmp_path,
        "fetch: expected {url}, got no whole answer (ChunkedEncodingError); check the network "
        "and try again, or put " + NAME + " into {folder} yourself",
    )


def test_a_server_that_is_not_there(cifar_site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    message = (
        f"fetch: expected {nobody}/{NAME}, got no whole answer (ConnectionError); check the "
        f"network and try again, or put {NAME} into {tmp_path / 'cifar10'} yourself"
    )
    with pytest.raises(FetchError, match="^" + re.escape(message)):
        fetch("cifar10", tmp_path, nobody, sources=SMALL)
    refused_files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert refused_files == []


def test_a_spoiled_cache_and_no_server_is_an_error(tmp_path, cifar_site):
    path = tmp_path / "cifar10" / NAME
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    cifar_site.files.clear()
    with pytest.raises(FetchError, match="HTTP status 404"):
        fetch("cifar10", tmp_path, cifar_site.url, sources=SMALL)


def test_a_folder_that_cannot_be_made(cifar_site, tmp_path):
    (tmp_path / "cifar10").write_text("a file, no folder")
    message = (
        f"^fetch: expected to keep {NAME} in {tmp_path}/cifar10, got .*; make room or rights "
        r"there, or choose another folder \(cache=..., \$BNLIB_CACHE\)$"
    )
    with pytest.raises(FetchError, match=message):
        fetch("cifar10", tmp_path, cifar_site.url, sources=SMALL)
    assert not cifar_site.asked


def test_a_file_with_the_right_sum_and_the_wrong_format(cifar_site, tmp_path):
    cifar_site.files = {NAME: b"not an archive"}
    odd = {"cifar10": Source(cifar_site.url, checksums(cifar_site.files), read_cifar10)}
    with pytest.raises(ValueError, match=r"^read_cifar10: expected a whole tar\.gz archive"):
        fetch("cifar10", tmp_path, sources=odd)


@pytest.mark.parametrize("name", ["mnist", "CIFAR10", "", None, ["cifar10"]])
def test_an_unknown_name(tmp_path, name):
    message = f"fetch: name must be 'cifar10' or 'fashion_mnist', got {name!r}; bnlib.data.digi"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        fetch(name, tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("base_url", ["", "file:///x", "/x", "ftp://x", "doi:10.1/x", 3])
def test_an_address_that_is_none(tmp_path, base_url):
    message = f"fetch: base_url must begin with http:// or https://, got {base_url!r}; files"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        fetch("cifar10", tmp_path, base_url)
    assert not any(tmp_path.iterdir())


def test_a_cache_that_is_no_path():
    message = r"^fetch: cache must be a path or None, got int; None takes \$BNLIB_CACHE or the"
    with pytest.raises(TypeError, match=message):
        fetch("cifar10", cache=3)


def test_a_missing_pooch_is_named_with_the_cure(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.delenv("BNLIB_CACHE", raising=False)
    message = "^fetch: downloads go through pooch, which is missing; install it with: pip insta"
    for cache in (tmp_path, None):
        with pytest.raises(ModuleNotFoundError, match=message):
            fetch("cifar10", cache)
