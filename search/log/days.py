"""Days summed up: how often customers searched, clicked, filled a cart and bought."""

from collections import Counter
from datetime import date, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from catalog.models import Category
from search.log import queries
from search.models import Day, Event, Query

# Days that are summed up anew: a purchase may come days after the search.
LATE = 3
CUTOFFS = (1, 5, 10)
SUMS = (*(f"clicked_{k}" for k in CUTOFFS), "carts", "purchases")


def roll_up() -> list[date]:
    """Sum up today and the LATE days before, and any day of the log that was missed; returns the days with searches.

    Running it again changes nothing. Days that are no longer in the log stay as they are.
    """
    kept, fresh = queries.kept_days(), timezone.localdate() - timedelta(LATE)
    known = set(Day.objects.filter(date__in=kept).values_list("date", flat=True))
    return [day for day in kept if (day >= fresh or day not in known) and _sum_up(day)]


def _sum_up(day: date) -> bool:
    """Sum up a day. False when there was nothing to sum up."""
    span = (queries.midnight(day), queries.midnight(day + timedelta(1)))
    asked = Query.objects.filter(asked_at__gte=span[0], asked_at__lt=span[1])
    searches = dict(asked.values_list("category_id").annotate(Count("pk")))
    if not searches:
        return False
    events = Event.objects.filter(query__asked_at__gte=span[0], query__asked_at__lt=span[1])
    clicks = {
        f"clicked_{k}": Count("query", distinct=True, filter=Q(kind=Event.Kind.CLICK, position__lte=k)) for k in CUTOFFS
    }
    carts = Count("pk", filter=Q(kind=Event.Kind.CART))
    purchases = Count("pk", filter=Q(kind=Event.Kind.PURCHASE))
    rows = events.values_list("query__category_id").annotate(**clicks, carts=carts, purchases=purchases)
    done = {category: Counter(dict(zip(SUMS, sums, strict=True))) for category, *sums in rows}
    everything = sum(done.values(), Counter[str]())
    days = [_day(day, None, sum(searches.values()), everything)]
    # The log has no foreign keys: a category may be gone.
    for category in Category.objects.filter(pk__in=[pk for pk in searches if pk]).values_list("pk", flat=True):
        days.append(_day(day, category, searches[category], done.get(category, Counter())))
    Day.objects.bulk_create(
        days, update_conflicts=True, unique_fields=["date", "category"], update_fields=["searches", *SUMS]
    )
    return True


def _day(day: date, category: int | None, searches: int, sums: Counter[str]) -> Day:
    return Day(date=day, category_id=category, searches=searches, **{name: sums[name] for name in SUMS})
