"""Which regions of a photo show things that the shop sells: chosen among many, at most one for each thing.

A region is worth how alike its vector is to the nearest photo of a category (as ml.novelty samples the catalogue), how
likely the category head finds that category, and, where a detector has looked, how sure that one is.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.classifier import Classifier
from ml.detector import areas, overlap, shared_area
from ml.feature_scaling import unit
from ml.images import Region

# How much an e-fold probability of the head or score of the detector counts, in cosine. With the detector's weight in
# the columns, the share of the products of 95 real rooms that are among ten groups of ten (of an earlier detector), and
# the share of the products of rendered rooms that have a box (EfficientNet-Lite2):
#   0      0.1    0.2    0.3    0.5    the detector alone
#   0.549  0.567  0.570         0.563  0.474
#          0.681  0.723  0.729  0.753  0.687
# With 0.5, the first thing of a photo of one thing is more often a wrong one. With the head's weight in the columns,
# the share found in real rooms is, by regions of a grid:
#   0      0.05   0.1
#   0.495  0.546  0.553
LIKELY, SURE = 0.05, 0.3
LEAST = 1e-3  # probabilities below it count as it
# Each thing of a category makes the next one worth so much less. Without it ten groups are often all lamps.
ANOTHER = 0.05
# Regions of one category that overlap more than this (intersection over union), or of which one holds more than this
# share of the other, show one thing; of two categories, when they overlap more than SAME_PLACE.
SAME_THING, WITHIN, SAME_PLACE = 0.3, 0.6, 0.7
# Two regions of two categories are a thing and its part when more than this share of the smaller one lies in the other,
# and a detector is sure of the thing but not of the part. A choice, not a measurement.
PART = 0.9


@dataclass(frozen=True, eq=False)
class Regions:
    """n regions of a photo."""

    edges: Floats
    """(n, 4) left, top, right, bottom, as fractions of the photo"""
    vectors: Floats
    """(n, dimensions)"""
    scores: Floats | None = None
    """(n, classes) a detector's, in the order of the head's classes; None: nobody looked."""

    def among(self, rows: Bools) -> "Regions":
        """These rows only, a mask (n,)."""
        scores = None if self.scores is None else self.scores[rows]
        return Regions(self.edges[rows], self.vectors[rows], scores)


@dataclass(frozen=True, eq=False)
class Thing:
    """A region that shows a thing."""

    row: int
    """Its row among the regions."""
    box: Region
    category: int
    worth: float
    """How good a region it is, by which things are ranked."""
    probabilities: Floats
    """(classes,) the head's, of the region."""


def choose(regions: Regions, head: Classifier, most: int, sure: float = 0.0) -> list[Thing]:
    """At most `most` things, best first.

    A thing whose score by a detector is at least `sure` takes in what lies within it, as a sofa its cushions, unless
    that has such a score as well.
    """
    assert head.novelty is not None
    probabilities = head.probabilities(regions.vectors)
    alike, nearest = _nearest(regions.vectors, head)
    worth = alike + LIKELY * np.log(np.maximum(probabilities, LEAST))
    if regions.scores is not None:
        worth = worth + SURE * np.log(np.maximum(regions.scores, LEAST))
    things: list[Thing] = []
    while len(things) < most and len(worth):
        row, column = (int(place) for place in np.unravel_index(worth.argmax(), worth.shape))
        if not np.isfinite(worth[row, column]):
            break
        box = _region(regions.edges[row])
        things.append(Thing(row, box, head.classes[column], float(worth[row, column]), probabilities[row]))
        shared, within = overlap(regions.edges, regions.edges[row]), _within(regions.edges, regions.edges[row])
        same = (shared > SAME_THING) | (within > WITHIN)
        same |= nearest[:, column] == nearest[row, column]  # Alike things would find the same products.
        worth[same, column] = -np.inf
        worth[shared > SAME_PLACE] = -np.inf
        if regions.scores is not None and regions.scores[row, column] >= sure:
            worth[(within > PART)[:, np.newaxis] & (regions.scores < sure)] = -np.inf
        worth[:, column] -= ANOTHER
    return things


