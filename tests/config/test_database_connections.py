"""A PostgreSQL that hangs, or one process of it, is noticed; one that is merely slow is waited for."""

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded

from config import database_connections
from config.database_connections import Connection
from config.embedded import servers
from config.embedded.database.base import Connection as PoolConnection
from tests.config.embedded.processes import queue_full
from tests.config.embedded.processes import servers as processes

pytestmark = pytest.mark.django_db


class Customers(Connection):
    """The connections of a web process."""


Customers.serve_customers()


@pytest.fixture
def connection(monkeypatch) -> Iterator[Connection]:
    monkeypatch.setattr(database_connections, "SILENCE", 0.3)
    server = servers.postgresql()
    address = f"host={server.socket_folder} port={server.port} user=lamplight dbname=lamplight"
    with Customers.connect(address, autocommit=True) as connection:
        yield connection


@pytest.fixture
def stop() -> Iterator[object]:
    """Stops processes; they go on after the test."""
    stopped: list[int] = []

    def send(*pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)

    yield send
    go_on(*stopped)


def go_on(*pids: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # It may have ended as soon as those before it went on.
            os.kill(pid, signal.SIGCONT)


def test_a_hanging_server_ends_a_statement_within_five_seconds(connection, stop):
    stop(*processes(Path(servers.postgresql().data)))
    begun = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="the server hangs"):
        connection.execute("SELECT 1")
    assert time.monotonic() - begun < 5
    assert connection.closed
    assert Connection.hangs()


def test_a_hanging_server_whose_queue_is_full_is_noticed_and_nobody_starts_another(connection, stop):
    server = servers.postgresql()
    stop(*processes(Path(server.data)))
    begun = time.monotonic()
    with queue_full(server.socket):
        with pytest.raises(psycopg.OperationalError, match="the server hangs"):
            connection.execute("SELECT 1")
        Connection.hung_at = -database_connections.RECENT
        with pytest.raises(psycopg.OperationalError, match="temporarily unavailable"):
            PoolConnection.connect(connection.address[0])
        assert Connection.hangs()
        assert server.complaint() is None
    assert time.monotonic() - begun < 2


def test_a_worker_waits_for_a_server_that_hangs_but_not_for_ever(connection, stop, monkeypatch):
    monkeypatch.setattr(Connection, "patience", 4)
    monkeypatch.setattr(Connection, "longest", None)
    conninfo, _ = connection.address
    with Connection.connect(conninfo, autocommit=True) as worker:
        stopped = processes(Path(servers.postgresql().data))
        stop(*stopped)
        begun = time.monotonic()
        threading.Timer(3, go_on, stopped).start()
        assert worker.execute("SELECT 1").fetchall() == [(1,)]
        assert time.monotonic() - begun >= 3
        stop(*stopped)
        with pytest.raises(psycopg.OperationalError, match="the server hangs"):
            worker.execute("SELECT 1")
        assert time.monotonic() - begun >= 7


def test_an_answer_that_comes_while_another_connection_is_tried_counts(connection, monkeypatch):
    def late(conninfo: str, **options: object) -> None:
        time.sleep(1)  # The answer comes meanwhile.
        raise psycopg.errors.ConnectionTimeout

    monkeypatch.setattr(psycopg.Connection, "connect", late)
    assert connection.execute("SELECT 1 FROM pg_sleep(0.8)").fetchall() == [(1,)]


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "Too many open files"), psycopg.OperationalError("full")])
def test_a_connection_that_cannot_be_tried_says_nothing_of_the_server(connection, monkeypatch, error):
    def fail(conninfo: str, **options: object) -> None:
        raise error

    monkeypatch.setattr(psycopg.Connection, "connect", fail)
    assert connection.execute("SELECT 1 FROM pg_sleep(0.8)").fetchall() == [(1,)]


def test_a_task_whose_time_is_up_leaves_no_connection_in_the_middle_of_a_statement(connection, monkeypatch):
    def end(conninfo: str, **options: object) -> None:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(psycopg.Connection, "connect", end)
    with pytest.raises(SoftTimeLimitExceeded):
        connection.execute("SELECT 1 FROM pg_sleep(5)")
    assert connection.closed


def test_a_slow_statement_of_a_server_that_lives_is_waited_for(connection):
    assert connection.execute("SELECT 1 FROM pg_sleep(1.5)").fetchall() == [(1,)]


def test_a_process_of_the_server_that_hangs_alone_ends_its_statement(connection, stop, monkeypatch):
    monkeypatch.setattr(Customers, "longest", 1)
    stop(connection.info.backend_pid)
    with pytest.raises(psycopg.OperationalError, match="the server hangs"):
        connection.execute("SELECT 1")


def test_a_web_process_has_the_server_stop_a_statement_that_takes_too_long(connection):
    assert connection.execute("SHOW statement_timeout").fetchall() == [("30s",)]


def test_a_worker_may_take_as_long_as_it_likes(connection, monkeypatch):
    monkeypatch.setattr(Connection, "longest", None)  # A web process has called serve_customers.
    conninfo, _ = connection.address
    with Connection.connect(conninfo) as worker:
        assert worker.execute("SHOW statement_timeout").fetchall() == [("0",)]
