"""A site whose parts may be killed: it is started as config.stack starts it, and what ends is started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import requests

from benchmarks.faults.disks import Disk

PARTS = ("worker", "maintenance", "beat", "web")
RESTART_SECONDS = 1  # What an orchestrator takes to start a part again.
READY_SECONDS = 120


class Site:
    """The running parts, by name, on the data folder of the settings."""

    def __init__(self, var: Path, port: str, disks: dict[str, Disk]) -> None:
        self.var = var
        self.url = f"http://127.0.0.1:{port}"
        self.disks = disks
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.over = Event()

    def start(self, name: str) -> None:
        from config.stack.site import COMMANDS

        command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", *COMMANDS[name]]
        # A full disk for logs takes no file either: the part then runs without one.
        try:
            log: int | None = os.open(self.var / "log" / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:
            log = None
        output = subprocess.DEVNULL if log is None else log
        self.processes[name] = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        if log is not None:
            os.close(log)

    def keep(self) -> None:
        """Start what has ended, until the site is over."""
        while not self.over.wait(RESTART_SECONDS):
            for name, process in list(self.processes.items()):
                if process.poll() is not None:
                    self.start(name)

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=10).ok
        except requests.RequestException:
            return False

    def wait_until_ready(self) -> float:
        """Seconds until /readyz answers 200."""
        begun = time.monotonic()
        while not self.is_ready():
            if time.monotonic() - begun > READY_SECONDS:
                raise SystemExit(f"not ready after {READY_SECONDS} s: see {self.var / 'log'}")
            time.sleep(0.2)
        return time.monotonic() - begun

    def stop(self) -> None:
        self.over.set()
        for process in self.processes.values():
            process.send_signal(signal.SIGQUIT)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def of(self, part: str) -> list[int]:
        """The processes of a part, all of them that a fault of it strikes."""
        from config.embedded import servers

        if part == "everything":
            return [pid for name in (*PARTS, "redis", "postgresql") for pid in self.of(name)]
        if part == "redis":
            return [pid] if (pid := servers.redis().pid()) else []
        if part in ("postgresql", "backend"):
            pid = servers.postgresql().pid()
            processes = with_children(pid) if pid else []
            return processes if part == "postgresql" else busiest_backend(processes)
        if part == "worker child":
            return with_children(self.processes["worker"].pid)[1:]
        return with_children(self.processes[part].pid)


def with_children(pid: int) -> list[int]:
    """A process and all below it; none if it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(below for child in children for below in with_children(int(child)))]


def busiest_backend(processes: list[int]) -> list[int]:
    """The session of PostgreSQL that has used the most processor time."""
    backends: list[tuple[int, int]] = []
    for pid in processes:
        with suppress(OSError):
            if "lamplight lamplight" in Path(f"/proc/{pid}/cmdline").read_text():
                seconds = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]
                backends.append((int(seconds), pid))
    return [max(backends)[1]] if backends else []


@contextmanager
def running(var: Path, port: str, disks: dict[str, Disk]) -> Iterator[Site]:
    site = Site(var, port, disks)
    keeper = Thread(target=site.keep, daemon=True)
    try:
        for name in PARTS:
            site.start(name)
        keeper.start()
        site.wait_until_ready()
        yield site
    finally:
        site.stop()
