"""One statement that finds, in one round trip: what it asks PostgreSQL, and what it makes of the answer."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from django.core.exceptions import FieldError
from django.db import DataError, connection, transaction
from django.db.models import Q
from psycopg import sql

from catalog import attributes
from catalog.filters import condition
from catalog.models import Category, Photo, Product
from search import grouping, lookup
from search.models import Embedding, LeafIndex, Space, Threshold
from search.store import binary, coarse, indexes, partitions, scans
from search.store.scans import Ranking, ScanPlan
from tests.grid_space import DIMENSIONS
from tests.made_up_photos import clustered, stock

pytestmark = pytest.mark.django_db
ANY = np.ones(DIMENSIONS, np.float32)


def settings() -> tuple[str, ...]:
    """hnsw.ef_search, hnsw.iterative_scan, jit and max_parallel_workers_per_gather of the connection."""
    names = ("hnsw.ef_search", "hnsw.iterative_scan", "jit", "max_parallel_workers_per_gather")
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        return tuple(cursor.fetchone())


def messages(trace: Path, tag: str) -> int:
    """How many messages of this kind went out."""
    return sum(line.split("\t")[1:4:2] == ["F", tag] for line in trace.read_text(errors="replace").splitlines())


def explain(space: Space, vector: np.ndarray, plan: ScanPlan, size: int = 50, **options) -> str:
    """PostgreSQL's plan without sorting, which would not pay in a leaf of more rows than a test has."""
    asked, parameters = scans.statement(space, vector, plan, size, **options)
    with transaction.atomic(), binary.cursor() as cursor:
        cursor.execute(scans.SETTINGS, [str(plan.ef_search(50))])
        cursor.execute("SET LOCAL enable_sort = off")
        return "\n".join(line for (line,) in cursor.execute(sql.SQL("EXPLAIN ") + asked, parameters))


@pytest.fixture
def lamps(space, photo, index, category) -> ScanPlan:
    """Four lamps, scanned exactly."""
    for colour in ("red", "green", "blue", "yellow"):
        photo(colour, price=9)
    index()
    return ScanPlan(frozenset({category("lamp").pk}))


@pytest.fixture
def committed(transactional_db, lamps, space):
    """The same lamps, committed: nothing holds a transaction open."""
    yield lamps
    partitions.when_free(lambda: partitions.drop_branch(space))


def test_a_search_is_one_round_trip(space, committed, tmp_path):
    connection.ensure_connection()
    trace = tmp_path / "trace"
    with trace.open("wb") as file:
        connection.connection.pgconn.trace(file.fileno())
        rows = scans.nearest(space, ANY, committed, 10).photos
        connection.connection.pgconn.untrace()
    assert len(rows) == 4
    assert (messages(trace, "Parse"), messages(trace, "Sync")) == (3, 1)  # The settings, the categories, the photos.


def test_the_settings_hold_for_the_scan_and_end_with_it(space, committed, monkeypatch):
    before = settings()
    assert (before[0], before[2]) == ("40", "on")  # The defaults of pgvector and PostgreSQL.
    asked = "SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan'), current_setting('jit')"
    with monkeypatch.context() as patch:
        patch.setattr(scans, "statement", lambda *args, **options: (sql.SQL(asked), []))
        patch.setattr(scans, "_in_place", lambda found, searched: found)
        plan = ScanPlan(committed.exact, dict.fromkeys(committed.exact, 250))
        assert scans.nearest(space, ANY, plan, 10).photos == [("250", "strict_order", "off")]
    assert settings() == before


def test_a_scan_that_fails_leaves_a_connection_as_it_was(space, committed):
    before = settings()
    with pytest.raises(DataError, match="different halfvec dimensions 48 and 47"):
        scans.nearest(space, ANY[1:], committed, 10)
    assert settings() == before
    assert len(scans.nearest(space, ANY, committed, 10).photos) == 4


