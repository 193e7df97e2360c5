"""Run a web server beside the program, for as long as it is needed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """A server whose threads end with the program."""

    daemon_threads = True
    request_queue_size = 128  # a page opens many connections at once

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over connections that the browser drops when a page is closed."""


@contextmanager
def answering(handler: Any) -> Iterator[str]:
    """Let ``handler`` answer on a free port of 127.0.0.1; give the address."""
    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
