"""The life of a space: made, built beside the live one, activated, rolled back, dropped."""

import time
from datetime import timedelta

import numpy as np
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg import errors, sql

from catalog.models import Photo, Product
from catalog.photos import open_stored
from ml.projection import TooFewVectors
from ml.recipes import Recipe, make_recipe
from search import encoders, head_training, indexing, lookup, photo_states, projections, spaces
from search.models import Embedding, Projection, Rejection, Space, Threshold
from search.store import binary, indexes, partitions, scans, vectors
from tests.grid_space import RECIPE

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(photo):
    """Twelve photos in two categories."""
    return [photo((250 - 20 * n, 20 * n, 7 * n), ("lamp", "bed")[n % 2]) for n in range(12)]


def build(space: Space) -> None:
    while indexing.index_batch(space):
        pass


def tables(space: Space) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ %s", [f"_s{space.pk}(_|$)"]
        )
        return [name for (name,) in cursor.fetchall()]


def test_a_space_is_made_with_a_leaf_for_every_category(space, category):
    lamp = category("lamp")
    made = spaces.create("l3", make_recipe("random", "resnet18", layer="layer3"))
    assert (made.state, made.dimensions, made.metric) == ("building", 256, "cosine")
    assert [leaf.category_id for leaf in partitions.leaves(made)] == [lamp.pk]


def test_an_l2_space_keeps_the_lengths_of_its_vectors(space):
    made = spaces.create("vgg", make_recipe("random", "vgg16"), Space.Metric.L2)
    assert (made.metric, made.dimensions, made.recipe["normalize"]) == ("l2", 4096, False)


def test_a_name_is_taken_once(space, beside):
    with pytest.raises(IntegrityError):
        spaces.create("beside", make_recipe("random"))


def test_new_photos_go_into_the_live_space_and_those_being_built(space, beside, photo, shop):
    build(space)
    build(beside)
    added = photo("red", "lamp")
    for one in Space.objects.indexed_into():
        assert list(photo_states.pending(one)) == [added]


def test_activating_retires_the_former_space_and_rolling_back_revives_it(space, beside, shop):
    build(beside)
    assert spaces.activate(beside) == space
    assert (Space.objects.live(), Space.objects.get(pk=space.pk).state) == (beside, "retired")
    assert spaces.activate(beside) is None
    assert spaces.activate(space) == beside
    assert Space.objects.live() == space
    assert Space.objects.get(pk=space.pk).activated_at is not None


def test_a_space_is_activated_once_it_lacks_nothing_that_the_live_one_has(space, indexed_shop, beside, monkeypatch):
    head_training.train(space)
    with pytest.raises(spaces.NotReady, match=r"photos are not indexed in beside yet: .* `manage.py index --space b"):
        spaces.activate(beside)
    build(beside)
    with monkeypatch.context() as patch:
        patch.setattr(partitions, "EXACT_ROWS", 2)
        with pytest.raises(spaces.NotReady, match=r"beside lacks indexes of large categories: .* `manage.py maintain`"):
            spaces.activate(beside)
    with pytest.raises(spaces.NotReady, match=r"beside has no category head yet: .* `manage.py train_head --space b"):
        spaces.activate(beside)
    assert Space.objects.live() == space
    head_training.train(beside)
    assert spaces.activate(beside) == space


def test_a_shop_that_shrank_below_a_head_activates_a_space_without_one(space, indexed_shop, beside, category):
    head_training.train(space)
    category("bed").products.all().delete()
    build(beside)
    assert head_training.train_if_due(beside) is None
    assert spaces.activate(beside) == space


def test_a_space_is_called_ready_once_it_could_be_activated(space, indexed_shop, beside):
    head_training.train(space)
    assert spaces.overview(beside).stage == "building"
    build(beside)
    assert spaces.overview(beside).stage == "building"
    head_training.train(beside)
    assert spaces.overview(beside).stage == "ready"
    spaces.activate(beside)
    beside.refresh_from_db()
    assert spaces.overview(beside).stage == "live"


def test_a_space_that_was_live_before_is_always_ready(space, indexed_shop, beside, photo):
    head_training.train(space)
    spaces.activate(beside, incomplete=True)
    photo("red", "lamp")
    space.refresh_from_db()
    assert spaces.activate(space) == beside