def test_a_scan_within_a_transaction_is_part_of_it(space, committed):
    before = settings()
    with transaction.atomic():
        Photo.objects.earliest("pk").delete()
        assert len(scans.nearest(space, ANY, committed, 10).photos) == 3
        with pytest.raises(DataError), transaction.atomic():
            scans.nearest(space, ANY[1:], committed, 10)
        assert len(scans.nearest(space, ANY, committed, 10).photos) == 3
        transaction.set_rollback(True)
    assert settings() == before
    assert len(scans.nearest(space, ANY, committed, 10).photos) == 4


def test_a_transaction_that_begins_with_a_scan_is_rolled_back_whole(space, committed):
    with transaction.atomic():
        scans.nearest(space, ANY, committed, 10)
        Photo.objects.all().delete()
        transaction.set_rollback(True)
    assert len(scans.nearest(space, ANY, committed, 10).photos) == 4


def test_what_is_found_equals_what_the_orm_reads(space, photo, index, category, django_assert_num_queries):
    attributes = {"colour": "rot", "sizes": [1, 2.5, None], "nested": {"ja": True}}
    facts = {"price": Decimal("12.30"), "currency": "CHF", "in_stock": False, "url": "https://example.org/ä?b=1"}
    stored = photo("red", "lamp", sku="Ä-1", name='"L" \\ amp', description="Long.", attributes=attributes, **facts)
    Photo.objects.filter(pk=stored.pk).update(position=3)
    index()
    lamp = category("lamp")
    [row] = scans.nearest(space, ANY, ScanPlan(frozenset({lamp.pk})), 10).photos
    assert (row.photo_id, row.category_id, row.fingerprint) == (stored.pk, lamp.pk, stored.fingerprint)
    with django_assert_num_queries(0):
        found = row.photo()
        assert found.file.url == stored.file.url
        assert found.product.attributes == attributes
        assert repr(found.product.price) == "Decimal('12.30')"
        assert found.product.category.name == "Lamp"
    expected = Photo.objects.select_related("product__category").get()
    for own, read in (
        (found, expected),
        (found.product, expected.product),
        (found.product.category, expected.product.category),
    ):
        assert (type(own), own._state.adding, own._state.db) == (type(read), False, "default")
        for field in own._meta.concrete_fields:
            one, other = getattr(own, field.attname), getattr(read, field.attname)
            assert (one, type(one)) == (other, type(other)), field.name


def test_what_no_answer_shows_is_read_when_it_is_asked_for(space, lamps, django_assert_num_queries):
    [first, *_] = scans.nearest(space, ANY, lamps, 10).photos
    product = first.photo().product
    unread = {"description", "caption", "caption_source", "created_at", "updated_at", "search_vector", "text_digest"}
    assert product.get_deferred_fields() == unread
    with django_assert_num_queries(1):
        assert product.description == ""


@pytest.mark.parametrize("shown", [scans.PHOTO, scans.PRODUCT, scans.CATEGORY])
def test_fields_are_named_in_the_order_of_their_model(shown):
    """Model.from_db takes its values in that order."""
    model, names = shown
    assert [field.name for field in model._meta.concrete_fields if field.name in names] == list(names)


def test_a_category_comes_with_the_threshold_of_that_space(space, lamps, beside, category):
    Threshold.objects.create(space=beside, category=category("lamp"), min_similarity=0.1)
    assert {row.shelf.min_similarity for row in scans.nearest(space, ANY, lamps, 10).photos} == {None}
    Threshold.objects.create(space=space, category=category("lamp"), min_similarity=0.5)
    assert {row.shelf.min_similarity for row in scans.nearest(space, ANY, lamps, 10).photos} == {0.5}


