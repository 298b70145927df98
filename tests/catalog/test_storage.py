"""Where photos are stored: for good, or not at all."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from catalog.storage import NotStored, PhotoStorage, synced_together


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def storage(tmp_path) -> PhotoStorage:
    return PhotoStorage(location=tmp_path)


@pytest.fixture
def synced(monkeypatch) -> list[str]:
    """What was synced to the disk so far, by its path."""
    paths: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        paths.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    return paths


def test_a_photo_its_name_and_its_new_folders_are_on_the_disk_once_stored(storage, tmp_path, synced):
    storage.save("photos/ab/abc.jpg", ContentFile(b"photo"))
    folders = [f"{tmp_path}{below}" for below in ("", "/photos", "/photos/ab")]
    assert sorted(synced) == [*folders, f"{tmp_path}/photos/ab/abc.jpg"]
    assert (tmp_path / "photos/ab/abc.jpg").read_bytes() == b"photo"


def test_photos_stored_together_are_synced_at_the_end(storage, tmp_path, synced):
    with synced_together():
        storage.save("a.jpg", ContentFile(b"a"))
        storage.save("b.jpg", ContentFile(b"b"))
        assert synced == []
    assert sorted(synced) == [str(tmp_path), f"{tmp_path}/a.jpg", f"{tmp_path}/b.jpg"]


def test_photos_stored_together_go_together(storage, tmp_path):
    storage.save("earlier.jpg", ContentFile(b"earlier"))

    def fail() -> None:
        with synced_together():
            storage.save("deleted.jpg", ContentFile(b"a"))
            storage.delete("deleted.jpg")
            storage.save("b.jpg", ContentFile(b"b"))
            (tmp_path / "deleted.jpg").write_bytes(b"another's")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files(tmp_path) == ["deleted.jpg", "earlier.jpg"]


def test_a_photo_that_was_deleted_in_an_inner_block_is_not_missed(storage, tmp_path):
    with synced_together():
        storage.save("a.jpg", ContentFile(b"a"))
        with synced_together():
            storage.save("b.jpg", ContentFile(b"b"))
            storage.delete("a.jpg")
    assert files(tmp_path) == ["b.jpg"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF])
def test_a_file_system_that_cannot_sync_folders_keeps_photos_all_the_same(storage, tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "fsync", lambda descriptor: refuse(descriptor, stat.S_ISDIR, number))
    storage.save("photos/a.jpg", ContentFile(b"a"))
    assert files(tmp_path) == ["photos/a.jpg"]


def test_a_file_that_cannot_be_synced_is_refused(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: refuse(descriptor, stat.S_ISREG, errno.EINVAL))
    with pytest.raises(NotStored):
        storage.save("a.jpg", ContentFile(b"a"))
    assert files(tmp_path) == []


def refuse(descriptor: int, is_meant: Callable[[int], bool], number: int) -> None:
    """As fsync does on a file system that cannot sync such files."""
    if is_meant(os.fstat(descriptor).st_mode):
        raise OSError(number, os.strerror(number))


def test_two_photos_of_one_name_are_two_files(storage, tmp_path):
    first = storage._store("a.jpg", ContentFile(b"first"))
    second = storage._store("a.jpg", ContentFile(b"second"))
    assert first == "a.jpg" != second
    assert files(tmp_path) == sorted([first, second])


def test_a_full_disk_refuses_a_photo_and_keeps_no_part_of_it(small_disk):
    disk = small_disk(megabytes=1)
    storage = PhotoStorage(location=disk.folder)
    with pytest.raises(NotStored) as refusal:
        storage.save("photos/ab/abc.jpg", ContentFile(os.urandom(2_000_000)))
    assert refusal.value.strerror == "The disk for photos is full. Nothing was stored."
    assert files(disk.folder) == []
    storage.save("photos/ab/abc.jpg", ContentFile(os.urandom(200_000)))
    assert files(disk.folder) == ["photos/ab/abc.jpg"]


def test_a_folder_that_may_not_be_written_to_is_told(small_disk):
    disk = small_disk()
    disk.make_read_only()
    with pytest.raises(NotStored, match=r"The photo storage failed: Read-only file system\. Nothing was stored\.$"):
        PhotoStorage(location=disk.folder).save("a.jpg", ContentFile(b"a"))
