"""Which photos show products of one family: what the catalogue says, and what customers took."""

from collections import Counter

import numpy as np
from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.fields.json import KeyTextTransform
from numpy.typing import NDArray

from catalog.models import Product
from ml.arrays import Bools, Ints
from ml.learned_projection import Families
from ml.retrieval import NOTHING, Gallery
from search.models import Embedding, Query, Space
from search.store import vectors

NAME = "name"  # the one column that is no attribute


class NoSuchColumn(Exception):  # noqa: N818  it names what was given
    """No product has a value in the column; the message names the columns there are."""


def families(products: QuerySet[Product], column: str) -> dict[int, tuple[int, str]]:
    """The family of each product that has one, by its id: its category, and its value in the column.

    Args:
        column: "name" or an attribute.

    Raises NoSuchColumn when no product has a value there.
    """
    value = F(NAME) if column == NAME else KeyTextTransform(column, "attributes")
    rows = products.annotate(kin=value).values_list("pk", "category_id", "kin")
    found = {pk: (category, kin) for pk, category, kin in rows if kin}
    if not found:
        columns = sorted({name for names in products.values_list("attributes", flat=True) for name in names})
        raise NoSuchColumn(f"no product has it. Choose from: {', '.join([NAME, *columns])}.")
    return found


def read(space: Space, column: str, most: int, seed: int = 0) -> Families:
    """The photos indexed in a space and those of its customers, with their families.

    Of a large catalogue whole families are drawn at random, with at most `most` photos together. A product without a
    value in the column is a family of its own. Raises NoSuchColumn.
    """
    found = families(Product.objects.all(), column)
    rows = _indexed_photos(space)
    rows = rows[_drawn(numbered(rows[:, 1], found), most, seed)]
    ids, stored = vectors.read(space, np.sort(rows[:, 0]).tolist())
    photos, products, categories = rows[np.isin(rows[:, 0], ids)].T  # Photos deleted meanwhile are left out.
    gallery = Gallery(stored[np.searchsorted(ids, photos)], photos, products, categories)
    return Families(gallery, numbered(gallery.product_ids, found), *_told(space, gallery))


def numbered(products: Ints, found: dict[int, tuple[int, str]]) -> NDArray[np.int64]:
    """(n,) a number for each product, given by its id, that its kin share. One without a family has a number alone."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(found.get(pk, pk), len(numbers)) for pk in products.tolist()], np.int64)


def _indexed_photos(space: Space) -> Ints:
    """(n, 3): photo, product and category, each product's photos in the order of its page."""
    settled = Embedding.objects.filter(space_id=space.pk, photo__product__category_id=F("category_id"))
    ordered = settled.order_by("photo__product_id", "photo__position", "photo_id")
    return np.array(list(ordered.values_list("photo_id", "photo__product_id", "category_id")), np.int64).reshape(-1, 3)


def _drawn(numbers: Ints, most: int, seed: int) -> Bools:
    """(n,) the photos of random families that have at most `most` photos together."""
    ids, counts = np.unique(numbers, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(ids))
    return np.isin(numbers, ids[order[np.cumsum(counts[order]) <= most]])


def _told(space: Space, gallery: Gallery) -> tuple[vectors.Floats, Ints]:
    """Customers' photos, (m, dimensions), newest first, and the ids of the products that they took, (m,).

    Of a product no more are taken than it has photos in the gallery, so that customers do not outweigh the catalogue. A
    photo's latest label counts.
    """
    stored = dict[bytes, int]()
    if settings.LEARN_FROM_FEEDBACK:
        newest = Query.objects.chosen(space).order_by("-asked_at")[: len(gallery.photos)]
        rows = vectors.fetch(newest.values_list("vector", "sku"))  # type: ignore[misc]  # by `chosen`
        products = dict(Product.objects.filter(sku__in={sku for _, sku in rows}).values_list("sku", "pk"))
        room, heard = Counter(gallery.products.tolist()), set[bytes]()
        for vector, sku in rows:
            product = products.get(sku, NOTHING)  # It may be gone, or have no photo.
            if vector not in heard and room[product]:
                stored[vector] = product
                room[product] -= 1
            heard.add(vector)
    return vectors.stacked(list(stored), space.dimensions), np.array(list(stored.values()), np.int64)
