"""How long hosts are left alone."""

from datetime import timedelta

import pytest
import redis
from django.core.cache import cache
from django.utils import timezone

from catalog.fetching.answers import NotFetched
from catalog.photo_addresses.host_rests import FAILURES_IN_A_ROW, HostRests, key

HOST = "shop.example"
AWAY = NotFetched("unreachable", "Nobody answers.", may_pass=True)


@pytest.fixture(autouse=True)
def _no_rests():
    cache.clear()
    yield
    cache.clear()


def rest() -> timedelta:
    until = cache.get(key(HOST))
    return round((until - timezone.now()) / timedelta(minutes=1)) * timedelta(minutes=1) if until else timedelta(0)


def test_a_host_rests_as_long_as_it_says_and_a_minute_at_least():
    rests = HostRests()
    rests.note(HOST, NotFetched("busy", "429", may_pass=True, retry_after=timedelta(hours=2)))
    assert rests.rests(HOST)
    assert rest() == timedelta(hours=2)
    rests.note("other.example", NotFetched("busy", "429", may_pass=True, retry_after=timedelta(0)))
    assert rests.rests("other.example")


def test_a_host_that_fails_rests_as_well_if_it_says_so():
    rests = HostRests()
    rests.note(HOST, NotFetched("server_error", "500", may_pass=True))
    assert rest() == timedelta(0)
    rests.note(HOST, NotFetched("server_error", "500", may_pass=True, retry_after=timedelta(hours=2)))
    assert rest() == timedelta(hours=2)


def test_a_host_that_is_away_rests_after_some_failures_in_a_row():
    rests = HostRests()
    for _ in range(FAILURES_IN_A_ROW - 1):
        rests.note(HOST, AWAY)
    rests.note(HOST, NotFetched("not_found", "404"))  # It answers.
    for _ in range(FAILURES_IN_A_ROW - 1):
        rests.note(HOST, AWAY)
    assert not rests.rests(HOST)
    rests.note(HOST, AWAY)
    assert rest() == timedelta(minutes=1)
    for pause in (2, 4, 8, 16, 32, 60, 60):
        rests._until.clear()  # The rest is over.
        rests.note(HOST, AWAY)
        assert rest() == timedelta(minutes=pause)


def test_other_workers_know(monkeypatch):
    HostRests().note(HOST, NotFetched("busy", "429", may_pass=True, retry_after=timedelta(hours=2)))
    other = HostRests()
    assert not other.rests(HOST)
    other.read([HOST, "other.example"])
    assert (other.rests(HOST), other.rests("other.example")) == (True, False)


def test_without_redis_each_worker_knows_for_itself(monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(cache, "get_many", fail)
    monkeypatch.setattr(cache, "set", fail)
    rests = HostRests()
    rests.read([HOST])
    rests.note(HOST, NotFetched("busy", "429", may_pass=True, retry_after=timedelta(hours=2)))
    assert rests.rests(HOST)
