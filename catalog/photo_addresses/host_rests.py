"""Hosts that are left alone for a while: they asked for it, or answer nobody. All workers know.

It lies in the cache: if that is emptied, a host is asked a little earlier.
"""

import logging
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

import redis
from django.core.cache import cache
from django.utils import timezone

from catalog.fetching.answers import NotFetched

logger = logging.getLogger(__name__)
# Failures in a row after which a host is hardly there. Each may hold a thread for 30 s.
FAILURES_IN_A_ROW = 5
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
AWAY = {"timed_out", "unreachable", "unresolved", "tls", "busy"}


class HostRests:
    """The rests of hosts, as far as this process has read them, and their failures in a row, as far as it saw them."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}
        self._failures: Counter[str] = Counter()

    def read(self, hosts: Collection[str]) -> None:
        """Read which of the hosts rest: one round trip."""
        try:
            found = cache.get_many([key(host) for host in hosts])
        except redis.RedisError as error:
            logger.warning("Which hosts rest could not be read: %s", error)
            return
        for host in hosts:
            if isinstance(until := found.get(key(host)), datetime):
                self._until[host] = max(until, self._until.get(host, until))

    def rests(self, host: str) -> bool:
        return self._until.get(host, timezone.now()) > timezone.now()

    def note(self, host: str, found: object) -> None:
        """Note what came of asking a host. It may have to rest."""
        failure = found if isinstance(found, NotFetched) else None
        if failure and failure.code in AWAY:
            self._failures[host] += 1
        else:
            self._failures.pop(host, None)
        if failure is None or self.rests(host):  # What was under way fails for the same reason.
            return
        if failure.retry_after is not None:  # Whatever else it answers: 500 may say so as well.
            self._begin(host, max(failure.retry_after, SHORTEST))
        elif (doublings := self._failures[host] - FAILURES_IN_A_ROW) >= 0:
            self._begin(host, min(LONGEST, SHORTEST * 2 ** min(doublings, 10)))

    def _begin(self, host: str, pause: timedelta) -> None:
        self._until[host] = timezone.now() + pause
        try:
            cache.set(key(host), self._until[host], pause.total_seconds())
        except redis.RedisError as error:
            logger.warning("That %s rests could not be kept: %s", host, error)


def key(host: str) -> str:
    return f"lamplight:fetching:rest:{host}"