def test_a_revived_space_has_leaves_for_the_categories_made_meanwhile(space, beside, category):
    spaces.activate(beside)
    sofa = category("sofa")
    spaces.ensure_partitions()
    spaces.activate(space)
    assert sofa.pk in {leaf.category_id for leaf in partitions.leaves(space)}


def test_dropping_takes_the_tables_the_rows_and_all_that_belongs_to_them(space, beside, shop, category):
    build(beside)
    Rejection.objects.create(space=beside, photo=shop[0], reason="x")
    Threshold.objects.create(space=beside, category=category("lamp"), min_similarity=0.5)
    assert len(tables(beside)) == 3
    spaces.drop(beside)
    assert tables(beside) == []
    assert not Space.objects.filter(pk=beside.pk).exists()
    assert not Embedding.objects.filter(space_id=beside.pk).exists()
    assert (Rejection.objects.count(), Threshold.objects.count()) == (0, 0)


def test_a_space_that_was_live_a_moment_ago_is_dropped_when_its_searches_have_ended(space, beside, monkeypatch):
    monkeypatch.setattr(spaces, "SEARCHES_END", timedelta(seconds=1.5))
    spaces.activate(beside)
    spaces.activate(space)
    begun = time.monotonic()
    spaces.drop(beside)
    assert 1 < time.monotonic() - begun < 5
    assert not Space.objects.filter(pk=beside.pk).exists()


def test_a_space_that_is_activated_while_it_waits_to_be_dropped_stays(space, shop, beside, monkeypatch):
    spaces.activate(beside, incomplete=True)
    spaces.activate(space)
    monkeypatch.setattr(spaces.time, "sleep", lambda seconds: spaces.activate(beside))
    with pytest.raises(spaces.LiveSpace, match="beside answers searches"):
        spaces.drop(beside)
    assert Space.objects.live() == beside
    assert len(tables(beside)) > 0


def test_a_space_that_cannot_be_dropped_now_goes_on_being_built(space, beside, monkeypatch):
    monkeypatch.setattr(partitions, "LOCK_TRIES", 1)
    monkeypatch.setattr(partitions, "LOCK_WAIT", "1ms")
    monkeypatch.setattr(partitions, "uniform", lambda least, most: 0)
    locked = OperationalError("canceling statement due to lock timeout")
    locked.__cause__ = errors.LockNotAvailable()
    with monkeypatch.context() as patch:
        patch.setattr(partitions, "drop_branch", raising(locked))
        with pytest.raises(partitions.Busy):
            spaces.drop(beside)
    beside.refresh_from_db()
    assert beside.state == "building"
    spaces.drop(beside)


def raising(error: Exception):
    def fail(*args: object) -> None:
        raise error

    return fail


def test_the_live_space_cannot_be_dropped(space):
    with pytest.raises(spaces.LiveSpace):
        spaces.drop(space)


def test_a_worker_that_holds_a_dropped_space_does_nothing_and_leaves_no_table(space, beside, shop):
    spaces.drop(beside)
    assert indexing.index_batch(beside) == 0
    assert tables(beside) == []


def test_a_derived_space_is_projected_from_stored_vectors_without_a_photo(space, shop, monkeypatch):
    build(space)
    fitted = projections.fit(space, 5)
    small = spaces.derive("small", space, fitted)
    assert (small.dimensions, small.source, small.recipe["pca"]) == (5, space, 5)
    monkeypatch.setattr(encoders, "encoder_for", lambda space: pytest.fail("a photo was encoded"))
    build(small)
    assert Embedding.objects.filter(space_id=small.pk).count() == len(shop)
    for embedding in Embedding.objects.filter(space_id=small.pk):
        stored = Embedding.objects.get(space_id=space.pk, photo_id=embedding.photo_id).vector
        [expected] = fitted.apply(np.array([stored]), normalize=True)
        assert embedding.vector == pytest.approx(expected.tolist(), abs=2e-3)


def test_a_derived_space_encodes_what_its_source_lacks_and_outlives_it(space, beside, shop, photo):
    build(space)
    build(beside)
    small = spaces.derive("small", beside, projections.fit(beside, 5))
    build(small)
    spaces.drop(beside)
    late = photo("red", "lamp")
    small.refresh_from_db()
    assert small.source is None
    build(small)
    encoder = encoders.encoder_for(small)
    query = encoder.encode([open_stored(late, encoder.open)])[0]
    [best] = lookup.nearest(small, query, [late.product.category_id], 1).hits
    assert (best.photo, best.similarity) == (late, pytest.approx(1, abs=1e-3))


