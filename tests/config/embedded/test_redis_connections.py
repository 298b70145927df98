"""Connections of Django's cache and of Celery to the embedded Redis."""

import os
import signal
import time

import pytest

from config.embedded.redis_server import RedisServer
from config.embedded.server_process import Users
from tests.config.embedded.processes import WORKER, Client, kill_servers, queue_full, servers, wait_until

pytestmark = pytest.mark.slow


def test_a_killed_redis_is_back_for_the_cache_and_the_queue(start, var):
    client = start()
    client.ask("cache.set('a', 1)")
    client.ask("celery_app.send_task('unknown') and None")
    kill_servers(var, "redis")
    assert client.ask("cache.set('b', 2)") is None
    assert client.ask("cache.get('b')") == 2
    assert client.ask("celery_app.send_task('unknown') and None") is None


def test_a_worker_goes_on_after_redis_was_killed_under_its_task(start, var):
    client = start()
    worker = Client(var, WORKER)
    try:
        client.ask("celery_app.send_task('wait', ['begun', 'released']) and None")
        wait_until(lambda: client.ask("cache.get('begun')") is True)
        kill_servers(var, "redis")
        client.ask("cache.set('released', True)")
        client.ask("celery_app.send_task('note', ['noted']) and None")
        wait_until(lambda: client.ask("cache.get('noted')") is True)
    finally:
        worker.process.terminate()
        worker.end()


def test_a_redis_that_hangs_is_waited_for_a_second(start, var):
    client = start()
    client.ask("cache.set('a', 1)")
    stopped = servers(var, "redis")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(2):  # On the connection that there is, and on a new one.
            begun = time.monotonic()
            assert "TimeoutError" in str(client.ask("cache.get('a')"))
            assert time.monotonic() - begun < 2
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: client.ask("cache.get('a')") == 1)  # It takes a moment to empty its queue.


def test_a_redis_that_hangs_and_whose_queue_is_full_is_not_waited_for(start, var):
    client = start()
    client.ask("cache.set('a', 1)")
    server = RedisServer(var, Users(var / "unused"))
    stopped = servers(var, "redis")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        with queue_full(server.socket):
            client.ask("cache.get('a')")  # It gives up the connection that there is.
            begun = time.monotonic()
            assert "TimeoutError" in str(client.ask("cache.get('a')"))
            assert time.monotonic() - begun < 1
            assert server.complaint() is None
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: client.ask("cache.get('a')") == 1)  # It takes a moment to empty its queue.
