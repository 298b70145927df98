"""What is done to a site: processes die or stop, disks fill."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.faults.disks import DISKS
from benchmarks.faults.site import Site

HOLD = 10  # Seconds that a process stays stopped, or a disk full.
KILLED = ("worker child", "worker", "maintenance", "beat", "web", "redis", "postgresql", "backend", "everything")
STOPPED = ("worker child", "worker", "maintenance", "beat", "web", "redis", "postgresql", "backend")


@dataclass(frozen=True)
class Fault:
    """`begin` returns what ends it; it lasts for `seconds`."""

    begin: Callable[[Site], Callable[[], None]]
    seconds: float


def signals(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(part: str) -> Fault:
    def begin(site: Site) -> Callable[[], None]:
        signals(site.of(part), signal.SIGKILL)
        return lambda: None

    return Fault(begin, 0)


def stop(part: str) -> Fault:
    def begin(site: Site) -> Callable[[], None]:
        stopped = site.of(part)
        signals(stopped, signal.SIGSTOP)
        return lambda: signals(stopped, signal.SIGCONT)

    return Fault(begin, HOLD)


def fill(disk: str) -> Fault:
    def begin(site: Site) -> Callable[[], None]:
        site.disks[disk].fill()
        return site.disks[disk].free

    return Fault(begin, HOLD)


# How long the work takes by itself.
FAULTS = {"nothing": Fault(lambda site: lambda: None, 0)}
FAULTS |= {f"kill {part}": kill(part) for part in KILLED}
FAULTS |= {f"stop {part}": stop(part) for part in STOPPED}
FAULTS |= {f"full {disk}": fill(disk) for disk in DISKS}
