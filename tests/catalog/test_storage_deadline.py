"""A storage that hangs holds nobody for ever."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog import storage_deadline
from catalog.models import Photo
from catalog.storage import NotStored, PhotoStorage, cannot_store
from catalog.storage_deadline import READS, WRITES, Deadline, StorageSilent
from config.settings import BASE_DIR
from tests.catalog.test_storage import files
from tests.conftest import picture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.3)


@pytest.fixture
def pipe(media) -> Iterator[Path]:
    """A file that opens once the test ends: a pipe that nobody writes into."""
    media.mkdir()
    os.mkfifo(media / "pipe.jpg")
    yield media / "pipe.jpg"
    os.close(os.open(media / "pipe.jpg", os.O_RDWR | os.O_NONBLOCK))


@pytest.fixture
def frozen(monkeypatch) -> Iterator[threading.Event]:
    """A disk that takes no file until the event is set."""
    thaws, fsync = threading.Event(), os.fsync

    def hang(descriptor: int) -> None:
        thaws.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", hang)
    yield thaws
    thaws.set()
    while WRITES.hangs():
        thaws.wait(0.01)


def test_work_is_done_in_another_thread_that_sees_the_same_context():
    deadline = Deadline()
    assert deadline.call(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        deadline.call(lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="of its own"):
        deadline.call(lambda: _raise(TimeoutError("of its own")))


def _raise(error: Exception) -> None:
    raise error


def test_while_two_calls_hang_no_other_is_begun():
    deadline, answers, late = Deadline(), threading.Event(), list[bool]()
    for _ in range(2):
        with pytest.raises(StorageSilent):
            deadline.call(lambda: answers.wait(30), when_late=late.append)
    begun = list[int]()
    with pytest.raises(StorageSilent):
        deadline.call(lambda: begun.append(1))
    assert (begun, late, deadline.hangs()) == ([], [], True)
    answers.set()
    while deadline.hangs():
        answers.wait(0.01)
    deadline.call(lambda: begun.append(1))
    assert (begun, late) == ([1], [True, True])


def test_a_file_that_hangs_is_asked_for_once_and_holds_up_no_other():
    deadline, answers, begun = Deadline(), threading.Event(), list[int]()

    def hang() -> None:
        begun.append(1)
        answers.wait(30)

    for _ in range(3):
        with pytest.raises(StorageSilent):
            deadline.call(hang, "a.jpg")
    assert (len(begun), deadline.call(lambda: "b", "b.jpg"), deadline.hangs()) == (1, "b", False)
    answers.set()


def test_a_stored_photo_that_hangs_is_answered_503_and_others_are_shown(client, pipe):
    (pipe.parent / "other.jpg").write_bytes(b"photo")
    answer = client.get("/media/pipe.jpg")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The photo storage does not answer." in answer.content.decode()
    shown = client.get("/media/other.jpg")
    assert (shown.content, shown["Content-Type"], shown["Content-Length"]) == (b"photo", "image/jpeg", "5")
    assert client.get("/media/other.jpg", headers={"If-Modified-Since": shown["Last-Modified"]}).status_code == 304
    assert client.get("/media/none.jpg").status_code == 404
    assert not READS.hangs()


def test_an_upload_to_a_disk_that_hangs_is_answered_503_stores_nothing_and_leaves_nothing(
    editor, product, media, frozen
):
    address = f"/api/v1/products/{product().sku}/photos/"
    for number in range(3):
        image = SimpleUploadedFile("red.png", picture((number, 0, 0)), "image/png")
        answer = editor.post(address, {"image": image})
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert answer.json()["errors"][0]["code"] == "storage_unavailable"
    assert cannot_store() == {"photos": "the disk hangs: nothing can be stored"}
    frozen.set()
    while WRITES.hangs() or files(media):
        frozen.wait(0.01)
    assert (Photo.objects.count(), cannot_store()) == (0, {})
    image = SimpleUploadedFile("red.png", picture("red"), "image/png")
    assert editor.post(address, {"image": image}).status_code == 201


def test_what_was_given_up_is_not_left_behind(media, frozen):
    storage = PhotoStorage(location=media)
    with pytest.raises(NotStored, match=r"The photo storage failed: it does not answer\. Nothing was stored\."):
        storage.save("a.jpg", ContentFile(b"a"))
    frozen.set()
    while files(media):
        frozen.wait(0.01)


def test_a_call_that_hangs_does_not_hold_up_the_end_of_a_process(pipe):
    program = f"""
from catalog.storage_deadline import begun
begun(lambda: open({str(pipe)!r}))
"""
    subprocess.run([sys.executable, "-c", program], cwd=BASE_DIR, check=True, timeout=30)
