"""A PostgreSQL that hangs, or one process of it, is noticed; one that is merely slow is waited for."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config import database_connections
from config.database_connections import Connection
from config.embedded import servers
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
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)


def test_a_hanging_server_ends_a_statement_within_five_seconds(connection, stop):
    stop(*processes(Path(servers.postgresql().data)))
    begun = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="the server hangs"):
        connection.execute("SELECT 1")
    assert time.monotonic() - begun < 5
    assert connection.closed
    assert Connection.hangs()


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
    monkeypatch.setattr(Connection, "longest", None)  # Whoever imports config.wsgi serves customers.
    conninfo, _ = connection.address
    with Connection.connect(conninfo) as worker:
        assert worker.execute("SHOW statement_timeout").fetchall() == [("0",)]
