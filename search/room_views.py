"""Views of a space's photos in made-up rooms (ml.room_views): what the category head learns customers' photos from."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing

import numpy as np
from PIL import Image

from catalog.models import Photo
from catalog.storage import StoredPhotoError
from ml.arrays import Floats, Ints
from ml.room_views import SIDE, view
from search import encoders
from search.models import Space
from search.photo_opening import opened

logger = logging.getLogger(__name__)
# The most views that a head learns from, in all and of one category. Each takes about 20 ms on two cores: 10 for the
# view, 8 for the network. With 15 of each category Lite0 is as often right about customers' photos of the sample
# catalogue as with 60, and about real rooms no more often than without views.
VIEWS, VIEWS_PER_CATEGORY = 2_000, 200
# A storage is down when more photos than these get no answer: each of the rest might take a time-out.
MOST_UNANSWERED = 3


class StorageDown(Exception):  # noqa: N818  it names the state of the storage
    """The photo storage does not answer; later it may."""


def chosen(categories: Ints, seed: int) -> Ints:
    """The rows of the photos that get a view, ascending; `categories`, (n,), are theirs."""
    random = np.random.default_rng(seed)
    kinds = np.unique(categories)
    most = min(VIEWS_PER_CATEGORY, max(1, VIEWS // max(1, len(kinds))))
    rows = [random.permutation(np.flatnonzero(categories == kind))[:most] for kind in kinds]
    return np.sort(np.concatenate(rows))[:VIEWS] if rows else np.empty(0, np.int64)


def encoded(space: Space, photo_ids: Ints, seed: int) -> tuple[Floats, Ints]:
    """A view of each photo: vectors (v, dimensions), and the place of each one's photo in `photo_ids`, (v,).

    A photo that is gone or cannot be read has none; the log says how many these are.

    Raises:
        StorageDown: several photos got no answer.
        ml.recipes.WeightsError: the space's network cannot be loaded.
    """
    stored = Photo.objects.in_bulk(photo_ids.tolist())
    photos = [stored[photo_id] for photo_id in photo_ids.tolist() if photo_id in stored]
    failures = Failures()
    vectors = encoders.encoder_for(space).encode(_views(space, photos, seed, failures))
    if missing := len(photo_ids) - len(vectors):
        logger.warning("%s: %d of %d photos could not be read, and have no view", space, missing, len(photo_ids))
    seen = [photo_id in stored and photo_id not in failures for photo_id in photo_ids.tolist()]
    return vectors.reshape(-1, space.dimensions), np.flatnonzero(seen)


class Failures(dict[int, StoredPhotoError]):
    """Why photos cannot be read, by id. Raises StorageDown once more than MOST_UNANSWERED of them got no answer."""

    def __setitem__(self, photo_id: int, failure: StoredPhotoError) -> None:
        super().__setitem__(photo_id, failure)
        if sum(known.transient for known in self.values()) > MOST_UNANSWERED:
            raise StorageDown(str(failure))


def _views(space: Space, photos: Sequence[Photo], seed: int, failures: Failures) -> Iterator[Image.Image]:
    """Yield a view of each photo that can be read, in their order; `failures` gets the others."""
    side = max(SIDE, space.recipe["input_size"])
    shown = iter(photos)
    with closing(opened(encoders.encoder_for(space).open, photos, failures)) as images:
        for image in images:
            photo = next(photo for photo in shown if photo.pk not in failures)
            yield view(image, np.random.default_rng((seed, photo.pk)), side)
