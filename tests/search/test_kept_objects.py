"""What a search found for each thing is kept for an hour, and a Redis that is down costs no search anything."""

import time
from uuid import uuid4

import pytest
import redis
from django.core.cache import cache, caches

from search import kept_objects

FOUND = [[("LAM-1", 0.9), ("LAM-2", 0.25)], [], [("BED-1", 1.0)]]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(kept_objects, "_paused_until", 0.0)


@pytest.fixture
def query_id() -> str:
    return str(uuid4())


@pytest.fixture
def broken(monkeypatch):
    """How often Redis was asked to keep something, and failed."""
    asked = []

    def refuse(*args: object) -> None:
        asked.append(args)
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(cache, "set", refuse)
    return asked


def test_what_was_found_comes_back(query_id):
    kept_objects.keep(query_id, FOUND)
    assert kept_objects.kept(query_id) == FOUND
    assert kept_objects.kept(str(uuid4())) is None


def test_it_is_kept_for_an_hour(query_id):
    kept_objects.keep(query_id, FOUND)
    client = caches["default"]._cache.get_client()  # type: ignore[attr-defined]  # Django's own of Redis.
    left = client.ttl(cache.make_key(kept_objects.key(query_id)))
    assert 3_590 < left <= 3_600


def test_without_redis_a_search_goes_on_and_the_next_ones_do_not_even_ask(broken, query_id, caplog):
    kept_objects.keep(query_id, FOUND)
    kept_objects.keep(query_id, FOUND)
    assert len(broken) == 1
    assert "not kept for 30 s: refused" in caplog.text


def test_redis_is_asked_again_after_the_pause(broken, query_id, monkeypatch):
    kept_objects.keep(query_id, FOUND)
    later = time.monotonic() + kept_objects.PAUSE
    monkeypatch.setattr("search.kept_objects.time.monotonic", lambda: later + 1)
    kept_objects.keep(query_id, FOUND)
    assert len(broken) == 2


def test_whoever_asks_hears_that_redis_is_down(query_id, monkeypatch):
    def refuse(key: str) -> None:
        raise redis.TimeoutError("late")

    monkeypatch.setattr(cache, "get", refuse)
    with pytest.raises(redis.TimeoutError):
        kept_objects.kept(query_id)
