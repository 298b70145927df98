"""A question to somebody who may be slow or away: asked in another thread, waited for a little, and kept."""

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future

from prometheus_client import Metric

logger = logging.getLogger(__name__)
# Seconds that an answer holds, and a failure. A shop of a million products takes some seconds to be counted, so that an
# answer holds for so many times as long as it took, too: each question takes 2 % of one connection's time at most.
KEPT, SPARING = 10, 50


class Question:
    """What `ask` answers, which runs in the `thread`. Whatever `ask` raises is logged, and no answer."""

    def __init__(
        self,
        name: str,
        ask: Callable[[], Iterable[Metric]],
        thread: Executor,
        kept: float = KEPT,
        sparing: float = SPARING,
    ) -> None:
        self.name = name
        self._ask, self._thread = ask, thread
        self._kept, self._sparing = kept, sparing
        self._asked: Future[list[Metric]] | None = None
        self._holds_until = 0.0

    def begin(self) -> Future[list[Metric]]:
        """Ask without waiting, unless the last answer still holds or is on its way."""
        if self._asked is None or (self._asked.done() and time.monotonic() >= self._holds_until):
            self._asked = self._thread.submit(self._work)
        return self._asked

    def answer(self, asked: Future[list[Metric]], deadline: float) -> list[Metric] | None:
        """What `begin` began; None where it failed, or there is none by the deadline, a time of time.monotonic.

        A late answer is kept. A question whose turn has not come is taken back, and asked anew next time.
        """
        try:
            error = asked.exception(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            logger.warning("The metrics of %s are not known: no answer yet", self.name)
            if asked.cancel():
                self._asked = None
            return None
        if error is None:
            return asked.result()
        logger.warning("The metrics of %s are not known: %s", self.name, error)
        return None

    def _work(self) -> list[Metric]:
        begun = time.monotonic()
        try:
            return list(self._ask())
        finally:
            now = time.monotonic()
            self._holds_until = now + max(self._kept, self._sparing * (now - begun))
