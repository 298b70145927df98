"""The embedded servers, with real processes that start, share, kill and outlive them."""

import ast
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from config import embedded
from config.server import EmbeddedServerError, Users

pytestmark = pytest.mark.slow

SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]

# Answers each line of Python on stdin with the value's repr; connections are checked in between, as between requests.
CLIENT = """
import os, sys, time
import django; django.setup()
from django.core.cache import cache
from django.db import close_old_connections, connection
from config import celery_app

def sql(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None

def queue_length():
    with celery_app.connection_for_read() as broker:
        return broker.default_channel.client.llen("celery")

def in_child(action):
    pid = os.fork()
    if pid == 0:
        action()
        sys.exit()
    return os.waitpid(pid, 0)[1]

print("ready", flush=True)
for line in sys.stdin:
    close_old_connections()
    try:
        answer = repr(eval(line))
    except Exception as error:
        answer = repr(f"{type(error).__name__}: {error}")
    print(answer, flush=True)
"""

WORKER = """
import sys, time
from django.core.cache import cache
from config import celery_app

@celery_app.task(name="wait")
def wait(begun, released):
    cache.set(begun, True)
    deadline = time.monotonic() + 30
    while not cache.get(released) and time.monotonic() < deadline:
        time.sleep(0.05)

@celery_app.task(name="note")
def note(key):
    cache.set(key, True)

celery_app.worker_main(["worker", "--concurrency=1", "--loglevel=WARNING"])
"""


def environment(var: Path, **extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    bare = {"LAMPLIGHT_VAR": str(var), "DJANGO_SETTINGS_MODULE": "tests.config.bare_settings", "PYTHONPATH": str(ROOT)}
    return kept | bare | extra


class Client:
    """A process of the application."""

    def __init__(self, var: Path, program: str = CLIENT, prefix: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(var),
            cwd=ROOT,
        )

    def send(self, expression: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def receive(self) -> str:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], SECONDS)[0], "the process does not answer"
        return self.process.stdout.readline().strip()

    def ask(self, expression: str) -> object:
        self.send(expression)
        return ast.literal_eval(self.receive())

    def end(self) -> str:
        """Let the process end by itself; what it wrote to stderr."""
        return self.process.communicate(timeout=SECONDS)[1]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=SECONDS)


def servers(var: Path, name: str = "") -> list[int]:
    """The processes that run in a data folder, by the kernel's own account."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = (entry / "cwd").readlink()
        except OSError:
            continue
        if folder.is_relative_to(var / name):
            found.append(int(entry.name))
    return found


def kill_servers(var: Path, name: str = "") -> None:
    killed = servers(var, name)
    for pid in killed:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(killed) & set(servers(var, name)))  # A living user may have started others by then.


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def var(tmp_path_factory) -> Path:
    """A data folder shared by tests that need no fresh one: making one takes seconds."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture
def start(var) -> Iterator[Callable[..., Any]]:
    """Starts processes of the application, in `var` unless told otherwise, and leaves none behind."""
    clients: list[Client] = []
    folders: set[Path] = {var}

    def start_many(count: int = 1, folder: Path = var, **options) -> Any:
        folders.add(folder)
        made = [Client(folder, **options) for _ in range(count)]
        clients.extend(made)
        for client in made:
            assert client.receive() == "ready"
        return made if count > 1 else made[0]

    yield start_many
    for client in clients:
        client.kill()
    for folder in folders:
        kill_servers(folder)


POSTMASTER = "sql('select pg_postmaster_start_time()::text')"


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


def test_no_committed_row_is_lost_when_everything_is_killed(start, var):
    client = start()
    client.ask("sql('create table kept as select generate_series(1, 5000)')")
    os.kill(client.process.pid, signal.SIGSTOP)  # Or it would restart the server at once.
    kill_servers(var)
    client.kill()
    assert start().ask("sql('select count(*) from kept')") == [(5000,)]


def test_a_killed_postgresql_is_back_at_the_next_query(start, var):
    client = start()
    began = client.ask(POSTMASTER)
    kill_servers(var, "postgresql")
    assert client.ask("sql('select 1')") == [(1,)]
    assert client.ask(POSTMASTER) != began


def test_a_killed_postmaster_leaves_its_sessions_time_to_end(start, var):
    client, busy, newcomer = start(3)
    busy.send("sql('select count(*) from generate_series(1, 5000000)')")
    others = "sql(\"select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()\")"
    wait_until(lambda: client.ask(others) == [(1,)])
    pid = embedded.PostgreSQL(var, Users(var / "unused")).pid()
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


def test_a_removed_socket_is_made_again(start, var):
    client = start()
    client.ask(POSTMASTER)
    (var / "postgresql" / ".s.PGSQL.5432").unlink()
    assert start().ask("sql('select 1')") == [(1,)]
    assert client.ask("sql('select 1')") == [(1,)]


def test_a_killed_redis_is_back_for_the_cache_and_the_queue(start, var):
    client = start()
    client.ask("cache.set('a', 1)")
    client.ask("celery_app.send_task('unknown') and None")
    kill_servers(var, "redis")
    assert client.ask("cache.set('b', 2)") is None
    assert client.ask("cache.get('b')") == 2
    assert client.ask("celery_app.send_task('unknown') and None") is None


def test_queued_messages_survive_a_killed_redis(start, tmp_path):
    client = start(folder=tmp_path)
    for _ in range(3):
        client.ask("celery_app.send_task('unknown') and None")
    unwritten = "cache._cache.get_client().info('persistence')['aof_buffer_length']"
    wait_until(lambda: client.ask(unwritten) == 0)
    kill_servers(tmp_path, "redis")
    assert client.ask("queue_length()") == 3


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


