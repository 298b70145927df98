"""The colours of stored photos, read once each."""

import logging
from collections.abc import Sequence
from contextlib import closing
from functools import partial

import numpy as np
from django.db import transaction

from catalog.models import Photo
from catalog.storage import StoredPhotoError
from descriptions.models import PhotoColours
from ml.arrays import Floats
from ml.images import open_photo
from ml.product_colours import SIDE, colours
from search.photo_opening import opened

logger = logging.getLogger(__name__)
AT_ONCE = 500  # photos, after which what was read is kept


def of_photos(photos: Sequence[Photo]) -> dict[int, Floats]:
    """The colours, (ml.product_colours.SHARES,), of those photos that can be read, by id.

    It opens photos, so nobody should wait for a lock of the caller's.
    """
    stored = PhotoColours.objects.filter(photo__in=photos).values_list("photo_id", "shares")
    known = {photo_id: np.frombuffer(bytes(shares), np.float16).astype(np.float32) for photo_id, shares in stored}
    missing = [photo for photo in photos if photo.pk not in known]
    for start in range(0, len(missing), AT_ONCE):
        known |= _read(missing[start : start + AT_ONCE])
    return {photo_id: shares for photo_id, shares in known.items() if len(shares)}


def _read(photos: Sequence[Photo]) -> dict[int, Floats]:
    """Read colours and keep them. A file that can never be read is kept as one without colours."""
    failures: dict[int, StoredPhotoError] = {}
    with closing(opened(partial(open_photo, side=SIDE), photos, failures)) as images:
        seen = [colours(image) for image in images]
    made = dict(zip([photo.pk for photo in photos if photo.pk not in failures], seen, strict=True))
    for photo_id, failure in failures.items():
        logger.warning("photo %d shows no colours: %s", photo_id, failure)
        if not failure.transient:
            made[photo_id] = np.empty(0, np.float32)
    with transaction.atomic():
        # Some may have been deleted meanwhile.
        there = set(Photo.objects.filter(pk__in=made).select_for_update(no_key=True).values_list("pk", flat=True))
        PhotoColours.objects.bulk_create(
            (PhotoColours(photo_id=pk, shares=made[pk].astype(np.float16).tobytes()) for pk in sorted(there)),
            ignore_conflicts=True,  # Another process may have read the same photo.
        )
    return made
