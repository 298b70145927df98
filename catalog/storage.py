"""Where files are stored: photos, for good, and what staff send for an import, which nobody may fetch."""

import errno
import os
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler

from catalog.storage_deadline import Call, Deadline, StorageSilent

FULL = {errno.ENOSPC, errno.EDQUOT}
# Files synced at once. Of 64 photos each takes 8 ms alone, at the end 4 ms in one thread and 1 ms in four.
SYNCERS = 4
SYNC_SECONDS = 1  # For each file of many. A batch of an import is some 120 with their folders: it has two minutes.
FORGET_SECONDS = 1  # To delete 64 files takes milliseconds.
# What fsync says of a folder on some network and FUSE file systems, which cannot sync one. PostgreSQL ignores it, too.
CANNOT_SYNC_FOLDERS = {errno.EINVAL, errno.EBADF}


class StoredPhotoError(Exception):
    """A stored photo cannot be opened; the message says why in a sentence."""

    def __init__(self, reason: str, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient
        """Whether the error may pass by itself, since the storage did not answer."""


class NotStored(OSError):  # noqa: N818  it names what became of the file
    """A file could not be written; `strerror` says why in a sentence, `errno` as the disk said it."""

    def __init__(self, error: OSError) -> None:
        why = "The disk for photos is full" if error.errno in FULL else f"The photo storage failed: {error.strerror}"
        super().__init__(error.errno, f"{why}. Nothing was stored.")

    def __str__(self) -> str:
        return str(self.strerror)


def _look_up() -> None:
    """Ask the folder of photos for a name that nobody knows, so that a network folder or FUSE has to ask its server.

    Of a local disk the folder lies in memory: the answer comes although the disk hangs, and calls count until MOST do.
    """
    os.path.lexists(Path(settings.MEDIA_ROOT) / f".probe-{uuid4().hex}")


def _write() -> None:
    """Write a file without a name into the folder of photos, and have the disk keep it."""
    with TemporaryFile(dir=settings.MEDIA_ROOT, buffering=0) as file:
        file.write(b"probe")
        os.fsync(file.fileno())


# A disk that cannot be written to may well be read.
READS, WRITES = Deadline(_look_up), Deadline(_write)
_unsynced: ContextVar[set[Path] | None] = ContextVar("_unsynced", default=None)


@contextmanager
def synced_together() -> Iterator[None]:
    """Have the disk keep all photos that are stored in the block at its end, or at the end of a block around it.

    If the block fails, their files are deleted. So end the transaction around it, never in it: nobody knows whether a
    transaction whose end was not answered is committed, and then its files must stay. Raises NotStored.
    """
    outer, stored = _unsynced.get(), set[Path]()
    token = _unsynced.set(stored)
    try:
        yield
        if outer is None:
            _sync(stored)
        else:
            outer |= stored
    except BaseException:
        _forget(stored)
        raise
    finally:
        _unsynced.reset(token)


def _forget(files: set[Path]) -> None:
    """Delete them. A disk that hangs does so once it answers, if this process lives until then."""
    if files:
        wait([Call(partial(_unlink, files)).future], FORGET_SECONDS)


def _unlink(files: set[Path]) -> None:
    for path in files:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _sync(files: set[Path]) -> None:
    try:
        WRITES.call(partial(_sync_now, files), more=SYNC_SECONDS * len(files))
    except OSError as error:
        raise NotStored(error) from error


def _sync_now(files: set[Path]) -> None:
    paths = [*files | {path.parent for path in files}]
    syncers = [Call(partial(_sync_those_there, paths[first::SYNCERS])) for first in range(min(SYNCERS, len(paths)))]
    wait([syncer.future for syncer in syncers])
    for syncer in syncers:
        syncer.future.result()


def _sync_those_there(paths: list[Path]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):  # It was deleted again in the same block.
            sync(path)


def sync(path: Path) -> None:
    """Have the disk keep a file's bytes, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC_FOLDERS or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


class PhotoStorage(FileSystemStorage):
    """Keeps photos in settings.MEDIA_ROOT. What it has stored outlives a power cut, as the row does that names it.

    Raises NotStored, and then leaves no part of the file behind. Nobody waits for ever for a disk that hangs: what does
    not store raises StorageSilent then. A photo is read as a whole, which is a few hundred kB.
    """

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        try:
            with synced_together():
                stored = WRITES.call(partial(super().save, name, content, max_length), when_late=self._take_back)
                # Only now: what was given up is deleted once, above. Its name may be another photo's by a second time.
                if (unsynced := _unsynced.get()) is not None:
                    unsynced.add(Path(self.path(stored)))
                return stored
        except StorageSilent as error:
            raise NotStored(error) from error

    def _take_back(self, name: str) -> None:
        _unlink({Path(self.path(name))})

    def _open(self, name: str, mode: str = "rb") -> "File[Any]":
        """The file is read at once: a disk may hang in the middle of it."""
        path = Path(self.path(name))
        return ContentFile(READS.call(path.read_bytes, str(path)), name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return READS.call(partial(super().listdir, path))

    def size(self, name: str) -> int:
        return READS.call(partial(super().size, name))

    def get_modified_time(self, name: str) -> datetime:
        return READS.call(partial(super().get_modified_time, name))

    def exists(self, name: str) -> bool:
        return READS.call(partial(super().exists, name))

    def _save(self, name: str, content: "File[Any]") -> str:
        try:
            return self._store(name, content)
        except OSError as error:
            raise NotStored(error) from error

    def _store(self, name: str, content: "File[Any]") -> str:
        path = Path(self.path(name))
        make_folder(path.parent)
        try:
            file = path.open("xb")
        except FileExistsError:  # Somebody stored the same photo just now.
            return self._store(self.get_available_name(name), content)
        try:
            with file:
                for chunk in content.chunks():
                    file.write(chunk)
            path.chmod(self.file_permissions_mode or 0o644)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return name

    def delete(self, name: str) -> None:
        if unsynced := _unsynced.get():
            unsynced.discard(Path(self.path(name)))
        WRITES.call(partial(self._delete, name))

    def _delete(self, name: str) -> None:
        super().delete(name)
        READS.forget(str(Path(self.path(name))))  # Only now: until then it can be read.


def cannot_store() -> dict[str, str]:
    """Why nothing can be stored, by what: photos, or the files of imports. Empty while all is well.

    Photos that cannot be read are told as well: it is the same disk.
    """
    if WRITES.hangs():
        return {"photos": "the disk hangs: nothing can be stored"}
    if READS.hangs():
        return {"photos": "the disk hangs: no photo can be shown"}
    folders = {"photos": Path(settings.MEDIA_ROOT), "imports": Path(settings.IMPORTS_ROOT)}
    return {name: why for name, folder in folders.items() if (why := _complaint(folder))}


def _complaint(folder: Path) -> str:
    while not folder.exists():  # It is made with the first file.
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return "the disk cannot be written to: nothing can be stored"
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < settings.MAX_REQUEST_BYTES:  # The next upload may be as large.
        return "the disk is full: nothing can be stored"
    return ""


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, so that they outlive a power cut."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)


class PrivateStorage(FileSystemStorage):
    """Keeps files in settings.IMPORTS_ROOT. Only the owner of the processes may read them, and no URL leads there."""

    def __init__(self) -> None:
        super().__init__(file_permissions_mode=0o600, directory_permissions_mode=0o700)

    @property
    def base_location(self) -> Path:
        return Path(settings.IMPORTS_ROOT)

    @property
    def location(self) -> str:
        return str(self.base_location.absolute())

    @property
    def base_url(self) -> None:  # type: ignore[override]
        return None


def private_storage() -> PrivateStorage:
    return PrivateStorage()


class PrivateUpload(TemporaryUploadedFile):
    """An upload that is written where it will be stored, so that storing 1 GB is a rename."""

    def __init__(self, name: str | None, *about: Any) -> None:
        folder = private_storage().base_location
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = NamedTemporaryFile(suffix=".upload", dir=folder)  # noqa: SIM115  whoever reads the request closes it
        UploadedFile.__init__(self, file, name, *about)


class TidyUploadHandler(TemporaryFileUploadHandler):
    """Leaves no part of an upload behind that the disk did not take."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            with suppress(OSError):  # Closing writes what is buffered, and deletes the file all the same.
                self.file.close()
            raise


class PrivateUploadHandler(TidyUploadHandler):
    def new_file(self, *args: Any, **kwargs: Any) -> None:
        FileUploadHandler.new_file(self, *args, **kwargs)
        self.file = PrivateUpload(self.file_name, self.content_type, 0, self.charset, self.content_type_extra)
