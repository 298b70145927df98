"""What an index loses, counted in products."""

from dataclasses import replace

import numpy as np
import pytest

from catalog.models import Product
from search import index_recall, lookup
from search.models import Embedding

pytestmark = pytest.mark.django_db


@pytest.fixture
def query(space, product, photo, index) -> np.ndarray:
    """A red lamp's vector. That lamp has 40 reddish photos; beside it there are ten greener lamps."""
    crowded = product("lamp", sku="crowded")
    for red in range(215, 255):
        photo((red, 0, 0), of=crowded)
    for green in range(20, 220, 20):
        photo((200, green, 0), "lamp", sku=f"green-{green}")
    index()
    return np.array(Embedding.objects.earliest("photo_id").vector, np.float32)


@pytest.fixture
def losing_the_last(monkeypatch) -> None:
    """Searches find one product less than they are asked for."""
    nearest = lookup.nearest

    def losing(*args, **options):
        found = nearest(*args, **options)
        return replace(found, hits=found.hits[:-1])

    monkeypatch.setattr(lookup, "nearest", losing)


def test_ten_products_are_held_against_ten_however_many_photos_one_has(space, query, category, losing_the_last):
    assert index_recall._recall(space, query, category("lamp").pk, -1) == 0.9


def test_the_product_that_asks_is_no_answer(space, query, category, losing_the_last):
    own = Product.objects.get(sku="crowded")
    assert index_recall._recall(space, query, category("lamp").pk, own.pk) == 0.9
    own.delete()
    assert index_recall._recall(space, query, category("lamp").pk, own.pk or -1) == 0.9


def test_a_product_that_moved_is_not_missed_where_its_vectors_still_are(space, query, category):
    Product.objects.filter(sku="green-40").update(category=category("bed"))
    assert index_recall._recall(space, query, category("lamp").pk, -1) == 1.0
