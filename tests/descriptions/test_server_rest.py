"""A server that failed is left alone for a while."""

from datetime import timedelta

import pytest
import redis
from django.core.cache import cache
from django.utils import timezone

from descriptions import server_rest


def length() -> float:
    rest = server_rest.current()
    return 0 if rest is None else round((rest.until - timezone.now()).total_seconds())


def test_each_rest_in_a_row_is_twice_as_long_up_to_ten_minutes():
    lengths = []
    for _ in range(6):
        server_rest.begin("Busy.")
        lengths.append(length())
    assert lengths == [60, 120, 240, 480, 600, 600]


def test_the_server_says_how_long_at_least():
    server_rest.begin("Busy.", timedelta(hours=1))
    assert length() == 3_600
    server_rest.begin("Busy.", timedelta(seconds=3))
    assert length() == 120


def test_an_answer_ends_the_rest_and_the_row():
    server_rest.begin("Busy.")
    server_rest.end()
    assert server_rest.current() is None
    server_rest.begin("Busy.")
    assert length() == 60


def test_a_rest_that_is_over_is_none_and_is_remembered(monkeypatch):
    now = timezone.now()
    server_rest.begin("Busy.")
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=2))
    assert server_rest.current() is None
    assert server_rest.begin("Busy again.").times == 2


def test_without_redis_there_is_no_rest(monkeypatch, caplog):
    def fail(*args: object) -> None:
        raise redis.ConnectionError("gone")

    for name in ("get", "set", "delete"):
        monkeypatch.setattr(type(cache), name, fail, raising=False)
        monkeypatch.setattr(cache, name, fail, raising=False)
    assert server_rest.begin("Busy.").reason == "Busy."
    assert server_rest.current() is None
    server_rest.end()
    assert "could not be kept: gone" in caplog.text


@pytest.mark.parametrize("kept", ["text", 7, None])
def test_what_is_no_rest_is_none(kept):
    cache.set(server_rest.KEY, kept)
    assert server_rest.current() is None
