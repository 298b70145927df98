"""Groups of processes as the kernel knows them: a part of the stack leads a group, and its children are in it."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

GONE_SECONDS = 10  # A killed process is gone in milliseconds, unless it waits for a disk.


def begun_at(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; with its id that names it for good. None without one."""
    fields = _fields(pid)
    return int(fields[19]) if fields else None


def stopped() -> set[int]:
    """The groups of which a process stands still: somebody sent it SIGSTOP."""
    found = (_fields(int(folder.name)) for folder in Path("/proc").glob("[0-9]*"))
    return {int(fields[2]) for fields in found if fields and fields[0] == "T"}


def go_on(group: int) -> None:
    """Let the group's processes go on that were sent SIGSTOP: until then no other signal reaches them."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGCONT)


def kill(group: int) -> None:
    """Kill whatever is left of a group, and wait until its leader is gone or a zombie."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while (fields := _fields(group)) and fields[0] not in "ZX" and time.monotonic() < deadline:
        time.sleep(0.02)


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on: state, parent, group ...; empty without such a process."""
    try:
        # The second field, the program's name, is in parentheses and may hold anything.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
