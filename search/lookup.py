"""Finding: a vector becomes ranked products."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from operator import attrgetter
from typing import Any, Literal

import numpy as np
from django.db import models
from django.db.models.functions import Cast
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField, L2Distance

from catalog.models import Category, Photo, Product
from search import duplicates, partitions
from search.models import Embedding, Space, Threshold

# Photos read for each product asked for at first: most products have one to three.
PHOTOS_PER_PRODUCT = 3
# Of a hit: products that show one picture lie side by side, so that reading this many rows more finds them.
MOST_DUPLICATES = 20
# However often one picture is in the way (a placeholder under thousands of products), reading ends: 0.3 ms a row.
MOST_ROWS = 5_000
DISTANCES = {Space.Metric.COSINE: CosineDistance, Space.Metric.L2: L2Distance}
# Similarities are compared as they are shown. L2 distances of 100 are usual, and four digits could not rank those.
DIGITS = {Space.Metric.COSINE: 4, Space.Metric.L2: 6}


@dataclass(frozen=True)
class Filters:
    """What a product must be to count as a match; None filters nothing."""

    price_min: Decimal | None = None
    price_max: Decimal | None = None
    in_stock: bool | None = None

    def as_q(self) -> models.Q:
        wanted = {
            "photo__product__price__gte": self.price_min,
            "photo__product__price__lte": self.price_max,
            "photo__product__in_stock": self.in_stock,
        }
        return models.Q(**{lookup: value for lookup, value in wanted.items() if value is not None})


@dataclass(frozen=True)
class Hit:
    """A product, its photo nearest to the query, and how similar that is (0-1)."""

    product: Product
    photo: Photo
    similarity: float
    duplicates: tuple["Hit", ...] = ()
    """Further products whose nearest photo shows the same picture, best first."""


@dataclass(frozen=True)
class LeftOut:
    """The best match that was too little similar to be a hit, and the bound that it missed."""

    similarity: float
    category: Category
    min_similarity: float
    set_by: Literal["request", "category"]


@dataclass(frozen=True)
class Matches:
    """Hits, best first, and what would be among them if no least similarity were set."""

    hits: Sequence[Hit] = ()
    left_out: LeftOut | None = None


def nearest(
    space: Space,
    vector: np.ndarray,
    categories: Collection[int],
    limit: int,
    filters: Filters | None = None,
    min_similarity: float | None = None,
    exclude: Product | None = None,
) -> Matches:
    """The `limit` products most similar to `vector` in these categories, best first, ties by photo id.

    One hit a product, and one a picture: products whose nearest photos show the same picture are one hit's duplicates.
    If `limit` pictures match, that many come back, however rare they are: when an approximate scan ends short, the
    leaves are scanned exactly. Only where MOST_ROWS photos do not show so many pictures, fewer do. A hit lists
    MOST_DUPLICATES at most.

    Args:
        vector: shape (space.dimensions,), of length 1 where the metric is cosine.
        categories: category ids; each one's leaf is scanned by its own index and the scans are merged by distance.
        min_similarity: of all hits, 0 for any; by default each category's own (search.models.Threshold).
        exclude: a product that is no match, such as the one that the vector belongs to.
    """
    floors = _floors(space, categories, min_similarity)
    candidates = _candidates(space, filters or Filters(), exclude)
    distance, query = DISTANCES[Space.Metric(space.metric)], HalfVector(vector)
    # The index is on the cast, so distance over the bare column is an exact scan.
    approximate = distance(Cast("vector", HalfVectorField(dimensions=space.dimensions)), query)
    with partitions.scan_settings():
        answer = _read(candidates.annotate(distance=approximate), space, floors, limit)
        if answer.ran_out and _any_index(space, categories):
            answer = _read(candidates.annotate(distance=distance("vector", query)), space, floors, limit)
    return Matches(answer.hits, _left_out(answer.below, floors, min_similarity))


def similarity(metric: Space.Metric, distance: float) -> float:
    """0 to 1: the cosine cut to that, or 1 / (1 + L2 distance); rounded to DIGITS."""
    # Half-precision unit vectors stray past a cosine of 1 by 1e-3.
    exact = 1.0 / (1.0 + distance) if metric == Space.Metric.L2 else min(1.0, max(0.0, 1.0 - distance))
    return round(exact, DIGITS[metric])


@dataclass(frozen=True)
class _Answer:
    """What a reading by rising distance came to."""

    hits: Sequence[Hit]
    below: Mapping[int, Hit]
    """The best match of each category that fell below its floor while there were places left."""
    ran_out: bool = False
    """Whether it is short for want of rows."""


def _floors(space: Space, categories: Collection[int], min_similarity: float | None) -> dict[int, float]:
    """The least similarity in each category, rounded as similarities are."""
    floors = dict.fromkeys(categories, min_similarity or 0.0)
    if min_similarity is None:
        stored = Threshold.objects.filter(space_id=space.pk, category_id__in=floors)
        floors |= dict(stored.values_list("category_id", "min_similarity"))
    digits = DIGITS[Space.Metric(space.metric)]
    return {category: round(floor, digits) for category, floor in floors.items()}


# Rows carry a `distance` beside the model's fields, which the type of an Embedding cannot say: hence Any.
def _candidates(space: Space, filters: Filters, exclude: Product | None) -> models.QuerySet[Any]:
    found = Embedding.objects.filter(filters.as_q(), space_id=space.pk)
    if exclude is not None:
        found = found.exclude(photo__product_id=exclude.pk)
    return found.select_related("photo__product__category").defer("vector")


def _read(candidates: models.QuerySet[Any], space: Space, floors: Mapping[int, float], limit: int) -> _Answer:
    """Read by rising distance until `limit` hits are seen or no further row can be one.

    A category is read no further than its first product below the floor.
    """
    ranked = candidates.order_by("distance", "photo_id")
    closed: list[Any] = []  # The rows of the categories that are read to their floor.
    reading = set(floors)
    size = limit * PHOTOS_PER_PRODUCT + MOST_DUPLICATES
    while True:
        # Literal ids let PostgreSQL leave out the other leaves when it plans.
        rows = list(ranked.filter(category_id__in=sorted(reading))[:size])
        merged = sorted([*closed, *rows], key=attrgetter("distance", "photo_id"))
        answer = _answer(_distinct(merged, Space.Metric(space.metric)), floors, limit)
        if len(answer.hits) >= limit:
            return answer
        reading -= answer.below.keys()
        if not reading:
            return answer
        if len(rows) < size:
            return replace(answer, ran_out=True)
        if size >= MOST_ROWS:
            return answer
        closed += [row for row in rows if row.category_id in answer.below]
        size = min(4 * size, MOST_ROWS)


def _distinct(rows: Iterable[Any], metric: Space.Metric) -> list[Hit]:
    """A hit for each product: its best row."""
    best: dict[int, Hit] = {}
    for row in rows:
        product = row.photo.product
        # A product that moved to another category is filed there by the next indexing; until then it is no match here.
        if product.category_id == row.category_id and product.pk not in best:
            best[product.pk] = Hit(product, row.photo, similarity(metric, row.distance))
    return list(best.values())


def _answer(ranked: Iterable[Hit], floors: Mapping[int, float], limit: int) -> _Answer:
    """At most `limit` hits at or above their floors, one for each picture."""
    pictures: list[list[Hit]] = []
    fingerprints: list[bytes] = []
    below: dict[int, Hit] = {}
    for hit in ranked:
        category, picture = hit.product.category_id, bytes(hit.photo.fingerprint)
        if hit.similarity < floors[category]:
            if len(pictures) < limit:
                below.setdefault(category, hit)
        elif (same := duplicates.first_same(picture, fingerprints)) is not None:
            if len(pictures[same]) <= MOST_DUPLICATES:
                pictures[same].append(hit)
        elif len(pictures) < limit:
            pictures.append([hit])
            fingerprints.append(picture)
    return _Answer([replace(first, duplicates=tuple(others)) for first, *others in pictures], below)


def _left_out(below: Mapping[int, Hit], floors: Mapping[int, float], min_similarity: float | None) -> LeftOut | None:
    if not below:
        return None
    best = max(below.values(), key=attrgetter("similarity"))
    category = best.product.category
    return LeftOut(best.similarity, category, floors[category.pk], "category" if min_similarity is None else "request")


def _any_index(space: Space, categories: Collection[int]) -> bool:
    return partitions.any_index(partitions.Leaf(space, category) for category in categories)
