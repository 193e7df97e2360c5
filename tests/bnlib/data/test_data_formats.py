"""The readers of IDX and CIFAR-10's binary version: every byte in its place, or an error."""

import gzip
import io
import re
import tarfile

import numpy as np
import pytest
from data_server import BATCHES, CIFAR_MEMBERS, FASHION, FASHION_FILES, archive, idx

from bnlib.data.formats import read_cifar10, read_fashion_mnist, read_idx

HEADER = bytes([0, 0, 8, 1, 0, 0, 0, 3])  # one axis of length 3
FOLDER = "cifar-10-batches-bin"
PACKED = gzip.compress(HEADER + bytes(3))
TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


def write(folder, files):
    """Write some files into a folder and return it."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_idx_by_hand(tmp_path):
    """Two images of 1 x 3 pixels, spelled out byte by byte."""
    content = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(content))
    values = read_idx(path, ndim=3)
    np.testing.assert_array_equal(values, np.array([[[1, 2, 3]], [[4, 5, 255]]], np.uint8))
    assert values.dtype == np.uint8


def test_sizes_are_big_endian(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 1, 2]) + bytes(258)))
    assert read_idx(path, ndim=1).shape == (258,)


def test_fashion_mnist_pixel_by_pixel(tmp_path):
    split = read_fashion_mnist(write(tmp_path, FASHION_FILES))
    assert [part.dtype for part in split] == [np.float64, np.int64] * 2
    for kind, x, y in (("train", *split[:2]), ("t10k", *split[2:])):
        images, labels = FASHION[kind]
        assert x.shape == (len(labels), 1, 28, 28)
        for place in np.ndindex(images.shape):
            n, row, column = place
            assert x[n, 0, row, column] == int(images[place]) / 255
        assert y.tolist() == labels.tolist()


def test_cifar10_record_by_record(tmp_path):
    split = read_cifar10(write(tmp_path, {"cifar-10-binary.tar.gz": archive(CIFAR_MEMBERS)}))
    assert [part.dtype for part in split] == [np.float64, np.int64] * 2
    names = [f"data_batch_{i}.bin" for i in range(1, 6)]
    for x, y, wanted in ((*split[:2], names), (*split[2:], ["test_batch.bin"])):
        content = b"".join(CIFAR_MEMBERS[name] for name in wanted)
        assert (len(x), x.shape[1:]) == (len(content) // 3073, (3, 32, 32))
        for n, label in enumerate(y):
            record = content[3073 * n : 3073 * (n + 1)]
            red, green, blue = (record[1 + 1024 * c : 1025 + 1024 * c] for c in range(3))
            assert label == record[0]
            assert x[n, 0].ravel().tolist() == [value / 255 for value in red]
            assert x[n, 1, 31, 30] == green[1022] / 255
            assert x[n, 2, 1].tolist() == [value / 255 for value in blue[32:64]]


def test_images_and_labels_stay_together_and_in_order(tmp_path):
    split = read_cifar10(write(tmp_path, {"cifar-10-binary.tar.gz": archive(CIFAR_MEMBERS)}))
    labels = [BATCHES[f"data_batch_{i}.bin"][1] for i in range(1, 6)]
    np.testing.assert_array_equal(split.y_train, np.concatenate(labels))


def test_the_black_and_the_white_pixel_are_0_and_1(tmp_path):
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 0, 0] = 255
    files = {TEST_IMAGES: idx(images), TEST_LABELS: idx(np.array([9]))}
    split = read_fashion_mnist(write(tmp_path, FASHION_FILES | files))
    assert (split.x_test.max(), split.x_test.sum(), split.y_test) == (1.0, 1.0, [9])


def other(content):
    """Return what `read_idx` says of a header that is another; ``content`` is the file's."""
    got = f"{len(content)} bytes that begin with {content[:4].hex() or 'nothing'}"
    return f"expected an IDX header 00000801 and 1 sizes in x.gz, got {got}; delete"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "expected a whole gzip file in x.gz, got Not a gzipped file"),
        (PACKED[:-9], "expected a whole gzip file in x.gz, got Compressed file ended"),
        (PACKED[:-8] + bytes(8), "expected a whole gzip file in x.gz, got CRC check failed"),
        (PACKED[:10] + b"\xff" * 9, "expected a whole gzip file in x.gz, got Error -3"),
        (gzip.compress(HEADER + bytes(2)), "expected 3 values of shape (3,) in x.gz, got 2"),
        (gzip.compress(HEADER + bytes(4)), "expected 3 values of shape (3,) in x.gz, got 4"),
        *(
            (gzip.compress(content), other(content))
            for content in (
                b"",
                HEADER[:7],
                b"\0\0\x0d\1" + HEADER[4:] + bytes(12),  # floats
                b"\0\0\x08\3" + HEADER[4:] + bytes(12),  # another rank
                b"\0\1\x08\1" + HEADER[4:] + bytes(3),
            )
        ),
    ],
)
def test_a_damaged_idx_file_is_refused(tmp_path, content, message):
    path = write(tmp_path, {"x.gz": content}) / "x.gz"
    with pytest.raises(ValueError, match="^read_idx: " + re.escape(message)) as caught:
        read_idx(path, ndim=1)
    assert str(caught.value).endswith(f"; delete {path} and fetch it again")


