"""How often keys are used: counted by day in Redis, written to the database each minute, read for the staff."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from threading import Lock

from cachetools import TTLCache, cached
from django.core.cache import BaseCache
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.utils import timezone

from access import rates
from access.models import Key, KeyDay, today

REQUESTS, REFUSALS = "requests", "refusals"
# Redis keeps a day's counts so long that a worker that was away for a night writes them.
KEPT = 3 * 86_400
WRITTEN = 3  # Days, today's among them.


@dataclass(frozen=True)
class Usage:
    today: int
    month: int
    refusals: int
    """Of this month."""


def count(key: Key, kind: str, more: int = 1) -> int:
    """Count one more today; -1 takes one back. Returns today's count."""
    day = today()
    return rates.counted(lambda store: _count(store, key.pk, day, kind, more))


def used_this_month(key: Key) -> int:
    """Requests of this month, right within a minute or so."""
    day = today()
    before, written = _written(key.pk, day)
    return before + rates.counted(lambda store: _at_least(store, _name(key.pk, day, REQUESTS), written))


def _at_least(store: BaseCache, name: str, written: int) -> int:
    """A count. That of a process that counts alone may be of when Redis was last away: it goes on from `written`."""
    found = int(store.get(name, 0))
    if found < written:
        store.set(name, written, KEPT)
    return max(found, written)


def _count(store: BaseCache, key: int, day: date, kind: str, more: int) -> int:
    name = _name(key, day, kind)
    try:
        return store.incr(name, more)
    except ValueError:  # It is the first of the day, or Redis was emptied.
        written = KeyDay.objects.filter(key=key, day=day).values_list(kind, flat=True).first()
        store.add(name, written or 0, KEPT)
        return store.incr(name, more)


@cached(TTLCache(maxsize=10_000, ttl=60, timer=time.monotonic), lock=Lock())
def _written(key: int, day: date) -> tuple[int, int]:
    """Requests of the month before this day, and of the day."""
    days = KeyDay.objects.filter(key=key, day__gte=day.replace(day=1), day__lte=day)
    found = dict(days.values_list("day", REQUESTS))
    return sum(found.values()) - found.get(day, 0), found.get(day, 0)


def write() -> int:
    """Write the counts of the last days to the database. Returns how many rows changed. Raises RedisError.

    A count only grows, so that writing it twice, or by two workers at once, changes nothing.
    """
    changed = 0
    days = [today() - timedelta(days=ago) for ago in range(WRITTEN)]
    keys = list(Key.objects.values_list("pk", flat=True))
    counts = rates.store().get_many(
        _name(key, day, kind) for key in keys for day in days for kind in (REQUESTS, REFUSALS)
    )
    for key in keys:
        for day in days:
            found = {kind: counts.get(_name(key, day, kind), 0) for kind in (REQUESTS, REFUSALS)}
            if any(found.values()):
                changed += _write(key, day, found)
    return changed


def _write(key: int, day: date, found: dict[str, int]) -> int:
    row, _ = KeyDay.objects.get_or_create(key_id=key, day=day)
    grown = {kind: number for kind, number in found.items() if number > getattr(row, kind)}
    for kind, number in grown.items():
        KeyDay.objects.filter(pk=row.pk, **{f"{kind}__lt": number}).update(**{kind: number})
    if REQUESTS in grown:
        used_at = min(timezone.now(), datetime.combine(day, datetime.max.time(), UTC))
        Key.objects.filter(pk=key).filter(Q(last_used_at=None) | Q(last_used_at__lt=used_at)).update(
            last_used_at=used_at
        )
    return bool(grown)


def of(keys: Sequence[Key]) -> dict[int, Usage]:
    """The use of these keys as far as it is written, by their ids."""
    prefetch_related_objects(keys, this_month())
    return {key.pk: summed(key) for key in keys}


def this_month() -> Prefetch:
    """The days that `summed` needs, for `prefetch_related`."""
    return Prefetch("days", KeyDay.objects.filter(day__gte=today().replace(day=1)))


def summed(key: Key) -> Usage:
    """The use of a key whose days of this month were prefetched."""
    days = key.days.all()
    return Usage(
        sum(one.requests for one in days if one.day == today()),
        sum(one.requests for one in days),
        sum(one.refusals for one in days),
    )


def _name(key: int, day: date, kind: str) -> str:
    return f"key:{key}:{day}:{kind}"
