"""The lanes that whole requests wait and are served in."""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

from config.web.refusals import BUSY
from config.web.request import Request
from metrics import web as metrics

logger = logging.getLogger(__name__)
SEARCH = "/api/v1/search/"
UNBOUNDED = 1_000_000


class Lane:
    """Threads that serve requests one after the other, and the most requests that wait for them."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self.name = name
        self.threads, self.most = threads, threads + waiting
        self.present = 0
        metrics.THREADS.labels(name).set(threads)
        if waiting < UNBOUNDED:
            metrics.PLACES.labels(name).set(waiting)
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(threads, name)

    def take(self, channel: Any) -> bool:
        """Serve the first request of a channel when its turn comes. False if too many wait already."""
        with self._lock:
            if self.present >= self.most:
                metrics.REFUSED.labels(self.name).inc()
                return False
            self._count(1)
        self._threads.submit(channel.service).add_done_callback(lambda served: self._leave(channel, served))
        return True

    def _leave(self, channel: Any, served: Future[None]) -> None:
        with self._lock:
            self._count(-1)
        if error := served.exception():  # waitress answers what the application raises: this is worse.
            logger.error("A request was given up", exc_info=error)
            channel.cancel()

    def _count(self, more: int) -> None:
        self.present += more
        metrics.PRESENT.labels(self.name, "served").set(min(self.present, self.threads))
        metrics.PRESENT.labels(self.name, "waiting").set(max(0, self.present - self.threads))


class Lanes:
    """All lanes of a process: waitress gives each whole request to `add_task`."""

    def __init__(self) -> None:
        # A probe must never wait for a customer, and /livez not for /readyz, which may ask a database that hangs. Nor
        # must who asks how full the lanes are.
        self.liveness = Lane("livez", 1, 16)
        self.readiness = Lane("readyz", 1, 16)
        self.metrics = Lane("metrics", 1, 4)
        # Two cores do no more searches with more threads than these. With four that wait, a search takes less than
        # three times as long as without, however many come (python -m benchmarks.load).
        self.searches = Lane("search", 4, 4)
        # A page asks for up to thirty small things at once; 128 are served in about a second.
        self.others = Lane("web", 4, 128)
        # Saying no takes a tenth of a millisecond. Each connection has at most one request here.
        self.refusals = Lane("refuse", 1, UNBOUNDED)
        self.turned_away = 0
        """How many requests found their lane full."""

    def of(self, request: Request) -> Lane:
        if request.path == "/livez":
            return self.liveness
        if request.path == "/readyz":
            return self.readiness
        if request.path == "/metrics":
            return self.metrics
        if request.path.startswith(SEARCH) or request.path.endswith("/similar/"):
            return self.searches
        return self.others

    def add_task(self, channel: Any) -> None:
        request = channel.requests[0]
        if request.error is None:
            if self.of(request).take(channel):
                return
            request.error = BUSY
            self.turned_away += 1
        self.refusals.take(channel)

    @property
    def present(self) -> int:
        """Requests that are served or wait to be."""
        lanes = (self.liveness, self.readiness, self.metrics, self.searches, self.others, self.refusals)
        return sum(lane.present for lane in lanes)
