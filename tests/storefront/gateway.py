"""A gateway before Lamplight that can fail, as those of real shops do."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

BAD = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Gateway(socketserver.ThreadingTCPServer):
    """It passes on what it gets. `failure`: "" for none, "down" for answers of its own, "drops" to break off photos."""

    daemon_threads = True
    failure = ""

    def __init__(self, behind: str) -> None:
        super().__init__(("localhost", 0), Passing)
        self.behind = urlsplit(behind)
        self.address = f"http://localhost:{self.server_address[1]}"


class Passing(socketserver.BaseRequestHandler):
    server: Gateway

    def handle(self) -> None:
        with socket.create_connection((self.server.behind.hostname, self.server.behind.port)) as behind:
            answers = threading.Thread(target=self._answer, args=[behind], daemon=True)
            answers.start()
            with suppress(OSError):
                while asked := self.request.recv(65_536):
                    if self.server.failure == "down":
                        self.request.sendall(BAD)
                        break
                    if self.server.failure == "drops" and asked.startswith(b"POST"):
                        break
                    behind.sendall(asked)
            for end in (behind, self.request):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _answer(self, behind: socket.socket) -> None:
        with suppress(OSError):
            while answer := behind.recv(65_536):
                self.request.sendall(answer)
            self.request.shutdown(socket.SHUT_WR)


@contextmanager
def gateway(behind: str) -> Iterator[Gateway]:
    with Gateway(behind) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
