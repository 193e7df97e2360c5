"""Data sets that are too large to ship: fetched once, checked always."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from bnlib.data.download import cache_folder, download
from bnlib.data.formats import read_cifar10, read_fashion_mnist
from bnlib.data.split import Split

CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")
FILE_NAME = re.compile(r"\w[\w.-]*")
WEB = ("https://", "http://")


@dataclass(frozen=True)
class Source:
    """Where a data set lies, what its files must be, and who reads them.

    Parameters
    ----------
    base_url : str
        Address of the folder, ``http://`` or ``https://``.
    files : mapping of str to str
        The checksum of each file, by name: ``"sha256:..."`` or ``"md5:..."``.
    read : callable
        Returns the `Split` of the files in a folder.

    Raises
    ------
    ValueError
        If there is no file, a name is no plain file name, or a checksum is missing.

    Examples
    --------
    >>> sorted(SOURCES["cifar10"].files)
    ['cifar-10-binary.tar.gz']
    """

    base_url: str
    files: Mapping[str, str]
    read: Callable[[Path], Split]

    def __post_init__(self) -> None:
        for name, checksum in self.files.items() or [("", "")]:
            if not FILE_NAME.fullmatch(name) or not CHECKSUM.fullmatch(checksum):
                raise ValueError(
                    "Source: expected plain file names, each with 'sha256:' and 64 hex digits "
                    f"or 'md5:' and 32, got {name!r}: {checksum!r}; without a checksum nobody "
                    "can tell the right file from another"
                )


# SHA-256 and sizes as in TensorFlow Datasets, tensorflow_datasets/url_checksums/
# fashion_mnist.txt and cifar10.txt; two other projects list the same sums, see
# tests/test_data_sources.py. (The authors' pages give MD5 sums.)
SOURCES: Mapping[str, Source] = MappingProxyType({
    "fashion_mnist": Source(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        MappingProxyType({
            "train-images-idx3-ubyte.gz":  # 26,421,880 bytes
                "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz":  # 29,515 bytes
                "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz":  # 4,422,102 bytes
                "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz":  # 5,148 bytes
                "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        }),
        read_fashion_mnist,
    ),
    "cifar10": Source(
        "https://www.cs.toronto.edu/~kriz/",
        MappingProxyType({
            "cifar-10-binary.tar.gz":  # 170,052,171 bytes
                "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        }),
        read_cifar10,
    ),
})  # fmt: skip


def fetch(
    name: str,
    cache: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    progress: bool = True,
    sources: Mapping[str, Source] = SOURCES,
) -> Split:
    """Download a data set, or take it from the cache, and return it.

    Parameters
    ----------
    name : str
        ``"fashion_mnist"``: 28 x 28 grey pictures of clothes, 60,000 + 10,000, download
        31 MB, in memory 0.4 GB. ``"cifar10"``: 32 x 32 colour pictures of animals and
        vehicles, 50,000 + 10,000, download 170 MB, in memory 1.5 GB.
    cache : path or None
        Folder that keeps the files, in ``cache/name``. ``None`` takes the environment
        variable ``BNLIB_CACHE``, or else the system's cache folder. Files put there by
        hand are used if their checksums match.
    base_url : str or None
        A mirror's folder; ``None`` takes the authors' own. The checksums stay.
    progress : bool
        Show a bar on stderr where tqdm is installed; ``TQDM_DISABLE=1`` hides it.
    sources : mapping of str to `Source`
        What can be fetched; the default is the two sets above.

    Returns
    -------
    Split
        Images of shape (N, 1, 28, 28) or (N, 3, 32, 32), float64 in [0, 1]; labels of
        shape (N,), int64, from 0 to 9.

    Raises
    ------
    FetchError
        If the server cannot be reached, answers with an error, sends another file or a
        part of it, or the cache cannot be written. No such file stays in the cache.
    ValueError
        If ``name`` or ``base_url`` is unknown or no web address, or a file that passed
        its checksum is not in the expected format.
    TypeError
        If ``cache`` is no path.
    ModuleNotFoundError
        If pooch is missing.

    Notes
    -----
    Fashion-MNIST: Xiao, Rasul & Vollgraf (2017), arXiv:1708.07747; MIT licence, copyright
    Zalando SE. CIFAR-10: Krizhevsky (2009), Learning Multiple Layers of Features from Tiny
    Images; its page states no licence and asks for this citation.

    Examples
    --------
    >>> fetch("mnist")
    Traceback (most recent call last):
    ValueError: fetch: name must be 'cifar10' or 'fashion_mnist', got 'mnist'; ...
    """
    if name not in [*sources]:
        known = " or ".join(map(repr, sorted(sources)))
        raise ValueError(
            f"fetch: name must be {known}, got {name!r}; "
            "bnlib.data.digits needs no download at all"
        )
    source = sources[name]
    base_url = source.base_url if base_url is None else base_url
    if not isinstance(base_url, str) or not base_url.startswith(WEB):
        raise ValueError(
            f"fetch: base_url must begin with http:// or https://, got {base_url!r}; "
            "files on the disk belong into the cache folder"
        )
    folder = cache_folder(cache) / name
    for file, checksum in source.files.items():
        download(f"{base_url.rstrip('/')}/{file}", folder / file, checksum, progress)
    return source.read(folder)
