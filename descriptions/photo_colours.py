"""The colours of stored photos, read once each."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial

import numpy as np

from catalog.models import Photo
from catalog.photos import StoredPhotoError
from descriptions.models import PhotoColours
from ml.arrays import Floats
from ml.images import open_photo
from ml.product_colours import SIDE, colours
from search.photo_opening import opened


def of_photos(photos: Sequence[Photo]) -> dict[int, Floats]:
    """The colours, (ml.product_colours.BOXES,), of those photos that can be read, by id."""
    stored = PhotoColours.objects.filter(photo__in=photos).values_list("photo_id", "shares")
    found = {photo_id: np.frombuffer(bytes(shares), np.float16).astype(np.float32) for photo_id, shares in stored}
    missing = [photo for photo in photos if photo.pk not in found]
    failures: dict[int, StoredPhotoError] = {}
    with closing(opened(partial(open_photo, side=SIDE), missing, failures)) as images:
        seen = [colours(image) for image in images]
    made = dict(zip([photo.pk for photo in missing if photo.pk not in failures], seen, strict=True))
    PhotoColours.objects.bulk_create(
        (PhotoColours(photo_id=pk, shares=shares.astype(np.float16).tobytes()) for pk, shares in made.items()),
        ignore_conflicts=True,  # Another process may have read the same photo.
    )
    return found | made
