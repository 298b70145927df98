"""How often keys are used: counted by day in Redis, written to the database each minute, read for the staff."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from threading import Lock

from cachetools import TTLCache, cached
from django.core.cache import BaseCache
from django.db.models import Prefetch, Sum, prefetch_related_objects
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


def count(key: Key, kind: str) -> int:
    """Count one more today. Returns today's count."""
    day = today()
    return rates.counted(lambda store: _count(store, key.pk, day, kind))


def used_this_month(key: Key) -> int:
    """Requests of this month, right within a minute or so."""
    day = today()
    return _before(key.pk, day) + rates.counted(lambda store: int(store.get(_name(key.pk, day, REQUESTS), 0)))


def _count(store: BaseCache, key: int, day: date, kind: str) -> int:
    name = _name(key, day, kind)
    try:
        return store.incr(name)
    except ValueError:  # It is the first of the day, or Redis was emptied.
        written = KeyDay.objects.filter(key=key, day=day).values_list(kind, flat=True).first()
        store.add(name, written or 0, KEPT)
        return store.incr(name)


@cached(TTLCache(maxsize=10_000, ttl=60, timer=time.monotonic), lock=Lock())
def _before(key: int, day: date) -> int:
    """Requests of the month before this day."""
    days = KeyDay.objects.filter(key=key, day__gte=day.replace(day=1), day__lt=day)
    return days.aggregate(sum=Sum(REQUESTS))["sum"] or 0


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
    if grown and day == today():
        Key.objects.filter(pk=key).update(last_used_at=timezone.now())
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
