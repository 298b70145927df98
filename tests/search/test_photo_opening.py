"""Photos opened ahead of what looks at them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.models import Photo
from catalog.photos import StoredPhotoError
from ml.images import open_photo
from search import photo_opening
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
    monkeypatch.setattr(photo_opening, "PATIENCE", 0.5)
    photos = [photo("blue"), hanging, photo("white")]
    failures: dict[int, StoredPhotoError] = {}
    images = list(opened(open_photo, photos, failures))
    assert len(images) == 2
    assert list(failures) == [hanging.pk]
    assert (str(failures[hanging.pk]), failures[hanging.pk].transient) == ("The photo storage does not answer.", True)