def _nearest(vectors: Floats, head: Classifier) -> tuple[Floats, Ints]:
    """The cosine to the nearest sampled photo of each category, and its product's id: both (n, classes).

    A category without a photo in the sample is never near.
    """
    assert head.novelty is not None
    cosines = unit(vectors) @ head.novelty.columns
    alike = np.full((len(vectors), len(head.classes)), -np.inf, np.float32)
    products = np.zeros(alike.shape, np.int64)
    for column, category in enumerate(head.classes):
        rows = head.novelty.by_category.get(category)
        if rows is not None:
            best = cosines[:, rows].argmax(axis=1)
            alike[:, column] = np.take_along_axis(cosines[:, rows], best[:, None], axis=1)[:, 0]
            products[:, column] = head.novelty.products[rows[best]]
    return alike, products


def _within(boxes: Floats, box: Floats) -> Floats:
    """The share of the smaller of two boxes that lies in the other: (n, 4) and one -> (n,)."""
    smaller = np.minimum(areas(boxes), areas(box))
    shares: Floats = shared_area(boxes, box) / np.maximum(smaller, 1e-9)
    return shares


def _region(edges: Floats) -> Region:
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right - left, bottom - top


# The most places in a row or a column. The last layers have 24 or fewer; earlier ones would have a hundred.
LARGEST = 32


def bounded(places: Floats) -> Floats:
    """A map (rows, columns, channels) of at most LARGEST places a side: of a larger one, blocks are averaged."""
    rows, columns, channels = places.shape
    times = -(-max(rows, columns) // LARGEST)
    down, across = min(times, rows), min(times, columns)
    kept = places[: rows // down * down, : columns // across * across]
    means: Floats = kept.reshape(rows // down, down, columns // across, across, channels).mean(axis=(1, 3))
    return means


# The sides of a grid's regions, in places of a map.
SIDES = (2, 3, 4, 6, 8, 11, 15, 20, 27)
LONGEST = 3  # times as long as wide


@lru_cache(maxsize=32)
def grid(rows: int, columns: int) -> Ints:
    """Regions of many sizes all over a map, (n, 4): left, top, right, bottom in places.

    A map of 18 x 24 places has 3,500, the largest (see `bounded`) 8,000.
    """
    heights, widths = (sorted({*(side for side in SIDES if side < most), most}) for most in (rows, columns))
    made = [
        (x, y, x + width, y + height)
        for height in heights
        for width in widths
        if max(height, width) <= LONGEST * min(height, width)
        for y in _starts(rows, height)
        for x in _starts(columns, width)
    ]
    return np.array(made or [(0, 0, columns, rows)])


def _starts(length: int, side: int) -> list[int]:
    """Half a side apart, from end to end."""
    return sorted({*range(0, length - side + 1, max(1, side // 2)), length - side})


def pooled(places: Floats, boxes: Ints) -> Floats:
    """The mean over each box of a map (rows, columns, channels): (n, 4) in places -> (n, channels).

    It takes four look-ups a box, in sums over all places above and to the left (Viola and Jones 2001).
    """
    rows, columns, channels = places.shape
    sums = np.zeros((rows + 1, columns + 1, channels), np.float32)
    np.cumsum(np.cumsum(places, axis=0), axis=1, out=sums[1:, 1:])
    left, top, right, bottom = boxes.T
    means: Floats = sums[bottom, right]
    means -= sums[top, right]
    means -= sums[bottom, left]
    means += sums[top, left]
    means /= ((right - left) * (bottom - top))[:, np.newaxis]
    return means


def in_places(boxes: Floats, rows: int, columns: int) -> Ints:
    """Boxes as whole places, at least one: (n, 4) in places -> (n, 4)."""
    # A place of which less than a third is in the box is left out.
    low = np.floor(boxes[:, :2] + 1 / 3).astype(int).clip(0, (columns - 1, rows - 1))
    high = np.ceil(boxes[:, 2:] - 1 / 3).astype(int).clip(low + 1, (columns, rows))
    return np.concatenate([low, high], axis=1)
