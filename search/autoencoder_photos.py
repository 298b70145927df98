"""The shop's own photos as an autoencoder learns from them."""

from collections.abc import Iterator

import numpy as np

from catalog.models import Photo
from catalog.photos import open_stored
from catalog.storage import StoredPhotoError
from ml.autoencoder_training import squared
from ml.images import open_photo
from ml.sampling import sampled


def sampled_photos(most: int, seed: int = 0) -> list[int]:
    """Ids of at most `most` photos, ascending, drawn at random with this seed."""
    ids = np.array(Photo.objects.order_by("pk").values_list("pk", flat=True), int)
    return sampled(ids, most, seed).tolist()


def read_photos(ids: list[int]) -> Iterator[tuple[int, np.ndarray] | None]:
    """The product id of each photo and the bytes that `squared` makes of it; None where it cannot be read."""
    for photo in Photo.objects.filter(pk__in=ids).order_by("pk").iterator():
        try:
            yield photo.product_id, squared(open_stored(photo, open_photo))
        except StoredPhotoError:
            yield None
