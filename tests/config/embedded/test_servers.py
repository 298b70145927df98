"""The two servers of a data folder: shared by their users, and stopped by the last one."""

import subprocess
import sys

import pytest

from tests.config.embedded.processes import POSTMASTER, ROOT, SECONDS, environment, servers

pytestmark = pytest.mark.slow


def test_reading_the_settings_starts_nothing(tmp_path):
    subprocess.run([sys.executable, "-c", "import config.settings"], env=environment(tmp_path), cwd=ROOT, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) in ([], ["secret-key"])


def test_servers_of_ones_own_leave_the_launcher_unread(tmp_path):
    program = (
        "import sys, django; django.setup(); from django.db import connection; from django.core.cache import cache;"
        "connection.settings_dict; cache.make_key('a'); from config import celery_app;"
        "celery_app.connection_for_write().transport_cls;"
        "print('config.embedded' in sys.modules)"
    )
    own = {"DATABASE_URL": "postgres://db/shop", "REDIS_URL": "redis://cache"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path, **own), cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "False\n"


def test_four_processes_that_start_cold_together_share_one_server(start, tmp_path):
    clients = start(4, folder=tmp_path)
    for client in clients:
        client.send(POSTMASTER)
    assert len({client.receive() for client in clients}) == 1


def test_the_last_user_stops_the_servers(start, var):
    first, last = start(2)
    for client in (first, last):
        client.ask(POSTMASTER)
        client.ask("cache.set('a', 1)")
    first.end()
    assert last.ask("sql('select 1'), cache.get('a')") == ([(1,)], 1)
    last.end()
    assert servers(var) == []


def test_a_process_that_used_only_redis_stops_postgresql_too(start, var):
    database, queue = start(2)
    database.ask(POSTMASTER)
    queue.ask("cache.set('a', 1)")
    database.kill()
    queue.end()
    assert servers(var) == []


def test_a_killed_user_is_not_counted(start, var):
    killed, last = start(2)
    killed.ask(POSTMASTER)
    last.ask(POSTMASTER)
    killed.kill()
    last.end()
    assert servers(var) == []


def test_a_forked_child_that_ends_leaves_the_servers_to_its_parent(start):
    parent = start()
    began = parent.ask(POSTMASTER)
    assert parent.ask("in_child(lambda: None)") == 0
    assert parent.ask(POSTMASTER) == began


def test_a_forked_child_that_uses_the_servers_ends_before_they_stop(start, var):
    parent = start()
    parent.ask("cache.get('child')")  # Redis writes nothing down: somebody has to keep it.
    assert parent.ask("in_child(lambda: cache.set('child', 1))") == 0
    assert parent.ask("cache.get('child')") == 1
    parent.end()
    assert servers(var) == []


def test_a_newcomer_while_the_last_user_leaves_gets_a_server(start):
    old = start()
    for _ in range(4):
        old.ask(POSTMASTER)
        new = start()
        old.send("sys.exit()")
        assert new.ask("sql('select 1')") == [(1,)]
        old.process.wait(SECONDS)
        assert new.ask("sql('select 1')") == [(1,)]
        old = new


def test_data_folders_side_by_side_are_strangers(start, tmp_path):
    here, there = start(), start(folder=tmp_path)
    here.ask("sql('create table only_here (id int)')")
    assert there.ask("sql(\"select to_regclass('only_here')\")") == [(None,)]


def test_ending_is_quiet(start):
    client = start()
    client.ask(POSTMASTER)
    assert client.end() == ""
