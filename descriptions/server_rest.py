"""How long the model's server is left alone after it failed, and why. All processes know.

It lies in the cache: if that is emptied, the server is asked a little earlier.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from django.core.cache import cache
from django.utils import timezone

logger = logging.getLogger(__name__)
KEY = "lamplight:captions:rest"
# Once somebody has mended it, nobody shall wait for long. Two requests in ten minutes are no burden.
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(minutes=10)


@dataclass(frozen=True)
class Rest:
    """The server is asked again after a time."""

    until: datetime
    reason: str
    times: int
    """Rests in a row."""


def current() -> Rest | None:
    """The rest that is not over yet."""
    rest = _last()
    return rest if rest and rest.until > timezone.now() else None


def begin(reason: str, asked_for: timedelta | None = None) -> Rest:
    """Leave the server alone: as long as it asked for, and each time in a row twice as long, up to LONGEST."""
    last = _last()
    times = last.times + 1 if last else 1
    length = max(asked_for or timedelta(0), min(LONGEST, SHORTEST * 2 ** min(times - 1, 10)))
    rest = Rest(timezone.now() + length, reason, times)
    try:
        # It outlives its end, so that the next one knows that it is not the first.
        cache.set(KEY, rest, (length + LONGEST).total_seconds())
    except redis.RedisError as error:
        logger.warning("That captions rest could not be kept: %s", error)
    return rest


def end() -> None:
    """The server has answered as it should."""
    try:
        cache.delete(KEY)
    except redis.RedisError as error:
        logger.warning("That captions rest no more could not be kept: %s", error)


def _last() -> Rest | None:
    try:
        rest = cache.get(KEY)
    except redis.RedisError as error:
        logger.warning("Whether captions rest could not be read: %s", error)
        return None
    return rest if isinstance(rest, Rest) else None
