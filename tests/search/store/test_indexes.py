"""HNSW indexes: built beside searches and writes, compared with exact scans, and only then searched."""

import json

import numpy as np
import pytest
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse

from catalog.models import Photo, Product
from ml.projection import FittedProjection
from search import indexing, lookup, maintenance, spaces
from search.models import CoarseProjection, Embedding, LeafIndex, Space
from search.store import coarse, indexes, partitions, scans
from search.store.partitions import Leaf
from search.store.scans import ScanPlan
from tests.grid_space import RECIPE
from tests.large_leaves import ROWS, WideEncoder, asked, is_valid, lacking, memory, move
from tests.made_up_photos import as_stored, clustered, stock

pytestmark = pytest.mark.django_db(transaction=True)


def test_short_vectors_are_indexed_as_they_are(category, monkeypatch):
    short = Space.objects.create(name="short", recipe=RECIPE, dimensions=48, state=Space.State.LIVE)
    stock(short, category("lamp"), clustered(ROWS, 48))
    leaf = Leaf(short, category("lamp").pk)
    assert indexes.build(leaf)
    assert not CoarseProjection.objects.exists()
    assert (lacking(leaf), is_valid(leaf)) == (ROWS, True)
    partitions.when_free(lambda: partitions.drop_branch(short))


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
    execute = indexes._execute

    def spy(statement, rows, dimensions, parallel=True):
        tried.append(parallel)
        execute(statement, rows, dimensions, parallel)

    monkeypatch.setattr(indexes, "_execute", spy)
    assert indexes.build(lamps)
    assert tried == [True, False]
    assert (is_valid(lamps), memory()) == (True, usual)
    assert LeafIndex.objects.get().recall >= indexes.RECALL


def test_a_product_that_moves_into_an_indexed_leaf_is_found_by_its_index(lamps, category):
    [bed, *_] = stock(lamps.space, category("bed"), clustered(3, 512, seed=8))
    indexes.build(lamps)
    move([bed], category("lamp"))
    assert indexing.index_batch(lamps.space) == 1
    assert lacking(lamps) == 0
    [vector] = clustered(3, 512, seed=8)[:1]
    assert lookup.nearest(lamps.space, vector, [lamps.category_id], 1).hits[0].photo == bed


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
