"""The query log: today's numbers, and what is dropped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from search import tasks
from search.log import queries
from search.models import Day, Event, Query
from tests.search_log import clicked

pytestmark = pytest.mark.django_db


def test_today_counts_searches_since_midnight_and_takes_the_middle_time(asked):
    assert queries.today() == queries.Today(0, None)
    for ms in (30, 10, 20, 40):
        asked(ms=ms)
    asked(days_ago=1, ms=1)
    assert queries.today() == queries.Today(4, 20.0)


def test_of_many_searches_the_newest_tell_the_median(asked, monkeypatch):
    monkeypatch.setattr(queries, "MEDIAN_OF", 3)
    now = timezone.now()
    for ago, ms in enumerate((5, 7, 6, 800, 900)):
        Query.objects.filter(pk=asked(ms=ms).pk).update(asked_at=now - timedelta(milliseconds=ago))
    assert queries.today().median_ms == 6.0


def test_old_queries_go_with_their_events_and_their_days_stay(asked, settings, monkeypatch):
    monkeypatch.setattr(queries, "PRUNED_AT_ONCE", 2)
    settings.QUERY_LOG_DAYS = 2
    for days_ago in (3, 3, 3, 2, 0):
        clicked(asked(days_ago=days_ago), 1)
    sums = dict.fromkeys(("clicked_1", "clicked_5", "clicked_10", "carts", "purchases"), 1)
    Day.objects.create(date=timezone.localdate() - timedelta(3), searches=3, **sums)
    tasks.roll_up()
    assert (Query.objects.count(), Event.objects.count()) == (2, 2)
    assert list(Day.objects.values_list("searches", flat=True)) == [1, 1, 3]
    settings.QUERY_LOG_DAYS = 0
    tasks.roll_up()
    assert (Query.objects.count(), Day.objects.count()) == (0, 3)
