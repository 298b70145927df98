"""The same picture under several products: told in an answer's hits, and found in the whole catalogue."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np
from django.db import models
from numpy.typing import NDArray

from catalog.models import Photo
from catalog.photos import StoredPhotoError, open_stored
from ml.images import (
    FINGERPRINT_BYTES,
    FINGERPRINT_SIDE,
    SAME_PICTURE,
    SAME_SHARE,
    fingerprint,
    open_photo,
)

# A stored photo decoded at this size gives a fingerprint within 3 of the one taken at upload, as at any other (JPEG
# makes the difference), and one of 2,048 px takes 2 ms instead of 27.
DECODED_SIDE = 256
# The search for pairs averages fingerprints down to this many cells a side. 100,000 photos unusually alike (mirrored,
# shifted and recoloured copies of 698) take 71 s of one core and 1 GB, 30,000 take 8 s; at 8 cells these take 41 s.
COARSE_SIDE = 4
ROUNDING = 0.01  # of float32 means
# Pairs compared at once: 15 MB.
PAIRS = 10_000


class Pictures:
    """The different pictures among photos, met one after the other; each is known by the first photo that shows it."""

    def __init__(self, fingerprints: Sequence[bytes]) -> None:
        """An empty fingerprint, not taken yet, is of no other's picture."""
        filled = b"".join(fingerprint or bytes(FINGERPRINT_BYTES) for fingerprint in fingerprints)
        self._grids = np.frombuffer(filled, np.uint8).reshape(-1, FINGERPRINT_BYTES)
        self._means = _means(self._grids)
        self._means[[not fingerprint for fingerprint in fingerprints]] = np.nan  # Near nothing, itself included.
        self._shown: dict[int, int] = {}
        self._met = 0

    def find(self, photo: int) -> int | None:
        """The place of the first picture met that the photo at this place shows, or None."""
        return self._shown.get(photo)

    def add(self, photo: int) -> None:
        """The photo shows a picture that none before it did."""
        # Nearly all differ in the means of their cells already, which are a sixteenth of the bytes.
        apart = np.abs(self._means - self._means[photo]).max(axis=1)
        apart[photo] = np.inf
        near = np.flatnonzero(apart <= SAME_PICTURE + ROUNDING)
        if near.size:
            for other in near[_same(self._grids[near], self._grids[photo])].tolist():
                self._shown.setdefault(other, self._met)
        self._met += 1


def without_fingerprint() -> models.QuerySet[Photo]:
    """Photos stored before fingerprints were taken at upload."""
    return Photo.objects.filter(fingerprint=b"")


def take_missing() -> Iterator[tuple[Photo, str]]:
    """Take the fingerprints that are missing: each photo, with the reason why it has none still, or an empty one."""
    for photo in without_fingerprint().order_by("pk").iterator():
        try:
            taken = fingerprint(open_stored(photo, partial(open_photo, side=DECODED_SIDE)))
        except StoredPhotoError as error:
            yield photo, str(error)
        else:
            Photo.objects.filter(pk=photo.pk).update(fingerprint=taken)
            yield photo, ""


def groups() -> list[list[Photo]]:
    """The photos of each picture that several products show, in any category; photos and groups by id.

    As in an answer, the first photo of a group is what the others are compared with.
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
    """(n,) for n fingerprints: the first row that shows the same picture as each."""
    # Byte for byte equal ones are told apart first: a placeholder under 10,000 products would make 50 million pairs.
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

    near = cKDTree(_means(grids)).query_pairs(SAME_PICTURE + ROUNDING, p=np.inf, output_type="ndarray")
    parts = [near[start : start + PAIRS] for start in range(0, len(near), PAIRS)]
    return np.concatenate([near[:0], *(part[_same(grids[part[:, 0]], grids[part[:, 1]])] for part in parts)])


def _means(grids: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, FINGERPRINT_BYTES) -> (n, 48): the fingerprints averaged down to COARSE_SIDE cells a side."""
    cells = FINGERPRINT_SIDE // COARSE_SIDE
    # First over the rows of the cells, whose bytes lie side by side, then over what little remains.
    rows = grids.reshape(-1, COARSE_SIDE, cells, FINGERPRINT_SIDE * 3).sum(2, np.uint16)
    sums = rows.reshape(-1, COARSE_SIDE, COARSE_SIDE, cells, 3).sum(3, np.float32)
    return sums.reshape(len(grids), 3 * COARSE_SIDE**2) / cells**2


def _same(grids: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,) whether the rows show the same picture as the other rows, or as the one other."""
    apart = np.abs(grids.astype(np.int16) - others).max(axis=1)
    span = np.minimum(np.ptp(grids, axis=1), np.ptp(others, axis=-1))
    same: NDArray[np.bool_] = apart <= np.minimum(SAME_PICTURE, SAME_SHARE * span)
    return same
