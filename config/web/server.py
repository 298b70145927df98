"""The server of one process: it accepts connections, and drops those that wait longest when there are too many."""

import errno
import faulthandler
import logging
import math
import os
import resource
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from django.conf import settings
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer

from config.web import refusals
from config.web.channel import Channel
from config.web.lanes import Lanes
from config.web.request import Request
from metrics import web as metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = logging.getLogger(__name__)
# More are dropped, those first that have waited longest for their client. Looking at all of them takes half a
# millisecond a turn.
MOST_CONNECTIONS = 1000
# Until a client has had these seconds it is dropped only when there are twice as many: what it sent may be unread.
SPARED_SECONDS = 1
# Descriptors that a connection may take: its socket, and a file for a large body or for an answer that is not taken.
# For a second there may be twice as many connections as MOST_CONNECTIONS.
DESCRIPTORS_EACH = 2 * 2
# Descriptors of the process beside connections: 40 with models, decoders and a pool; a full one and files take more.
KEPT_DESCRIPTORS = 200
LEAST_CONNECTIONS = 8
# Where there is no descriptor, the bound of connections is lowered no further than to this: if so few leave none,
# something else has them, and dropping customers is no cure.
LEAST_AFTER_SHORTAGE = 64
# What accept() says when there is no descriptor or memory for a connection, and the cure. The connection stays
# acceptable, so poll() would return at once, for ever.
SHORT = {
    errno.EMFILE: "raise this process's limit of open files (ulimit -n)",
    errno.ENFILE: "the machine has no open files left: see what takes them, or raise fs.file-max",
    errno.ENOBUFS: "the kernel has no memory left: see what takes it",
    errno.ENOMEM: "the kernel has no memory left: see what takes it",
}
REST_SECONDS = 1  # In which none is accepted then. Others wait in the kernel's queue.
FEWER_SECONDS = 60  # For so long the connections that did fit are the most.
# Of all bodies that strangers are sending or have sent, in memory and on disk: 25 of the largest.
MOST_BODY_BYTES = 25 * settings.MAX_REQUEST_BYTES
CHECKED_EVERY = 1_000_000  # Bytes read between two looks at the sum above.
ACCEPTED_AT_ONCE = 64  # Other connections wait meanwhile, for 2 ms.
CHECKED_SECONDS = 1  # Between two looks at what is late.
# A thread that holds Python's lock for so long will never give it up. The process ends, and whoever started it starts
# another; the log has what each thread did.
STALLED_SECONDS = 60
TOLD_EVERY = 10  # Seconds between two lines of the log about requests that were turned away.
GRACE_SECONDS = 30  # The slowest request, a scene of ten things explained on a busy machine, takes a few seconds.
# Asks whether the sender of a large request may send it; None if so.
AskLeave = Callable[[Request], refusals.Refusal | None]


