"""A category of 20,000 photos and a small one, as PostgreSQL plans and answers searches in them."""

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from psycopg import sql

from catalog.filters import condition
from catalog.models import Category, Photo, Product
from search import lookup, maintenance
from search.models import Embedding, LeafIndex, Space
from search.store import binary, indexes, partitions, scans, vectors
from search.store.partitions import Leaf

ROWS, DIMENSIONS, RARE = 20_000, 48, 200


def unit_rows(count: int, seed: int) -> np.ndarray:
    """Random unit vectors, shape (count, DIMENSIONS), that vary along eight directions as photos do along few."""
    directions = np.random.default_rng(0).normal(size=(8, DIMENSIONS))
    rows = np.random.default_rng(seed).normal(size=(count, 8)) @ directions
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def fill(space: Space, category: Category, count: int, seed: int) -> np.ndarray:
    """Products with one photo and one random vector each; one in RARE is in stock."""
    products = Product.objects.bulk_create(
        Product(sku=f"{category.slug}-{n}", name="x", category=category, in_stock=n % RARE == 0, price=Decimal(n))
        for n in range(count)
    )
    photos = Photo.objects.bulk_create(
        Photo(product=product, file="photos/none.jpg", sha256=f"{product.pk:064x}", width=1, height=1)
        for product in products
    )
    vectors = unit_rows(count, seed)
    partitions.ensure(space, [category.pk])
    Embedding.objects.bulk_create(
        (
            Embedding(space=space, category=category, photo=photo, vector=vector)
            for photo, vector in zip(photos, vectors, strict=True)
        ),
        batch_size=1000,
    )
    return vectors


class Large:
    """The catalogue of this module, committed once for all of its tests."""

    def __init__(self) -> None:
        self.space = Space.objects.create(
            name="large", recipe={"weights": "random"}, dimensions=DIMENSIONS, state=Space.State.LIVE
        )
        self.lamps = Category.objects.create(slug="lamp", name="Lamp")
        self.beds = Category.objects.create(slug="bed", name="Bed")
        self.vectors = fill(self.space, self.lamps, ROWS, seed=1)
        fill(self.space, self.beds, 300, seed=2)
        self.changed = maintenance.maintain()

    def leaf(self, category: Category) -> Leaf:
        return Leaf(self.space, category.pk)


@pytest.fixture(scope="module")
def large(django_db_setup, django_db_blocker) -> Iterator[Large]:
    with django_db_blocker.unblock():
        made = Large()
        yield made
        # The flush only empties tables, which another space would then come to own.
        partitions.when_free(lambda: partitions.drop_branch(made.space))
        call_command("flush", interactive=False, verbosity=0)


def search(large: Large, categories: list[Category], limit: int = 20, **options) -> list[lookup.Hit]:
    [query] = unit_rows(1, seed=3)
    return list(lookup.nearest(large.space, query, [category.pk for category in categories], limit, **options).hits)


def plan(large: Large, categories: list[Category], **options) -> str:
    """PostgreSQL's plan of the scan, under its settings."""
    [query] = unit_rows(1, seed=3)
    chosen = indexes.plan(large.space, [category.pk for category in categories])
    asked, parameters = scans.statement(large.space, query, chosen, 50, **options)
    with transaction.atomic(), binary.cursor() as cursor:
        cursor.execute(scans.SETTINGS, [str(chosen.ef_search(50))])
        return "\n".join(line for (line,) in cursor.execute(sql.SQL("EXPLAIN ") + asked, parameters))


@pytest.mark.django_db
def test_maintenance_builds_an_index_for_the_large_leaf_only(large):
    assert large.changed == [large.leaf(large.lamps).index_name]
    [checked] = LeafIndex.objects.all()
    assert (checked.space, checked.category, checked.photos) == (large.space, large.lamps, ROWS)
    assert indexes.RECALL <= checked.recall <= 1
    assert not indexes.is_due(large.leaf(large.beds))


@pytest.mark.django_db
def test_search_in_a_large_leaf_uses_its_index_and_touches_no_other(large):
    text = plan(large, [large.lamps])
    assert f"Index Scan using {large.leaf(large.lamps).index_name}" in text
    assert large.leaf(large.beds).name not in text


@pytest.mark.django_db
def test_search_in_a_small_leaf_touches_that_leaf_alone(large):
    text = plan(large, [large.beds])
    assert large.leaf(large.beds).name in text
    assert large.leaf(large.lamps).name not in text


@pytest.mark.django_db
def test_search_in_both_still_uses_the_index_of_the_large_one(large):
    text = plan(large, [large.lamps, large.beds])
    assert f"Index Scan using {large.leaf(large.lamps).index_name}" in text
    assert large.leaf(large.beds).name in text


@pytest.mark.django_db
@pytest.mark.parametrize("given", [{"price_min": Decimal(ROWS // 20)}, {"price_max": Decimal(ROWS), "in_stock": False}])
def test_a_filter_that_most_products_pass_leaves_the_index_in_use(large, given):
    text = plan(large, [large.lamps], filters=condition(given))
    assert f"Index Scan using {large.leaf(large.lamps).index_name}" in text


@pytest.mark.django_db
def test_the_index_finds_nearly_what_an_exact_scan_finds(large):
    [query] = unit_rows(1, seed=3)
    order = np.argsort(-(large.vectors @ query))[:20]
    exact = [f"lamp-{n}" for n in order]
    found = [hit.product.sku for hit in search(large, [large.lamps])]
    assert len(found) == 20
    assert len(set(found) & set(exact)) >= 18


@pytest.mark.django_db
def test_a_filter_that_keeps_one_row_in_two_hundred_still_fills_the_answer(large):
    hits = search(large, [large.lamps], limit=100, filters=condition({"in_stock": True}))
    assert len(hits) == ROWS // RARE == 100
    assert all(hit.product.in_stock for hit in hits)
    similarities = [hit.similarity for hit in hits]
    assert similarities == sorted(similarities, reverse=True)


@pytest.mark.django_db
def test_the_rarest_products_are_all_found(large):
    hits = search(large, [large.lamps], limit=10, filters=condition({"price_min": Decimal(ROWS - 3)}))
    assert {hit.product.sku for hit in hits} == {f"lamp-{ROWS - n}" for n in (1, 2, 3)}


@pytest.mark.django_db
def test_a_row_takes_on_disk_what_is_told_of_it(large):
    size = partitions.size(large.space)
    assert size.vectors / (ROWS + 300) == pytest.approx(vectors.bytes_on_disk(DIMENSIONS), rel=0.03)


@pytest.mark.django_db
def test_a_second_maintenance_has_nothing_to_do(large):
    assert maintenance.maintain() == []


@pytest.mark.django_db
def test_vectors_are_stored_plain_in_every_leaf(large):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT attstorage FROM pg_attribute WHERE attname = 'vector' AND attrelid = %s::regclass",
            [large.leaf(large.lamps).name],
        )
        assert cursor.fetchall() == [("p",)]


@pytest.mark.django_db
def test_a_vector_of_other_dimensions_is_refused(large):
    photo = Photo.objects.filter(product__category=large.beds).earliest("pk")
    Embedding.objects.filter(photo=photo).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Embedding.objects.create(space=large.space, category=large.beds, photo=photo, vector=[1.0, 0.0])
