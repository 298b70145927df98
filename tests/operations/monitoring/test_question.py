"""Answers that come late, never, or are kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError
from prometheus_client.core import GaugeMetricFamily

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
    answer = asked.answer(asked.begin(), time.monotonic() + seconds)
    return None if answer is None else answer[0].samples[0].value


def test_an_answer_is_kept_and_then_asked_for_anew(thread):
    asked = Question("server", Server(), thread, kept=0.2)
    assert (value(asked), value(asked)) == (1, 1)
    time.sleep(0.3)
    assert value(asked) == 2


def test_an_answer_that_ends_to_hold_while_it_is_waited_for_is_an_answer(thread):
    asked = Question("server", Server(), thread, kept=0.1)
    assert value(asked) == 1
    begun = asked.begin()
    time.sleep(0.2)
    answer = asked.answer(begun, time.monotonic())
    assert answer is not None
    assert answer[0].samples[0].value == 1


def test_an_answer_that_took_long_is_kept_for_longer(thread):
    server = Server()
    server.may.clear()
    threading.Timer(0.1, server.may.set).start()
    asked = Question("server", server, thread, kept=0)
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


def test_a_question_whose_turn_does_not_come_is_taken_back(thread):
    slow, other = Server(), Server()
    slow.may.clear()
    first, second = Question("slow", slow, thread), Question("other", other, thread)
    assert (value(first, 0.1), value(second, 0)) == (None, None)
    slow.may.set()
    assert (value(first), value(second), other.asked) == (1, 1, 1)


def test_a_failure_is_kept_as_well_for_as_long_as_it_took(thread):
    server = Server()
    server.failure = DatabaseError("canceling statement due to statement timeout")
    asked = Question("the shop", server, thread)
    assert (value(asked), value(asked), server.asked) == (None, None, 1)


@pytest.mark.parametrize("failure", [DatabaseError("the server is starting up"), KeyError("any other")])
def test_a_failure_is_no_answer_and_is_asked_about_again(failure, thread, caplog):
    server = Server()
    server.failure = failure
    asked = Question("the shop", server, thread, kept=0, sparing=0)
    assert value(asked) is None
    assert f"The metrics of the shop are not known: {failure}" in caplog.text
    server.failure = None
    assert value(asked) == 2