def test_data_folders_side_by_side_are_strangers(start, tmp_path):
    here, there = start(), start(folder=tmp_path)
    here.ask("sql('create table only_here (id int)')")
    assert there.ask("sql(\"select to_regclass('only_here')\")") == [(None,)]


def test_a_path_too_long_for_a_socket_gets_a_private_folder_for_it(start, tmp_path):
    folder = tmp_path / ("long, and with spaces " * 5)
    client = start(folder=folder)
    assert client.ask("sql('select 1')") == [(1,)]
    assert client.ask("cache.set('a', 1)") is None
    for server in (embedded.PostgreSQL, embedded.Redis):
        socket = server(folder, Users(folder / "unused")).socket
        assert socket.is_socket()
        assert socket.parent.stat().st_mode & 0o777 == 0o700
        shutil.rmtree(socket.parent)


def test_ctrl_c_reaches_no_server(start, var):
    client = start()
    client.ask(POSTMASTER)
    client.ask("cache.set('a', 1)")
    assert os.getsid(client.process.pid) not in {os.getsid(pid) for pid in servers(var)}


def test_ending_is_quiet(start):
    client = start()
    client.ask(POSTMASTER)
    assert client.end() == ""


def test_psql_reaches_the_embedded_server(start, var):
    start().ask(POSTMASTER)
    shell = [sys.executable, "-m", "django", "dbshell", "--", "-Atc", "select current_user"]
    done = subprocess.run(shell, env=environment(var), cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "lamplight\n"


def test_vectors_can_be_stored(start):
    client = start()
    client.ask("sql('create extension if not exists vector')")
    assert client.ask("sql(\"select '[1,2]'::vector <=> '[1,2]'\")") == [(0.0,)]


def test_servers_left_behind_are_shown_and_stopped_by_command(start, var):
    client = start()
    client.ask(POSTMASTER)
    refused = command(var, "stop")
    assert (refused.returncode, refused.stderr[:12]) == (1, "Not stopped:")
    client.kill()
    assert re.match(r"postgresql runs as process \d+, ", command(var, "status").stdout)
    assert re.match(r"postgresql is stopped, ", command(var, "stop").stdout)
    assert servers(var) == []


def command(var: Path, word: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.embedded", word],
        env=environment(var),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


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


def test_without_postgresql_the_error_names_both_cures(monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, "package_folder", lambda package: None)
    with pytest.raises(EmbeddedServerError, match=r"^no PostgreSQL: `pip install .*, or set DATABASE_URL"):
        embedded.PostgreSQL(tmp_path, Users(tmp_path / "users")).ensure_running()


def test_without_redis_the_error_names_the_cures(monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, "package_folder", lambda package: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EmbeddedServerError, match=r"^no Redis: `pip install .*, or set REDIS_URL"):
        embedded.Redis(tmp_path, Users(tmp_path / "users")).ensure_running()


def test_valkey_on_the_path_serves_as_redis(monkeypatch, tmp_path):
    users = Users(tmp_path / "users")
    bundled = embedded.Redis(tmp_path, users).binary()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(bundled)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(embedded, "package_folder", lambda package: None)
    server = embedded.Redis(tmp_path, users)
    server.ensure_running()
    assert servers(tmp_path) == [server.pid()]
    server.stop()
    assert servers(tmp_path) == []


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@as_root
def test_a_folder_of_someone_else_is_refused(tmp_path):
    (tmp_path / "redis").mkdir()
    os.chown(tmp_path / "redis", 65534, 65534)
    with pytest.raises(EmbeddedServerError, match=r"belongs to user 65534: run as that user, or set LAMPLIGHT_VAR"):
        embedded.Redis(tmp_path, Users(tmp_path / "users")).ensure_running()


@as_root
def test_root_that_cannot_become_another_user_is_told_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    embedded.as_ordinary_user.cache_clear()
    with pytest.raises(EmbeddedServerError, match=r"run as an ordinary user, or set DATABASE_URL"):
        embedded.PostgreSQL(tmp_path, Users(tmp_path / "users")).ensure_running()


@as_root
def test_where_namespaces_are_forbidden_nobody_runs_postgresql(start, tmp_path):
    forbidden = tmp_path / "bin" / "unshare"
    forbidden.parent.mkdir()
    forbidden.write_text("#!/bin/sh\nexit 1\n")
    forbidden.chmod(0o755)
    var = tmp_path / "var"
    client = start(folder=var, prefix=("env", f"PATH={forbidden.parent}:{os.environ['PATH']}"))
    assert client.ask("sql('select 1')") == [(1,)]
    pid = embedded.PostgreSQL(var, Users(var / "unused")).pid()
    assert Path(f"/proc/{pid}").stat().st_uid == 65534


@as_root
def test_an_ordinary_user_needs_no_namespace(start):
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    folder = Path(tempfile.mkdtemp())  # pytest's own folder is closed to other users.
    os.chown(folder, 65534, 65534)
    program = [sys.executable, "-c", "import config.embedded"]
    if subprocess.run([*nobody, *program], env=environment(folder), cwd=ROOT, capture_output=True).returncode:
        pytest.skip("another user cannot read the interpreter")
    client = start(folder=folder, prefix=nobody)
    assert client.ask("sql('select 1')") == [(1,)]
    client.end()
    shutil.rmtree(folder)


def test_postgresql_may_use_a_quarter_of_what_the_machine_or_the_container_has(tmp_path):
    limit = tmp_path / "memory.max"
    free = embedded.shared_buffers(limit)
    assert embedded.LEAST_BUFFERS <= free <= embedded.MOST_BUFFERS
    for text, expected in (("max\n", free), (f"{1 << 30}\n", 256 << 20), ("1000000\n", embedded.LEAST_BUFFERS)):
        limit.write_text(text)
        assert embedded.shared_buffers(limit) == expected
