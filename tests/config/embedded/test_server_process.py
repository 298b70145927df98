"""A server process of a data folder: its socket, its session, its folder, and its last words."""

import os
import re
import shutil

import pytest

from config.embedded.postgresql_server import PostgreSQLServer
from config.embedded.redis_server import RedisServer
from config.embedded.server_process import EmbeddedServerError, Users
from tests.config.embedded.processes import POSTMASTER, as_root, servers

pytestmark = pytest.mark.slow


def test_a_removed_socket_is_made_again(start, var):
    client = start()
    client.ask(POSTMASTER)
    (var / "postgresql" / ".s.PGSQL.5432").unlink()
    assert start().ask("sql('select 1')") == [(1,)]
    assert client.ask("sql('select 1')") == [(1,)]


def test_a_path_too_long_for_a_socket_gets_a_private_folder_for_it(start, tmp_path):
    folder = tmp_path / ("long, and with spaces " * 5)
    client = start(folder=folder)
    assert client.ask("sql('select 1')") == [(1,)]
    assert client.ask("cache.set('a', 1)") is None
    for server in (PostgreSQLServer, RedisServer):
        socket = server(folder, Users(folder / "unused")).socket
        assert socket.is_socket()
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        shutil.rmtree(socket.parent)


def test_ctrl_c_reaches_no_server(start, var):
    client = start()
    client.ask(POSTMASTER)
    client.ask("cache.set('a', 1)")
    assert os.getsid(client.process.pid) not in {os.getsid(pid) for pid in servers(var)}


def test_a_server_that_cannot_start_says_why_at_once(start, tmp_path):
    client = start(folder=tmp_path)
    client.ask(POSTMASTER)
    client.end()
    with (tmp_path / "postgresql" / "data" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = plenty\n")
    answer = start(folder=tmp_path).ask(POSTMASTER)
    assert re.match(
        r"OperationalError: the embedded postgresql did not start: .*FATAL: .* contains errors .*set DATABASE_URL",
        str(answer),
    )


def test_the_last_words_of_a_killed_servers_sessions_do_not_keep_a_start_from_being_tried_again(tmp_path):
    server = PostgreSQLServer(tmp_path, Users(tmp_path / "users"))
    server.log.parent.mkdir()
    before = "FATAL:  pre-existing shared memory block (key 1) is still in use\n"
    server.log.write_text(before)
    with server.log.open("a") as log:
        log.write("FATAL:  terminating connection due to unexpected postmaster exit\n")
    server.check_retry(server.errors(0), waited=1)
    with pytest.raises(EmbeddedServerError, match="did not start: FATAL: terminating connection"):
        server.check_retry(server.errors(len(before)), waited=1)
    with pytest.raises(EmbeddedServerError, match="did not start: FATAL: pre-existing shared memory block"):
        server.check_retry(server.errors(0), waited=20)


@as_root
def test_a_folder_of_someone_else_is_refused(tmp_path):
    (tmp_path / "redis").mkdir()
    os.chown(tmp_path / "redis", 65534, 65534)
    with pytest.raises(EmbeddedServerError, match=r"belongs to user 65534: run as that user, or set LAMPLIGHT_VAR"):
        RedisServer(tmp_path, Users(tmp_path / "users")).ensure_running()
