"""Photos opened ahead of what looks at them."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.models import Photo
from catalog.photos import StoredPhotoError
from config.settings import BASE_DIR
from ml.images import open_photo
from search import photo_opening
from search.photo_opening import OPENERS, Openers, opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def hanging(photo, media) -> Iterator[Photo]:
    """A photo whose file is opened for ever: a pipe that nobody writes into, until the test ends."""
    lamp = photo("red")
    path = Path(lamp.file.path)
    path.unlink()
    os.mkfifo(path)
    yield lamp
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def test_a_storage_that_hangs_holds_up_no_other_photo(photo, hanging, monkeypatch):
    monkeypatch.setattr(photo_opening, "PATIENCE", 0.5)
    photos = [photo("blue"), hanging, photo("white")]
    failures: dict[int, StoredPhotoError] = {}
    images = list(opened(open_photo, photos, failures))
    assert len(images) == 2
    assert list(failures) == [hanging.pk]
    assert (str(failures[hanging.pk]), failures[hanging.pk].transient) == ("The photo storage does not answer.", True)


def test_while_all_threads_wait_for_a_storage_that_hangs_no_photo_is_opened(photo, hanging, monkeypatch):
    monkeypatch.setattr(photo_opening, "PATIENCE", 0.2)
    monkeypatch.setattr(photo_opening, "LEFT", 0.2)
    own = Openers()
    monkeypatch.setattr(photo_opening, "openers", lambda: own)
    threads = threading.active_count()
    failures: dict[int, StoredPhotoError] = {}
    assert list(opened(open_photo, [hanging] * OPENERS, failures)) == []
    monkeypatch.setattr(photo_opening, "PATIENCE", 60)
    failures.clear()
    other = photo("blue")
    assert list(opened(open_photo, [other], failures)) == []
    assert failures[other.pk].transient
    assert threading.active_count() == threads


def test_a_storage_that_hangs_does_not_hold_up_the_end_of_a_process(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    program = f"""
import django; django.setup()
from search.photo_opening import openers
openers().submit(lambda: open({str(tmp_path / "pipe")!r}))
"""
    subprocess.run([sys.executable, "-c", program], cwd=BASE_DIR, env=os.environ, check=True, timeout=30)
