"""HNSW indexes: built beside searches and writes, compared with exact scans, and only then searched."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from catalog.models import Category, Photo, Product
from ml.projection import FittedProjection
from search import encoders, indexing, lookup, maintenance, spaces
from search.models import CoarseProjection, Embedding, LeafIndex, Space
from search.store import coarse, indexes, partitions, scans, vectors
from search.store.partitions import Leaf
from search.store.scans import ScanPlan
from tests.grid_space import RECIPE, GridEncoder
from tests.installation import wait_for
from tests.made_up_photos import as_stored, clustered, stock

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 400


class WideEncoder(GridEncoder):
    """Makes 512 dimensions of the 48."""

    def encode(self, images) -> np.ndarray:
        rows = super().encode(images) @ np.random.default_rng(0).normal(size=(48, 512))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def lamps(wide, category, monkeypatch) -> Leaf:
    """A leaf of ROWS lamps, without an index."""
    monkeypatch.setattr(encoders, "encoder_for", lambda space: WideEncoder())
    stock(wide, category("lamp"), clustered(ROWS, wide.dimensions))
    return Leaf(wide, category("lamp").pk)


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """A connection of another process."""
    parameters = connection.get_connection_params() | {"cursor_factory": None}
    with psycopg.connect(**parameters, autocommit=True) as opened:
        yield opened


def beside(work: Callable[[], object]) -> Future:
    """Run work in a thread with a connection of its own."""

    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(run)
    finally:
        pool.shutdown(wait=False)


def asked(query: str, *parameters: str | int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def is_valid(leaf: Leaf) -> bool | None:
    """Whether the leaf's index is valid; None without one."""
    found = asked("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", leaf.index_name)
    return found[0][0] if found else None


def waits_for_batches() -> bool:
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    return bool(asked(waiting, partitions.BATCH_LOCK & 0xFFFFFFFF))


def lacking(leaf: Leaf) -> int:
    """The number of the leaf's rows that its index does not hold."""
    return Embedding.objects.filter(space_id=leaf.space.pk, category_id=leaf.category_id, coarse=None).count()


def memory() -> list[tuple]:
    return asked("SELECT current_setting('maintenance_work_mem'), current_setting('max_parallel_maintenance_workers')")


def test_a_build_gives_every_row_its_coarse_vector_an_index_and_what_that_is_worth(lamps):
    assert lacking(lamps) == ROWS
    assert indexes.build(lamps)
    projection = coarse.projection(lamps.space)
    assert projection is not None
    assert (projection.components.shape, projection.mean.any()) == ((512, 128), False)
    rows = Embedding.objects.filter(space_id=lamps.space.pk).order_by("photo_id").values_list("vector", "coarse")
    full, kept = (np.array(part, np.float32) for part in zip(*rows, strict=True))
    assert np.array_equal(kept, as_stored(projection.apply(full, normalize=False)))
    assert is_valid(lamps)
    checked = LeafIndex.objects.get()
    assert (checked.space, checked.category_id, checked.photos) == (lamps.space, lamps.category_id, ROWS)
    assert indexes.RECALL <= checked.recall <= 1
    assert checked.ef_search in indexes.EF_SEARCH
    assert indexes.plan(lamps.space, [lamps.category_id]) == ScanPlan(indexed={lamps.category_id: checked.ef_search})
    assert not indexes.is_due(lamps)


def test_short_vectors_are_indexed_as_they_are(category, monkeypatch):
    short = Space.objects.create(name="short", recipe=RECIPE, dimensions=48, state=Space.State.LIVE)
    stock(short, category("lamp"), clustered(ROWS, 48))
    leaf = Leaf(short, category("lamp").pk)
    assert indexes.build(leaf)
    assert not CoarseProjection.objects.exists()
    assert (lacking(leaf), is_valid(leaf)) == (ROWS, True)
    partitions.when_free(lambda: partitions.drop_branch(short))


