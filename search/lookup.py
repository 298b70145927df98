"""Finding: a vector becomes ranked products."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from math import ceil
from operator import attrgetter, not_
from typing import Literal

import numpy as np
from django.db.models import Q

from catalog.models import Category, Photo, Product
from search import grouping
from search.models import Space
from search.store import indexes, scans
from search.store.scans import NO_FILTERS, NearestPhoto, Ranking, ScanPlan

# The most photos read at first for each product asked for: of a product's many photos, few are near the query.
PHOTOS_PER_PRODUCT = 3
# The most duplicates of a hit. Products that show one picture lie side by side, so this many rows more hold them.
MOST_DUPLICATES = 20
# Reading ends here, however often one picture is in the way (a placeholder under thousands of products): 0.3 ms a row.
MOST_ROWS = 5_000
# Similarities are shown and compared with so many digits. L2 distances of 100 are usual: four could not rank them.
DIGITS = {Space.Metric.COSINE: 4, Space.Metric.L2: 6}
CATEGORY = attrgetter("category_id")


@dataclass(frozen=True)
class Hit:
    """A product, its photo nearest to the query, and how similar that is (0-1)."""

    product: Product
    photo: Photo
    similarity: float
    distance: float
    """1 - cosine, or L2, as the space compares vectors. Not rounded."""
    duplicates: tuple["Hit", ...] = ()
    """Further products whose nearest photo shows the same picture, best first."""


@dataclass(frozen=True)
class LeftOut:
    """The best match that was not similar enough to be a hit, and the bound that it missed."""

    similarity: float
    category: Category
    min_similarity: float
    set_by: Literal["request", "category"]


@dataclass(frozen=True)
class Matches:
    """Hits, best first, and the best match that only its similarity kept from being one."""

    hits: Sequence[Hit] = ()
    left_out: LeftOut | None = None


def nearest(
    space: Space,
    vector: np.ndarray,
    categories: Collection[int],
    limit: int,
    *,
    filters: Q = NO_FILTERS,
    min_similarity: float | None = None,
    exclude: Product | None = None,
) -> Matches:
    """The `limit` products most similar to `vector` in these categories, best first, ties by photo id.

    A product is one hit, and so is a picture: products whose nearest photos show the same picture become duplicates of
    one hit, MOST_DUPLICATES at most. If `limit` pictures match, that many come back, however rare they are: a leaf
    whose index gives out too early is scanned exactly. Fewer come back only if MOST_ROWS photos do not show so many.

    Args:
        vector: shape (space.dimensions,), of length 1 where the metric is cosine.
        categories: category ids; their leaves are scanned by their own indexes and merged by distance.
        filters: what a product must be (catalog.filters.condition).
        min_similarity: the least of all hits, 0 for any; by default each category's own (search.models.Threshold).
        exclude: a product that is no match, such as the one that the vector belongs to.
    """
    metric, plan = Space.Metric(space.metric), indexes.plan(space, categories)

    def answer(plan: ScanPlan) -> _Answer:
        scan = partial(scans.nearest, space, vector, filters=filters, exclude=exclude)
        return _read(scan, plan, metric, limit, min_similarity)

    found = answer(plan)
    if found.short:
        found = answer(plan.exactly(found.short))
    return Matches(found.hits, found.left_out)


def photos_read(limit: int) -> int:
    """How many photos are read at first to find `limit` products."""
    share = indexes.photos_per_product() or PHOTOS_PER_PRODUCT
    return ceil(limit * min(PHOTOS_PER_PRODUCT, max(1, share))) + MOST_DUPLICATES


def similarity(metric: Space.Metric, distance: float) -> float:
    """The cosine, cut to 0 to 1, or 1 / (1 + L2 distance); rounded to DIGITS."""
    # Half-precision unit vectors stray past a cosine of 1 by 1e-3.
    exact = 1.0 / (1.0 + distance) if metric == Space.Metric.L2 else min(1.0, max(0.0, 1.0 - distance))
    return round(exact, DIGITS[metric])


@dataclass(frozen=True)
class _Answer:
    """What was found by reading rows by rising distance."""

    hits: Sequence[Hit]
    left_out: LeftOut | None
    below: frozenset[int]
    """The categories that were read down to their floor, while the answer had places left."""
    short: frozenset[int] = frozenset()
    """Categories whose index gave out before it found all that may belong to the answer."""


def _read(
    scan: Callable[[ScanPlan, int], Ranking],
    plan: ScanPlan,
    metric: Space.Metric,
    limit: int,
    min_similarity: float | None,
) -> _Answer:
    """Read by rising distance until `limit` hits are seen or no further row can be one.

    A category is read no further than its first product below the floor.
    """
    closed: list[NearestPhoto] = []  # The products of the categories that are read to their floor.
    size = photos_read(limit)
    while True:
        ranking = scan(plan, size)
        products = grouping.first_of_each(ranking.photos, grouping.PRODUCT)
        ranked = sorted([*closed, *products], key=attrgetter("distance", "photo_id")) if closed else products
        answer = replace(_answer(ranked, metric, limit, min_similarity), short=ranking.short)
        if len(answer.hits) >= limit:
            # In a single leaf, whatever was not found is farther than what was, if enough was named to be ranked.
            return answer if len(plan.categories) > 1 else replace(answer, short=ranking.thin)
        plan = plan.of(plan.categories - answer.below)
        if not plan.categories:
            return answer
        if len(ranking.distances) < size or size >= MOST_ROWS:
            return answer
        closed += [product for product in products if product.category_id in answer.below]
        size = min(4 * size, MOST_ROWS)


def _answer(ranked: Sequence[NearestPhoto], metric: Space.Metric, limit: int, min_similarity: float | None) -> _Answer:
    """At most `limit` hits at or above their floors, one for each picture."""
    passes = [similarity(metric, row.distance) >= _floor(row, metric, min_similarity) for row in ranked]
    pictures = grouping.by_picture([*compress(ranked, passes)], limit, 1 + MOST_DUPLICATES)
    # A full answer leaves out nothing that is farther than its last hit.
    reach = ranked.index(pictures[-1][0]) if pictures and len(pictures) == limit else len(ranked)
    below = grouping.first_of_each(compress(ranked[:reach], map(not_, passes)), CATEGORY)
    hits = [_hit(first, metric, others) for first, *others in pictures]
    return _Answer(hits, _left_out(below, metric, min_similarity), frozenset(map(CATEGORY, below)))


def _hit(row: NearestPhoto, metric: Space.Metric, duplicates: Sequence[NearestPhoto] = ()) -> Hit:
    photo, others = row.photo(), tuple(_hit(other, metric) for other in duplicates)
    return Hit(photo.product, photo, similarity(metric, row.distance), row.distance, others)


def _floor(row: NearestPhoto, metric: Space.Metric, min_similarity: float | None) -> float:
    """The least similarity of a match in the row's category, rounded as similarities are."""
    own = row.shelf.min_similarity if min_similarity is None else min_similarity
    return round(own or 0.0, DIGITS[metric])


def _left_out(below: Sequence[NearestPhoto], metric: Space.Metric, min_similarity: float | None) -> LeftOut | None:
    """The first product below its floor, which is the best."""
    if not below:
        return None
    best = below[0]
    alike, floor = similarity(metric, best.distance), _floor(best, metric, min_similarity)
    return LeftOut(alike, best.shelf.category, floor, "category" if min_similarity is None else "request")
