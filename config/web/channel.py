"""One connection: what it sends is read as it comes, and given up when that takes too long."""

import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error

from config.web import refusals
from config.web.request import Request

# A browser keeps a connection for its next click. A proxy must drop it sooner (config/Caddyfile).
IDLE_SECONDS = 30
# A client that is refused in the middle of its body sees the answer only if what it sent meanwhile is read.
LINGER_SECONDS = 2


class Task(WSGITask):
    """Serves a request through Django. An answer to HEAD has no body, whatever a view returned."""

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        if self.request.command == "HEAD":
            environ.pop("wsgi.file_wrapper", None)  # waitress sends such a file itself.
        return environ

    def write(self, data: bytes) -> None:
        super().write(b"" if self.request.command == "HEAD" else data)


class RefusalTask(ErrorTask):
    """Refuses a request and ends the connection."""

    def execute(self) -> None:
        request = self.request
        self.channel.lingers = not request.is_whole
        self.status, headers, body = refusals.answer(request.error, request.path)
        self.response_headers.extend(headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """waitress's channel, with deadlines."""

    task_class = Task
    error_task_class = RefusalTask
    parser_class = Request
    request: Request | None = None
    """The one that is coming."""
    lingers = False
    """Whether the client may still be sending when its answer is out."""
    closing_at: float | None = None
    """When a connection that lingers is closed at last."""

    def readable(self) -> bool:
        return bool(super().readable()) and (self.request is None or self.request.may_come)

    def received(self, data: bytes) -> bool:
        if self.closing_at is not None:
            return False
        more: bool = super().received(data)
        if self.request is not None and self.request.needs_leave and self.request.leave is None:
            self.request.leave = self.server.ask_leave(self.request)
        self.server.bound_bodies(len(data))
        return more

    def handle_close(self) -> None:
        if self.lingers and self.closing_at is None and self.connected:
            self.closing_at = time.monotonic() + LINGER_SECONDS
            self.will_close = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
                return
            except OSError:  # The client has gone.
                pass
        super().handle_close()

    def check(self, now: float) -> None:
        """Give up what is late at `now`, a time of time.monotonic."""
        if self.closing_at is not None:
            self.will_close = now > self.closing_at
        elif self.requests:
            return  # It is being served.
        elif self.request is None:
            # `last_activity` is also when the client last took a part of its answer.
            self.will_close = self.will_close or time.time() - self.last_activity > IDLE_SECONDS
        elif self.request.is_late(now):
            self.give_up(refusals.TOO_SLOW)
        elif self.request.leave is not None and self.request.leave.done() and self.request.leave.result():
            self.give_up(self.request.leave.result())

    def give_up(self, error: Error | None) -> None:
        """Refuse the request that has not come whole."""
        with self.requests_lock:
            request, self.request = self.request, None
            if request is None or self.requests:
                return
            request.refuse(error)
            self.requests.append(request)
            self.server.add_task(self)

    @property
    def waits_since(self) -> float | None:
        """Since when it only waits for its client, in the time of time.monotonic; None while it is served or closed."""
        if self.requests or self.will_close:
            return None
        return self.request.began if self.request else time.monotonic() - (time.time() - self.last_activity)

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, in either direction."""
        return bool(self.requests or self.request or self.total_outbufs_len)

    @property
    def body_bytes(self) -> int:
        """What its bodies take in memory and on disk; what staff have leave to send is not counted."""
        requests: list[Any] = [*self.requests, *([self.request] if self.request else [])]
        return sum(one.body_bytes_received for one in requests if one.leave is None and one.error is None)
