"""How often keys were used: counted in Redis, written each minute."""

from datetime import timedelta

import redis
from django.core.cache import caches
from django.utils import timezone

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


def test_a_key_was_last_used_when_requests_came_and_not_when_all_were_refused(make_key):
    key, _ = make_key()
    usage.count(key, usage.REFUSALS)
    usage.write()
    assert Key.objects.get().last_used_at is None


def test_a_key_was_last_used_on_the_day_before_as_well(make_key, monkeypatch):
    key, _ = make_key()
    day = today()
    for _ in range(2):
        usage.count(key, usage.REQUESTS)
        with monkeypatch.context() as patch:
            patch.setattr(usage, "today", lambda: day + timedelta(days=1))
            usage.write()
        assert Key.objects.filter(last_used_at__date=day).exists()
        Key.objects.update(last_used_at=timezone.now() - timedelta(days=2))
    later = timezone.now() + timedelta(days=9)
    Key.objects.update(last_used_at=later)
    usage.count(key, usage.REQUESTS)
    usage.write()
    assert Key.objects.get().last_used_at == later


def test_what_options_ask_is_no_refusal(client, make_key):
    key, sent = make_key()
    assert client.options("/api/v1/products/", headers=sent).status_code == 200
    usage.write()
    assert usage.of([key])[key.pk].refusals == 0
    assert client.post("/api/v1/products/", {}, headers=sent).status_code == 403
    assert client.get("/api/v1/products/", headers={**sent, "origin": "https://evil.example"}).status_code == 403
    usage.write()
    assert usage.of([Key.objects.get()])[key.pk].refusals == 2


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
