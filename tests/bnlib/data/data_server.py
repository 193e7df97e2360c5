"""A server on 127.0.0.1 that serves small data sets in the real formats, and faults."""

import gzip
import io
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from bnlib.data import Source
from bnlib.data.formats import read_cifar10, read_fashion_mnist

RNG = np.random.default_rng(0)
FASHION = {  # images (N, 28, 28) and labels (N,), as bytes
    "train": (RNG.integers(0, 256, (7, 28, 28), np.uint8), np.array([9, 0, 3, 3, 1, 9, 5])),
    "t10k": (RNG.integers(0, 256, (4, 28, 28), np.uint8), np.array([2, 7, 0, 8])),
}
BATCHES = {  # images (N, 3, 32, 32) and labels (N,) of each member of the archive
    f"{name}.bin": (RNG.integers(0, 256, (n, 3, 32, 32), np.uint8), RNG.integers(0, 10, n))
    for name, n in [*((f"data_batch_{i}", i) for i in range(1, 6)), ("test_batch", 3)]
}


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes as a gzipped IDX file."""
    head = bytes([0, 0, 8, array.ndim])
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + sizes + array.astype(np.uint8).tobytes(), mtime=0)


def records(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Return one of CIFAR-10's binary batches: label, red, green, blue, label, ..."""
    pairs = zip(labels, images, strict=True)
    return b"".join(bytes([label]) + image.tobytes() for label, image in pairs)


def archive(members: dict[str, bytes]) -> bytes:
    """Return a tar.gz with a folder, the given members and a file that nobody asked for."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("cifar-10-batches-bin")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in {**members, "readme.html": b"<html>"}.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(buffer.getvalue(), mtime=0)


FASHION_FILES = {
    f"{kind}-{what}-idx{rank}-ubyte.gz": idx(array)
    for kind, arrays in FASHION.items()
    for what, rank, array in zip(("images", "labels"), (3, 1), arrays, strict=True)
}
# In another order than the names', as in the published archive.
CIFAR_MEMBERS = {name: records(*BATCHES[name]) for name in reversed(BATCHES)}
CIFAR_FILES = {"cifar-10-binary.tar.gz": archive(CIFAR_MEMBERS)}


def checksums(files: dict[str, bytes]) -> dict[str, str]:
    """Return the checksums of some files, as a `Source` wants them."""
    return {name: f"sha256:{sha256(content).hexdigest()}" for name, content in files.items()}


SMALL = {  # the two sets as `fetch` knows them, but small
    "fashion_mnist": Source(
        "http://127.0.0.1:9/", checksums(FASHION_FILES), read_fashion_mnist
    ),
    "cifar10": Source("http://127.0.0.1:9/", checksums(CIFAR_FILES), read_cifar10),
}


@dataclass
class Site:
    """What the server holds and what it was asked for."""

    files: dict[str, bytes]
    url: str = ""
    asked: Counter = field(default_factory=Counter)
    encodings: set = field(default_factory=set)  # the requests' Accept-Encoding
    cut: int | None = None  # send this many bytes of each file, then hang up
    length: bool = True  # declare the Content-Length
    wait: threading.Event | None = None  # send a half, then wait for this


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Site]:
    """Serve ``files`` by name on a free port of 127.0.0.1."""
    site = Site(dict(files))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.removeprefix("/")
            site.asked[name] += 1
            site.encodings.add(self.headers["Accept-Encoding"])
            if name not in site.files:
                self.send_error(404)
                return
            content = site.files[name]
            self.send_response(200)
            if site.length:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if site.wait is not None:
                self.wfile.write(content[: len(content) // 2])
                site.wait.wait(timeout=60)
                return
            self.wfile.write(content[: site.cut])

        def log_message(self, *_: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
