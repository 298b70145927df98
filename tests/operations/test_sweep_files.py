import os
import shutil
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.utils import timezone

from catalog import storage_deadline
from catalog.models import Import, Photo
from catalog.storage import private_storage
from operations import leftovers as leftover_files
from operations.leftovers import leftovers
from operations.tasks import report_leftovers
from tests import commands
from tests.catalog.test_storage import files

pytestmark = pytest.mark.django_db
run = partial(commands.run, "sweep_files")
NOTHING = "Would delete 0 files that no row names, 0\xa0bytes.\n"


@pytest.fixture(autouse=True)
def imports(settings, tmp_path) -> Path:
    settings.IMPORTS_ROOT = tmp_path / "imports"
    return settings.IMPORTS_ROOT


def leave(folder: Path, name: str, hours: float, size: int = 1000) -> Path:
    """A file that nobody wrote a row for, so many hours ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - 3600 * hours,) * 2)
    return path


def test_a_shop_that_never_had_a_photo_has_none_to_sweep(media):
    assert run() == NOTHING


def test_photos_that_rows_name_stay_however_old(photo, media):
    stored = media / photo("red").file.name
    os.utime(stored, (0, 0))
    assert run("--delete") == "Deleted 0 files that no row names, 0\xa0bytes.\n"
    assert stored.exists()


def test_without_delete_the_files_are_named_and_stay(photo, media):
    photo("red")
    left = leave(media, "photos/ab/abc.jpg", hours=2)
    assert run() == (
        "photos/ab/abc.jpg  1000\xa0bytes\n"
        "Would delete 1 file that no row names, 1000\xa0bytes. Give --delete to do so.\n"
    )
    assert left.exists()


def test_with_delete_they_go_and_a_second_run_finds_none(photo, media):
    kept = media / photo("red").file.name
    left = [leave(media, f"photos/{n:02x}/left.jpg", hours=2) for n in range(106)]
    printed = run("--delete").splitlines()
    assert printed[-2:] == ["and 86 more", "Deleted 106 files that no row names, 103.5\xa0KB."]
    assert (kept.exists(), any(path.exists() for path in left)) == (True, False)
    assert run() == NOTHING


def test_a_file_whose_row_may_be_on_its_way_is_left_alone(media):
    left = leave(media, "photos/ab/abc.jpg", hours=0.9)
    assert run("--delete") == "Deleted 0 files that no row names, 0\xa0bytes.\n"
    assert left.exists()


def test_the_file_of_a_photo_in_a_folder_of_the_same_beginning_is_no_leftover(photo, media):
    row = photo("red")
    odd = leave(media, "photos/a_/one.jpg", hours=2)
    Photo.objects.filter(pk=row.pk).update(file="photos/a_/one.jpg")
    leave(media, "photos/ab/one.jpg", hours=2)
    assert "photos/ab/one.jpg" in run("--delete")
    assert odd.exists()


def test_the_database_is_asked_for_the_listed_names_alone(photo, media, django_assert_num_queries):
    for colour in ("red", "blue"):
        photo(colour)
    shutil.rmtree(media / "photos")
    left = [leave(media, f"photos/ab/{n}.jpg", hours=2) for n in range(3)]
    with django_assert_num_queries(1) as asked:
        found = list(leftovers(timedelta(0)))
    assert {media / leftover.name for leftover in found} == set(left)
    assert asked.captured_queries[0]["sql"].count("photos/ab/") == 3


def test_more_names_than_are_asked_for_at_once_are_all_found(photo, media, monkeypatch):
    monkeypatch.setattr(leftover_files, "ASKED", 2)
    kept = media / photo("red").file.name
    left = [leave(kept.parent, f"{n}.jpg", hours=2) for n in range(4)]
    os.utime(kept, (0, 0))
    assert run("--delete").endswith("Deleted 4 files that no row names, 3.9\xa0KB.\n")
    assert (kept.exists(), any(path.exists() for path in left)) == (True, False)


def test_files_sent_for_imports_are_swept_as_well(imports, media):
    kept, left = leave(imports, "kept", hours=2), leave(imports, "left.upload", hours=2)
    Import.objects.create(csv="kept", csv_name="shop.csv")
    assert private_storage().exists("kept")
    assert run("--delete").startswith("left.upload  1000\xa0bytes\nDeleted 1 file ")
    assert (kept.exists(), left.exists()) == (True, False)


def test_files_whose_names_are_no_text_are_swept_as_well(imports, media):
    left = [
        leave(media, os.fsdecode(b"photos/ab/\xff.jpg"), hours=2),
        leave(media, os.fsdecode(b"photos/\xfe/one.jpg"), hours=2),
        leave(imports, os.fsdecode(b"\xff.upload"), hours=2),
    ]
    printed = run("--delete")
    assert "photos/ab/\\udcff.jpg  1000\xa0bytes\n" in printed
    assert printed.endswith("Deleted 3 files that no row names, 2.9\xa0KB.\n")
    assert not any(path.exists() for path in left)


def test_a_storage_that_does_not_answer_is_one_line(media):
    media.mkdir()
    (media / "photos").write_text("no folder")
    assert commands.refused("sweep_files").startswith("The photo storage did not answer: [Errno 20] Not a directory")


def test_the_age_of_a_file_is_told_by_the_clock_of_the_storage(media, monkeypatch):
    """This machine's is two days ahead: a file that was stored just now has a row in a moment."""
    days_ahead = timezone.now() + timedelta(days=2)
    monkeypatch.setattr("django.utils.timezone.now", lambda: days_ahead)
    fresh, old = leave(media, "photos/ab/fresh.jpg", hours=0), leave(media, "photos/ab/old.jpg", hours=2)
    assert "Deleted 1 file " in run("--delete")
    assert [path.exists() for path in (fresh, old)] == [True, False]
    assert files(media) == ["photos/ab/fresh.jpg"]


def test_at_night_the_workers_tell_of_files_that_no_row_names_and_delete_none(photo, media, caplog):
    """A shop on an empty database has as many as it has photos."""
    os.utime(media / photo("red").file.name, (0, 0))
    report_leftovers()
    assert caplog.text == ""
    old = [leave(media, f"photos/ab/{number}.jpg", hours=25) for number in range(3)]
    leave(media, "photos/ab/young.jpg", hours=23)
    report_leftovers()
    assert all(path.exists() for path in old)
    assert "Files that no row names: 3. `manage.py sweep_files` shows them" in caplog.text


def test_at_night_a_storage_that_does_not_answer_is_one_line(media, caplog):
    media.mkdir()
    (media / "photos").write_text("no folder")
    report_leftovers()
    assert "Files that no row names were not counted: [Errno 20] Not a directory" in caplog.text


def test_a_folder_that_hangs_holds_nobody(media, monkeypatch):
    """Whoever lists it is told within the deadline of the storage."""
    leave(media, "photos/ab/abc.jpg", hours=2)
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.3)
    answers = threading.Event()
    monkeypatch.setattr(os, "scandir", lambda path: answers.wait(30))
    try:
        assert commands.refused("sweep_files") == "The photo storage did not answer: it does not answer."
    finally:
        answers.set()
