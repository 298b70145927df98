"""Views of a space's photos in made-up rooms (ml.room_views): what the category head learns customers' photos from."""

import logging
from collections.abc import Iterator

import numpy as np
from PIL import Image

from catalog.models import Photo
from catalog.photos import StoredPhotoError, open_stored
from ml.arrays import Floats, Ints
from ml.images import UnreadablePhoto
from ml.room_views import view
from search import encoders
from search.models import Space

logger = logging.getLogger(__name__)
# The most views that a head learns from, in all and of one category. Each takes about 20 ms on two cores: 10 for the
# view, 8 for the network. With 15 of each category Lite0 is as often right about customers' photos of the sample
# catalogue as with 60, and about real rooms no more often than without views.
VIEWS, VIEWS_PER_CATEGORY = 2_000, 200
READ = 500  # rows of photos that are read at once


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
    """
    places: list[int] = []
    vectors = encoders.encoder_for(space).encode(_views(space, photo_ids, seed, places))
    if missing := len(photo_ids) - len(places):
        logger.warning("%s: %d of %d photos could not be read, and have no view", space, missing, len(photo_ids))
    return vectors, np.array(places, np.int64)


def _views(space: Space, photo_ids: Ints, seed: int, places: list[int]) -> Iterator[Image.Image]:
    """Yield the views, and note in `places` whose they are."""
    encoder = encoders.encoder_for(space)
    for start in range(0, len(photo_ids), READ):
        ids = photo_ids[start : start + READ].tolist()
        photos = Photo.objects.in_bulk(ids)
        for place, photo_id in enumerate(ids, start=start):
            try:
                image = open_stored(photos[photo_id], encoder.open)
            except (KeyError, StoredPhotoError, UnreadablePhoto):
                continue
            places.append(place)
            yield view(image, np.random.default_rng((seed, photo_id)))
