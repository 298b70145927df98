"""The query log: what was searched for, how long it took, what was found.

A row is written after its answer was sent, so that no customer waits for it.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, models, transaction
from django.utils import timezone
from psycopg_pool import PoolTimeout
from rest_framework.response import Response

from search.gate import Choice
from search.models import Event, Query, Space

logger = logging.getLogger(__name__)
# Queries, the newest, that the median of a day is of: sorting a million takes half a second, 10,000 a few milliseconds.
MEDIAN_OF = 10_000
PRUNED_AT_ONCE = 5_000  # Rows that one transaction deletes: a fraction of a second.


class LoggedResponse(Response):
    """An answer whose query is logged once it is sent: a server closes a response after its last byte."""

    def __init__(self, data: Any, query: Query) -> None:
        super().__init__(data)
        self.query = query

    def close(self) -> None:
        try:
            log(self.query)
        except (DatabaseError, PoolTimeout) as error:
            logger.warning("A query was not logged: %s", error)
        finally:
            super().close()


def log(query: Query) -> None:
    """Store the row without waiting for the disk, which takes 4 ms: the thread has other customers to serve.

    A crash of PostgreSQL may lose the rows of the last second.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO off")
        query.save(force_insert=True)


class Median(models.Aggregate):
    """The middle one of the values that there are; of two, the lower."""

    template = "percentile_disc(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = models.FloatField()


@dataclass(frozen=True)
class Today:
    """Searches since midnight, and how long the middle one took; of many, of the newest."""

    searches: int
    median_ms: float | None


def answered(
    kind: Query.Kind,
    answer: dict[str, Any],
    space: Space | None = None,
    searched: Collection[int] = (),
    choice: Choice | None = None,
    vector: np.ndarray | None = None,
) -> Response:
    """The answer as a response that will be logged.

    Args:
        answer: with `query_id`, `results` and `timings_ms`. One without a `query_id` goes on with another: not logged.
        searched: ids of the categories, where no gate chose them.
        choice: the gate's.
        vector: of the query photo; kept only where the shop learns from its customers (LEARN_FROM_FEEDBACK).
    """
    if not settings.QUERY_LOG_DAYS or answer["query_id"] is None:
        return Response(answer)
    query = Query(
        id=UUID(answer["query_id"]),
        kind=kind,
        space=space,
        mode=choice.mode if choice else "",
        searched=sorted(choice.searched if choice else searched),
        category_id=_first(choice) if choice else _only(searched),
        ms=answer["timings_ms"]["total"],
        results=len(answer["results"]),
        vector=vector if settings.LEARN_FROM_FEEDBACK else None,
    )
    return LoggedResponse(answer, query)


def _first(choice: Choice) -> int | None:
    """The likeliest of the categories searched; None where that says nothing."""
    if choice.mode == "unknown":
        return None
    likely = {category: p for category, p in choice.probabilities.items() if category in choice.searched}
    return max(likely, key=likely.__getitem__) if likely else _only(choice.searched)


def _only(searched: Collection[int]) -> int | None:
    return next(iter(searched)) if len(searched) == 1 else None


def today() -> Today:
    """For a dashboard: two reads of one index."""
    asked = Query.objects.filter(asked_at__gte=midnight(timezone.localdate()))
    newest = asked.order_by("-asked_at").values("ms")[:MEDIAN_OF]
    return Today(asked.count(), newest.aggregate(median=Median("ms"))["median"])


def midnight(day: date) -> datetime:
    """When the day begins."""
    return timezone.make_aware(datetime(day.year, day.month, day.day))


def kept_days() -> list[date]:
    """The days whose queries are all in the log, today last."""
    today, count = timezone.localdate(), settings.QUERY_LOG_DAYS
    return [today - timedelta(back) for back in range(count, -1, -1)] if count else []


def prune() -> int:
    """Delete the queries of the days before, with their events; returns how many they were."""
    kept = kept_days()
    old = Query.objects.filter(asked_at__lt=midnight(kept[0])) if kept else Query.objects.all()
    pruned = 0
    while some := list(old.order_by("asked_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        with transaction.atomic():
            Event.objects.filter(query__in=some).delete()
            Query.objects.filter(pk__in=some).delete()
        pruned += len(some)
    return pruned