def test_the_projection_is_made_once_for_all_leaves_of_a_space(lamps, category):
    indexes.build(lamps)
    first = bytes(CoarseProjection.objects.get().data)
    stock(lamps.space, category("bed"), clustered(150, 512, seed=5))
    beds = Leaf(lamps.space, category("bed").pk)
    assert indexes.build(beds)
    assert bytes(CoarseProjection.objects.get().data) == first
    assert (lacking(beds), is_valid(beds)) == (0, True)
    assert LeafIndex.objects.count() == 2


@pytest.mark.parametrize(("metric", "dimensions"), [("l2", 512), ("l2", 4_096), ("cosine", 4_096)])
def test_what_an_index_finds_is_what_an_exact_scan_finds(transactional_db, category, metric, dimensions):
    space = Space.objects.create(name="x", recipe=RECIPE, dimensions=dimensions, metric=metric)
    lamp = category("lamp")
    rows = clustered(300, dimensions) * (1 if metric == "cosine" else np.linspace(1, 30, 300)[:, np.newaxis])
    photos = stock(space, lamp, as_stored(rows))
    leaf = Leaf(space, lamp.pk)
    assert indexes.build(leaf)
    assert LeafIndex.objects.get().recall >= indexes.RECALL
    for query in clustered(5, dimensions, seed=9) * (1 if metric == "cosine" else 12):
        hits = lookup.nearest(space, query, [lamp.pk], 20).hits
        if metric == "cosine":
            order = np.argsort(-(as_stored(rows) @ query))
        else:
            order = np.argsort(np.linalg.norm(as_stored(rows) - query, axis=1))
        assert [hit.photo.pk for hit in hits] == [photos[n].pk for n in order[:20]]
    partitions.when_free(lambda: partitions.drop_branch(space))


def test_photos_indexed_afterwards_are_found_by_the_index(lamps, photo):
    indexes.build(lamps)
    added = photo("red", "lamp")
    assert indexing.index_batch(lamps.space) == 1
    assert lacking(lamps) == 0
    [query] = WideEncoder().encode([WideEncoder().open(added.file.open("rb"))])
    [best, *_] = lookup.nearest(lamps.space, query, [lamps.category_id], 3).hits
    assert best.photo == added


def test_a_vector_that_is_replaced_has_its_coarse_one_replaced(lamps):
    indexes.build(lamps)
    projection = coarse.projection(lamps.space)
    assert projection is not None
    row = Embedding.objects.filter(space_id=lamps.space.pk).earliest("photo_id")
    anew = clustered(1, 512, seed=3)
    vectors.write(lamps.space, [(row.photo_id, lamps.category_id)], anew)
    rows = scans.nearest(lamps.space, anew[0], indexes.plan(lamps.space, [lamps.category_id]), 1).photos
    assert [found.photo_id for found in rows] == [row.photo_id]


def test_a_plan_is_kept_for_seconds_but_what_this_process_checks_is_seen_at_once(lamps, clock):
    def plan() -> ScanPlan:
        return indexes.plan(lamps.space, [lamps.category_id, 2**40])

    exact = ScanPlan(frozenset({lamps.category_id, 2**40}))
    assert plan() == exact
    LeafIndex.objects.create(space=lamps.space, category_id=lamps.category_id, ef_search=64, recall=1, photos=ROWS)
    clock[0] += indexes.KEPT - 0.5
    assert plan() == exact
    clock[0] += 0.5
    assert plan() == ScanPlan(frozenset({2**40}), {lamps.category_id: 64})
    checked = indexes.check(lamps)
    assert plan().indexed == {lamps.category_id: checked.ef_search}


def test_an_index_is_due_where_a_leaf_is_large_and_none_is_searched(lamps, monkeypatch):
    assert not indexes.is_due(lamps)
    monkeypatch.setattr(partitions, "EXACT_ROWS", ROWS - 1)
    assert indexes.is_due(lamps)
    assert maintenance.maintain() == [lamps.index_name]
    assert not indexes.is_due(lamps)
    assert maintenance.maintain() == []