NONE = np.zeros((0, 28, 28))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({TEST_LABELS: np.array([1, 2, 3])}, "in the test part, .*got 4 images and 3 labels"),
        ({TRAIN_LABELS: np.zeros(0)}, "in the training part, .*got 7 images and 0 labels"),
        ({TRAIN_IMAGES: NONE, TRAIN_LABELS: np.zeros(0)}, "at least 1, got 0 images and 0"),
        ({TEST_LABELS: np.array([1, 2, 10, 3])}, "labels from 0 to 9 in the test .*got 10"),
        ({TRAIN_LABELS: np.arange(250, 257) % 256}, "from 0 to 9 in the training .*got 255"),
    ],
)
def test_images_and_labels_that_do_not_match_are_refused(tmp_path, files, message):
    packed = {name: idx(array) for name, array in files.items()}
    folder = write(tmp_path, FASHION_FILES | packed)
    with pytest.raises(ValueError, match=f"^fetch: expected .*{message}.*; fetch the files"):
        read_fashion_mnist(folder)


def tar(name, type_=tarfile.REGTYPE):
    """Return a tar.gz with one empty member, which may be a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        member = tarfile.TarInfo(f"{FOLDER}/{name}")
        member.type, member.linkname = type_, "README"
        file.addfile(member)
    return buffer.getvalue()


WHOLE = archive(CIFAR_MEMBERS)
WITHOUT = {name: CIFAR_MEMBERS[name] for name in CIFAR_MEMBERS if name != "data_batch_3.bin"}
CUT = CIFAR_MEMBERS | {"data_batch_2.bin": CIFAR_MEMBERS["data_batch_2.bin"][:-1]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "a whole tar.gz archive in {}, got Not a gzipped file"),
        (WHOLE[: len(WHOLE) // 2], "a whole tar.gz archive in {}, got Compressed file ended"),
        (WHOLE[:-8] + bytes(8), "a whole tar.gz archive in {}, got CRC check failed"),
        (WHOLE[:30] + b"\xff" * 30 + WHOLE[60:], "a whole tar.gz archive in {}, got "),
        (gzip.compress(b"no archive" * 99), "a whole tar.gz archive in {}, got "),
        (archive(WITHOUT), f"{FOLDER}/data_batch_3.bin in {{}}, got ['{FOLDER}/data_batch_1.b"),
        (archive(CUT), f"{FOLDER}/data_batch_2.bin in records of 3073 bytes in {{}}, got 6145"),
        (
            tar("data_batch_1.bin", tarfile.SYMTYPE),
            f"{FOLDER}/data_batch_1.bin in {{}}, got []",
        ),
        (tar("../data_batch_1.bin"), f"{FOLDER}/data_batch_1.bin in {{}}, got []"),
    ],
)
def test_a_damaged_archive_is_refused(tmp_path, content, message):
    name = "cifar-10-binary.tar.gz"
    path = write(tmp_path, {name: content}) / name
    message = "^read_cifar10: expected " + re.escape(message.format(name))
    with pytest.raises(ValueError, match=message):
        read_cifar10(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_file_that_is_not_there_is_no_damaged_file(tmp_path):
    for read in (read_cifar10, read_fashion_mnist):
        with pytest.raises(FileNotFoundError):
            read(tmp_path)
