"""Serve folders as a web host does: compressed, each at an address of its own."""

import gzip
import mimetypes
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from web_server import answering

# What hosts compress; pictures and fonts are compressed already.
TEXT = (".html", ".css", ".js", ".svg", ".json", ".txt", ".xml")


class File(NamedTuple):
    """What is sent for one address."""

    kind: str
    body: bytes
    compressed: bool


def read(path: Path) -> File:
    """Return a file as it is sent."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    body = path.read_bytes()
    if path.suffix in TEXT:
        return File(kind, gzip.compress(body, mtime=0), True)
    return File(kind, body, False)


def handler_for(folder: Path) -> type[BaseHTTPRequestHandler]:
    """Return a handler that sends the files below ``folder``, compressed beforehand."""
    found = (path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): read(path) for path in found}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # a connection is kept, as hosts do

        def do_GET(self) -> None:
            name = unquote(urlsplit(self.path).path).lstrip("/")
            file = files.get(name)
            self.send_response(200 if file else 404)
            self.send_header("Access-Control-Allow-Origin", "*")  # fonts of another address
            self.send_header("Content-Length", str(len(file.body) if file else 0))
            if file:
                self.send_header("Content-Type", file.kind)
            if file and file.compressed:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(file.body if file else b"")

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    return Handler


def served(folder: Path) -> AbstractContextManager[str]:
    """Serve ``folder`` on a free port of 127.0.0.1; give its address."""
    return answering(handler_for(folder))
