"""One connection: what it sends is read as it comes, and given up when that takes too long."""

import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.task import Task as BaseTask
from waitress.utilities import Error

from config.logs import request_ids
from config.web import access_log, refusals
from config.web.request import Request
from metrics import refusals as metrics

# A browser keeps a connection for its next click. A proxy must drop it sooner (config/Caddyfile).
IDLE_SECONDS = 30
# A client takes a part of its answer in this time. The kernel holds up to 4 MB and asks for more when a third has gone:
# over the slowest network that is waited for (config.web.request) that takes 70 s.
TAKE_SECONDS = 90
# A client that is refused in the middle of its body sees the answer only if what it sent meanwhile is read.
LINGER_SECONDS = 2


class NamedTask(BaseTask):
    """Answers the request's id, and writes its line."""

    environ: dict[str, Any] | None = None

    def service(self) -> None:
        try:
            super().service()
        finally:
            if self.wrote_header:  # Otherwise a refusal follows, and is told.
                access_log.write(self.channel.requests[0], self.status, self.environ or {})

    def build_response_header(self) -> bytes:
        if not any(name.lower() == request_ids.HEADER.lower() for name, _ in self.response_headers):
            self.response_headers.append((request_ids.HEADER, self.channel.requests[0].id))
        header: bytes = super().build_response_header()
        return header


class Task(NamedTask, WSGITask):
    """Serves a request through Django. An answer to HEAD has no body, whatever a view returned."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["HTTP_X_REQUEST_ID"] = self.channel.requests[0].id
        if self.request.command == "HEAD":
            environ.pop("wsgi.file_wrapper", None)  # waitress sends such a file itself.
        return environ

    def write(self, data: bytes) -> None:
        super().write(b"" if self.request.command == "HEAD" else data)


class RefusalTask(NamedTask, ErrorTask):
    """Refuses a request and ends the connection."""

    def execute(self) -> None:
        request = self.request
        self.channel.lingers = not request.is_whole
        self.environ = {metrics.REASON: refusals.code_of(request.error)}
        self.status, headers, body = refusals.answer(request.error, request.path)
        self.response_headers.extend(headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(b"" if request.command == "HEAD" else body)


class Channel(HTTPChannel):
    """waitress's channel, with deadlines. What a client sends behind a request waits until that one is answered."""

    task_class = Task
    error_task_class = RefusalTask
    parser_class = Request
    request: Request | None = None
    """The one that is coming."""
    sent_continue: bool
    behind = b""
    """What came behind the request that is served: at most one read of the socket."""
    lingers = False
    """Whether the client may still be sending when its answer is out."""
    closing_at: float | None = None
    """When a connection that lingers is closed at last."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # When the client last sent a byte or took one. waitress keeps it as well, by a clock that may be set back.
        self.active_at = time.monotonic()
        super().__init__(*arguments, **options)

    def readable(self) -> bool:
        if self.behind or not super().readable():
            return False
        return self.request is None or self.request.may_come

    def writable(self) -> bool:
        return bool(super().writable() or self._is_next_due)

    def handle_write(self) -> None:
        super().handle_write()
        if self._is_next_due:
            self.received(b"")

    @property
    def _is_next_due(self) -> bool:
        """Whether the next request has come behind one whose answer is out."""
        return bool(self.behind and self.connected and super().readable())

    def recv(self, buffer_size: int) -> bytes:
        self.active_at = time.monotonic()
        data: bytes = super().recv(buffer_size)
        return data

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close)
        if sent:
            self.active_at = time.monotonic()
        return sent

    def write_soon(self, data: Any) -> int:
        if not self.total_outbufs_len:  # The client took all that there was: it waits for us until now.
            self.active_at = time.monotonic()
        written: int = super().write_soon(data)
        return written

    def received(self, data: bytes) -> bool:
        with self.requests_lock:
            if self.closing_at is not None or self.will_close or self.close_when_flushed:
                return False
            data, self.behind = self.behind + data, b""
            read = len(data)
            while data and not self.requests:
                data = self._parse(data)
            self.behind = data
        if self.request is not None and self.request.needs_leave and self.request.leave is None:
            self.request.leave = self.server.ask_leave(self.request)
        self.server.bound_bodies(read)
        return True

    def _parse(self, data: bytes) -> bytes:
        """Read one request, or what has come of it. Returns the rest."""
        if self.request is None:
            if not (data := data.lstrip()):  # Blank lines between requests mean nothing.
                return data
            self.request = Request(self.adj)
        request = self.request
        rest = data[request.received(data) :]
        if request.expect_continue and request.headers_finished and not self.sent_continue:
            self.send_continue()
        if request.completed:
            self.sent_continue = False
            self.request = None
            self._serve(request)
        return rest

    def _serve(self, request: Request) -> None:
        request.came_at = time.monotonic()
        self.requests.append(request)
        self.server.add_task(self)

    def service(self) -> None:
        with request_ids.bound(self.requests[0].id):
            super().service()

    def handle_close(self) -> None:
        if self.lingers and self.closing_at is None and self.connected:
            self.closing_at = time.monotonic() + LINGER_SECONDS
            self.will_close = False
            self.behind = b""
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:  # The client has gone.
                pass
        if self.request is not None:
            self.request.cancel_leave()
        super().handle_close()

    def drop(self) -> None:
        """Close it now. Only the server's loop may, between two turns: in a turn its descriptor may still be named."""
        self.lingers = False
        self.handle_close()

    def check(self, now: float) -> None:
        """Give up what is late at `now`, a time of time.monotonic."""
        if self.closing_at is not None:
            if now > self.closing_at:
                self.drop()
        elif self.request is None or self.total_outbufs_len:
            since = self.waits_since
            if since is not None and now - since > (TAKE_SECONDS if self.total_outbufs_len else IDLE_SECONDS):
                self.drop()
        elif self.request.is_late(now):
            self.give_up(refusals.TOO_SLOW)
        elif refusal := self.request.refused_leave:
            self.give_up(refusal)

    def give_up(self, error: Error) -> None:
        """Refuse the request that has not come whole."""
        with self.requests_lock:
            request = self.request
            if request is None or self.requests:
                return
            self.request = None
            request.cancel_leave()
            request.refuse(error)
            self._serve(request)

    @property
    def waits_since(self) -> float | None:
        """Since when it only waits for its client, in the time of time.monotonic; None while it is served.

        An answer that is not taken counts as well: it holds memory, or a descriptor, and with much of it a thread.
        """
        if self.total_outbufs_len:
            return self.active_at
        if self.requests:
            return None
        return self.request.began if self.request else self.active_at

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, in either direction."""
        return bool(self.requests or self.request or self.behind or self.total_outbufs_len)

    @property
    def body_bytes(self) -> int:
        """What its bodies take in memory and on disk; what staff have leave to send is not counted."""
        requests: list[Any] = [*self.requests, *([self.request] if self.request else [])]
        return sum(one.body_bytes_received for one in requests if one.leave is None and one.error is None)
