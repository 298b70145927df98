"""Very many names in bounded memory: divided among files on the disk, each of which is read as a whole."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self
from zlib import crc32

# Of five million names each file has 40,000: with what is kept of them, 20 MB. Two sets are open at once, and a process
# may mostly open 1,024 files.
COUNT = 128


class Buckets:
    """Values by name. A name is in the bucket of the same number in all of them, so two are compared one by one."""

    def __init__(self, folder: Path, items: Iterable[tuple[str, str]] = ()) -> None:
        """The files lie in `folder`, have no names, and go with the object. Neither name nor value has a line break."""
        self._files = [TemporaryFile("w+", newline="\n", dir=folder) for _ in range(COUNT)]  # noqa: SIM115
        for name, value in items:
            self.add(name, value)

    def add(self, name: str, value: str = "") -> None:
        """Of a name that is added twice the later value counts."""
        self._files[crc32(name.encode()) % COUNT].write(f"{name}\t{value}\n")

    def __iter__(self) -> Iterator[dict[str, str]]:
        """The buckets. None is added to afterwards."""
        for file in self._files:
            file.seek(0)
            lines = (line.rstrip("\n").rpartition("\t") for line in file)
            yield {name: value for name, _, value in lines}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()
