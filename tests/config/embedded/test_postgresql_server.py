"""The embedded PostgreSQL: what it outlives, who runs it, and what memory it takes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from config.embedded import postgresql_server
from config.embedded.postgresql_server import LEAST_BUFFERS, MOST_BUFFERS, PostgreSQLServer, shared_buffers
from config.embedded.server_process import EmbeddedServerError, Users
from tests.config.embedded.processes import POSTMASTER, ROOT, as_root, environment, kill_servers, wait_until

pytestmark = pytest.mark.slow


def test_no_committed_row_is_lost_when_everything_is_killed(start, var):
    client = start()
    client.ask("sql('create table kept as select generate_series(1, 5000)')")
    os.kill(client.process.pid, signal.SIGSTOP)  # Otherwise it would restart the server at once.
    kill_servers(var)
    client.kill()
    assert start().ask("sql('select count(*) from kept')") == [(5000,)]


def test_what_a_killed_backend_was_at_is_in_no_log(start, var):
    client, busy = start(2)
    busy.send("sql(\"select count(*), 'velvet' from generate_series(1, 50000000)\")")
    working = "sql(\"select pid from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()\")"
    wait_until(lambda: client.ask(working) != [])
    [(pid,)] = client.ask(working)
    os.kill(pid, signal.SIGKILL)
    log = var / "log" / "postgresql.log"
    wait_until(lambda: "was terminated by signal 9" in log.read_text())
    wait_until(lambda: client.ask("sql('select 1')") == [(1,)])
    assert "velvet" not in log.read_text()


def test_a_killed_postmaster_leaves_its_sessions_time_to_end(start, var):
    client, busy, newcomer = start(3)
    busy.send("sql('select count(*) from generate_series(1, 5000000)')")
    others = "sql(\"select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()\")"
    wait_until(lambda: client.ask(others) == [(1,)])
    pid = PostgreSQLServer(var, Users(var / "unused")).pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert newcomer.ask("sql('select 1')") == [(1,)]
    assert "pre-existing shared memory block" in (var / "log" / "postgresql.log").read_text()


@pytest.mark.parametrize("first_line", ["", "7", str(os.getpid())], ids=["torn", "of nobody", "of a stranger"])
def test_a_stale_pid_file_does_not_keep_postgresql_down(start, var, first_line):
    client = start()
    client.ask(POSTMASTER)
    os.kill(client.process.pid, signal.SIGSTOP)
    kill_servers(var)
    client.kill()
    pid_file = var / "postgresql" / "data" / "postmaster.pid"
    rest = pid_file.read_text().partition("\n")[2]
    pid_file.write_text(f"{first_line}\n{rest}" if first_line else "")
    assert start().ask("sql('select 1')") == [(1,)]


def test_vectors_can_be_stored(start):
    client = start()
    client.ask("sql('create extension if not exists vector')")
    assert client.ask("sql(\"select '[1,2]'::vector <=> '[1,2]'\")") == [(0.0,)]


def test_without_postgresql_the_error_names_both_cures(monkeypatch, tmp_path):
    monkeypatch.setattr(postgresql_server, "package_folder", lambda package: None)
    with pytest.raises(EmbeddedServerError, match=r"^no PostgreSQL: `pip install .*, or set DATABASE_URL"):
        PostgreSQLServer(tmp_path, Users(tmp_path / "users")).ensure_running()


@as_root
def test_root_that_cannot_become_another_user_is_told_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    postgresql_server.as_ordinary_user.cache_clear()
    with pytest.raises(EmbeddedServerError, match=r"run as an ordinary user, or set DATABASE_URL"):
        PostgreSQLServer(tmp_path, Users(tmp_path / "users")).ensure_running()


@as_root
def test_where_namespaces_are_forbidden_nobody_runs_postgresql(start, tmp_path):
    forbidden = tmp_path / "bin" / "unshare"
    forbidden.parent.mkdir()
    forbidden.write_text("#!/bin/sh\nexit 1\n")
    forbidden.chmod(0o755)
    var = tmp_path / "var"
    client = start(folder=var, prefix=("env", f"PATH={forbidden.parent}:{os.environ['PATH']}"))
    assert client.ask("sql('select 1')") == [(1,)]
    pid = PostgreSQLServer(var, Users(var / "unused")).pid()
    assert Path(f"/proc/{pid}").stat().st_uid == 65534


@as_root
def test_an_ordinary_user_needs_no_namespace(start):
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    folder = Path(tempfile.mkdtemp())  # pytest's own folder is closed to other users.
    os.chown(folder, 65534, 65534)
    program = [sys.executable, "-c", "import config.embedded.servers"]
    if subprocess.run([*nobody, *program], env=environment(folder), cwd=ROOT, capture_output=True).returncode:
        pytest.skip("another user cannot read the interpreter")
    client = start(folder=folder, prefix=nobody)
    assert client.ask("sql('select 1')") == [(1,)]
    client.end()
    shutil.rmtree(folder)


def test_postgresql_may_use_a_quarter_of_what_the_machine_or_the_container_has(tmp_path):
    limit = tmp_path / "memory.max"
    free = shared_buffers(limit)
    assert LEAST_BUFFERS <= free <= MOST_BUFFERS
    for text, expected in (("max\n", free), (f"{1 << 30}\n", 256 << 20), ("1000000\n", LEAST_BUFFERS)):
        limit.write_text(text)
        assert shared_buffers(limit) == expected