def test_the_projection_is_kept_as_safetensors_that_the_recipe_knows_by_its_hash(space, shop):
    build(space)
    small = spaces.derive("small", space, projections.fit(space, 4, whiten=True))
    recipe = Recipe.from_dict(small.recipe)
    assert (recipe.pca, recipe.whiten, len(recipe.projection_sha256)) == (4, True, 64)
    assert Projection.objects.get(space=small).data
    projection = encoders.projection_of(small)
    assert projection is not None
    assert projection.components.shape == (48, 4)


def test_photos_deleted_while_vectors_are_sampled_are_left_out(space, shop, monkeypatch):
    build(space)
    monkeypatch.setattr(vectors, "FETCHED", 5)
    drawn = np.random.default_rng

    def deleting(seed: int) -> np.random.Generator:
        shop[3].delete()
        return drawn(seed)

    monkeypatch.setattr(np.random, "default_rng", deleting)
    sampled = vectors.sample(space, most=11)
    rows = Embedding.objects.filter(space_id=space.pk).order_by("photo_id").values_list("vector", flat=True)
    kept = {tuple(np.array(row, np.float32)) for row in rows}
    assert len(kept) == 11
    assert len(sampled) in (10, 11)
    assert {tuple(row) for row in sampled} <= kept


def test_pca_needs_more_photos_than_components_and_a_space_that_is_none(space, shop):
    build(space)
    with pytest.raises(TooFewVectors, match="12 vectors hold at most 11 components, 12 are wanted"):
        projections.fit(space, 12)
    small = spaces.derive("small", space, projections.fit(space, 4))
    with pytest.raises(projections.IsProjection, match="small is a projection itself"):
        projections.fit(small, 2)


def test_more_than_4000_dimensions_are_stored_outside_the_row(space, photo):
    wide = Space.objects.create(name="wide", recipe=RECIPE, dimensions=4096, metric="l2")
    one = photo("red", "lamp")
    partitions.ensure(wide, [one.product.category_id])
    vector = np.random.default_rng(0).normal(size=4096).astype(np.float16)
    Embedding.objects.create(space=wide, category_id=one.product.category_id, photo=one, vector=vector)
    assert Embedding.objects.get(space_id=wide.pk).vector == pytest.approx(vector.tolist(), rel=1e-6)
    assert partitions.size(wide).vectors > 8192


def test_the_size_of_a_space_counts_vectors_and_indexes(space, beside, shop):
    empty = partitions.size(beside)
    build(beside)
    full = partitions.size(beside)
    assert empty.vectors == 0
    assert full.vectors > 0
    assert full.indexes > empty.indexes


@pytest.mark.django_db(transaction=True)
def test_an_l2_space_is_searched_through_an_index_of_its_own_operator_class(category):
    made = Space.objects.create(name="l2", recipe=RECIPE, dimensions=48, metric="l2")
    lamp = category("lamp")
    spaces.ensure_partitions()
    points = np.random.default_rng(0).normal(size=(400, 48)).astype(np.float32)
    products = Product.objects.bulk_create(Product(sku=f"l-{n}", name="x", category=lamp) for n in range(400))
    photos = Photo.objects.bulk_create(
        Photo(product=product, file="none.jpg", sha256=f"{n:064x}", width=1, height=1)
        for n, product in enumerate(products)
    )
    vectors.write(made, [(photo.pk, lamp.pk) for photo in photos], points)
    [leaf] = partitions.leaves(made)
    assert indexes.build(leaf)
    query = np.random.default_rng(1).normal(size=48).astype(np.float32)
    hits = lookup.nearest(made, query, [lamp.pk], 10).hits
    asked, parameters = scans.statement(made, query, indexes.plan(made, [lamp.pk]), 50)
    with transaction.atomic(), binary.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")  # PostgreSQL would rather sort so few as 400 rows.
        explained = cursor.execute(sql.SQL("EXPLAIN ") + asked, parameters)
        assert f"Index Scan using {leaf.index_name}" in "\n".join(line for (line,) in explained)
    exact = np.argsort(np.linalg.norm(points - query, axis=1))[:10]
    assert len({photos[n].pk for n in exact} & {hit.photo.pk for hit in hits}) >= 9
    spaces.drop(made)
