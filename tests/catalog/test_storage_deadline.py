"""A storage that hangs holds nobody for ever."""

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog import storage_deadline
from catalog.models import Photo
from catalog.storage import READS, WRITES, NotStored, PhotoStorage, cannot_store, synced_together
from catalog.storage_deadline import MOST, MOST_LATE, Call, Deadline, StorageSilent
from config.settings import BASE_DIR
from tests.catalog.test_storage import files
from tests.conftest import picture
from tests.installation import wait_for

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
    wait_for(lambda: not WRITES.hangs(), "the disk")


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    """What a storage waits for that hangs, until the test ends."""
    event = threading.Event()
    yield event
    event.set()


def well() -> None:
    """A probe that is answered."""


def test_work_is_done_in_another_thread_that_sees_the_same_context():
    deadline = Deadline(well)
    assert deadline.call(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        deadline.call(lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="of its own"):
        deadline.call(lambda: _raise(TimeoutError("of its own")))


def _raise(error: Exception) -> None:
    raise error


def test_while_a_probe_hangs_as_well_no_call_is_begun(answers):
    deadline, begun, late = Deadline(lambda: answers.wait(30)), list[int](), list[bool]()
    with pytest.raises(StorageSilent):
        deadline.call(lambda: answers.wait(30), when_late=late.append)
    wait_for(deadline.hangs, "the probe has no answer")
    with pytest.raises(StorageSilent):
        deadline.call(lambda: begun.append(1))
    assert (begun, late, deadline.hangs()) == ([], [], True)
    answers.set()
    wait_for(lambda: late == [True] and not deadline.hangs(), "the storage")
    deadline.call(lambda: begun.append(1))
    assert begun == [1]


def test_files_that_hang_hold_up_no_other_while_the_storage_answers_a_probe(answers):
    deadline = Deadline(well)
    with ThreadPoolExecutor(MOST) as askers:
        asked = [askers.submit(deadline.call, lambda: answers.wait(30), f"{number}.jpg") for number in range(MOST - 1)]
        assert all(isinstance(one.exception(), StorageSilent) for one in asked)
    assert (deadline.call(lambda: "good", "good.jpg"), deadline.hangs()) == ("good", False)


def test_no_more_calls_hang_than_a_process_has_room_for(answers):
    deadline = Deadline(well)
    with ThreadPoolExecutor(MOST) as askers:
        asked = [askers.submit(deadline.call, lambda: answers.wait(30)) for _ in range(MOST)]
        assert all(isinstance(one.exception(), StorageSilent) for one in asked)
    assert deadline.hangs()
    with pytest.raises(StorageSilent):
        deadline.call(lambda: pytest.fail("begun"))
    answers.set()
    wait_for(lambda: not deadline.hangs(), "the calls")


def test_all_who_ask_for_a_file_wait_for_one_call_and_then_no_longer(answers, monkeypatch):
    deadline, begun = Deadline(well), list[int]()

    def hang() -> None:
        begun.append(1)
        answers.wait(30)

    with ThreadPoolExecutor(16) as askers:
        asked = [askers.submit(deadline.call, hang, "a.jpg") for _ in range(16)]
        assert all(isinstance(one.exception(), StorageSilent) for one in asked)
    monkeypatch.setattr(storage_deadline, "PATIENCE", 10)  # It is over if the call began so long ago.
    deadline._calls[0].begun_at -= 10
    since = time.monotonic()
    with pytest.raises(StorageSilent):
        deadline.call(hang, "a.jpg")
    assert (time.monotonic() - since < 10, begun) == (True, [1])


def test_what_comes_too_late_for_one_is_for_the_next_who_asks(answers):
    deadline, begun = Deadline(well), list[int]()

    def slow() -> str:
        begun.append(1)
        answers.wait(30)
        return "photo"

    with pytest.raises(StorageSilent):
        deadline.call(slow, "a.jpg")
    answers.set()
    wait_for(lambda: deadline._calls[0].future.done(), "the call")
    assert (deadline.call(slow, "a.jpg"), begun) == ("photo", [1])
    assert (deadline.call(slow, "a.jpg"), begun) == ("photo", [1, 1])


def test_a_failure_that_comes_too_late_is_for_nobody(answers):
    deadline = Deadline(well)

    def fail() -> None:
        answers.wait(30)
        raise FileNotFoundError

    with pytest.raises(StorageSilent):
        deadline.call(fail, "a.jpg")
    answers.set()
    wait_for(lambda: not any(call.is_alive() for call in deadline._calls), "the call")
    assert deadline.call(lambda: "photo", "a.jpg") == "photo"


def test_of_more_files_than_are_kept_each_turn_settles_as_many_as_are_kept(monkeypatch):
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.1)
    deadline, left = Deadline(well), list(range(2 * MOST_LATE + 10))

    def is_answered(number: int) -> bool:
        try:
            deadline.call(lambda: time.sleep(0.2), f"{number}.jpg")
        except StorageSilent:
            return False
        return True

    def turn() -> list[int]:
        with ThreadPoolExecutor(4) as askers:
            answered = list(askers.map(is_answered, left))
        wait_for(lambda: not any(call.is_alive() for call in deadline._calls), "the calls")
        return [number for number, is_settled in zip(left, answered, strict=True) if not is_settled]

    for _ in range(4):  # In the first no result is there yet.
        left = turn()
    assert left == []


