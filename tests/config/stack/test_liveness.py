"""What the supervisor makes of the web server's answers."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from config.stack.site import Stack


class Busy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503)


@pytest.fixture
def busy() -> Iterator[int]:
    """The port of a server that refuses every request."""
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_web_process_that_is_kept_busy_with_probes_is_alive(busy):
    assert Stack("127.0.0.1", busy, "").is_alive()


def test_one_that_does_not_answer_is_not():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    assert not Stack("127.0.0.1", port, "").is_alive()
