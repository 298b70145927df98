"""Counts in Redis: how often something happened within the last minute or so, and whether it may once more."""

import logging
import math
import time
from dataclasses import dataclass

import redis
from django.core.cache import caches

logger = logging.getLogger(__name__)
# Seconds in which a process counts nothing after Redis failed. A Redis that hangs delays the requests of a moment then,
# not each.
PAUSE = 10

_paused_until = 0.0


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds, counted by Redis, one by one, for all processes.

    A window's count is weighed with the part of the window before that is within the last `seconds`. What is refused
    does not count, so who asks too often is let in at the rate, however often they ask.
    """

    limit: int
    seconds: int

    def take(self, key: str, cost: int = 1) -> float:
        """Count `cost` more, unless that is above the limit. Returns the seconds to wait; 0: it was counted."""
        if _is_paused():
            return 0
        cost = min(cost, self.limit)
        try:
            window, elapsed = divmod(time.time(), self.seconds)
            now = self._add(key, window, cost)
            before = self._count(key, window - 1)
            if wait := self._wait(before, now - cost, cost, elapsed):
                self._add(key, window, -cost)
            return wait
        except redis.RedisError as error:
            _pause(error)
            return 0

    def count(self, key: str, cost: int) -> None:
        """Count what was done already, above the limit as well. A negative `cost` takes back."""
        if cost == 0 or _is_paused():
            return
        try:
            self._add(key, time.time() // self.seconds, cost)
        except redis.RedisError as error:
            _pause(error)

    def forget(self, key: str) -> bool:
        """Count from 0 again. Whether anything had been counted. Raises RedisError."""
        window = time.time() // self.seconds
        return sum([caches["counts"].delete(_name(key, one)) for one in (window, window - 1)]) > 0

    def _add(self, key: str, window: float, cost: int) -> int:
        store, name = caches["counts"], _name(key, window)
        store.add(name, 0, 2 * self.seconds)
        try:
            return store.incr(name, cost)
        except ValueError:  # Redis was emptied in between.
            return cost

    def _count(self, key: str, window: float) -> int:
        return max(0, caches["counts"].get(_name(key, window), 0))

    def _wait(self, before: int, now: int, cost: int, elapsed: float) -> float:
        """Seconds until `cost` is within the limit; 0: it is."""
        room, left = self.limit - cost, self.seconds - elapsed
        if now <= room:
            part = (room - now) / before if before else 1
            return max(0.0, left - part * self.seconds)
        return left + self.seconds * (1 - room / now)


def _is_paused() -> bool:
    return time.monotonic() < _paused_until


def _pause(error: redis.RedisError) -> None:
    global _paused_until
    _paused_until = time.monotonic() + PAUSE
    logger.warning("Nothing is throttled for %s s: %s", PAUSE, error)


def _name(key: str, window: float) -> str:
    return f"rate:{key}:{math.floor(window)}"