def test_late_results_push_out_no_call_that_is_under_way(answers):
    deadline = Deadline(well)

    def ask(number: int) -> None:
        with pytest.raises(StorageSilent):
            deadline.call(lambda: answers.wait(30), f"{number}.jpg")

    with ThreadPoolExecutor(MOST) as askers:
        list(askers.map(ask, range(MOST)))
    deadline._calls = [_late(f"late {number}.jpg") for number in range(2 * MOST_LATE)] + deadline._calls
    with pytest.raises(StorageSilent):
        deadline.call(lambda: pytest.fail("begun"))
    kept = [call.file for call in deadline._calls]
    assert kept == [f"late {n}.jpg" for n in range(MOST_LATE)] + [call.file for call in deadline._calls[MOST_LATE:]]
    assert {call.file for call in deadline._calls[MOST_LATE:]} == {f"{number}.jpg" for number in range(MOST)}


def _late(file: str) -> Call[str]:
    call = Call(lambda: "late", file)
    call.join()
    return call


@pytest.mark.parametrize(("age", "answer"), [(50, "late"), (70, "new")])
def test_customers_are_given_no_late_result_that_is_older_than_a_minute(monkeypatch, age, answer):
    monkeypatch.setattr(Deadline, "places", Deadline.places)
    monkeypatch.setattr(Deadline, "late_seconds", Deadline.late_seconds)
    storage_deadline.serve_customers()
    deadline = Deadline(well)
    deadline._calls = [_late("a.jpg")]
    deadline._calls[0].ended_at -= age
    assert deadline.call(lambda: "new", "a.jpg") == answer


@pytest.mark.parametrize("is_late", [True, False])
def test_a_photo_that_is_deleted_is_not_given_late(pipe, is_late):
    storage, photo = PhotoStorage(location=pipe.parent), pipe.with_name("a.jpg")
    os.link(pipe, photo)
    with pytest.raises(StorageSilent):
        storage.open("a.jpg")
    [call] = [call for call in READS._calls if call.file == str(photo)]

    def thaw(name: str) -> None:
        pipe.write_bytes(b"late")
        call.join(10)

    for does in (thaw, storage.delete) if is_late else (storage.delete, thaw):
        does("a.jpg")
    with pytest.raises(FileNotFoundError):
        storage.open("a.jpg")


def test_two_customers_wait_for_a_slow_storage_and_the_others_are_refused_at_once(answers, monkeypatch):
    monkeypatch.setattr(storage_deadline, "PATIENCE", 3)
    monkeypatch.setattr(Deadline, "places", Deadline.places)
    monkeypatch.setattr(Deadline, "late_seconds", Deadline.late_seconds)
    storage_deadline.serve_customers()
    deadline = Deadline(well)

    def ask(number: int) -> float:
        begun = time.monotonic()
        with pytest.raises(StorageSilent):
            deadline.call(lambda: answers.wait(30), f"{number}.jpg")
        return time.monotonic() - begun

    with ThreadPoolExecutor(4) as askers:
        _, refused, first, second = sorted(askers.map(ask, range(4)))
    assert refused < 3 <= first <= second


def test_more_patience_is_for_work_that_is_more(answers):
    threading.Timer(0.6, answers.set).start()
    assert Deadline(well).call(lambda: answers.wait(30), more=5)


