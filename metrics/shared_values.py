"""The numbers of a process that counts together with others: files of a fixed size that its death leaves whole."""

import logging
import struct
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

logger = logging.getLogger(__name__)
# Bytes of each file. With every view answering every status, requests take half of their files, and others a tenth.
SIZES = {"counter": 1 << 20, "histogram": 1 << 21, "gauge_livesum": 1 << 16, "gauge_max": 1 << 16}
# Of a file that is gone, or that holds anything at all.
UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, AttributeError, struct.error)
# What a file keeps free: threads that add numbers at once take 300 bytes each.
MARGIN = 1 << 13


class Names(Protocol):
    """Those of metrics.shared."""

    folder: Path

    def mine(self) -> str: ...

    def have_one(self) -> bool: ...


def shared_values(names: Names) -> Callable[..., values.MutexValue]:
    """What prometheus_client makes its numbers by.

    The files never grow: prometheus_client would grow them into a hole, and a full disk then kills the process. A
    number for which there is no room is its process's own, and so is one of a process that has no name.
    """
    in_file: Any = values.MultiProcessValue(names.mine)

    class Value(in_file):
        def inc(self, amount: float) -> None:
            if names.have_one():
                super().inc(amount)

        def set(self, value: float, timestamp: float | None = None) -> None:
            if names.have_one():
                super().set(value, timestamp)

    def made(typ: str, metric: str, *arguments: Any, multiprocess_mode: str = "", **options: Any) -> Any:
        kind = f"{typ}_{multiprocess_mode}" if typ == "gauge" else typ
        if names.have_one() and _has_room(names.folder / f"{kind}_{names.mine()}.db", SIZES[kind]):
            return Value(typ, metric, *arguments, multiprocess_mode=multiprocess_mode, **options)
        logger.warning("There is no room for another number of %s: it is not told", metric)
        return values.MutexValue(typ, metric, *arguments, multiprocess_mode=multiprocess_mode, **options)

    return made


def _has_room(path: Path, size: int) -> bool:
    try:
        return _used(path) + MARGIN <= size
    except OSError:  # Somebody has removed the folder, or its disk is gone.
        return False


def _used(path: Path) -> int:
    """A file begins with the number of bytes in use."""
    with path.open("rb") as file:
        return int.from_bytes(file.read(4), sys.byteorder, signed=True)


def merged(paths: Collection[Path]) -> list[Metric]:
    """The numbers of files, added up. Raises an error of UNREADABLE where one of them is damaged or gone."""
    if any(_used(path) < 0 for path in paths):
        raise ValueError("A file is damaged")  # It would be read as an empty one.
    return list(MultiProcessCollector.merge(map(str, paths)))


def is_whole(path: Path) -> bool:
    """Whether a file can be read: a full disk or somebody else may have cut, overwritten or removed it."""
    try:
        merged([path])  # The first key that is none ends it: what follows may lead back.
    except UNREADABLE:
        return False
    return True


def empty_if_damaged(path: Path) -> None:
    """Forget the counts of a file that cannot be read."""
    if not is_whole(path):
        logger.warning("%s is damaged: what it counted is forgotten", path)
        with path.open("r+b") as file:
            file.write(bytes(4))
