"""Leaves of made-up photos: no files, vectors that lie as those of photos do."""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from catalog.models import Category, Photo, Product
from search.models import Embedding, Space
from search.store import partitions, vectors


def clustered(count: int, dimensions: int, seed: int = 0, spread: float = 0.05) -> NDArray[np.float32]:
    """Unit vectors, (count, dimensions), that vary along 24 directions, and by `spread` along all."""
    directions = np.random.default_rng(0).normal(size=(24, dimensions))
    drawn = np.random.default_rng(seed)
    rows = drawn.normal(size=(count, 24)) @ directions + spread * drawn.normal(size=(count, dimensions))
    return as_stored(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def as_stored(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """The vectors as half precision keeps them."""
    return rows.astype(np.float16).astype(np.float32)


def stock(space: Space, category: Category, rows: NDArray[np.float32], projected: bool = True) -> list[Photo]:
    """A product with one photo for each vector, filed in the category's leaf, with its coarse vector if there is such.

    Every tenth is in stock, and the price counts up.
    """
    first = Product.objects.count()
    products = Product.objects.bulk_create(
        Product(sku=f"stock-{first + n}", name="x", category=category, in_stock=n % 10 == 0, price=Decimal(n))
        for n in range(len(rows))
    )
    photos = Photo.objects.bulk_create(
        Photo(product=product, file="photos/none.jpg", sha256=f"{product.pk:064x}", width=1, height=1)
        for product in products
    )
    partitions.ensure(space, [category.pk])
    vectors.write(space, [(photo.pk, category.pk) for photo in photos], rows)
    if not projected:
        Embedding.objects.filter(space_id=space.pk, photo_id__in=[photo.pk for photo in photos]).update(coarse=None)
    return photos
