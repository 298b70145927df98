"""Stored vectors, written and read in binary."""

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from pgvector import HalfVector

from catalog.models import Photo
from search.models import Embedding, Space
from search.store import binary, partitions, vectors
from tests.grid_space import DIMENSIONS

pytestmark = pytest.mark.django_db


def drawn(count: int, seed: int = 0) -> np.ndarray:
    """Vectors that half precision holds exactly."""
    return np.random.default_rng(seed).integers(-200, 200, (count, DIMENSIONS)).astype(np.float32) / 16


@pytest.fixture
def rows(space, product) -> list[tuple[int, int]]:
    """(photo, category) of 150 photos, half in each of two categories that have leaves."""
    products = [product("lamp"), product("bed")]
    photos = Photo.objects.bulk_create(
        Photo(product=products[n % 2], file="none.jpg", sha256=f"{n:064x}", width=1, height=1) for n in range(150)
    )
    partitions.ensure(space, {one.category_id for one in products})
    return [(photo.pk, photo.product.category_id) for photo in photos]


def test_what_is_written_is_read_again_by_photo_id(space, rows):
    written = drawn(len(rows))
    vectors.write(space, rows[::-1], written[::-1])
    ids, found = vectors.read(space, [photo_id for photo_id, _ in rows])
    assert ids.tolist() == [photo_id for photo_id, _ in rows]
    assert found.dtype == np.float32
    assert np.array_equal(found, written)


def test_the_orm_reads_what_was_written(space, rows):
    written = drawn(1)
    vectors.write(space, rows[:1], written)
    [stored] = Embedding.objects.all()
    assert (stored.photo_id, stored.category_id, stored.space_id) == (*rows[0], space.pk)
    assert stored.vector == written[0].tolist()


def test_vectors_that_are_there_are_replaced(space, rows):
    vectors.write(space, rows, drawn(len(rows)))
    anew = drawn(len(rows), seed=1)
    vectors.write(space, rows, anew)
    assert Embedding.objects.count() == len(rows)
    assert np.array_equal(vectors.read(space, [photo_id for photo_id, _ in rows])[1], anew)


def test_only_what_is_stored_in_that_space_is_read(space, beside, rows):
    partitions.ensure(beside, {category_id for _, category_id in rows})
    vectors.write(beside, rows, drawn(len(rows)))
    vectors.write(space, rows[:2], drawn(2, seed=1))
    ids, found = vectors.read(space, [photo_id for photo_id, _ in rows])
    assert ids.tolist() == [rows[0][0], rows[1][0]]
    assert np.array_equal(found, drawn(2, seed=1))


def test_of_no_photos_there_are_no_vectors(space):
    vectors.write(space, [], np.empty((0, DIMENSIONS), np.float32))
    ids, found = vectors.read(space, [])
    assert (ids.shape, found.shape) == ((0,), (0, DIMENSIONS))
    assert vectors.fetch(Embedding.objects.none().values_list("vector")) == []


def test_a_sample_is_drawn_from_all_and_the_same_again(space, rows):
    written = drawn(len(rows))
    vectors.write(space, rows, written)
    assert np.array_equal(vectors.sample(space, len(rows)), written)
    some = vectors.sample(space, 20)
    assert np.array_equal(some, vectors.sample(space, 20))
    assert len({tuple(row) for row in some} & {tuple(row) for row in written}) == 20


def test_a_products_vector_is_that_of_its_first_indexed_photo(space, rows):
    lamp = Photo.objects.get(pk=rows[0][0]).product
    assert vectors.of_product(space, lamp) is None
    vectors.write(space, [rows[4], rows[2]], drawn(2))
    found = vectors.of_product(space, lamp)
    assert found is not None
    assert np.array_equal(found, drawn(2)[1])


@pytest.mark.parametrize("broken", ["dimensions", "photo", "leaf"])
def test_what_the_table_refuses_is_djangos_integrity_error_and_writes_nothing(space, rows, broken):
    shape = DIMENSIONS + (broken == "dimensions")
    keys = {"dimensions": rows[0], "photo": (2**40, rows[0][1]), "leaf": (rows[0][0], 2**40)}[broken]
    with pytest.raises(IntegrityError), transaction.atomic():
        vectors.write(space, [*rows, keys], np.zeros((len(rows) + 1, shape), np.float32))
    assert Embedding.objects.count() == 0


def test_a_transaction_that_is_rolled_back_takes_what_was_written_with_it(space, rows):
    with transaction.atomic():
        vectors.write(space, rows, drawn(len(rows)))
        transaction.set_rollback(True)
    assert Embedding.objects.count() == 0


def test_a_vector_is_a_parameter_of_the_binary_cursor(space, rows):
    written = drawn(3)
    vectors.write(space, rows[:3], written)
    distance = f"SELECT photo_id, vector <-> %s FROM {Embedding._meta.db_table} WHERE space_id = %s ORDER BY 2 LIMIT 1"
    with binary.cursor() as cursor:
        [nearest] = cursor.execute(distance, [HalfVector(written[1]), space.pk]).fetchall()
    assert nearest == (rows[1][0], 0.0)
    assert np.array_equal(vectors.from_binary(HalfVector(written[1]).to_binary()), written[1])


def test_a_space_of_any_length_is_written(rows):
    wide = Space.objects.create(name="wide", recipe={"weights": "random"}, dimensions=2048)
    partitions.ensure(wide, {category_id for _, category_id in rows})
    written = np.random.default_rng(0).normal(size=(len(rows), 2048)).astype(np.float16)
    vectors.write(wide, rows, written)
    assert np.array_equal(vectors.read(wide, [photo_id for photo_id, _ in rows])[1], written.astype(np.float32))
