"""Files that no row names. A server that is killed between writing a photo and committing its row leaves one."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from catalog.importing import jobs
from catalog.models import Photo
from catalog.storage import private_storage

# A photo's file is there before its row is committed: by seconds, and by minutes where a batch of an import waits.
IN_FLIGHT = timedelta(hours=1)
PHOTOS = "photos"  # The folder of catalog.models.photo_path.
# Names that the database is asked for at once. They have no index, so each time it reads the whole table: once for a
# folder of a shop with a million photos.
ASKED = 5_000


@dataclass(frozen=True)
class Leftover:
    storage: Storage
    name: str
    size: int
    """Bytes."""

    def __str__(self) -> str:
        """The name as it can be printed."""
        return self.name.encode(errors="backslashreplace").decode()

    def delete(self) -> None:
        self.storage.delete(self.name)


def leftovers(age: timedelta, looked_at: Callable[[int], object] = lambda files: None) -> Iterator[Leftover]:
    """The files that no photo and no import names, and that were stored longer ago than `age`.

    Ages are told by the clock of the storage, which is asked by an empty file. A folder's names are held in memory at a
    time, 4,000 where a shop has a million photos. `looked_at` hears how many files were looked at.
    """
    photos = Photo._meta.get_field("file").storage
    for folder, files in _folders(photos, PHOTOS):
        for start in range(0, len(files), ASKED):
            names = [f"{folder}/{file}" for file in files[start : start + ASKED]]
            # The files were listed before the rows are read: what is stored and committed in between is no leftover.
            named = set(Photo.objects.filter(file__in=filter(_is_text, names)).values_list("file", flat=True))
            yield from _older(age, photos, (name for name in names if name not in named))
            looked_at(len(names))
    yield from _older(age, private_storage(), jobs.unnamed_files())


def _is_text(name: str) -> bool:
    """Whether a row may name it. Python reads bytes that are no text as halves of surrogate pairs."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _folders(storage: Storage, folder: str) -> Iterator[tuple[str, list[str]]]:
    """The folder and all below it, each with its files."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:  # Nothing was ever stored, or the folder has just gone.
        return
    yield folder, files
    for name in folders:
        yield from _folders(storage, f"{folder}/{name}")


def _older(age: timedelta, storage: Storage, names: Iterator[str]) -> Iterator[Leftover]:
    now = None
    for name in names:
        now = now or _now(storage, beside=name)
        with suppress(FileNotFoundError):  # Somebody deleted or renamed it meanwhile.
            if storage.get_modified_time(name) < now - age:
                yield Leftover(storage, name, storage.size(name))


def _now(storage: Storage, beside: str) -> datetime:
    """The time by the storage's own clock: that of this machine may be days ahead, and all files look old then."""
    name = storage.save(str(PurePosixPath(beside).with_name(f"clock-{uuid4().hex}")), ContentFile(b""))
    try:
        return storage.get_modified_time(name)
    finally:
        storage.delete(name)
