"""What a search found for each thing in a photo, kept for an hour, so that a basket can be made of it.

It is kept in Django's cache. Whoever knows the query's random id may read it.
"""

import logging
import time
from collections.abc import Sequence

import redis
from django.core.cache import cache

logger = logging.getLogger(__name__)
TIMEOUT = 3_600
# Seconds in which a process keeps nothing after Redis failed. A Redis that hangs takes two seconds to fail: it delays
# one search then, not each.
PAUSE = 30
Candidate = tuple[str, float]
"""A sku and its similarity, 0 to 1."""

_paused_until = 0.0


def key(query_id: str) -> str:
    return f"objects:{query_id}"


def keep(query_id: str, things: Sequence[Sequence[Candidate]]) -> None:
    """Keep what was found for each thing, each sku once a thing. Never fails: without Redis, search goes on."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        cache.set(key(query_id), [list(thing) for thing in things], TIMEOUT)
    except redis.RedisError as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("What searches found is not kept for %s s: %s", PAUSE, error)


def kept(query_id: str) -> list[list[Candidate]] | None:
    """What was found for each thing; None for an unknown query or an old one. Raises redis.RedisError."""
    things: list[list[Candidate]] | None = cache.get(key(query_id))
    return things
