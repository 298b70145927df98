"""Bounds of numbers within the scan of a real HNSW index: nothing is missed, and no answer is left short."""

import numpy as np
import pytest
from django.db.models import Q

from catalog import ranges
from catalog.filters import condition
from catalog.models import Category, Photo, Product, ProductNumber
from search import lookup
from search.models import Space
from search.store import indexes, partitions, scans
from search.store.partitions import Leaf
from tests.made_up_photos import clustered, stock

pytestmark = pytest.mark.django_db(transaction=True)
ROWS, LIMIT = 600, 10
FORCED = "set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"


class Lamps:
    """A leaf with an index. The nth lamp is n cm wide, and 2 n cm deep unless n is a multiple of 7."""

    def __init__(self, space: Space) -> None:
        self.space, self.lamp = space, Category.objects.create(slug="lamp", name="Lamp")
        self.rows = clustered(ROWS, space.dimensions)
        self.photos = stock(space, self.lamp, self.rows)
        self.queries = clustered(8, space.dimensions, seed=1)
        numbers = [("width_cm", n, float(n)) for n in range(ROWS)]
        numbers += [("depth_cm", n, 2.0 * n) for n in range(ROWS) if n % 7]
        ProductNumber.objects.bulk_create(
            ProductNumber(product_id=self.photos[n].product_id, name=name, value=value) for name, n, value in numbers
        )
        assert indexes.build(Leaf(space, self.lamp.pk))

    def exact(self, query: np.ndarray, passes: set[int]) -> list[int]:
        """The photos of the lamps that pass, by their numbers, nearest first."""
        kept = sorted(passes, key=lambda n: (-float(self.rows[n] @ query), n))
        return [self.photos[n].pk for n in kept[:LIMIT]]

    def found(self, query: np.ndarray, filters: Q, exclude: Product | None = None) -> list[int]:
        hits = lookup.nearest(self.space, query, [self.lamp.pk], LIMIT, filters=filters, exclude=exclude).hits
        return [hit.photo.pk for hit in hits]


@pytest.fixture
def lamps(wide) -> Lamps:
    ranges.names.cache_clear()
    return Lamps(wide)


@pytest.fixture(params=["all that pass are compared", "the index is searched"])
def either_way(request, monkeypatch) -> str:
    """Both ways find the same: a leaf of the test's size would never have its index searched."""
    if request.param == "the index is searched":
        monkeypatch.setattr(scans, "PAYS", 0.0)
        monkeypatch.setattr(scans, "FILTERED_SETTINGS", f"{scans.FILTERED_SETTINGS}, {FORCED}")
    return request.param


def bounds(**given: object) -> Q:
    return condition({"ranges": ranges.parse(list(given.items()))})


@pytest.mark.parametrize("share", [0.002, 0.01, 0.05, 0.2, 0.5, 1.0])
def test_what_passes_is_found_as_brute_force_finds_it(lamps, either_way, share):
    most = int(ROWS * share) - 1
    passes = set(range(most + 1))
    for query in lamps.queries:
        found = lamps.found(query, bounds(width_cm_max=most))
        assert found == lamps.exact(query, passes)
        assert len(found) == min(LIMIT, len(passes))


def test_several_numbers_and_other_filters_hold_together(lamps, either_way):
    filters = bounds(width_cm_min="100", width_mm_max="4000", depth_cm_max="500")
    passes = {n for n in range(100, 251) if n % 7}
    in_stock = {n for n in passes if n % 10 == 0}
    for query in lamps.queries:
        assert lamps.found(query, filters) == lamps.exact(query, passes)
        assert lamps.found(query, filters & condition({"in_stock": True})) == lamps.exact(query, in_stock)
        assert lamps.found(query, condition({"price_max": 50})) == lamps.exact(query, set(range(51)))


def test_the_product_itself_is_left_out(lamps, either_way):
    [query, *_] = lamps.queries
    first, *others = lamps.exact(query, set(range(300)))
    own = Product.objects.get(photos=first)
    assert lamps.found(query, bounds(width_cm_max=299), exclude=own)[: LIMIT - 1] == others
    assert lamps.found(query, bounds(width_cm_max=299) & Q(in_stock__in=[True, False]), exclude=own)[:-1] == others


def test_an_index_that_gives_out_is_followed_by_an_exact_scan(lamps, monkeypatch):
    """What passes may lie on the far side of all that is near the query."""
    monkeypatch.setattr(scans, "PAYS", 0.0)
    monkeypatch.setattr(scans, "FILTERED_SETTINGS", f"{scans.FILTERED_SETTINGS}, {FORCED}")
    monkeypatch.setattr(scans, "MORE_SEARCHED", 1)
    [query, *_] = lamps.queries
    plan = indexes.plan(lamps.space, [lamps.lamp.pk])
    filters = bounds(width_cm_min=ROWS - 20)
    assert scans.nearest(lamps.space, query, plan, 50, filters=filters).short == {lamps.lamp.pk}
    assert lamps.found(query, filters) == lamps.exact(query, set(range(ROWS - 20, ROWS)))


def test_what_nothing_passes_finds_nothing(lamps, either_way):
    assert lamps.found(lamps.queries[0], bounds(width_cm_min=ROWS)) == []
    assert lamps.found(lamps.queries[0], bounds(depth_cm_max=0.5)) == []


def test_a_product_of_many_photos_is_one_hit(lamps, either_way):
    [query, *_] = lamps.queries
    nearest = lamps.exact(query, set(range(300)))
    shared = Product.objects.get(photos=nearest[0])
    Photo.objects.filter(pk__in=nearest[1:4]).update(product=shared)
    assert lamps.found(query, bounds(width_cm_max=299))[: LIMIT - 3] == [nearest[0], *nearest[4:]]


def test_small_leaves_beside_the_indexed_one_are_filtered_too(lamps, either_way):
    bed = Category.objects.create(slug="bed", name="Bed")
    rows = clustered(40, lamps.space.dimensions, seed=2)
    beds = stock(lamps.space, bed, rows)
    ProductNumber.objects.bulk_create(
        ProductNumber(product_id=photo.product_id, name="width_cm", value=10.0 * n) for n, photo in enumerate(beds)
    )
    assert partitions.has_index(Leaf(lamps.space, lamps.lamp.pk))
    for query in lamps.queries:
        kept = [(-float(lamps.rows[n] @ query), lamps.photos[n].pk) for n in range(101)]
        kept += [(-float(rows[n] @ query), beds[n].pk) for n in range(11)]
        hits = lookup.nearest(lamps.space, query, [lamps.lamp.pk, bed.pk], LIMIT, filters=bounds(width_cm_max=100)).hits
        assert [hit.photo.pk for hit in hits] == [pk for _, pk in sorted(kept)[:LIMIT]]
