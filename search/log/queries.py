"""The query log: what was searched for, how long it took, what was found.

A row is written after its answer was sent, so that no customer waits for it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from search.models import Event, Query

# The newest queries of a day, of which its median is taken: sorting a million takes half a second, 10,000 a few
# milliseconds.
MEDIAN_OF = 10_000
PRUNED_AT_ONCE = 5_000  # Rows that one transaction deletes: a fraction of a second.


def log(query: Query) -> None:
    """Store the row without waiting for the disk, which takes 4 ms: the thread has other customers to serve.

    A crash of PostgreSQL may lose the rows of the last second.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO off")
        query.save(force_insert=True)


class Median(models.Aggregate):
    """The middle value; of two, the lower."""

    template = "percentile_disc(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = models.FloatField()


@dataclass(frozen=True)
class Today:
    """Searches since midnight, and the median time of the newest MEDIAN_OF."""

    searches: int
    median_ms: float | None


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
    """Delete the queries of days that are no longer kept, with their events. Returns how many queries."""
    kept = kept_days()
    old = Query.objects.filter(asked_at__lt=midnight(kept[0])) if kept else Query.objects.all()
    pruned = 0
    while some := list(old.order_by("asked_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        with transaction.atomic():
            Event.objects.filter(query__in=some).delete()
            Query.objects.filter(pk__in=some).delete()
        pruned += len(some)
    return pruned