class Server(TcpWSGIServer):
    """waitress's server. It listens as soon as it is made."""

    channel_class = Channel
    next_channel_cleanup = math.inf  # waitress would ask a clock that may be set back: `run` asks another.

    def __init__(self, application: "WSGIApplication", listener: socket.socket, ask_leave: AskLeave) -> None:
        self.lanes = Lanes()
        self._ask_leave = ask_leave
        self._leaves = ThreadPoolExecutor(1, "leave")
        self._unchecked = self._told = 0
        self._told_at = self._checked_at = 0.0
        self._rests_until = self._short_told_at = -math.inf
        self._room = self._room_at_start = room_for_connections()
        self.stopped_at: float | None = None
        address = (listener.family, listener.type, listener.proto, listener.getsockname())
        bounds = Adjustments(
            ident=None,
            backlog=1024,
            recv_bytes=65_536,  # A photo of 4 MB is read in 64 turns.
            inbuf_overflow=131_072,  # Larger bodies go to a temporary file: 128 MB of memory for MOST_CONNECTIONS.
            max_request_header_size=32_768,
            max_request_body_size=1 << 62,  # Each request has a limit of its own.
            connection_limit=1_000_000,  # It would stop accepting, and whoever is silent would keep everybody out.
            clear_untrusted_proxy_headers=False,  # Django and DRF know how many proxies to believe (NUM_PROXIES).
            log_socket_errors=False,
        )
        super().__init__(application, {}, True, listener, self.lanes, bounds, address, bind_socket=False)

    def run(self) -> None:
        """Serve until `stop`, and then until what was under way is done, or for GRACE_SECONDS."""
        while not self._is_done():
            wasyncore.loop(timeout=CHECKED_SECONDS, use_poll=True, map=self._map, count=1)
            self._drop()
            now = time.monotonic()
            if self.stopped_at is not None:
                self._stop_accepting()
            if self.stopped_at is not None or now >= self._checked_at + CHECKED_SECONDS:
                self._check(now)
        faulthandler.cancel_dump_traceback_later()
        if self.lanes.present:
            logger.warning("Ending with %d requests unanswered after %d s", self.lanes.present, GRACE_SECONDS)
            os._exit(1)  # Python would wait for their threads.

    def stop(self) -> None:
        """Accept no connection any more. It may be called by a signal's handler."""
        if self.stopped_at is None:
            self.stopped_at = time.monotonic()
            self.pull_trigger()

    def handle_accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return

    def accept(self) -> Any:
        try:
            return super().accept()
        except OSError as error:
            if error.errno in SHORT:
                self._rest(error)
            raise

    def readable(self) -> bool:
        return bool(super().readable()) and time.monotonic() >= self._rests_until

    def _rest(self, error: OSError) -> None:
        """Accept none for a while. Have the loop drop some of those that wait for their clients, if that helps."""
        now = time.monotonic()
        self._rests_until = now + REST_SECONDS
        if error.errno == errno.EMFILE:
            self._room = min(self._room_at_start, max(LEAST_AFTER_SHORTAGE, len(self.active_channels) * 3 // 4))
        if now > self._short_told_at + TOLD_EVERY:
            logger.warning(
                "With %d connections no other can be accepted (%s): %s",
                len(self.active_channels),
                error.strerror,
                SHORT[error.errno or 0],
            )
            self._short_told_at = now

    def ask_leave(self, request: Request) -> Future[refusals.Refusal | None]:
        asked = self._leaves.submit(self._ask_leave, request)
        asked.add_done_callback(self._hear)
        return asked

    def _hear(self, asked: Future[refusals.Refusal | None]) -> None:
        if not asked.cancelled() and (error := asked.exception()):
            logger.error("Who sends a large request could not be asked", exc_info=error)
        self.pull_trigger()

    def bound_bodies(self, read: int) -> None:
        """Give up the bodies that have been coming longest while all together are too large; `read` bytes came."""
        self._unchecked += read
        if self._unchecked < CHECKED_EVERY:
            return
        self._unchecked = 0
        channels: list[Channel] = list(self.active_channels.values())
        total = sum(channel.body_bytes for channel in channels)
        coming = [(one.request.began, one) for one in channels if one.request and one.body_bytes and not one.requests]
        for _, channel in sorted(coming, key=lambda pair: pair[0]):
            if total <= MOST_BODY_BYTES:
                return
            total -= channel.body_bytes
            channel.give_up(refusals.BUSY)

    def _check(self, now: float) -> None:
        """Give up what is late."""
        self._checked_at = now
        faulthandler.dump_traceback_later(STALLED_SECONDS, exit=True)
        self._tell(now)
        if now > self._rests_until + FEWER_SECONDS:
            self._room = self._room_at_start
        metrics.CONNECTIONS.set(len(self.active_channels))
        for channel in list(self.active_channels.values()):
            channel.check(now)
            if self.stopped_at is not None and not channel.is_busy:
                channel.drop()

    def _tell(self, now: float) -> None:
        """Log how many requests were turned away, but not each of them."""
        if (turned_away := self.lanes.turned_away) > self._told and now > self._told_at + TOLD_EVERY:
            logger.warning("%d requests were turned away: too many came at once", turned_away - self._told)
            self._told, self._told_at = turned_away, now

    def _stop_accepting(self) -> None:
        if self.accepting:
            wasyncore.dispatcher.close(self)

    def _drop(self) -> None:
        """Drop what is beyond the most connections, those first that have waited longest for their client."""
        most = min(MOST_CONNECTIONS, self._room)
        surplus = len(self.active_channels) - most
        if surplus <= 0:
            return
        channels: list[Channel] = list(self.active_channels.values())
        waiting = sorted(
            ((since, one) for one in channels if (since := one.waits_since) is not None), key=lambda pair: pair[0]
        )
        spared_from = time.monotonic() - SPARED_SECONDS
        for dropped, (since, channel) in enumerate(waiting[:surplus]):
            if since > spared_from and len(waiting) - dropped < 2 * most:
                return
            metrics.DROPPED.inc()
            channel.drop()

    def _is_done(self) -> bool:
        if self.stopped_at is None:
            return False
        if time.monotonic() > self.stopped_at + GRACE_SECONDS:
            return True
        return not self.lanes.present and not any(one.is_busy for one in self.active_channels.values())


def room_for_connections() -> int:
    """How many connections the limit of descriptors has room for."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(LEAST_CONNECTIONS, (limit - KEPT_DESCRIPTORS) // DESCRIPTORS_EACH)
