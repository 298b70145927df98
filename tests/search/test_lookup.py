from decimal import Decimal

import numpy as np
import pytest
from django.db import connection
from PIL import Image

from search import lookup, partitions
from search.lookup import Filters
from tests.search.conftest import GridEncoder

pytestmark = pytest.mark.django_db


def vector_of(colour) -> np.ndarray:
    return GridEncoder().encode([Image.new("RGB", (8, 8), colour)])[0]


@pytest.fixture
def find(space, category):
    """The skus found for a colour, best first."""

    def run(colour, categories=("lamp",), limit=10, **options):
        ids = [category(slug).pk for slug in categories]
        return [hit.product.sku for hit in lookup.nearest(space, vector_of(colour), ids, limit, **options)]

    return run


def test_red_finds_red_then_orange_then_blue(photo, index, find):
    for colour in ("blue", "orange", "red"):
        photo(colour, sku=colour)
    index()
    assert find("red") == ["red", "orange", "blue"]


def test_only_the_named_categories_are_searched(photo, index, find):
    photo("red", "lamp", sku="lamp")
    photo("red", "sofa", sku="sofa")
    photo("red", "bed", sku="bed")
    index()
    assert find("red", ["lamp"]) == ["lamp"]
    assert find("red", ["lamp", "bed"]) == ["lamp", "bed"]
    assert find("red", []) == []


def test_categories_are_merged_by_similarity(photo, index, find):
    photo("red", "lamp", sku="red lamp")
    photo("blue", "lamp", sku="blue lamp")
    photo("orange", "sofa", sku="orange sofa")
    index()
    assert find("red", ["lamp", "sofa"]) == ["red lamp", "orange sofa", "blue lamp"]


def test_a_product_is_found_once_by_its_best_photo(space, product, photo, index, category):
    lamp = product("lamp")
    photo("blue", of=lamp)
    red = photo("red", of=lamp)
    index()
    [hit] = lookup.nearest(space, vector_of("red"), [category("lamp").pk], 10)
    assert (hit.product, hit.photo, hit.similarity) == (lamp, red, 1.0)


def test_many_photos_of_the_first_product_do_not_push_others_out(product, photo, index, find):
    crowded = product("lamp", sku="crowded")
    for red in range(215, 255):
        photo((red, 0, 0), of=crowded)
    photo("orange", sku="second")
    photo("green", sku="third")
    index()
    assert find("red", limit=3) == ["crowded", "second", "third"]


def test_equal_similarities_are_ranked_by_photo_id(photo, index, find):
    for number in (1, 2, 3):
        photo("red", sku=f"twin-{number}")
    index()
    assert find("red") == ["twin-1", "twin-2", "twin-3"]


def test_matches_below_the_threshold_are_left_out(photo, index, find):
    photo("red", sku="red")
    photo("blue", sku="blue")
    index()
    assert find("red", min_similarity=0.9) == ["red"]
    assert find("red", min_similarity=0.0) == ["red", "blue"]


def test_filters_by_price_and_stock(photo, index, find):
    photo("red", sku="cheap", price=10)
    photo("red", sku="dear", price=1000, in_stock=False)
    photo("red", sku="unpriced")
    index()
    assert find("red", filters=Filters(price_max=Decimal(50))) == ["cheap"]
    assert find("red", filters=Filters(price_min=Decimal(10))) == ["cheap", "dear"]
    assert find("red", filters=Filters(in_stock=False)) == ["dear"]


def test_an_excluded_product_is_no_match(photo, index, find):
    own = photo("red", sku="own").product
    photo("orange", sku="other")
    index()
    assert find("red", exclude=own) == ["other"]


def test_a_product_that_moved_is_not_found_in_its_former_category(photo, index, find, category):
    lamp = photo("red", "lamp", sku="moved")
    photo("blue", "lamp", sku="stayed")
    index()
    lamp.product.category = category("bed")
    lamp.product.save()
    assert find("red", ["lamp"]) == ["stayed"]
    index()
    assert find("red", ["bed"]) == ["moved"]


def test_one_search_reads_all_that_an_answer_shows(space, photo, index, category, django_assert_num_queries):
    for colour in ("red", "green", "blue", "yellow"):
        photo(colour)
    index()
    with django_assert_num_queries(5):  # Savepoint, settings, search, is there an index?, release.
        hits = lookup.nearest(space, vector_of("red"), [category("lamp").pk], 4)
        assert len([(hit.product.category.slug, hit.photo.file.url) for hit in hits]) == 4


@pytest.mark.django_db(transaction=True)
def test_settings_of_a_scan_end_with_it(photo, index, find):
    def ef_search() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('hnsw.ef_search')")
            return str(cursor.fetchone()[0])

    photo("red", sku="red")
    index()
    assert find("red") == ["red"]
    assert ef_search() == "40"  # pgvector's default.
    with partitions.scan_settings():
        assert ef_search() == "100"
    assert ef_search() == "40"
