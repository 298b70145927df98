"""An embedded PostgreSQL whose disk is full: it says so, and goes on by itself once there is room."""

import pytest

from tests.config.embedded.processes import wait_until

pytestmark = pytest.mark.slow
# Rows for which a table has no room, and entries of PostgreSQL's own log that need no table.
FILL = "sql('INSERT INTO kept SELECT 1 FROM generate_series(1, 1000000)')"
GROW_LOG = "sql(\"SELECT pg_logical_emit_message(false, 'a', repeat('b', 10000000))\") and 1 or 1"


def test_a_postgresql_whose_log_did_not_fit_comes_back_when_there_is_room(small_disk, start, tmp_path):
    disk = small_disk(tmp_path / "var" / "postgresql", megabytes=200)
    client = start(folder=tmp_path / "var")
    client.ask("sql('CREATE TABLE kept (number int)')")
    client.ask("sql('INSERT INTO kept VALUES (1)')")
    disk.fill()
    wait_until(lambda: "no space left" in str(client.ask(FILL)).lower())
    log = tmp_path / "var" / "log" / "postgresql.log"
    wait_until(lambda: bool(client.ask(GROW_LOG)) and "PANIC" in log.read_text())
    disk.free()
    wait_until(lambda: client.ask("sql('SELECT number FROM kept')") == [(1,)])
    assert client.ask("sql('INSERT INTO kept VALUES (2)')") is None
