"""Answers that come late, never, or are kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily

from operations.monitoring import question
from operations.monitoring.question import Question


@pytest.fixture
def thread():
    with ThreadPoolExecutor(1) as one:
        yield one


class Server:
    """Answers how often it was asked, once it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may = threading.Event()
        self.may.set()
        self.failure: Exception | None = None

    def __call__(self):
        self.asked += 1
        self.may.wait(10)
        if self.failure:
            raise self.failure
        return [GaugeMetricFamily("asked", "How often.", self.asked)]


def value(asked: Question, seconds: float = 5) -> float | None:
    answer = asked.answer(time.monotonic() + seconds)
    return None if answer is None else answer[0].samples[0].value


def test_an_answer_is_kept_and_then_asked_for_anew(thread, monkeypatch):
    monkeypatch.setattr(question, "KEPT", 0.2)
    asked = Question("server", Server(), thread)
    assert (value(asked), value(asked)) == (1, 1)
    time.sleep(0.3)
    assert value(asked) == 2


def test_an_answer_that_took_long_is_kept_for_longer(thread, monkeypatch):
    monkeypatch.setattr(question, "KEPT", 0)
    server = Server()
    server.may.clear()
    threading.Timer(0.1, server.may.set).start()
    asked = Question("server", server, thread)
    assert (value(asked), value(asked)) == (1, 1)
    assert 4 < asked._holds_until - time.monotonic() < 50


def test_an_answer_that_is_late_is_not_asked_for_twice(thread):
    server = Server()
    server.may.clear()
    asked = Question("server", server, thread)
    asked.begin()
    assert (value(asked, 0), value(asked, 0)) == (None, None)
    server.may.set()
    assert (value(asked), server.asked) == (1, 1)


def test_a_failure_is_no_answer_and_is_asked_about_again(thread, caplog):
    server = Server()
    server.failure = DatabaseError("the server is starting up")
    asked = Question("the shop", server, thread)
    assert value(asked) is None
    assert "The metrics of the shop are not known: the server is starting up" in caplog.text
    server.failure = None
    assert value(asked) == 2
