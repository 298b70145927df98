"""Coarse vectors: every row of an indexed leaf has one, whatever is written meanwhile."""

import threading
from concurrent.futures import Future
from functools import partial

import numpy as np
import pytest
from django.db import IntegrityError

from catalog.models import Photo
from search import encoders, indexing
from search.models import CoarseProjection, Embedding, LeafIndex, Space
from search.store import coarse, indexes, partitions, scans, vectors
from search.store.partitions import Leaf
from search.store.scans import ScanPlan
from tests.grid_space import RECIPE
from tests.installation import wait_for
from tests.large_leaves import ROWS, WideEncoder, beside, is_valid, lacking, move, waits_for_batches
from tests.made_up_photos import as_stored, clustered, stock

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_the_projection_is_made_once_for_all_leaves_of_a_space(lamps, category):
    indexes.build(lamps)
    first = bytes(CoarseProjection.objects.get().data)
    stock(lamps.space, category("bed"), clustered(150, 512, seed=5))
    beds = Leaf(lamps.space, category("bed").pk)
    assert indexes.build(beds)
    assert bytes(CoarseProjection.objects.get().data) == first
    assert (lacking(beds), is_valid(beds)) == (0, True)
    assert LeafIndex.objects.count() == 2


def test_a_vector_that_is_replaced_has_its_coarse_one_replaced(lamps):
    indexes.build(lamps)
    projection = coarse.projection(lamps.space)
    assert projection is not None
    row = Embedding.objects.filter(space_id=lamps.space.pk).earliest("photo_id")
    anew = clustered(1, 512, seed=3)
    vectors.write(lamps.space, [(row.photo_id, lamps.category_id)], anew)
    rows = scans.nearest(lamps.space, anew[0], indexes.plan(lamps.space, [lamps.category_id]), 1).photos
    assert [found.photo_id for found in rows] == [row.photo_id]


def test_an_indexed_leaf_takes_no_row_without_a_coarse_vector(lamps, category):
    """A worker of an older version would write such a row, and no index would ever find it."""
    indexes.build(lamps)
    with pytest.raises(IntegrityError, match="_coarse"):
        stock(lamps.space, category("lamp"), clustered(1, 512, seed=4), projected=False)


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


def test_a_product_that_moves_while_its_leaf_is_filled_does_not_stop_the_build(lamps, category, monkeypatch):
    """The fill waits for the row that a batch has moved to another leaf, and then has to pass it over."""
    partitions.ensure(lamps.space, [category("bed").pk])
    moving, go_on = threading.Event(), threading.Event()
    settle = indexing._settle

    def slow(space, photos):
        unsettled = settle(space, photos)
        moving.set()
        assert go_on.wait(30)
        return unsettled

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
