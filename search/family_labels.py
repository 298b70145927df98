"""Which photos show products of one family: what the catalogue says, and what customers took."""

from collections.abc import Iterable

import numpy as np
from django.db.models import F, Func, OuterRef, QuerySet, Subquery, TextField, Value
from numpy.typing import NDArray

from catalog.models import Product
from catalog.validators import MAX_KEY_LENGTH, is_storable
from ml.arrays import Bools, Ints
from ml.learned_projection import LEAST_FAMILIES, Families, TooFewFamilies
from ml.retrieval import Gallery
from search import customers_photos
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
    # PostgreSQL takes no other text, and no attribute has such a name.
    rows = _values(products, column) if len(column) <= MAX_KEY_LENGTH and is_storable(column) else []
    found = {pk: (category, kin) for pk, category, kin in rows if kin}
    if not found:
        columns = sorted({name for names in products.values_list("attributes", flat=True) for name in names})
        raise NoSuchColumn(f"no product has it. Choose from: {', '.join([NAME, *columns])}.")
    return found


def _values(products: QuerySet[Product], column: str) -> Iterable[tuple[int, int, str | None]]:
    """Of each product its id, its category, and its value in the column as text."""
    # KeyTextTransform takes a name of digits for the index of an array.
    attribute = Func(F("attributes"), Value(column), function="jsonb_extract_path_text", output_field=TextField())
    kin = F(NAME) if column == NAME else attribute
    return products.annotate(kin=kin).values_list("pk", "category_id", "kin")


def read(space: Space, column: str, most: int, seed: int = 0) -> Families:
    """The photos indexed in a space and those of its customers, with their families.

    Of a large catalogue whole families are drawn at random, with at most `most` photos together. A product without a
    value in the column is a family of its own.

    Raises NoSuchColumn, and TooFewFamilies where too few fit into `most` photos.
    """
    found = families(Product.objects.all(), column)
    rows = _indexed_photos(space)
    rows = rows[_drawn(numbered(rows[:, 1], found), most, seed)]
    ids, stored = vectors.read(space, np.sort(rows[:, 0]).tolist())
    photos, products, categories = rows[np.isin(rows[:, 0], ids)].T  # Photos deleted meanwhile are left out.
    gallery = Gallery(stored[np.searchsorted(ids, photos)], photos, products, categories)
    told = customers_photos.told(_taken(space), gallery.products, space.dimensions)
    return Families(gallery, numbered(gallery.product_ids, found), *told)


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
    """(n,) the photos of random families that have at most `most` photos together: what does not fit is passed over.

    Raises TooFewFamilies where some do not fit, and too few do that have several photos.
    """
    ids, counts = np.unique(numbers, return_counts=True)
    drawn, room = np.zeros(len(ids), bool), most
    for place in np.random.default_rng(seed).permutation(len(ids)).tolist():
        if counts[place] <= room:
            drawn[place] = True
            room -= counts[place]
    fit, there = (int((sizes > 1).sum()) for sizes in (counts[drawn], counts))
    if fit < min(LEAST_FAMILIES, there):
        lack, finer = f"only {fit:,} of {there:,} fit, and {LEAST_FAMILIES} are needed", "choose a finer column"
        if counts.max() > most:
            raise TooFewFamilies(f"families of that column are larger than {most:,} photos, {lack}: {finer}")
        cure = f"{finer}, or one that more products have"
        raise TooFewFamilies(f"of the families {lack}, among the {most:,} photos looked at: {cure}")
    return np.isin(numbers, ids[drawn])


def _taken(space: Space) -> QuerySet[Query]:
    """Customers' photos whose `label` is the id of the product that they took; None where it is gone."""
    product = Product.objects.filter(sku=OuterRef("sku")).values("pk")
    return Query.objects.chosen(space).annotate(label=Subquery(product))  # type: ignore[no-redef]  # by `labelled`
