"""A small server that takes reports as Sentry does, and keeps them."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class SentryServer(ThreadingHTTPServer):
    """Keeps the items of all envelopes; `bodies` is all that came."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.events: list[dict[str, Any]] = []
        self.bodies: list[str] = []
        super().__init__(("127.0.0.1", 0), Envelopes)

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.server_address[1]}/7"

    def take(self, body: bytes) -> None:
        self.bodies.append(body.decode())
        lines = body.split(b"\n")
        for header, payload in zip(lines[1::2], lines[2::2], strict=False):
            if header and json.loads(header)["type"] in ("event", "transaction"):
                self.events.append(json.loads(payload))


class Envelopes(BaseHTTPRequestHandler):
    server: SentryServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/api/7/envelope/", self.path
        self.server.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def sentry_server(status: int = 200) -> Iterator[SentryServer]:
    """It answers each report with `status`."""
    with SentryServer(status) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
