"""The table of data sets: the published sums, no set without one, and no way around it."""

from hashlib import md5

import numpy as np
import pytest
from data_server import CIFAR_FILES, FASHION_FILES, SMALL, checksums, serve

from bnlib.data import SOURCES, FetchError, Source, fetch
from bnlib.data.formats import read_cifar10

NAME = "cifar-10-binary.tar.gz"
RIGHT = checksums(CIFAR_FILES)[NAME]
# A second source, independent of the one that the library cites.
PUBLISHED = {
    "fashion_mnist": {  # pytorch/vision, torchvision/prototype/datasets/_builtin/mnist.py
        "train-images": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    "cifar10": {  # JuliaML/MLDatasets.jl, src/datasets/vision/cifar10.jl
        "cifar-10": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
}


@pytest.fixture
def site(monkeypatch):
    """Serve both sets; nothing between us and the server."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    with serve(FASHION_FILES | CIFAR_FILES) as site:
        yield site


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_sums_are_the_published_ones(name):
    wanted = {begin: f"sha256:{digits}" for begin, digits in PUBLISHED[name].items()}
    sums = SOURCES[name].files
    assert {"-".join(file.split("-")[:2]): value for file, value in sums.items()} == wanted


def test_the_addresses_are_the_authors_own_and_encrypted():
    addresses = {name: source.base_url for name, source in SOURCES.items()}
    assert addresses == {
        "cifar10": "https://www.cs.toronto.edu/~kriz/",
        "fashion_mnist": "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
        "master/data/fashion/",
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_real_table_and_the_small_one_differ_in_address_and_sums_alone(tmp_path, name):
    files = {"fashion_mnist": FASHION_FILES, "cifar10": CIFAR_FILES}[name]
    assert list(SOURCES[name].files) == list(SMALL[name].files)
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    np.testing.assert_equal(SOURCES[name].read(tmp_path), SMALL[name].read(tmp_path))


def test_the_published_sums_hold_for_every_server(site, tmp_path):
    """The small files carry the right names but are not the data set."""
    for name in SOURCES:
        message = (
            rf"^fetch: expected {next(iter(SOURCES[name].files))} with sha256:\w+, got sha"
        )
        with pytest.raises(FetchError, match=message):
            fetch(name, tmp_path, site.url)
    assert [path.name for path in tmp_path.rglob("*.gz")] == []


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        SOURCES["cifar10"] = SMALL["cifar10"]
    for source in SOURCES.values():
        with pytest.raises(TypeError):
            source.files["x"] = RIGHT
        with pytest.raises(AttributeError):
            source.files = {}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.gz": ""},
        {"a.gz": "sha256:"},
        {"a.gz": "sha256:" + "0" * 63},
        {"a.gz": "sha256:" + "0" * 65},
        {"a.gz": "sha256:" + "G" * 64},
        {"a.gz": "sha256:" + "A" * 64},
        {"a.gz": "md5:" + "0" * 64},
        {"a.gz": "0" * 64},
        {"../a.gz": RIGHT},
        {"/a.gz": RIGHT},
        {"a/b": RIGHT},
        {"..": RIGHT},
        {"good.gz": RIGHT, "a.gz": "crc32:00000000"},
    ],
)
def test_a_source_without_checksums_or_with_paths_is_refused(files):
    message = (
        "^Source: expected plain file names, each with 'sha256:' and 64 hex digits or 'md5"
    )
    with pytest.raises(ValueError, match=message):
        Source("http://127.0.0.1/", files, read_cifar10)


def test_md5_will_do_where_it_is_all_that_is_published(site, tmp_path):
    digits = md5(CIFAR_FILES[NAME]).hexdigest()
    sources = {"cifar10": Source(site.url, {NAME: f"md5:{digits}"}, read_cifar10)}
    site.files[NAME] += b"x"
    with pytest.raises(FetchError, match=f"with md5:{digits}, got md5:"):
        fetch("cifar10", tmp_path, sources=sources)
    site.files[NAME] = CIFAR_FILES[NAME]
    assert fetch("cifar10", tmp_path, sources=sources).x_test.shape == (3, 3, 32, 32)
