"""Finding: a vector becomes ranked products."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import models
from django.db.models.functions import Cast
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField

from catalog.models import Photo, Product
from search import partitions
from search.models import Embedding, Space

# Photos read for each product asked for at first: most products have one to three.
PHOTOS_PER_PRODUCT = 3


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
    """A product, its photo nearest to the query, and their cosine similarity (0-1)."""

    product: Product
    photo: Photo
    similarity: float


def nearest(
    space: Space,
    vector: np.ndarray,
    categories: Collection[int],
    limit: int,
    filters: Filters | None = None,
    min_similarity: float = 0.0,
    exclude: Product | None = None,
) -> list[Hit]:
    """The `limit` products most similar to `vector` in these categories, best first, ties by photo id.

    One hit a product. If `limit` products match the filters, that many come back, however rare they are: when an
    approximate scan ends short, the leaves are scanned exactly. `min_similarity` then cuts the tail.

    Args:
        vector: unit vector, shape (space.dimensions,).
        categories: category ids; each one's leaf is scanned by its own index and the scans are merged by distance.
        exclude: a product that is no match, such as the one that the vector belongs to.
    """
    candidates = _candidates(space, categories, filters or Filters(), exclude)
    query = HalfVector(vector)
    # The index is on the cast, so distance over the bare column is an exact scan.
    approximate = CosineDistance(Cast("vector", HalfVectorField(dimensions=space.dimensions)), query)
    exact = CosineDistance("vector", query)
    with partitions.scan_settings():
        hits = _best_per_product(candidates.annotate(distance=approximate), limit)
        if len(hits) < limit and _any_index(space, categories):
            hits = _best_per_product(candidates.annotate(distance=exact), limit)
    return [hit for hit in hits if hit.similarity >= min_similarity]


# Rows carry a `distance` beside the model's fields, which the type of an Embedding cannot say: hence Any.
def _candidates(
    space: Space, categories: Collection[int], filters: Filters, exclude: Product | None
) -> models.QuerySet[Any]:
    # Literal ids let PostgreSQL leave out the other leaves when it plans.
    found = Embedding.objects.filter(filters.as_q(), space_id=space.pk, category_id__in=sorted(categories))
    if exclude is not None:
        found = found.exclude(photo__product_id=exclude.pk)
    return found.select_related("photo__product__category").defer("vector")


def _best_per_product(candidates: models.QuerySet[Any], limit: int) -> list[Hit]:
    """Read by rising distance until `limit` products are seen or nothing is left."""
    ranked = candidates.order_by("distance", "photo_id")
    size = limit * PHOTOS_PER_PRODUCT
    while True:
        rows = list(ranked[:size])
        hits = _distinct(rows)
        if len(hits) >= limit or len(rows) < size:
            return hits[:limit]
        size *= 4


def _distinct(rows: Iterable[Any]) -> list[Hit]:
    best: dict[int, Hit] = {}
    for row in rows:
        product = row.photo.product
        # A product that moved to another category is filed there by the next indexing; until then it is no match here.
        if product.category_id == row.category_id and product.pk not in best:
            best[product.pk] = Hit(product, row.photo, _similarity(row.distance))
    return list(best.values())


def _similarity(distance: float) -> float:
    """Cosine similarity cut to 0-1; half-precision vectors stray past 1 by 1e-3."""
    return round(min(1.0, max(0.0, 1.0 - distance)), 4)


def _any_index(space: Space, categories: Collection[int]) -> bool:
    return partitions.any_index(partitions.Leaf(space, category) for category in categories)
