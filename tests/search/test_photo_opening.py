"""Photos opened ahead of what looks at them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog import storage_deadline
from catalog.models import Photo
from catalog.storage import StoredPhotoError
from ml.images import open_photo
from search.photo_opening import opened

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
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.5)
    photos = [photo("blue"), hanging, photo("white")]
    failures: dict[int, StoredPhotoError] = {}
    images = list(opened(open_photo, photos, failures))
    assert len(images) == 2
    assert list(failures) == [hanging.pk]
    assert (str(failures[hanging.pk]), failures[hanging.pk].transient) == ("The photo storage does not answer.", True)


def test_a_batch_whose_storage_hangs_fails_in_the_time_of_its_first_photos(photo, hanging, monkeypatch):
    """Four photos are waited for at once; the other sixty fail without being waited for."""
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.5)
    failures: dict[int, StoredPhotoError] = {}
    begun = time.monotonic()
    assert list(opened(open_photo, [hanging] * 64, failures)) == []
    assert time.monotonic() - begun < 5
    assert failures[hanging.pk].transient
