"""An installation of its own: real servers, workers and web server in a data folder that only one test uses."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery

from config.embedded.postgresql_server import PostgreSQLServer
from config.embedded.redis_server import RedisServer
from config.embedded.server_process import Users, locked
from config.settings import BASE_DIR
from tests.environment import MODELS, RUN

HOLD = """
import time
from config.embedded import servers
servers.postgresql().ensure_running()
servers.redis().ensure_running()
time.sleep(3600)
"""
BACKBONE = "efficientnet_lite0"  # A photo costs it an eighth of what ResNet50 takes.
PATIENCE = 120  # Seconds: all of it is needed only on a machine that does much else.


class Installation:
    """Processes on one data folder. Leaving the block ends those it started, and with the last the servers end too."""

    def __init__(self, var: Path, backbone: str = BACKBONE, **environment: str) -> None:
        self.var = var
        self.backbone = backbone
        self.processes: list[subprocess.Popen[bytes]] = []
        inherited = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        self.environment = {
            **inherited,
            "LAMPLIGHT_VAR": str(var),
            "LAMPLIGHT_BACKBONE": backbone,
            "LAMPLIGHT_WEIGHTS": "random",
            "OMP_NUM_THREADS": "2",
            **environment,
        }

    def __enter__(self) -> "Installation":
        lay_out(self.var, self.backbone)
        # This user outlives the killed ones, so that the servers stay.
        self.start("-c", HOLD)
        wait_for(lambda: self.redis().pid() is not None, "the servers")
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            self.kill(process, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill(process)
        # The servers outlive their last user if it was killed.
        subprocess.run(
            [sys.executable, "-m", "config.embedded", "stop"],
            cwd=BASE_DIR,
            env=self.environment,
            check=True,
            capture_output=True,
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python process in a session of its own; its output goes to the data folder."""
        self.var.mkdir(parents=True, exist_ok=True)
        with (self.var / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=BASE_DIR,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        name = f"w{len(self.processes)}@%h"
        return self.start(
            "-m",
            "celery",
            "-A",
            "config",
            "worker",
            "--concurrency",
            "1",
            "-Q",
            "celery,maintenance,fetching",
            "--hostname",
            name,
            "--loglevel",
            "INFO",
        )

    def kill(self, process: subprocess.Popen[bytes], with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Send SIGKILL to the process and its children, or a gentler signal to the process alone."""
        try:
            if with_signal == signal.SIGKILL:
                os.killpg(process.pid, with_signal)
                process.wait(30)
            else:
                process.send_signal(with_signal)
        except ProcessLookupError:
            pass

    def manage(self, *arguments: str, expect: int = 0) -> str:
        """What `manage.py ARGUMENTS` printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def ring(self) -> None:
        """Send the bell for pending photos. Another process that could send it would take a second to start."""
        broker = f"redis+socket://{self.redis().socket}?virtual_host=1"
        with Celery(broker=broker, set_as_current=False) as app:
            app.send_task("search.tasks.index_pending")

    def connection(self) -> psycopg.Connection:
        server = PostgreSQLServer(self.var, Users(self.var / ".users.lock"))
        return psycopg.connect(host=str(server.socket_folder), dbname="lamplight", user="lamplight")

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that PostgreSQL itself answers."""
        with self.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def redis(self) -> RedisServer:
        return RedisServer(self.var, Users(self.var / ".users.lock"))

    def kill_redis(self) -> None:
        pid = self.redis().pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def count(self, table: str) -> int:
        [(number,)] = self.rows(f"SELECT count(*) FROM {table}")
        return int(number)

    def log(self) -> str:
        return (self.var / "processes.log").read_text(errors="replace")


def lay_out(var: Path, backbone: str = BACKBONE) -> None:
    """Make a data folder as `migrate` and `prepare` leave it. It is a copy: the two run once in a test run."""
    _copy(_made(f"prepared-{backbone}", lambda folder: _prepare(folder, backbone)), var)


def lay_out_empty(var: Path) -> None:
    """Make a data folder as `migrate` leaves it: a shop without a space."""
    _copy(_made("migrated", _migrate), var)


def _prepare(folder: Path, backbone: str) -> None:
    lay_out_empty(folder)
    Installation(folder, backbone).manage("prepare")


def _migrate(folder: Path) -> None:
    folder.mkdir()
    (folder / "models").symlink_to(MODELS)
    Installation(folder).manage("migrate", "--verbosity", "0")


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder to copy. The first process of the test run that asks for it makes it."""
    made = RUN / name
    with locked(RUN / f"{name}.lock"):
        if not made.exists():
            unfinished = RUN / f"{name}-unfinished"
            make(unfinished)
            unfinished.rename(made)
    return made


def _copy(made: Path, var: Path) -> None:
    var.mkdir(parents=True, exist_ok=True)
    # PostgreSQL insists on the owner and the mode of its files, which shutil would not keep.
    subprocess.run(["cp", "-a", f"{made}/.", var], check=True)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Return once `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)
