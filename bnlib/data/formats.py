"""Readers of the published files: IDX (Fashion-MNIST) and CIFAR-10's binary version.

Neither format can hold code, unlike the pickles of CIFAR-10's Python version.
"""

import gzip
import math
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bnlib.data.split import Split

Bytes = npt.NDArray[np.uint8]
CLASSES = 10
CIFAR_SHAPE = (3, 32, 32)  # a record is one byte for the label and 3072 for the image
CIFAR_FOLDER = "cifar-10-batches-bin"
CIFAR_TRAIN = [f"{CIFAR_FOLDER}/data_batch_{i}.bin" for i in range(1, 6)]
CIFAR_TEST = f"{CIFAR_FOLDER}/test_batch.bin"
# What a damaged archive raises.
BROKEN = (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error)


def read_fashion_mnist(folder: Path) -> Split:
    """Read the four IDX files of Fashion-MNIST that lie in ``folder``.

    Returns
    -------
    Split
        Images of shape (N, 1, 28, 28), float64 in [0, 1]; labels of shape (N,), int64.

    Raises
    ------
    ValueError
        If a file is not what its name says, or images and labels do not match.
    """
    parts: list[Bytes] = []
    for kind in ("train", "t10k"):
        images = read_idx(folder / f"{kind}-images-idx3-ubyte.gz", ndim=3)
        parts += [images[:, None], read_idx(folder / f"{kind}-labels-idx1-ubyte.gz", ndim=1)]
    return to_split(*parts)


def read_cifar10(folder: Path) -> Split:
    """Read ``cifar-10-binary.tar.gz`` in ``folder``; nothing is unpacked to the disk.

    Returns
    -------
    Split
        Images of shape (N, 3, 32, 32), float64 in [0, 1]: red, green, blue; labels of
        shape (N,), int64.

    Raises
    ------
    ValueError
        If the archive is damaged, lacks a batch, or a batch is no whole number of records.
    """
    batches = _read_batches(folder / "cifar-10-binary.tar.gz")
    train = np.concatenate([batches[name] for name in CIFAR_TRAIN])
    test = batches[CIFAR_TEST]
    images = [part[:, 1:].reshape(-1, *CIFAR_SHAPE) for part in (train, test)]
    return to_split(images[0], train[:, 0], images[1], test[:, 0])


def read_idx(path: Path, ndim: int) -> Bytes:
    """Return the array of unsigned bytes in a gzipped IDX file.

    Notes
    -----
    LeCun, Cortes & Burges, the MNIST database: two zero bytes, the type (8: unsigned
    byte), the rank, the sizes as big-endian 32-bit integers, the values in C order.

    Raises
    ------
    ValueError
        If the file is not gzip, its type or rank is another, or bytes are missing or left.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.gz"
    ...     size = path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])))
    ...     read_idx(path, ndim=1)
    array([7, 2, 1], dtype=uint8)
    """
    try:
        with gzip.open(path) as file:
            data = file.read()
    except BROKEN as error:
        raise _damaged("read_idx", path, "a whole gzip file", str(error)) from error
    start = 4 + 4 * ndim
    magic = bytes([0, 0, 8, ndim])
    if len(data) < start or data[:4] != magic:
        got = f"{len(data)} bytes that begin with {data[:4].hex() or 'nothing'}"
        raise _damaged("read_idx", path, f"an IDX header {magic.hex()} and {ndim} sizes", got)
    shape = struct.unpack(f">{ndim}I", data[4:start])
    if len(data) - start != math.prod(shape):
        expected = f"{math.prod(shape)} values of shape {shape}"
        raise _damaged("read_idx", path, expected, f"{len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def to_split(x_train: Bytes, y_train: Bytes, x_test: Bytes, y_test: Bytes) -> Split:
    """Return images as float64 in [0, 1] and labels as int64, or say what does not match.

    Raises
    ------
    ValueError
        If images and labels differ in number, there are none, or a label is above 9.

    Examples
    --------
    >>> image, label = np.full((1, 1, 2, 2), 51, np.uint8), np.array([3], np.uint8)
    >>> to_split(image, label, image, label).x_train.ravel()
    array([0.2, 0.2, 0.2, 0.2])
    """
    for part, x, y in (("training", x_train, y_train), ("test", x_test, y_test)):
        if not len(x) == len(y) > 0:
            raise ValueError(
                f"fetch: expected as many labels as images in the {part} part, at least 1, "
                f"got {len(x)} images and {len(y)} labels; fetch the files again"
            )
        if y.max() >= CLASSES:
            raise ValueError(
                f"fetch: expected labels from 0 to {CLASSES - 1} in the {part} part, "
                f"got {y.max()}; fetch the files again"
            )
    scale = np.float64(255)
    return Split(
        x_train / scale, y_train.astype(np.int64), x_test / scale, y_test.astype(np.int64)
    )


def _read_batches(path: Path) -> dict[str, Bytes]:
    """Return the records of each batch by name, shape (N, 3073), in one pass over the file."""
    record = 1 + math.prod(CIFAR_SHAPE)
    found: dict[str, Bytes] = {}
    try:
        with gzip.open(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None and member.name in {*CIFAR_TRAIN, CIFAR_TEST}:
                    found[member.name] = np.frombuffer(content.read(), np.uint8)
            file.read()  # to the end, where gzip's own checksum stands
    except BROKEN as error:
        raise _damaged("read_cifar10", path, "a whole tar.gz archive", str(error)) from error
    for name in (*CIFAR_TRAIN, CIFAR_TEST):
        if name not in found:
            raise _damaged("read_cifar10", path, name, f"{sorted(found)}")
        if len(found[name]) % record:
            expected = f"{name} in records of {record} bytes"
            raise _damaged("read_cifar10", path, expected, f"{len(found[name])} bytes")
    return {name: values.reshape(-1, record) for name, values in found.items()}


def _damaged(op: str, path: Path, expected: str, got: str) -> ValueError:
    """Return the error for a file that is not what its name says."""
    return ValueError(
        f"{op}: expected {expected} in {path.name}, got {got}; delete {path} and fetch it again"
    )