def test_no_category_is_no_question(space, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert scans.nearest(space, ANY, ScanPlan(), 10) == Ranking((), (), frozenset())


def test_a_category_that_is_gone_has_no_products(space, lamps):
    assert scans.nearest(space, ANY, ScanPlan(frozenset({2**40})), 10) == Ranking([], [], frozenset())


def test_fewer_photos_than_asked_for_are_told_by_how_many_were_ranked(space, lamps, product, photo, index):
    photo("white", of=Product.objects.earliest("pk"))
    index()
    ranking = scans.nearest(space, ANY, lamps, 10)
    assert (len(ranking.photos), len(ranking.distances), ranking.short) == (5, 5, frozenset())
    assert len(grouping.first_of_each(ranking.photos, grouping.PRODUCT)) == 4
    assert len(scans.nearest(space, ANY, lamps, 2).distances) == 2


def test_a_plan_for_some_of_its_categories_and_for_none_of_its_indexes():
    plan = ScanPlan(frozenset({1, 2}), {3: 100, 4: 2_000})
    assert plan.categories == {1, 2, 3, 4}
    assert (plan.ef_search(50), plan.candidates(50)) == (1_000, 2_000)
    assert (plan.of({3}).ef_search(5_000), plan.of({3}).candidates(5_000)) == (1_000, 5_000)
    assert plan.of({2, 3, 9}) == ScanPlan(frozenset({2}), {3: 100})
    assert (plan.of({2, 3}).ef_search(50), plan.of({2, 3}).ef_search(320)) == (100, 320)
    assert plan.exactly({3}) == ScanPlan(frozenset({1, 2, 3}), {4: 2_000})
    assert plan.exactly(plan.categories) == ScanPlan(frozenset({1, 2, 3, 4}))
    assert ScanPlan(frozenset({1})).ef_search(50) == 1


@pytest.mark.parametrize(("dimensions", "two_stage"), [(511, False), (512, True), (4_096, True)])
def test_long_vectors_are_searched_in_two_stages(dimensions, two_stage):
    space = Space(dimensions=dimensions)
    assert coarse.is_two_stage(space) == two_stage
    expected = "(coarse::halfvec(128))" if two_stage else f"(vector::halfvec({dimensions}))"
    assert coarse.indexed(space)[0].as_string(None) == expected


class Both:
    """400 lamps that have an index and 60 beds that are scanned exactly."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.lamp = Category.objects.create(slug="lamp", name="Lamp")
        self.bed = Category.objects.create(slug="bed", name="Bed")
        self.rows = clustered(460, 512)
        [self.query] = clustered(1, 512, seed=1)
        self.photos = [*stock(space, self.lamp, self.rows[:400]), *stock(space, self.bed, self.rows[400:])]
        assert indexes.build(partitions.Leaf(space, self.lamp.pk))
        self.plan = indexes.plan(space, [self.lamp.pk, self.bed.pk])

    def exact(self, wanted=lambda photo: True) -> list[int]:
        """The ids of the wanted photos, nearest first."""
        kept = [
            (-float(row @ self.query), photo.pk)
            for row, photo in zip(self.rows, self.photos, strict=True)
            if wanted(photo)
        ]
        return [pk for _, pk in sorted(kept)]

    def found(self, size: int = 50, **options) -> list[int]:
        rows = scans.nearest(self.space, self.query, self.plan, size, **options).photos
        return [row.photo_id for row in rows]


@pytest.fixture
def both(wide) -> Both:
    return Both(wide)


def test_indexed_and_exact_leaves_are_merged_by_the_distance_of_the_full_vectors(both):
    assert both.plan.exact == {both.bed.pk}
    assert both.plan.indexed.keys() == {both.lamp.pk}
    text = explain(both.space, both.query, both.plan)
    assert f"Index Scan using {partitions.Leaf(both.space, both.lamp.pk).index_name}" in text
    ranking = scans.nearest(both.space, both.query, both.plan, 50)
    rows = ranking.photos
    assert [row.photo_id for row in rows] == both.exact()[:50]
    assert {row.category_id for row in rows} == {both.lamp.pk, both.bed.pk}
    assert (len(ranking.distances), ranking.short) == (50, frozenset())
    full = {photo.pk: 1 - float(row @ both.query) for photo, row in zip(both.photos, both.rows, strict=True)}
    assert [row.distance for row in rows] == pytest.approx([full[row.photo_id] for row in rows], abs=1e-3)


def test_coarse_vectors_name_the_candidates_and_full_ones_rank_them(both):
    lamps = both.exact(lambda photo: photo.product.category == both.lamp)
    rows = Embedding.objects.filter(space_id=both.space.pk)
    rows.filter(photo_id=lamps[0]).update(coarse=rows.get(photo_id=lamps[30]).coarse)
    assert both.found(50) == both.exact()[:50]
    opposite = -np.array(rows.get(photo_id=lamps[0]).coarse)
    rows.filter(photo_id=lamps[0]).update(coarse=opposite)
    assert both.found(50) == [pk for pk in both.exact() if pk != lamps[0]][:50]
    exactly = scans.nearest(both.space, both.query, both.plan.exactly(both.plan.categories), 50).photos
    assert [row.photo_id for row in exactly] == both.exact()[:50]


def test_filters_hold_within_the_scan_of_an_index(both):
    cheap = condition({"price_max": Decimal(30), "in_stock": True})

    def is_wanted(photo):
        return photo.product.price <= 30 and photo.product.in_stock

    expected = both.exact(is_wanted)
    assert len(expected) == 8  # 0, 10, 20 and 30 of both.
    assert both.found(50, filters=cheap) == expected
    own = Product.objects.get(photos=expected[0])
    assert both.found(50, filters=cheap, exclude=own) == expected[1:]
    Product.objects.filter(photos__in=expected[2:5]).update(attributes={"wood": "oak", "width": 80})
    Product.objects.filter(photos__in=expected[5:6]).update(attributes={"wood": "ash", "width": 80})
    woods = condition({"attributes": attributes.parse(["wood:oak", "wood:ash"])})
    assert both.found(50, filters=woods) == sorted(expected[2:6], key=expected.index)
    wide_oaks = condition({"attributes": attributes.parse(["wood:oak", "width:80"])})
    assert both.found(50, filters=wide_oaks) == expected[2:5]


def test_a_scan_joins_products_only_where_there_is_something_to_ask_of_them(space, lamps):
    def asked(**options) -> str:
        return scans.statement(space, ANY, lamps, 10, **options)[0].as_string(None)

    joined = 'JOIN "catalog_product" ON'
    assert joined not in asked()
    assert joined not in asked(filters=condition({"price_max": None, "attributes": {}}))
    assert joined in asked(filters=condition({"in_stock": True}))
    assert joined in asked(exclude=Product.objects.earliest("pk"))


def test_a_condition_that_nothing_meets_finds_nothing(space, lamps):
    assert scans.nearest(space, ANY, lamps, 10, filters=Q(sku__in=[])) == Ranking([], [], frozenset())
    with pytest.raises(FieldError, match="Joined field references are not permitted"):
        scans.nearest(space, ANY, lamps, 10, filters=Q(category__slug="lamp"))


@pytest.fixture
def giving_out(monkeypatch) -> None:
    """Scans of an index end with the rows they find at once, and are made even where sorting would be faster."""
    monkeypatch.setattr(scans, "FILTERED_SETTINGS", f"{scans.FORCED}, set_config('hnsw.max_scan_tuples', %s, true)")
    monkeypatch.setattr(scans, "MORE_SEARCHED", 1)
    monkeypatch.setattr(scans, "PAYS", 0.0)


@pytest.fixture
def cheap(both) -> list[int]:
    """The photos of all beds and of every thirteenth lamp, nearest first. No other product is cheap."""
    lamps = both.exact(lambda photo: photo.product.category_id == both.lamp.pk)
    Product.objects.filter(category=both.lamp).exclude(photos__in=lamps[::13]).update(price=1000)
    Product.objects.filter(category=both.bed).update(price=1)
    Product.objects.filter(photos__in=lamps[::13]).update(price=1)
    return both.exact(lambda photo: photo.product.category_id == both.bed.pk or photo.pk in lamps[::13])


@pytest.mark.parametrize("limit", [5, 10, 40])
def test_what_an_index_that_gives_out_early_has_left_is_found_exactly(both, cheap, giving_out, limit):
    """This holds however many beds there are to fill the answer."""
    filters = condition({"price_max": Decimal(1)})
    assert scans.nearest(both.space, both.query, both.plan, 140, filters=filters).short == {both.lamp.pk}
    hits = lookup.nearest(both.space, both.query, [both.lamp.pk, both.bed.pk], limit, filters=filters).hits
    assert [hit.photo.pk for hit in hits] == cheap[:limit]


def test_one_leaf_is_scanned_again_only_where_hits_are_missing(both, monkeypatch):
    asked = []
    nearest = scans.nearest

    def giving_out(space, vector, plan, size, **options):
        asked.append(plan)
        ranking = nearest(space, vector, plan, size, **options)
        if not plan.indexed:
            return ranking
        return Ranking(ranking.photos[:3], ranking.distances[:3], frozenset(plan.indexed))

    monkeypatch.setattr(scans, "nearest", giving_out)
    lamps = both.plan.of({both.lamp.pk})
    assert len(lookup.nearest(both.space, both.query, [both.lamp.pk], 3).hits) == 3
    assert asked == [lamps]
    assert len(lookup.nearest(both.space, both.query, [both.lamp.pk], 30).hits) == 30
    assert asked == [lamps, lamps, lamps.exactly({both.lamp.pk})]


def test_a_product_that_moved_is_no_match_where_its_vectors_still_are(both):
    first, second = both.exact()[:2]
    product = Product.objects.get(photos=first)
    product.category = both.bed if product.category == both.lamp else both.lamp
    product.save()
    assert both.found(50)[0] == second
    assert first not in both.found(50)


def test_photos_of_one_product_are_one_match_across_an_index(both):
    first, second, third = both.exact()[:3]
    shared = Product.objects.get(photos=first)
    Photo.objects.filter(pk=second, product__category=shared.category).update(product=shared)
    merged = Photo.objects.get(pk=second).product == shared
    hits = lookup.nearest(both.space, both.query, [both.lamp.pk, both.bed.pk], 2).hits
    assert [hit.photo.pk for hit in hits] == ([first, third] if merged else [first, second])


def test_an_index_that_is_not_checked_is_not_searched(both):
    LeafIndex.objects.all().delete()
    indexes._checked.cache_clear()
    both.plan = indexes.plan(both.space, [both.lamp.pk, both.bed.pk])
    assert both.plan == ScanPlan(frozenset({both.lamp.pk, both.bed.pk}))
    assert "_hnsw" not in explain(both.space, both.query, both.plan)
    assert both.found(50) == both.exact()[:50]


def test_a_scan_leaves_other_leaves_alone(both):
    text = explain(both.space, both.query, both.plan.of({both.bed.pk}))
    assert partitions.Leaf(both.space, both.bed.pk).name in text
    assert partitions.Leaf(both.space, both.lamp.pk).name not in text


def test_as_many_photos_as_are_asked_for_come_by_an_index_too(both, monkeypatch):
    """This holds beyond the largest hnsw.ef_search too, here 60."""
    monkeypatch.setattr(scans, "MOST_EF", 60)
    monkeypatch.setattr(scans, "SETTINGS", scans.FORCED)
    lamps = both.plan.of({both.lamp.pk})
    ranking = scans.nearest(both.space, both.query, lamps, 300)
    assert (len(ranking.distances), ranking.short) == (300, frozenset())


def test_a_shop_without_an_index_is_not_asked_for_its_coarse_projection(wide, category, django_assert_num_queries):
    [one, *_] = stock(wide, category("lamp"), clustered(5, 512))
    lamps = ScanPlan(frozenset({category("lamp").pk}))
    with django_assert_num_queries(0):
        found = scans.nearest(wide, clustered(1, 512, seed=1)[0], lamps, 5).photos
    assert one.pk in {row.photo_id for row in found}
