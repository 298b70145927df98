"""Group ranked rows by a key, such as the product, or by the picture that their photos show."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import attrgetter
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.images import FINGERPRINT_BYTES, FINGERPRINT_SIDE, SAME_PICTURE, SAME_SHARE

# The means of this many cells a side are compared before fingerprints are compared byte by byte. Measured on photos
# unusually alike (mirrored, shifted and recoloured copies of 698), the search for pairs takes one core 8 s in 30,000
# (41 s with 8 cells a side), and 71 s and 1 GB in 100,000.
COARSE_SIDE = 4
# The means of one picture differ by no more than its bytes do, plus the rounding of float32.
NEAR = SAME_PICTURE + 0.01

PRODUCT = attrgetter("product_id")


class Pictured(Protocol):
    """A row that shows a picture."""

    @property
    def fingerprint(self) -> bytes:
        """ml.images.fingerprint; empty where it was not taken yet."""


R = TypeVar("R")
P = TypeVar("P", bound=Pictured)


def first_of_each(ranked: Iterable[R], key: Callable[[R], Hashable]) -> list[R]:
    """The first row of each key, such as PRODUCT, in the order given."""
    first: dict[Hashable, R] = {}
    for row in ranked:
        first.setdefault(key(row), row)
    return list(first.values())


def by_picture(ranked: Sequence[P], most: int, size: int) -> list[list[P]]:
    """The first `most` different pictures, each as the first `size` rows that show it.

    A picture is what the first of its rows shows. A row without a fingerprint shows a picture of its own.
    """
    filled = b"".join(row.fingerprint or bytes(FINGERPRINT_BYTES) for row in ranked)
    fingerprints = np.frombuffer(filled, np.uint8).reshape(-1, FINGERPRINT_BYTES)
    means = coarse_means(fingerprints)
    means[[not row.fingerprint for row in ranked]] = np.nan  # NaN is near nothing, not even itself.
    pictures: list[list[P]] = []
    shown: dict[int, list[P]] = {}
    for place, row in enumerate(ranked):
        if (picture := shown.get(place)) is not None:
            if len(picture) < size:
                picture.append(row)
        elif len(pictures) < most:
            pictures.append(picture := [row])
            # The means are a sixteenth of the bytes and already tell nearly all pictures apart.
            near = np.flatnonzero((np.abs(means[place + 1 :] - means[place]) <= NEAR).all(axis=1))
            if near.size:
                near += place + 1
                for other in near[same_picture(fingerprints[near], fingerprints[place])].tolist():
                    shown.setdefault(other, picture)
    return pictures


def coarse_means(fingerprints: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, FINGERPRINT_BYTES) -> (n, 48): the fingerprints averaged down to COARSE_SIDE cells a side."""
    cells = FINGERPRINT_SIDE // COARSE_SIDE
    # The rows of each cell are summed first, since their bytes lie side by side. Little remains to be summed then.
    rows = fingerprints.reshape(-1, COARSE_SIDE, cells, FINGERPRINT_SIDE * 3).sum(2, np.uint16)
    sums = rows.reshape(-1, COARSE_SIDE, COARSE_SIDE, cells, 3).sum(3, np.float32)
    return sums.reshape(len(fingerprints), 3 * COARSE_SIDE**2) / cells**2


def same_picture(fingerprints: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,) whether each fingerprint shows the same picture as its counterpart in `others`, or as the only one there."""
    apart = np.abs(fingerprints.astype(np.int16) - others).max(axis=1)
    span = np.minimum(np.ptp(fingerprints, axis=1), np.ptp(others, axis=-1))
    same: NDArray[np.bool_] = apart <= np.minimum(SAME_PICTURE, SAME_SHARE * span)
    return same
