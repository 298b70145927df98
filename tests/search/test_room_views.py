"""Views of a space's stored photos."""

from pathlib import Path

import numpy as np
import pytest

from catalog.models import Photo
from catalog.storage import StoredPhotoError
from search import photo_opening, room_views
from search.room_views import StorageDown, chosen, encoded

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids(indexed_shop) -> np.ndarray:
    return np.array(Photo.objects.order_by("pk").values_list("pk", flat=True))


def test_every_photo_has_one_view_the_same_each_time(space, ids):
    vectors, places = encoded(space, ids, seed=0)
    assert (vectors.shape, places.tolist()) == ((12, 48), list(range(12)))
    again, _ = encoded(space, ids, seed=0)
    assert np.array_equal(vectors, again)
    other, _ = encoded(space, ids, seed=1)
    assert not np.array_equal(vectors, other)


def test_photos_that_are_gone_or_cannot_be_read_have_no_view_and_the_log_says_so(space, ids, caplog):
    Path(Photo.objects.get(pk=ids[3]).file.path).unlink()
    Path(Photo.objects.get(pk=ids[5]).file.path).write_bytes(b"damaged")
    vectors, places = encoded(space, np.append(ids, ids[-1] + 1), seed=0)
    assert places.tolist() == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
    assert len(vectors) == 10
    assert "grid: 3 of 13 photos could not be read, and have no view" in caplog.text


def test_a_storage_that_is_down_is_given_up_on_after_a_few_photos(space, ids, monkeypatch):
    asked: list[int] = []

    def silent(photo, decode):
        asked.append(photo.pk)
        raise StoredPhotoError("The photo storage did not answer: timed out.", transient=True)

    monkeypatch.setattr(photo_opening, "open_stored", silent)
    monkeypatch.setattr(photo_opening, "AHEAD", 2)
    with pytest.raises(StorageDown, match="did not answer"):
        encoded(space, ids, seed=0)
    assert len(asked) < len(ids)


def test_no_photos_have_no_views(space):
    vectors, places = encoded(space, np.empty(0, np.int64), seed=0)
    assert (vectors.shape, places.shape) == ((0, 48), (0,))


def test_each_category_has_its_share_of_a_bounded_number(monkeypatch):
    monkeypatch.setattr(room_views, "VIEWS", 12)
    monkeypatch.setattr(room_views, "VIEWS_PER_CATEGORY", 5)
    categories = np.repeat([1, 2, 3], [20, 3, 20])
    rows = chosen(categories, seed=0)
    assert np.bincount(categories[rows]).tolist() == [0, 4, 3, 4]
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert np.array_equal(rows, chosen(categories, seed=0))
    assert np.bincount(categories[chosen(categories[:23], seed=0)]).tolist() == [0, 5, 3]
    assert chosen(np.empty(0, np.int64), seed=0).tolist() == []
