"""Rows that a worker takes to work on: pending ones, locked until the end of its transaction."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Max, Model, QuerySet

M = TypeVar("M", bound=Model)
# Seconds until a batch looks through all rows again, and not only behind the end of the last one.
FRESH = 60


@dataclass
class _Frontier:
    """Where this process's last batch ended: a hint where to look first, not a record of what is settled."""

    last: int
    """A row's id."""
    expires: float
    """A time of the monotonic clock."""


_frontiers: dict[Hashable, _Frontier] = {}


def claim(key: Hashable, pending: "Callable[[int], QuerySet[M]]", size: int) -> list[M]:
    """Lock up to `size` pending rows that no other worker has locked: those behind the last batch, or the first of all.

    Looking through 100,000 photos takes 100 ms, and grows with them; behind the last batch it takes 3 ms. Rows that lie
    before it (a product moved or its text changed, a worker was killed) wait until those behind are done, or for FRESH
    seconds. `key` tells one kind of work from another.
    """
    frontier = _frontiers.get(key)
    if frontier and time.monotonic() < frontier.expires and (rows := _lock(pending, size, frontier.last)):
        frontier.last = rows[-1].pk
        return rows
    newest = pending(0).model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
    rows = _lock(pending, size)
    _frontiers[key] = _Frontier(rows[-1].pk if rows else newest, time.monotonic() + FRESH)
    return rows


def _lock(pending: "Callable[[int], QuerySet[M]]", size: int, after: int = 0) -> list[M]:
    """Lock up to `size` pending rows, in the order of their ids.

    A second statement asks for them again once they are locked. Only it sees that another worker settled some between
    our snapshot and our lock. One statement for both would read the vectors' rows, not only their index: 400 ms instead
    of 100 among 100,000 photos.
    """
    everything = pending(0)
    # Ask for twice as many as wanted, since another worker may hold the first.
    while ids := list(pending(after).order_by("pk").values_list("pk", flat=True)[: 2 * size]):
        free = everything.model._default_manager.filter(pk__in=ids).select_for_update(skip_locked=True, no_key=True)
        locked = list(free.order_by("pk").values_list("pk", flat=True)[:size])
        if claimed := list(everything.filter(pk__in=locked).order_by("pk")):
            return claimed
        after = ids[-1]
    return []
