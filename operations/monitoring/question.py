"""A question to a server that may be slow or away: asked in another thread, waited for a little, and kept."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future

import redis
from django.db import Error as DatabaseError
from kombu.exceptions import OperationalError as BrokerError
from prometheus_client import Metric
from psycopg_pool import PoolTimeout

logger = logging.getLogger(__name__)
# Seconds that an answer holds. A shop of a million products takes some seconds to be counted, so that an answer holds
# for so many times as long as it took, too: asking takes 2 % of one connection's time at most.
KEPT, SPARING = 10, 50
FAILURES = (DatabaseError, PoolTimeout, BrokerError, redis.RedisError, OSError, TimeoutError)


class Question:
    """What `ask` answers, which runs in the `thread`."""

    def __init__(self, name: str, ask: Callable[[], Iterable[Metric]], thread: Executor) -> None:
        self.name = name
        self._ask, self._thread = ask, thread
        self._asked: Future[list[Metric]] | None = None
        self._answer: list[Metric] = []
        self._holds_until = 0.0

    def begin(self) -> None:
        """Ask without waiting, unless an answer still holds or is on its way."""
        if not self._holds and (self._asked is None or self._asked.done()):
            self._asked = self._thread.submit(self._work)

    def answer(self, deadline: float) -> list[Metric] | None:
        """The answer; None where there is none by the deadline, a time of time.monotonic. A later one is kept."""
        if self._asked is None:
            self.begin()
        if self._asked is None:
            return self._answer
        try:
            return self._asked.result(max(0.0, deadline - time.monotonic()))
        except FAILURES as error:  # One is that there is no answer yet.
            logger.warning("The metrics of %s are not known: %s", self.name, str(error) or "no answer yet")
            return None
        finally:
            if self._asked.done():
                self._asked = None

    @property
    def _holds(self) -> bool:
        return time.monotonic() < self._holds_until

    def _work(self) -> list[Metric]:
        begun = time.monotonic()
        answer = list(self._ask())
        took = time.monotonic() - begun
        self._answer, self._holds_until = answer, time.monotonic() + max(KEPT, SPARING * took)
        return answer