def test_an_index_is_checked_again_once_its_leaf_changed_by_a_fifth(lamps, category):
    indexes.build(lamps)
    before = LeafIndex.objects.get()
    stock(lamps.space, category("lamp"), clustered(ROWS // 5, 512, seed=4))
    assert not indexes.is_stale(lamps)
    stock(lamps.space, category("lamp"), clustered(1, 512, seed=5))
    assert indexes.is_stale(lamps)
    assert maintenance.maintain() == [lamps.index_name]
    after = LeafIndex.objects.get()
    assert (after.pk, after.photos) == (before.pk, ROWS + ROWS // 5 + 1)
    assert after.checked_at > before.checked_at
    assert maintenance.maintain() == []
    Photo.objects.filter(pk__in=Photo.objects.order_by("pk").values("pk")[:100]).delete()
    assert maintenance.maintain() == [lamps.index_name]
    assert LeafIndex.objects.get().photos == after.photos - 100


def test_an_indexed_leaf_takes_no_row_without_a_coarse_vector(lamps, category):
    """A worker of an older version would write such a row, and no index would ever find it."""
    indexes.build(lamps)
    with pytest.raises(IntegrityError, match="_coarse"):
        stock(lamps.space, category("lamp"), clustered(1, 512, seed=4), projected=False)


def test_an_index_that_finds_too_little_is_told_and_not_used(lamps, client, monkeypatch, caplog):
    useless = np.zeros((512, 128), np.float32)
    useless[:2] = np.random.default_rng(0).normal(size=(2, 128))
    projection = FittedProjection(np.zeros(512, np.float32), useless, 0.0, False)
    monkeypatch.setattr(coarse, "fit_coarse", lambda rows, components: projection)
    monkeypatch.setattr(indexes, "EF_SEARCH", (40, 64, 100))
    assert indexes.build(lamps)
    checked = LeafIndex.objects.get()
    assert checked.ef_search == 100
    assert 0 < checked.recall < indexes.USABLE
    assert "finds only" in caplog.text
    assert indexes.plan(lamps.space, [lamps.category_id]) == ScanPlan(frozenset({lamps.category_id}))
    [answered] = client.get(reverse("index")).json()["categories"]
    assert answered["index"] == {
        "recall": checked.recall,
        "ef_search": 100,
        "photos": ROWS,
        "checked_at": checked.checked_at.isoformat().replace("+00:00", "Z"),
    }


def test_a_leaf_that_was_emptied_is_checked_too(lamps, client):
    indexes.build(lamps)
    Photo.objects.all().delete()
    assert maintenance.maintain() == [lamps.index_name]
    [answered] = json.loads(client.get(reverse("index")).content)["categories"]
    assert (answered["index"]["recall"], answered["index"]["photos"]) == (1.0, 0)
    assert maintenance.maintain() == []


def test_photos_of_one_picture_are_as_good_as_each_other(wide, category):
    """Among 100 equal vectors an index need not name the same 20 as an exact scan."""
    rows = clustered(ROWS, 512)
    rows[::4] = rows[0]
    stock(wide, category("lamp"), rows)
    assert indexes.build(Leaf(wide, category("lamp").pk))
    # Compared by ids, a few in a hundred would be found. A graph of so many equal nodes may miss some of the others.
    assert LeafIndex.objects.get().recall >= indexes.USABLE


def test_one_process_builds_at_a_time(lamps, other):
    other.execute("SELECT pg_advisory_lock(%s)", [indexes.BUILD_LOCK])
    assert not indexes.build(lamps)
    assert (is_valid(lamps), lacking(lamps), CoarseProjection.objects.exists()) == (None, ROWS, False)
    other.execute("SELECT pg_advisory_unlock(%s)", [indexes.BUILD_LOCK])
    assert indexes.build(lamps)
    assert other.execute("SELECT pg_try_advisory_lock(%s)", [indexes.BUILD_LOCK]).fetchone() == (True,)


def test_what_another_process_has_built_meanwhile_is_not_built_again(lamps):
    indexes.build(lamps)
    built = asked("SELECT to_regclass(%s)::oid", lamps.index_name)
    assert indexes.build(lamps)
    assert asked("SELECT to_regclass(%s)::oid", lamps.index_name) == built


def test_a_build_that_was_interrupted_is_made_again(lamps, other):
    usual = memory()
    asked("SELECT set_config('lock_timeout', '200ms', false)")
    with other.transaction():
        # A build ends by waiting for whatever may still see the table as it was.
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1 FROM catalog_category")
        with pytest.raises(OperationalError, match="lock timeout"):
            indexes.build(lamps)
    asked("SELECT set_config('lock_timeout', '0', false)")
    assert (is_valid(lamps), LeafIndex.objects.exists(), memory()) == (False, False, usual)
    assert indexes.plan(lamps.space, [lamps.category_id]) == ScanPlan(frozenset({lamps.category_id}))
    assert other.execute("SELECT pg_try_advisory_lock(%s)", [indexes.BUILD_LOCK]).fetchone() == (True,)
    other.execute("SELECT pg_advisory_unlock(%s)", [indexes.BUILD_LOCK])
    assert indexes.build(lamps)
    assert (is_valid(lamps), memory()) == (True, usual)


def test_a_build_that_shared_memory_has_no_room_for_goes_on_in_one_process(lamps, monkeypatch):
    """The build asks for a terabyte, which no /dev/shm has."""
    usual = memory()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {lamps.name} SET (parallel_workers = 2)")
    monkeypatch.setattr(indexes, "MOST_MEMORY", 10**12)
    monkeypatch.setattr(indexes, "NODE_BYTES", 10**12)
    tried = []
    create = indexes._create

    def spy(leaf, parallel=True):
        tried.append(parallel)
        create(leaf, parallel)

    monkeypatch.setattr(indexes, "_create", spy)
    assert indexes.build(lamps)
    assert tried == [True, False]
    assert (is_valid(lamps), memory()) == (True, usual)
    assert LeafIndex.objects.get().recall >= indexes.RECALL


def test_a_batch_that_began_without_the_projection_ends_before_it_is_made(lamps, photo, monkeypatch):
    encoding, go_on = threading.Event(), threading.Event()

    class Slow(WideEncoder):
        def encode(self, images):
            encoding.set()
            assert go_on.wait(30)
            return super().encode(images)

    added = [photo(colour, "lamp") for colour in ("red", "green", "blue")]
    monkeypatch.setattr(encoders, "encoder_for", lambda space: Slow())
    batch = beside(partial(indexing.index_batch, lamps.space))
    assert encoding.wait(30)
    build = beside(partial(indexes.build, lamps))
    wait_for(waits_for_batches, "the build to wait for the batch", 30)
    assert not CoarseProjection.objects.exists()
    go_on.set()
    assert (batch.result(60), build.result(60)) == (3, True)
    assert lacking(lamps) == 0
    assert LeafIndex.objects.get().photos == ROWS + len(added)


def test_a_batch_that_begins_while_rows_are_filled_writes_coarse_vectors(lamps, photo, monkeypatch):
    fill = vectors.fill_coarse

    def interleaved(space, category_id):
        photo("red", "lamp")
        assert beside(partial(indexing.index_batch, space)).result(30) == 1
        fill(space, category_id)
        photo("blue", "lamp")
        assert beside(partial(indexing.index_batch, space)).result(30) == 1

    monkeypatch.setattr(vectors, "fill_coarse", interleaved)
    assert indexes.build(lamps)
    assert (lacking(lamps), LeafIndex.objects.get().photos) == (0, ROWS + 2)


def test_batches_and_a_build_at_the_same_time_leave_no_row_out(lamps, photo):
    added = [photo((8 * n, 250 - 8 * n, 90), "lamp") for n in range(30)]

    def batches() -> int:
        total = 0
        while settled := indexing.index_batch(lamps.space, 3):
            total += settled
        return total

    working = [beside(batches), beside(batches)]
    assert beside(partial(indexes.build, lamps)).result(60)
    assert sum(work.result(60) for work in working) == len(added)
    assert lacking(lamps) == 0
    assert Embedding.objects.filter(space_id=lamps.space.pk).count() == ROWS + len(added)


def move(photos: list[Photo], category: Category) -> None:
    Product.objects.filter(photos__in=photos).update(category=category)


def test_a_product_that_moves_into_an_indexed_leaf_is_found_by_its_index(lamps, category):
    [bed, *_] = stock(lamps.space, category("bed"), clustered(3, 512, seed=8))
    indexes.build(lamps)
    move([bed], category("lamp"))
    assert indexing.index_batch(lamps.space) == 1
    assert lacking(lamps) == 0
    [vector] = clustered(3, 512, seed=8)[:1]
    assert lookup.nearest(lamps.space, vector, [lamps.category_id], 1).hits[0].photo == bed


def test_a_product_that_moves_while_its_leaf_is_filled_does_not_stop_the_build(lamps, category, monkeypatch):
    """The fill waits for the row that a batch has moved to another leaf, and then has to pass it over."""
    partitions.ensure(lamps.space, [category("bed").pk])
    moving, go_on = threading.Event(), threading.Event()
    settle = indexing._settle

    def slow(space, photos):
        settle(space, photos)
        moving.set()
        assert go_on.wait(30)

    fill = vectors.fill_coarse

    def after_the_move_began(space, category_id):
        monkeypatch.setattr(indexing, "_settle", slow)
        move(list(Photo.objects.order_by("pk")[:1]), category("bed"))
        batches.append(beside(partial(indexing.index_batch, space)))
        assert moving.wait(30)
        threading.Timer(1, go_on.set).start()
        fill(space, category_id)

    batches: list[Future] = []
    monkeypatch.setattr(vectors, "fill_coarse", after_the_move_began)
    assert indexes.build(lamps)
    assert batches[0].result(30) == 1
    assert lacking(lamps) == 0


def test_a_vector_that_fills_its_page_has_room_for_its_coarse_one(transactional_db, category):
    space = Space.objects.create(name="x", recipe=RECIPE, dimensions=partitions.PAGE_DIMENSIONS)
    stock(space, category("lamp"), clustered(150, space.dimensions))
    assert indexes.build(Leaf(space, category("lamp").pk))
    assert lacking(Leaf(space, category("lamp").pk)) == 0
    partitions.when_free(lambda: partitions.drop_branch(space))


def test_what_belongs_to_a_photo_a_category_or_a_space_goes_with_it(lamps, category):
    indexes.build(lamps)
    gone = Photo.objects.earliest("pk")
    Product.objects.filter(photos=gone).delete()
    assert Embedding.objects.filter(photo_id=gone.pk).count() == 0
    plan = indexes.plan(lamps.space, [lamps.category_id])
    [query] = clustered(1, 512)
    assert gone.pk not in {row.photo_id for row in scans.nearest(lamps.space, query, plan, 50).photos}
    Product.objects.all().delete()
    category("lamp").delete()
    assert not LeafIndex.objects.exists()
    assert maintenance.maintain() == [lamps.name]
    Space.objects.filter(pk=lamps.space.pk).update(state=Space.State.RETIRED)
    spaces.drop(lamps.space)
    assert not CoarseProjection.objects.exists()
    assert (coarse.projection(Space(pk=2**40, dimensions=512)), LeafIndex.objects.count()) == (None, 0)


def test_a_stored_index_goes_back_and_forth_through_its_migration(lamps, photo):
    before = Embedding.objects.filter(space_id=lamps.space.pk).count()
    indexes.build(lamps)
    back = MigrationExecutor(connection)
    try:
        back.migrate([("search", "0002_spaces")])
        assert is_valid(lamps) is None
        assert asked("SELECT count(*), count(vector) FROM search_embedding") == [(before, before)]
    finally:
        forth = MigrationExecutor(connection)
        forth.migrate(forth.loader.graph.leaf_nodes())
    assert lacking(lamps) == before
    storage = "SELECT attstorage FROM pg_attribute WHERE attname = 'coarse' AND attrelid = %s::regclass"
    assert asked(storage, lamps.name) == [("p",)]
    assert not LeafIndex.objects.exists()
    coarse._load.cache_clear()
    indexes._checked.cache_clear()
    assert indexes.build(lamps)
    assert (is_valid(lamps), lacking(lamps)) == (True, 0)
    photo("red", "bed")
    assert indexing.index_batch(lamps.space) == 1
