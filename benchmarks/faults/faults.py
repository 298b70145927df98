"""What is done to a site: processes die or stop, disks fill or hang, the clock is set."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.disks import DISKS
from benchmarks.faults.site import PARTS, SERVERS, Site

HOLD = 10  # Seconds that a server stays stopped, or a disk full.
HANG = 30  # Seconds that a disk hangs: longer than anybody waits for it.
REPLACED_SECONDS = 150  # A part that stands still is killed after a minute, and starts.
HOUR = 3600  # Seconds.
KILLED = ("worker child", *PARTS, *SERVERS, "backend", "supervisor", "everything")
STOPPED = ("worker child", *PARTS, *SERVERS, "backend")


@dataclass(frozen=True)
class Fault:
    """`begin` returns what ends it, `seconds` later."""

    begin: Callable[[Site], Callable[[], object]]
    seconds: float = 0


def signals(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(part: str) -> Fault:
    """The stack starts it again; whoever started the stack starts that again."""

    def begin(site: Site) -> Callable[[], object]:
        signals(site.of(part), signal.SIGKILL)
        return site.start if part in ("supervisor", "everything") else lambda: None

    return Fault(begin)


def stop(part: str) -> Fault:
    """What serves others goes on after a while. A part of the stack stands still until the stack replaces it."""
    is_server = part in (*SERVERS, "backend")

    def begin(site: Site) -> Callable[[], object]:
        stopped = site.of(part)
        signals(stopped, signal.SIGSTOP)
        return lambda: signals(stopped, signal.SIGCONT) if is_server else wait_until_gone(stopped)

    return Fault(begin, HOLD if is_server else 0)


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + REPLACED_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            raise SystemExit(f"{pids} stand still, and the stack does not replace them")
        time.sleep(0.1)


def fill(disk: str) -> Fault:
    def begin(site: Site) -> Callable[[], object]:
        site.disks[disk].fill()
        return site.disks[disk].free

    return Fault(begin, HOLD)


def hang(disk: str) -> Fault:
    def begin(site: Site) -> Callable[[], object]:
        site.disks[disk].hang()
        return site.disks[disk].go_on

    return Fault(begin, HANG)


def set_clock(seconds: int) -> Fault:
    """It stays so: all must be well then as well."""

    def begin(site: Site) -> Callable[[], object]:
        site.set_clock(seconds)
        return lambda: None

    return Fault(begin)


FAULTS = {"nothing": Fault(lambda site: lambda: None)}  # It tells how long the work takes by itself.
FAULTS |= {f"kill {part}": kill(part) for part in KILLED}
FAULTS |= {f"stop {part}": stop(part) for part in STOPPED}
FAULTS |= {f"full {disk}": fill(disk) for disk in DISKS}
FAULTS |= {"hang photos": hang("photos"), "clock back": set_clock(-HOUR), "clock ahead": set_clock(HOUR)}


def can_be(fault: str, site: Site) -> str:
    """Why a fault cannot be had on this machine; "" if it can."""
    if fault.startswith(("full ", "hang ")) and not site.disks:
        return "nothing may be mounted here"
    if fault.startswith("hang ") and site.disks["photos"].between is None:
        return "bindfs is not installed"
    return "cc is not installed" if fault.startswith("clock ") and site.clock is None else ""
