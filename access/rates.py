"""Counts in Redis: how often something happened within the last minute or so, and whether it may once more.

While Redis does not answer, each process counts for itself: a flood that keeps Redis from answering is still counted.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import redis
from django.core.cache import BaseCache, caches

logger = logging.getLogger(__name__)
T = TypeVar("T")
# Seconds for which a process counts for itself after Redis failed. A Redis that hangs delays the requests of a moment
# then, not each.
PAUSE = 10

_paused_until = 0.0


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds, counted one by one, by Redis for all processes.

    A window's count is weighed with the part of the window before that is within the last `seconds`. What is refused
    does not count, so who asks too often is let in at the rate, however often they ask.
    """

    limit: int
    seconds: int

    def take(self, key: str, cost: int = 1) -> float:
        """Count `cost` more, unless that is above the limit. Returns the seconds to wait; 0: it was counted."""
        cost = min(cost, self.limit)
        return counted(lambda store: self._take(store, key, cost))

    def take_here(self, key: str) -> float:
        """As `take`, counted by this process alone: asking Redis takes ten times as long."""
        return self._take(caches["counts_here"], key, 1)

    def count(self, key: str, cost: int) -> None:
        """Count what was done already, above the limit as well. A negative `cost` takes back."""
        if cost > 0:
            counted(lambda store: self._add(store, key, time.time() // self.seconds, cost))
        elif cost:
            counted(lambda store: self._take_back(store, key, -cost))

    def settle(self, key: str, taken: int, cost: int) -> None:
        """Have what `taken` was counted for count as `cost`. As `take` does, either counts as the limit at most."""
        self.count(key, min(cost, self.limit) - min(taken, self.limit))

    def forget(self, key: str) -> bool:
        """Count from 0 again. Whether anything had been counted. Raises RedisError."""
        window = time.time() // self.seconds
        return sum([caches["counts"].delete(_name(key, one)) for one in (window, window - 1)]) > 0

    def _take(self, store: BaseCache, key: str, cost: int) -> float:
        window, elapsed = divmod(time.time(), self.seconds)
        now = self._add(store, key, window, cost)
        before = max(0, store.get(_name(key, window - 1), 0))
        if wait := self._wait(before, now - cost, cost, elapsed):
            self._add(store, key, window, -cost)
        return wait

    def _take_back(self, store: BaseCache, key: str, cost: int) -> None:
        """From this window, and from the one before what this one does not hold. Neither falls below 0.

        What is less than nothing would let in more than the limit until the window is over.
        """
        window = time.time() // self.seconds
        for one in (window, window - 1):
            back = min(cost, max(0, store.get(_name(key, one), 0)))
            if back:
                self._add(store, key, one, -back)
                cost -= back

    def _add(self, store: BaseCache, key: str, window: float, cost: int) -> int:
        name = _name(key, window)
        store.add(name, 0, 2 * self.seconds)
        try:
            return store.incr(name, cost)
        except ValueError:  # Redis was emptied in between.
            return cost

    def _wait(self, before: int, now: int, cost: int, elapsed: float) -> float:
        """Seconds until `cost` is within the limit; 0: it is."""
        room, left = self.limit - cost, self.seconds - elapsed
        if now <= room:
            part = (room - now) / before if before else 1
            return max(0.0, left - part * self.seconds)
        return left + self.seconds * (1 - room / now)


def store() -> BaseCache:
    """Where all processes count. Its methods raise RedisError."""
    return caches["counts"]


def counted(work: Callable[[BaseCache], T]) -> T:
    """Count in Redis, or in this process while Redis does not answer."""
    global _paused_until
    if time.monotonic() >= _paused_until:
        try:
            return work(caches["counts"])
        except redis.RedisError as error:
            _paused_until = time.monotonic() + PAUSE
            logger.warning("Each process counts for itself for %s s: %s", PAUSE, error)
    return work(caches["counts_here"])


def _name(key: str, window: float) -> str:
    return f"rate:{key}:{math.floor(window)}"
