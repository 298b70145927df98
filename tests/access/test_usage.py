"""How often keys were used: counted in Redis, written each minute."""

from datetime import timedelta

import redis
from django.core.cache import caches

from access import tasks, usage
from access.models import Key, KeyDay, today


def test_counts_are_written_once_however_often_they_are(make_key):
    key, _ = make_key()
    assert usage.of([key]) == {key.pk: usage.Usage(0, 0, 0)}
    for _ in range(3):
        usage.count(key, usage.REQUESTS)
    usage.count(key, usage.REFUSALS)
    assert [usage.write(), usage.write()] == [1, 0]
    key = Key.objects.get()
    assert usage.of([key]) == {key.pk: usage.Usage(3, 3, 1)}
    assert key.last_used_at is not None


def test_counts_go_on_from_what_is_written_after_redis_was_emptied(make_key):
    key, _ = make_key()
    usage.count(key, usage.REQUESTS)
    tasks.write_usage()
    caches["counts"].clear()
    assert usage.count(key, usage.REQUESTS) == 2
    assert usage.used_this_month(key) == 2


def test_a_month_is_summed_up_and_the_one_before_is_not(make_key):
    key, _ = make_key()
    first = today().replace(day=1)
    KeyDay.objects.create(key=key, day=first - timedelta(days=1), requests=100, refusals=9)
    KeyDay.objects.get_or_create(key=key, day=first, defaults={"requests": 5})
    assert usage.of([key])[key.pk].month == 5


def test_a_redis_that_is_away_is_a_line_of_the_log(make_key, monkeypatch, caplog):
    make_key()

    def away(*args):
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(caches["counts"], "get_many", away)
    tasks.write_usage()
    assert "The use of keys was not written" in caplog.text
