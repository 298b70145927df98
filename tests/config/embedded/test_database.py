"""Django's connections to the embedded PostgreSQL."""

import subprocess
import sys

import pytest

from tests.config.embedded.processes import POSTMASTER, ROOT, SECONDS, environment, kill_servers

pytestmark = pytest.mark.slow


def test_a_killed_postgresql_is_back_at_the_next_query(start, var):
    client = start()
    began = client.ask(POSTMASTER)
    kill_servers(var, "postgresql")
    assert client.ask("sql('select 1')") == [(1,)]
    assert client.ask(POSTMASTER) != began


def test_psql_reaches_the_embedded_server(start, var):
    start().ask(POSTMASTER)
    shell = [sys.executable, "-m", "django", "dbshell", "--", "-Atc", "select current_user"]
    done = subprocess.run(shell, env=environment(var), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "lamplight\n"
