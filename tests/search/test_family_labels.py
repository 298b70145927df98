"""Whose photos show one family: by the catalogue, and by what customers took."""

import numpy as np
import pytest
from django.utils import timezone

from catalog.models import Product
from ml.learned_projection import TooFewFamilies
from search import family_labels
from search.models import Event, Query
from search.store import vectors
from tests.grid_space import DIMENSIONS
from tests.made_up_families import COUNT, MEMBERS

pytestmark = pytest.mark.django_db
MANY = 1_000


@pytest.fixture
def took(asked, settings):
    """A customer's photo, of one number everywhere, and the skus put into the cart or bought after it."""
    settings.LEARN_FROM_FEEDBACK = True

    def make(space, number: float, *skus: str, kind: str = "cart", **fields) -> Query:
        query = asked(space=space, vector=np.full(DIMENSIONS, number, np.float32), **fields)
        for position, sku in enumerate(skus):
            Event.objects.create(query=query, kind=kind, sku=sku, position=position, created_at=timezone.now())
        return query

    return make


def test_families_are_products_of_one_category_with_the_same_value(product):
    one, kin = product("lamp", attributes={"line": "oak"}), product("lamp", attributes={"line": "oak"})
    bed, alone = product("bed", attributes={"line": "oak"}), product("lamp")
    found = family_labels.families(Product.objects.all(), "line")
    assert found[one.pk] == found[kin.pk] != found[bed.pk]
    assert alone.pk not in found
    numbers = family_labels.numbered(np.array([one.pk, kin.pk, bed.pk, alone.pk]), found)
    assert numbers.tolist() == [0, 0, 1, 2]


def test_a_column_that_no_product_has_is_refused_with_those_there_are(family_shop):
    with pytest.raises(family_labels.NoSuchColumn, match=r"no product has it\. Choose from: name, line, luck\."):
        family_labels.read(family_shop, "range", MANY)


def test_a_products_photos_stand_together_in_the_order_of_its_page(space, photo, index):
    first, other = photo("red", "lamp"), photo("blue", "lamp")
    front = photo("green", of=first.product)
    type(front).objects.filter(pk=first.pk).update(position=5)
    index()
    known = family_labels.read(space, "name", MANY)
    assert known.gallery.photos.tolist() == [front.pk, first.pk, other.pk]
    assert known.numbers.tolist() == [0, 1]
    ids, stored = vectors.read(space, sorted(known.gallery.photos.tolist()))
    assert np.array_equal(known.gallery.vectors[np.argsort(known.gallery.photos)], stored)
    assert ids.tolist() == sorted([first.pk, other.pk, front.pk])


def test_of_a_large_catalogue_whole_families_are_drawn(family_shop):
    known = family_labels.read(family_shop, "line", most=20 * MEMBERS + 1)
    assert len(known.gallery.photos) == 20 * MEMBERS
    assert np.bincount(known.numbers).tolist() == 20 * [MEMBERS]
    assert len(np.unique(family_labels.read(family_shop, "line", MANY).numbers)) == COUNT


def test_a_family_that_does_not_fit_is_passed_over():
    numbers = np.repeat(np.arange(23), [100, 100, 100, *20 * [2]])
    for seed in range(8):
        drawn = family_labels._drawn(numbers, 50, seed)
        assert np.unique(numbers[drawn]).tolist() == list(range(3, 23))
        assert drawn.sum() == 40


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        (10 * [25], "families of that column are larger than 20 photos, only 0 of 10 fit, and 20 are needed: choose a"),
        (
            10 * [15],
            "of the families only 1 of 10 fit, and 20 are needed, among the 20 photos looked at: choose a",
        ),
    ],
)
def test_families_too_large_to_draw_enough_of_are_refused_with_the_cure(sizes, error):
    with pytest.raises(TooFewFamilies, match=error):
        family_labels._drawn(np.repeat(np.arange(10), sizes), 20, seed=0)


def test_few_families_that_all_fit_are_drawn():
    assert family_labels._drawn(np.array([0, 0, 1]), 3, seed=0).all()


@pytest.mark.parametrize("column", ["7", "99999999999", "-1"])
def test_an_attribute_may_be_named_by_a_number(product, column):
    one, kin = product("lamp", attributes={column: "oak"}), product("lamp", attributes={column: "oak"})
    product("lamp", attributes={"line": "oak"})
    oak = (one.category_id, "oak")
    assert family_labels.families(Product.objects.all(), column) == {one.pk: oak, kin.pk: oak}


@pytest.mark.parametrize("column", ["7", "99999999999", "a\0b", "\ud800", 100_000 * "x"])
def test_a_column_that_no_attribute_could_be_is_refused_like_any_other(product, column):
    product("lamp", attributes={"line": "oak"})
    with pytest.raises(family_labels.NoSuchColumn, match=r"no product has it\. Choose from: name, line\."):
        family_labels.families(Product.objects.all(), column)


def test_a_customers_photo_belongs_to_the_product_that_was_taken_last(family_shop, took):
    took(family_shop, 1, "P-0", "P-4", kind="purchase")
    took(family_shop, 2, "P-9", kind="click")
    took(family_shop, 3)
    known = family_labels.read(family_shop, "line", MANY)
    assert known.told.tolist() == [DIMENSIONS * [1.0]]
    assert known.told_products.tolist() == [Product.objects.get(sku="P-4").pk]


def test_a_photos_latest_label_counts_and_customers_never_outweigh_the_catalogue(family_shop, took):
    took(family_shop, 1, "P-0", days_ago=3)
    took(family_shop, 1, "P-3", days_ago=1)  # The same photo again.
    took(family_shop, 2, "P-3", days_ago=2)  # P-3 has one photo, and room for one.
    took(family_shop, 3, "GONE")
    known = family_labels.read(family_shop, "line", MANY)
    assert known.told.tolist() == [DIMENSIONS * [1.0]]
    assert known.told_products.tolist() == [Product.objects.get(sku="P-3").pk]


def test_photos_of_another_space_and_without_consent_are_not_learned_from(family_shop, beside, took, settings):
    took(beside, 1, "P-0")
    assert len(family_labels.read(family_shop, "line", MANY).told) == 0
    took(family_shop, 1, "P-0")
    settings.LEARN_FROM_FEEDBACK = False
    assert len(family_labels.read(family_shop, "line", MANY).told) == 0