def test_a_stored_photo_that_hangs_is_answered_503_and_others_are_shown(client, pipe):
    (pipe.parent / "other.jpg").write_bytes(b"photo")
    for _ in range(2):
        answer = client.get("/media/pipe.jpg")
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "The photo storage does not answer." in answer.content.decode()
    shown = client.get("/media/other.jpg")
    assert (shown.content, shown["Content-Type"], shown["Content-Length"]) == (b"photo", "image/jpeg", "5")
    assert client.get("/media/other.jpg", headers={"If-None-Match": shown["ETag"]}).status_code == 304
    assert not READS.hangs()
    pipe.write_bytes(b"late")
    wait_for(lambda: client.get("/media/pipe.jpg").content == b"late", "the late photo")


@pytest.mark.parametrize(
    "name", ["none.jpg", "none/none.jpg", "", "a.jpg/b", "../a.jpg", "/etc/passwd", "%00", "x" * 300]
)
def test_a_name_that_no_photo_has_is_not_found(client, media, name):
    media.mkdir()
    (media / "a.jpg").write_bytes(b"photo")
    assert client.get(f"/media/{name}").status_code == 404


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.ESTALE, errno.EACCES])
def test_a_photo_that_cannot_be_read_is_answered_503_and_one_line_of_the_log(
    client, media, monkeypatch, caplog, number
):
    monkeypatch.setattr(Path, "read_bytes", lambda path: _raise(OSError(number, os.strerror(number), "photo")))
    answer = client.get("/media/photos/ab/abc.jpg")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The photo storage failed. Try again in a moment." in answer.content.decode()
    assert os.strerror(number) not in answer.content.decode()
    [told] = [record.getMessage() for record in caplog.records if record.name != "django.request"]
    assert told == f"503: A photo cannot be read: {os.strerror(number)}"


def test_a_small_copy_of_a_photo_that_hangs_is_answered_503(admin_client, pipe):
    folder = pipe.parent / "photos/ab"
    folder.mkdir(parents=True)
    pipe = pipe.rename(folder / "pipe.jpg")
    answer = admin_client.get("/admin/catalog/product/thumbnail/photos/ab/pipe.jpg")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert admin_client.get("/admin/catalog/product/thumbnail/photos/ab/none.jpg").status_code == 404
    pipe.write_bytes(b"late")
    pipe.rename(folder.parent.parent / "pipe.jpg")


def test_a_stored_file_is_read_within_the_deadline(pipe):
    storage = PhotoStorage(location=pipe.parent)
    with pytest.raises(StorageSilent):
        storage.open("pipe.jpg")


def test_a_disk_on_which_each_file_takes_long_has_longer_for_many(media, monkeypatch):
    monkeypatch.setattr(storage_deadline, "PATIENCE", 1)
    media.mkdir()
    monkeypatch.setattr(os, "fsync", lambda descriptor: time.sleep(0.2))
    with synced_together():
        for number in range(30):
            PhotoStorage(location=media).save(f"{number}.jpg", ContentFile(b"a"))
    assert len(files(media)) == 30


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
    wait_for(lambda: not WRITES.hangs() and not files(media), "the disk")
    assert (Photo.objects.count(), cannot_store()) == (0, {})
    image = SimpleUploadedFile("red.png", picture("red"), "image/png")
    assert editor.post(address, {"image": image}).status_code == 201


def test_what_was_given_up_is_not_left_behind(media, frozen):
    storage = PhotoStorage(location=media)
    with pytest.raises(NotStored, match=r"The photo storage failed: it does not answer\. Nothing was stored\."):
        storage.save("a.jpg", ContentFile(b"a"))
    frozen.set()
    wait_for(lambda: not files(media), "the file deleted")


def test_a_storage_that_cannot_be_read_is_told(pipe, answers, monkeypatch):
    monkeypatch.setattr(READS, "probe", lambda: answers.wait(30))
    assert cannot_store() == {}
    with pytest.raises(StorageSilent):
        PhotoStorage(location=pipe.parent).open("pipe.jpg")
    assert cannot_store() == {"photos": "the disk hangs: no photo can be shown"}
    answers.set()
    wait_for(lambda: cannot_store() == {}, "the storage")


CALLS = """
import sys
from catalog.storage_deadline import Call
Call(lambda: open(sys.argv[1]))
"""
SYNCS = """
import os, sys
from contextlib import suppress
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from catalog import storage, storage_deadline
storage_deadline.PATIENCE = 0.3
with suppress(storage.NotStored):
    storage._sync({Path(sys.argv[1])})
    sys.exit("synced")
"""


@pytest.mark.parametrize("program", [CALLS, SYNCS])
def test_a_call_that_hangs_does_not_hold_up_the_end_of_a_process(pipe, program):
    subprocess.run([sys.executable, "-c", program, str(pipe)], cwd=BASE_DIR, check=True, timeout=30)
