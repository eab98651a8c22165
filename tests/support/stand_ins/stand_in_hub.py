"""A server on this machine that answers the few requests by which the hub hands out a file."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class StandInHub:
    """What the server has and what it was asked.

    Attributes:
        endpoint: To be put into ``HF_ENDPOINT``.
        files: Contents by ``"owner/name/file"``.
        cut_after: Bytes after which the connection breaks off, or None for whole files.
        requests: Method and path of each request, in order.
    """

    endpoint: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    requests: list[str] = field(default_factory=list)


@contextmanager
def stand_in_hub() -> Iterator[StandInHub]:
    """Yields a running hub without files."""
    hub = StandInHub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._start()

        def do_GET(self) -> None:
            contents = self._start()
            if contents is not None:
                self.wfile.write(contents[: hub.cut_after])
                self.close_connection = True

        def _start(self) -> bytes | None:
            hub.requests.append(f"{self.command} {self.path}")
            contents = hub.files.get(self.path[1:].replace("/resolve/main", ""))
            self.send_response(404 if contents is None else 200)
            if contents is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(contents or b"").hexdigest()}"')
            self.send_header("Content-Length", str(len(contents or b"")))
            self.end_headers()
            return contents

        def log_message(self, format: str, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
