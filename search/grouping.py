"""Grouping what is ranked: by a key, such as the product, or by the picture that photos show."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import attrgetter
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.images import FINGERPRINT_BYTES, FINGERPRINT_SIDE, SAME_PICTURE, SAME_SHARE

# Fingerprints are compared by the means of this many cells a side before they are compared byte by byte.
# The search for pairs in 100,000 photos unusually alike (mirrored, shifted and recoloured copies of 698) takes 71 s of
# one core and 1 GB, in 30,000 it takes 8 s; at 8 cells these take 41 s.
COARSE_SIDE = 4
# The means of one picture differ by no more than its bytes do, and by the rounding of float32.
NEAR = SAME_PICTURE + 0.01

PRODUCT = attrgetter("product_id")


class Pictured(Protocol):
    """What shows a picture."""

    @property
    def fingerprint(self) -> bytes:
        """ml.images.fingerprint; empty where it was not taken yet."""


R = TypeVar("R")
P = TypeVar("P", bound=Pictured)


def first_of_each(ranked: Iterable[R], key: Callable[[R], Hashable]) -> list[R]:
    """The first of those that share a key, such as PRODUCT, in their order."""
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
    means[[not row.fingerprint for row in ranked]] = np.nan  # Near nothing, itself included.
    pictures: list[list[P]] = []
    shown: dict[int, list[P]] = {}
    for place, row in enumerate(ranked):
        if (picture := shown.get(place)) is not None:
            if len(picture) < size:
                picture.append(row)
        elif len(pictures) < most:
            pictures.append(picture := [row])
            # Nearly all differ in the means of their cells already, which are a sixteenth of the bytes.
            near = np.flatnonzero((np.abs(means[place + 1 :] - means[place]) <= NEAR).all(axis=1))
            if near.size:
                near += place + 1
                for other in near[same_picture(fingerprints[near], fingerprints[place])].tolist():
                    shown.setdefault(other, picture)
    return pictures


def coarse_means(fingerprints: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, FINGERPRINT_BYTES) -> (n, 48): the fingerprints averaged down to COARSE_SIDE cells a side."""
    cells = FINGERPRINT_SIDE // COARSE_SIDE
    # First over the rows of the cells, whose bytes lie side by side, then over what little remains.
    rows = fingerprints.reshape(-1, COARSE_SIDE, cells, FINGERPRINT_SIDE * 3).sum(2, np.uint16)
    sums = rows.reshape(-1, COARSE_SIDE, COARSE_SIDE, cells, 3).sum(3, np.float32)
    return sums.reshape(len(fingerprints), 3 * COARSE_SIDE**2) / cells**2


def same_picture(fingerprints: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,) whether the fingerprints are of the same picture as the others, or as the one other."""
    apart = np.abs(fingerprints.astype(np.int16) - others).max(axis=1)
    span = np.minimum(np.ptp(fingerprints, axis=1), np.ptp(others, axis=-1))
    same: NDArray[np.bool_] = apart <= np.minimum(SAME_PICTURE, SAME_SHARE * span)
    return same
