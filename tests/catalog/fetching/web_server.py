"""A real web server whose answers are written byte by byte, so that they may be as wrong as strangers' are."""

import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Self


class Request:
    """What was asked, and the connection to answer on."""

    def __init__(self, connection: socket.socket, target: str, headers: dict[str, str]) -> None:
        self.connection = connection
        self.target = target
        self.headers = headers

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)


class WebServer:
    """Answers at 127.0.0.1, a thread for each connection, until the block ends. What is not planned is a 404.

    An answer is a function of the request. A connection that it has not closed is used for the next request.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Callable[[Request], object]] = {}
        self.asked: list[Request] = []
        self.at_once: Counter[str] = Counter()
        self.most_at_once = 0
        self.connections = 0
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def says(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Plan an answer. Returns the address."""
        self.answers[path] = lambda request: request.answer(status, body, **headers)
        return self.url(path)

    def does(self, path: str, answer: Callable[[Request], object]) -> str:
        self.answers[path] = answer
        return self.url(path)

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.asked]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection:
            stream = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            with stream, stream.makefile("rb") as lines:
                while line := lines.readline():
                    target = line.split()[1].decode()
                    headers = {}
                    while (line := lines.readline()) not in (b"\r\n", b""):
                        name, _, value = line.decode("latin-1").partition(":")
                        headers[name.lower()] = value.strip()
                    self._answer(Request(stream, target, headers))
        self._open.discard(connection)

    def _answer(self, request: Request) -> None:
        with self._lock:
            self.asked.append(request)
            self.at_once["now"] += 1
            self.most_at_once = max(self.most_at_once, self.at_once["now"])
        try:
            answer = self.answers.get(request.target.partition("?")[0], lambda request: request.answer(404))
            answer(request)
        finally:
            with self._lock:
                self.at_once["now"] -= 1
