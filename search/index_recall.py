"""What a space's HNSW indexes lose against exact scans."""

from dataclasses import dataclass
from random import Random

import numpy as np
from django.db.models import Max, Min
from pgvector import HalfVector
from pgvector.django import CosineDistance, L2Distance
from tqdm import tqdm

from catalog.models import Product
from ml.arrays import Floats, Ints
from ml.sampling import sampled
from search import lookup
from search.models import Embedding, Space
from search.store import partitions

DEPTH = 10  # results of a search that are compared
ASKED = 100  # queries to the indexes: a recall@10 of 0.99 is then known to 0.3 points (the standard error)


@dataclass(frozen=True)
class Approximation:
    """What the HNSW indexes lose against exact scans. Categories without an index are exact."""

    indexed: int
    """Categories that have an HNSW index."""
    exact: int
    """Categories that are scanned exactly."""
    queries: int
    recall_at_10: float
    """Mean share of the 10 exactly nearest products that a search through an index returns; 1 without indexes."""


def approximation(space: Space, vectors: Floats, categories: Ints, products: Ints, seed: int) -> Approximation:
    """Ask the indexed categories a sample of the queries that belong to them.

    Args:
        vectors: (q, d)
        categories: (q,) category ids
        products: (q,) the product that a query was taken from, or NOTHING; it is no answer to its own query
    """
    leaves, indexed = partitions.leaves(space), sorted(space.indexes.values_list("category_id", flat=True))
    rows = np.flatnonzero(np.isin(categories, indexed))
    rows = sampled(rows, ASKED, seed)
    recalls = [
        _recall(space, vectors[row], int(categories[row]), int(products[row]))
        for row in tqdm(rows.tolist(), f"{space}: indexes", disable=None)
    ]
    return Approximation(
        indexed=len(indexed),
        exact=len(leaves) - len(indexed),
        queries=len(rows),
        recall_at_10=float(np.mean(recalls)) if recalls else 1.0,
    )


def sampled_recall(space: Space, count: int, seed: int = 0) -> float:
    """`approximation`'s recall@10 for `count` photos of each indexed category; 1 without indexes."""
    random = Random(seed)
    vectors, categories, products = [], [], []
    for category in space.indexes.order_by("category_id").values_list("category_id", flat=True):
        rows = Embedding.objects.filter(space_id=space.pk, category_id=category).order_by("photo_id")
        ends = rows.aggregate(first=Min("photo_id"), last=Max("photo_id"))
        for _ in range(count if ends["first"] is not None else 0):
            # Read the next photo after a random id: that saves a pass over a million rows.
            rest = rows.filter(photo_id__gte=random.randint(ends["first"], ends["last"]))
            if found := rest.values_list("vector", "photo__product_id").first():
                vectors.append(np.array(found[0], np.float32))
                categories.append(category)
                products.append(found[1])
    if not vectors:
        return 1.0
    return approximation(space, np.stack(vectors), np.array(categories), np.array(products), seed).recall_at_10


def _recall(space: Space, vector: Floats, category: int, product: int) -> float:
    """Share of the exactly nearest products that a search of the category returns.

    The exact answer comes from a query of its own, so that no fault of the search is in both.
    """
    distance = CosineDistance if space.metric == Space.Metric.COSINE else L2Distance
    leaf = Embedding.objects.filter(
        space_id=space.pk, category_id=category, photo__product__category_id=category
    ).exclude(photo__product_id=product)
    # The index is on a cast of the column, so that distance over the bare one is an exact scan.
    nearest = leaf.values("photo__product_id").annotate(best=Min(distance("vector", HalfVector(vector))))
    exact = set(nearest.order_by("best", "photo__product_id").values_list("photo__product_id", flat=True)[:DEPTH])
    own = Product.objects.filter(pk=product).first()
    hits = lookup.nearest(space, vector, {category}, DEPTH, min_similarity=0.0, exclude=own).hits
    found = {hit.product.pk for shown in hits for hit in (shown, *shown.duplicates)}
    return len(exact & found) / len(exact) if exact else 1.0
