"""The same picture under several products, found in the whole catalogue."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import chain

import numpy as np
from django.db import models
from numpy.typing import NDArray

from catalog.models import Photo
from catalog.photos import open_stored
from catalog.storage import StoredPhotoError
from ml.images import FINGERPRINT_BYTES, fingerprint, open_photo
from search.grouping import NEAR, coarse_means, same_picture

# A stored photo decoded at this size gives a fingerprint within 3 of the one taken at upload. So does any other size:
# JPEG makes the difference. A photo of 2,048 px takes 2 ms instead of 27.
DECODED_SIDE = 256
# Pairs compared at once: 15 MB.
PAIRS = 10_000


def without_fingerprint() -> models.QuerySet[Photo]:
    """Photos stored before fingerprints were taken at upload."""
    return Photo.objects.filter(fingerprint=b"")


def take_missing() -> Iterator[tuple[Photo, str]]:
    """Take the missing fingerprints. Yields each photo with the reason why it still has none, empty if it has one."""
    for photo in without_fingerprint().order_by("pk").iterator():
        try:
            taken = fingerprint(open_stored(photo, partial(open_photo, side=DECODED_SIDE)))
        except StoredPhotoError as error:
            yield photo, str(error)
        else:
            Photo.objects.filter(pk=photo.pk).update(fingerprint=taken)
            yield photo, ""


def groups() -> list[list[Photo]]:
    """Group the photos of each picture that several products show, in any category; photos and groups come by id.

    The first photo of a group is what the others are compared with, as in an answer.
    """
    rows = list(Photo.objects.exclude(fingerprint=b"").order_by("pk").values_list("pk", "product_id", "fingerprint"))
    if not rows:
        return []
    photos, products, fingerprints = zip(*rows, strict=True)
    grids = np.frombuffer(b"".join(fingerprints), np.uint8).reshape(-1, FINGERPRINT_BYTES)
    found: dict[int, list[int]] = defaultdict(list)
    for place, first in enumerate(_first_of_same(grids)):
        found[int(first)].append(place)
    shared = [places for places in found.values() if len({products[place] for place in places}) > 1]
    ids = [[photos[place] for place in places] for places in shared]
    known = Photo.objects.select_related("product__category").in_bulk(list(chain.from_iterable(ids)))
    return [[known[pk] for pk in group if pk in known] for group in ids]


def _first_of_same(grids: NDArray[np.uint8]) -> NDArray[np.intp]:
    """For each of n fingerprints, the first row that shows the same picture: (n,)."""
    # Equal fingerprints are merged first: a placeholder under 10,000 products would make 50 million pairs.
    _, first, picture_of = np.unique(grids, axis=0, return_index=True, return_inverse=True)
    rows = np.sort(first)
    leader = np.arange(len(grids))
    followers: dict[int, list[int]] = defaultdict(list)
    for one, other in _same_pairs(grids[rows]):
        followers[rows[one]].append(rows[other])
    for row in sorted(followers):
        if leader[row] == row:
            free = [other for other in followers[row] if leader[other] == other]
            leader[free] = row
    return leader[first[picture_of]]


def _same_pairs(grids: NDArray[np.uint8]) -> NDArray[np.intp]:
    """(m, 2): the pairs of rows that show the same picture, the lower row first.

    No mean of cells differs by more than the cells do, so a k-d tree of coarse means finds every candidate.
    """
    from scipy.spatial import cKDTree  # Slow to import, and no search needs it.

    near = cKDTree(coarse_means(grids)).query_pairs(NEAR, p=np.inf, output_type="ndarray")
    parts = [near[start : start + PAIRS] for start in range(0, len(near), PAIRS)]
    return np.concatenate([near[:0], *(part[same_picture(grids[part[:, 0]], grids[part[:, 1]])] for part in parts)])
