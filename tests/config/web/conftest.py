"""The web server around a small application, on a real socket."""

import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pytest

from config.web.refusals import Refusal
from config.web.request import Request
from config.web.server import Server

WAITED = 10  # Seconds that a client waits at most.


class Application:
    """Answers ?held once `release` is set, ?megabytes=3 with as many, and everything else with what it was asked."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.held = threading.Semaphore(0)
        self.closed = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "held" in environ["QUERY_STRING"]:
            self.held.release()
            self.release.wait(WAITED)
        if "megabytes" in environ["QUERY_STRING"]:
            megabytes = int(environ["QUERY_STRING"].rpartition("=")[2])
            start_response("200 OK", [("Content-Length", str(megabytes * 1_000_000))])
            return [b"x" * 1_000_000] * megabytes
        read = len(environ["wsgi.input"].read())
        known = {"path": environ["PATH_INFO"], "script": environ["SCRIPT_NAME"], "read": read}
        known |= {name: environ.get(f"HTTP_X_FORWARDED_{name.upper()}") for name in ("for", "proto")}
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(known).encode()]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of the API's error shape."""
        [error] = json.loads(self.body)["errors"]
        return str(error["code"])


class Client:
    """A connection that says what it is told, byte for byte."""

    def __init__(self, port: int, host: str = "shop") -> None:
        self.host = host
        self.socket = socket.create_connection(("127.0.0.1", port), WAITED)
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> "Client":
        self.socket.sendall(data)
        return self

    def get(self, path: str, *headers: str) -> "Client":
        return self.send("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {self.host}", *headers, "", ""]).encode())

    def post(self, path: str, length: int, body: bytes = b"", *headers: str) -> "Client":
        head = [f"POST {path} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {length}", *headers, "", ""]
        return self.send("\r\n".join(head).encode() + body)

    def answer(self, has_body: bool = True) -> Answer:
        status = int(self.file.readline().split()[1])
        headers = {}
        while line := self.file.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name] = value
        length = int(headers.get("Content-Length", 0)) if has_body else 0
        return Answer(status, headers, self.file.read(length))

    def is_closed(self) -> bool:
        """Whether the server ends the connection, without a word, while the client waits."""
        return self.file.read(1) == b""

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Site:
    """A running server, and its clients."""

    def __init__(self, ask_leave: Callable[[Request], Refusal | None]) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.application = Application()
        self.server = Server(self.application, listener, ask_leave)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.clients: list[Client] = []

    def client(self) -> Client:
        self.clients.append(Client(self.port))
        return self.clients[-1]

    def clients_at_once(self, count: int) -> list[Client]:
        return [self.client() for _ in range(count)]

    def hold(self, path: str) -> Client:
        """A client whose request is being served, until the application's `release`."""
        client = self.client().get(f"{path}?held")
        assert self.application.held.acquire(timeout=WAITED)
        return client

    def close(self) -> None:
        self.application.release.set()
        for client in self.clients:
            client.close()
        self.server.stop()
        self.thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def start(ask_leave: Callable[[Request], Refusal | None] = lambda request: None) -> Site:
        sites.append(Site(ask_leave))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


@pytest.fixture
def site(serve) -> Site:
    return serve()
