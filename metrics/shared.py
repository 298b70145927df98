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
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Lock
from typing import IO

from prometheus_client import REGISTRY, Metric, values
from prometheus_client.metrics import MetricWrapperBase

from metrics.shared_values import SIZES, UNREADABLE, empty_if_damaged, is_whole, merged, shared_values

logger = logging.getLogger(__name__)
BOOT = Path("/proc/sys/kernel/random/boot_id")
LIVE = "gauge_livesum"
SPARE = 1  # A process may start a moment before the one that it replaces has gone.
OWNER_BYTES = 256  # Of a lock's text.


class Names:
    """The names of a part's processes, of which this process and each of its forks take one when they first count."""

    def __init__(self, folder: Path, part: str) -> None:
        self.folder, self.part = folder, re.sub(r"[^a-z0-9]+", "-", part.lower())
        self._taken: IO[bytes] | None = None
        self._failed = False
        self._lock = Lock()
        self._name = ""
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def lay_out(self, processes: int) -> None:
        """Make the files of so many processes. Raises OSError where the disk has no room for them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, processes + 1):
            _lay_out(self.folder, f"{self.part}-{number}")

    def mine(self) -> str:
        """This process's name. Raises OSError where there is none, and no room for the files of another."""
        with self._lock:
            if self._taken is None:
                self._take()
            return self._name

    def have_one(self) -> bool:
        """Whether this process has a name. A fork that finds none counts nothing, and goes on with its work."""
        if self._taken is None and not self._failed:
            try:
                self.mine()
            except OSError as error:
                logger.warning("What a process of %s counts is lost: %s", self.part, error)
                self._failed = True
        return not self._failed

    def _take(self) -> None:
        for number in count(1):
            name = f"{self.part}-{number}"
            _lay_out(self.folder, name)
            if lock := _locked(self.folder / f"{name}.lock"):
                for kind in SIZES:
                    empty_if_damaged(self.folder / f"{kind}_{name}.db")
                _forget_live(self.folder, name)
                lock.write(f"{os.getpid()} {platform.node()}".encode()[:OWNER_BYTES].ljust(OWNER_BYTES))
                lock.flush()
                self._taken, self._name = lock, name
                return

    def _leave_to_parent(self) -> None:
        if self._taken:
            self._taken.close()  # The parent has the lock until it ends.
            self._taken = None
        self._lock = Lock()


_names: Names | None = None
_is_one_of_several = False
_left_out: set[Path] = set()  # Files of which the log has told.


def count_as(part: str, folder: Path, processes: int = 1) -> None:
    """Have this process and its forks count in the files of `folder`. Call it before anything is counted.

    `processes` says how many the part has. Where the disk is full the process counts for itself.
    """
    global _names, _is_one_of_several
    _is_one_of_several = processes > 1
    try:
        # What a power cut left may be half written, so that counts begin anew with each boot.
        names = Names(folder / BOOT.read_text().strip(), part)
        names.lay_out(processes + SPARE)
        names.mine()
    except OSError as error:
        logger.warning("What %s counts is not shared: %s", part, error)
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(names.folder)
    values.ValueClass = shared_values(names)
    _share_those_made()
    _names = names
    _sweep(folder.parent, names.folder)


def _share_those_made() -> None:
    """Numbers without labels were made at import, and a worker imports its tasks before it has a name."""
    for metric in set(REGISTRY._names_to_collectors.values()):
        if isinstance(metric, MetricWrapperBase) and not metric._labelnames:
            metric._metric_init()


def are_shared() -> bool:
    """Whether this process counts where others do."""
    return _names is not None


def counted() -> list[Metric]:
    """What all processes counted. Where they do not share it: what this one did, or nothing if it is one of several,
    since whichever is asked would answer with its own."""
    if _names is None:
        return [] if _is_one_of_several else list(REGISTRY.collect())
    folder = _names.folder
    names = [lock.stem for lock in folder.glob("*.lock")]
    kinds = [(kind, name) for name in names for kind in SIZES]
    files = [folder / f"{kind}_{name}.db" for kind, name in kinds if kind != LIVE or _is_taken(folder / f"{name}.lock")]
    try:
        return merged(files)
    except UNREADABLE:
        return merged(_whole(files))


def _whole(files: list[Path]) -> list[Path]:
    """Those that can be read. Who takes the name of another next begins it anew."""
    whole = [file for file in files if is_whole(file)]
    for file in set(files).difference(whole, _left_out):
        logger.warning("%s cannot be read: what it counted is not told", file)
        _left_out.add(file)
    return whole


def running() -> dict[str, int]:
    """The process ids of those that count, by name: those of this machine, or of this container."""
    if _names is None:
        return {"this": os.getpid()}
    found = {}
    for lock in _names.folder.glob("*.lock"):
        with suppress(OSError, ValueError):  # Somebody has removed or overwritten it.
            pid, _, host = lock.read_text().strip().partition(" ")
            if host == platform.node() and _is_taken(lock):
                found[lock.stem] = int(pid)
    return found


def _lay_out(folder: Path, name: str) -> None:
    """Take all bytes of the files now: writing into a hole of a full disk would kill the process."""
    for kind, size in SIZES.items():
        _reserve(folder / f"{kind}_{name}.db", size)
    _reserve(folder / f"{name}.lock", OWNER_BYTES)


def _reserve(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> IO[bytes] | None:
    """The file, locked until it is closed; None where another process has it."""
    file = path.open("r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _is_taken(lock: Path) -> bool:
    """Whether a process has the name. Others may ask the same at once."""
    with suppress(FileNotFoundError), lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _forget_live(folder: Path, name: str) -> None:
    """Empty what a dead process said of itself: its file begins with the number of bytes in use."""
    with (folder / f"{LIVE}_{name}.db").open("r+b") as file:
        file.write(bytes(4))


def _sweep(folder: Path, ours: Path) -> None:
    """Remove the files of former boots and versions in which nobody counts any more. Several processes may at once."""
    for other in folder.glob("*/*"):
        if other != ours and not any(_is_taken(lock) for lock in other.glob("*.lock")):
            shutil.rmtree(other, ignore_errors=True)
