import logging
import os
import signal
import time

import pytest
import redis
from django.core.cache import cache

from catalog.models import Product
from config.embedded import servers
from search import tasks, worker_bell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def not_paused(monkeypatch):
    monkeypatch.setattr(worker_bell, "_paused_until", 0.0)


@pytest.fixture
def rings(monkeypatch):
    """The names of the tasks asked for; nothing reaches Celery's queue."""
    sent: list[str] = []
    monkeypatch.setattr("celery.current_app.send_task", lambda name, **options: sent.append(name))
    cache.delete(worker_bell.key(worker_bell.INDEX))
    yield sent
    cache.delete(worker_bell.key(worker_bell.INDEX))


def test_a_committed_photo_rings_once(rings, photo, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        photo("red")
        assert rings == []
    assert rings == ["search.tasks.index_pending"]


def test_a_bell_that_is_ringing_is_not_rung_again(rings):
    worker_bell.ring()
    worker_bell.ring()
    assert len(rings) == 1


def test_the_worker_silences_the_bell_before_it_looks(rings, space):
    worker_bell.ring()
    tasks.index_pending()
    worker_bell.ring()
    assert len(rings) == 2


def test_a_saved_product_rings_since_it_may_have_moved(rings, product, django_capture_on_commit_callbacks):
    lamp = product("lamp")
    with django_capture_on_commit_callbacks(execute=True):
        Product.objects.get(pk=lamp.pk).save()
    assert rings == ["search.tasks.index_pending"]


def test_without_redis_saving_a_photo_still_works(photo, monkeypatch, caplog, django_capture_on_commit_callbacks):
    def refuse(*args, **options):
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(cache, "add", refuse)
    with caplog.at_level(logging.WARNING), django_capture_on_commit_callbacks(execute=True):
        assert photo("red").pk
    assert "was not rung" in caplog.text


def test_a_redis_that_hangs_holds_up_one_upload_and_not_each(caplog):
    pid = servers.redis().pid()
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        seconds = [timed(worker_bell.ring) for _ in range(3)]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert seconds[0] < 3
    assert max(seconds[1:]) < 0.1


def timed(action) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun
