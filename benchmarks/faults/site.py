"""A site whose parts may be killed: `python -m config.stack`, as it is shipped, and what finds its processes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from benchmarks.faults.clock import Clock
from benchmarks.faults.disks import Disk

PARTS = ("worker", "maintenance", "fetching", "beat", "web")
SERVERS = ("redis", "postgresql")
READY_SECONDS = 180
STOP_SECONDS = 120


class Site:
    """The running stack on the data folder of the settings."""

    def __init__(self, var: Path, port: str, disks: dict[str, Disk], clock: Clock | None) -> None:
        self.var = var
        self.url = f"http://127.0.0.1:{port}"
        self.disks = disks
        self.clock = clock
        self.seconds_ahead = 0
        self.stack: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the stack, once the one before has ended, and wait until it is ready and all its parts are up."""
        if self.stack is not None:
            self.stack.wait()
        with (self.var / "stack.out").open("ab") as output:
            command = [sys.executable, "-m", "config.stack"]
            self.stack = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        self.wait_until_ready()
        while not all(self.of(part) for part in PARTS):
            time.sleep(0.2)

    def stop(self) -> None:
        if self.stack is not None and self.stack.poll() is None:
            self.stack.send_signal(signal.SIGTERM)
            try:
                self.stack.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.stack.kill()
                self.stack.wait()

    def set_clock(self, seconds: int) -> None:
        """Set it ahead by so much, or back."""
        assert self.clock is not None
        self.seconds_ahead += seconds
        self.clock.set_ahead(self.seconds_ahead)

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
                raise SystemExit(f"not ready after {READY_SECONDS} s: see {self.var / 'stack.out'}")
            time.sleep(0.2)
        return time.monotonic() - begun

    def of(self, part: str) -> list[int]:
        """The processes of a part, all of them that a fault of it strikes; none while it is down."""
        from config.embedded import servers

        if part == "everything":
            return [*self.supervisor(), *(pid for name in (*PARTS, *SERVERS) for pid in self.of(name))]
        if part == "supervisor":
            return self.supervisor()
        if part == "redis":
            return [pid] if (pid := servers.redis().pid()) else []
        if part in ("postgresql", "backend"):
            pid = servers.postgresql().pid()
            processes = with_children(pid) if pid else []
            return processes if part == "postgresql" else busiest_backend(processes)
        if part == "worker child":
            return self._leader_and_children("worker")[1:]
        return self._leader_and_children(part)

    def supervisor(self) -> list[int]:
        return [self.stack.pid] if self.stack and self.stack.poll() is None else []

    def _leader_and_children(self, part: str) -> list[int]:
        from config.stack.site import COMMANDS

        for supervisor in self.supervisor():
            for pid in with_children(supervisor)[1:]:
                with suppress(OSError):
                    command = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
                    if tuple(command[-len(COMMANDS[part]) :]) == COMMANDS[part]:
                        return with_children(pid)
        return []


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
def running(var: Path, port: str, disks: dict[str, Disk], clock: Clock | None) -> Iterator[Site]:
    site = Site(var, port, disks, clock)
    try:
        site.start()
        yield site
    finally:
        site.stop()
