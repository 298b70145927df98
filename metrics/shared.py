"""Several processes count together: each in files of its own, and a scrape adds them up.

A process takes the first free name of its part, such as web-1, by a lock that ends with it. The next process that takes
the name goes on with its counts. So they never fall or double when a process dies, and restarts leave no files behind.
Containers that share the data folder share the locks, whatever their process ids are.
"""

import fcntl
import logging
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO

from prometheus_client import REGISTRY, CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

logger = logging.getLogger(__name__)
BOOT = Path("/proc/sys/kernel/random/boot_id")
# Bytes of each file, all of them taken when a part starts: writing into a hole of a full disk would kill the process.
# With every view of the admin opened, durations take 600 kB.
SIZES = {"counter": 1 << 19, "histogram": 1 << 21, "gauge_livesum": 1 << 16, "gauge_max": 1 << 16}
LIVE = "gauge_livesum"
SPARE = 1  # A process may start a moment before the one that it replaces has gone.
OWNER_BYTES = 256  # Of a lock's text.


class Names:
    """The names of a part's processes, of which this process and each of its forks take one when they first count."""

    def __init__(self, folder: Path, part: str) -> None:
        self.folder, self.part = folder, re.sub(r"[^a-z0-9]+", "-", part.lower())
        self._taken: IO[bytes] | None = None
        self._name = ""
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def lay_out(self, processes: int) -> None:
        """Make the files of so many processes. Raises OSError where the disk has no room for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, processes + 1):
            _lay_out(self.folder, f"{self.part}-{number}")

    def mine(self) -> str:
        if self._taken is None:
            self._take()
        return self._name

    def _take(self) -> None:
        for number in count(1):
            name = f"{self.part}-{number}"
            _lay_out(self.folder, name)
            if lock := _locked(self.folder / f"{name}.lock"):
                _forget_live(self.folder, name)
                lock.write(f"{os.getpid()} {platform.node()}".encode()[:OWNER_BYTES].ljust(OWNER_BYTES))
                lock.flush()
                self._taken, self._name = lock, name
                return

    def _leave_to_parent(self) -> None:
        if self._taken:
            self._taken.close()  # The parent has the lock until it ends.
            self._taken = None


_names: Names | None = None


def count_as(part: str, folder: Path, processes: int = 1) -> None:
    """Have this process and its forks count in the files of `folder`. Call it before anything is counted.

    `processes` says how many the part has. Where the disk is full the process counts for itself.
    """
    global _names
    try:
        # What a power cut left may be half written, so that counts begin anew with each boot.
        names = Names(folder / BOOT.read_text().strip(), part)
        names.lay_out(processes + SPARE)
        _sweep(folder.parent, names.folder)
    except OSError as error:
        logger.warning("What %s counts is not shared: %s", part, error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(names.folder)
    values.ValueClass = values.MultiProcessValue(names.mine)
    _names = names


def registry() -> CollectorRegistry:
    """What all processes counted; where they do not share it, what this one did."""
    made = CollectorRegistry()
    if _names is None:
        made.register(REGISTRY)  # It collects as a collector does.
        return made
    for lock in _names.folder.glob("*.lock"):
        with _if_free(lock) as is_free:
            if is_free:
                _forget_live(_names.folder, lock.stem)
    MultiProcessCollector(made, str(_names.folder))
    return made


def running() -> dict[str, int]:
    """The process ids of those that count, by name: those of this machine, or of this container."""
    if _names is None:
        return {"this": os.getpid()}
    found = {}
    for lock in _names.folder.glob("*.lock"):
        pid, _, host = lock.read_text().strip().partition(" ")
        with _if_free(lock) as is_free:
            if not is_free and host == platform.node():
                found[lock.stem] = int(pid)
    return found


def _lay_out(folder: Path, name: str) -> None:
    for kind, size in SIZES.items():
        with (folder / f"{kind}_{name}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    with (folder / f"{name}.lock").open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, OWNER_BYTES)


def _locked(path: Path) -> IO[bytes] | None:
    """The file, locked until it is closed; None where another process has it."""
    file = path.open("r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def _if_free(lock: Path) -> Iterator[bool]:
    """Whether no process has the name. None can take it in the block."""
    file = _locked(lock)
    yield file is not None
    if file:
        file.close()


def _forget_live(folder: Path, name: str) -> None:
    """Empty what a dead process said of itself: its file begins with the number of bytes in use."""
    with (folder / f"{LIVE}_{name}.db").open("r+b") as file:
        file.write(bytes(4))


def _sweep(folder: Path, ours: Path) -> None:
    """Remove the files of former boots and versions in which nobody counts any more."""
    for other in folder.glob("*/*"):
        if other != ours and not any(_is_taken(lock) for lock in other.glob("*.lock")):
            shutil.rmtree(other, ignore_errors=True)


def _is_taken(lock: Path) -> bool:
    with _if_free(lock) as is_free:
        return not is_free
