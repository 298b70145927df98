"""Counts in Redis: the limit holds for all processes and threads, and a Redis that hangs delays nobody for long."""

import os
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import caches

from access import rates
from access.rates import Rate
from config.embedded import servers


@pytest.fixture(autouse=True)
def _asked(monkeypatch):
    monkeypatch.setattr(rates, "_paused_until", 0.0)


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def stopped():
    """A Redis that takes connections and says nothing."""
    caches["counts"].get("runs")
    pid = servers.redis().pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


def test_the_limit_holds_under_parallel_clients(key):
    rate = Rate(10, 3_600)
    with ThreadPoolExecutor(4) as clients:
        waits = list(clients.map(lambda _: rate.take(key), range(40)))
    assert waits.count(0) == 10


def test_who_waits_as_long_as_told_is_let_in(key):
    rate = Rate(2, 1)
    assert [rate.take(key), rate.take(key)] == [0, 0]
    wait = rate.take(key)
    assert 0 < wait <= 1.5
    time.sleep(wait)
    assert rate.take(key) == 0


def test_what_is_taken_back_in_the_next_window_lets_nobody_in_above_the_limit(key, monkeypatch):
    rate, now = Rate(600, 60), [59.9]
    monkeypatch.setattr(time, "time", lambda: now[0])
    assert rate.take(key, 600) == 0
    now[0] = 60.1
    rate.settle(key, 600, 1)
    now[0] = 119.8
    assert sum(rate.take(key) == 0 for _ in range(1_300)) <= 600


def test_what_is_refused_does_not_count(key):
    rate = Rate(4, 3_600)
    assert rate.take(key, 3) == 0
    assert rate.take(key, 2) > 0
    assert rate.take(key, 1) == 0


def test_the_window_before_counts_as_far_as_it_is_within_the_last_seconds(key, monkeypatch):
    rate = Rate(4, 100)
    monkeypatch.setattr(rates.time, "time", lambda: 1_000.0)
    assert rate.take(key, 4) == 0
    monkeypatch.setattr(rates.time, "time", lambda: 1_150.0)  # Half of the four are.
    assert [rate.take(key), rate.take(key)] == [0, 0]
    assert rate.take(key) == 25
    monkeypatch.setattr(rates.time, "time", lambda: 1_175.0)
    assert rate.take(key) == 0


def test_what_was_done_already_counts_above_the_limit(key):
    rate = Rate(2, 3_600)
    rate.count(key, 5)
    assert rate.take(key) > 0
    assert rate.forget(key)
    assert not rate.forget(key)
    assert rate.take(key) == 0


def test_a_cost_above_the_limit_takes_all_of_it(key):
    rate = Rate(2, 3_600)
    assert rate.take(key, 5) == 0
    assert rate.take(key, 1) > 0


def test_a_redis_that_hangs_delays_one_request_and_the_process_counts_for_itself(key, stopped, caplog):
    rate = Rate(3, 3_600)
    begun = time.monotonic()
    assert rate.take(key) == 0
    assert time.monotonic() - begun < 1
    begun = time.monotonic()
    assert [rate.take(key) > 0 for _ in range(100)] == [False, False] + [True] * 98
    assert time.monotonic() - begun < 0.1
    [line] = caplog.records
    assert line.getMessage().startswith("Each process counts for itself for 10 s: ")


def test_redis_is_asked_again_after_the_pause(key, monkeypatch):
    rate = Rate(1, 3_600)
    monkeypatch.setattr(rates, "_paused_until", time.monotonic() + rates.PAUSE)
    assert rate.take(key) == 0
    assert rate.take(key) > 0
    monkeypatch.setattr(rates, "_paused_until", 0.0)
    assert rate.take(key) == 0
    assert rate.take(key) > 0
