"""Processes of the application that use the embedded servers, and the servers as the kernel sees them."""

import ast
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

SECONDS = 60
ROOT = Path(__file__).resolve().parents[3]
POSTMASTER = "sql('select pg_postmaster_start_time()::text')"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

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
    bare = {"DJANGO_SETTINGS_MODULE": "tests.config.embedded.bare_settings", "PYTHONPATH": str(ROOT)}
    return kept | bare | {"LAMPLIGHT_VAR": str(var)} | extra


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
        """Let the process end by itself. Returns what it wrote to stderr."""
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


@contextmanager
def queue_full(path: Path) -> Iterator[None]:
    """Fill the queue at the socket of a server that hangs with those who wait to be let in."""
    with ExitStack() as waiting:
        while True:
            client = waiting.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            try:
                client.connect(str(path))
            except BlockingIOError:
                break
        yield


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
