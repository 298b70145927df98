"""What the stack makes of a web process's probes; a small real server answers them."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from config.stack import site
from config.stack.errors import StackError
from config.stack.site import Stack, url_of
from config.stack.start_checks import free_port


class Web(BaseHTTPRequestHandler):
    """A web process that lives and is not ready."""

    reasons: dict[str, str]
    livez: int

    def do_GET(self) -> None:
        self.send_response(self.livez if self.path == "/livez" else 503)
        self.end_headers()
        self.wfile.write(json.dumps({"reasons": self.reasons}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stack(tmp_path, monkeypatch) -> Iterator[Stack]:
    monkeypatch.setattr(site, "READY_SECONDS", 0.5)
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        stack = Stack("127.0.0.1", server.server_port, "")
        stack.folder, stack.servers = tmp_path, {}
        yield stack
        server.shutdown()


def test_a_shop_whose_redis_is_away_at_the_start_goes_on(stack, monkeypatch, capsys):
    monkeypatch.setattr(Web, "reasons", {"redis": "Redis does not answer"}, raising=False)
    monkeypatch.setattr(Web, "livez", 200, raising=False)
    stack.wait_until_ready()
    told = capsys.readouterr().err
    assert told == "lamplight: not ready after 0.5 s (Redis does not answer), and goes on waiting for it\n"


@pytest.mark.parametrize(
    ("reasons", "livez", "told"),
    [
        ({"redis": "Redis does not answer"}, 500, "not ready after 0.5 s"),
        ({"model": "the model cannot be loaded: see the log"}, 200, "the model cannot be loaded"),
    ],
)
def test_a_shop_that_will_never_answer_ends(stack, monkeypatch, reasons, livez, told):
    monkeypatch.setattr(Web, "reasons", reasons, raising=False)
    monkeypatch.setattr(Web, "livez", livez, raising=False)
    with pytest.raises(StackError, match=told):
        stack.wait_until_ready()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
    ],
)
def test_the_site_is_asked_where_it_listens(host, url):
    assert url_of(host, 8000) == url


def test_a_port_is_looked_for_at_an_address_of_ipv6_too(settings):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        settings.HOST, settings.PORT = "::1", str(taken.getsockname()[1])
        with pytest.raises(StackError, match="set PORT to a free one"):
            free_port()
    assert free_port() == int(settings.PORT)
