"""The vectors of texts in PostgreSQL: exact among few, by an index among many."""

from unittest.mock import Mock

import numpy as np
import pytest
from django.db import DatabaseError, connection
from django.db.models import Q
from redis import RedisError

from catalog import vocabulary
from catalog.models import Product
from ml.text_encoder import TextModel
from search import maintenance, text_indexing
from search.models import TextEmbedding
from search.store import text_vectors
from tests.text_index import installed_encoder

MODEL = TextModel.installed()


def add(product, count: int) -> np.ndarray:
    """So many products with vectors of their own, (count, dimensions)."""
    generator = np.random.default_rng(0)
    made = generator.standard_normal((count, MODEL.dimensions)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    products = [product("lamp", sku=f"L-{number}", price=number) for number in range(count)]
    digests = dict(Product.objects.values_list("pk", "text_digest"))
    text_vectors.write(MODEL, [(one.pk, text_indexing.FORM + digests[one.pk]) for one in products], made)
    return made


def found(vector: np.ndarray, size: int, **more) -> list[str]:
    skus = dict(Product.objects.values_list("pk", "sku"))
    return [skus[product] for product, _, _ in text_vectors.nearest(MODEL, vector, [], size, **more)]


def indexes() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'search_textembedding' AND indexname LIKE '%hnsw'"
        )
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.django_db
def test_the_nearest_come_by_rising_distance(product):
    made = add(product, 20)
    expected = np.argsort(-made @ made[3])[:5]
    assert found(made[3], 5) == [f"L-{number}" for number in expected]
    distances = [distance for _, distance, _ in text_vectors.nearest(MODEL, made[3], [], 5)]
    assert distances == pytest.approx(1 - (made @ made[3])[expected], abs=2e-3)


@pytest.mark.django_db
def test_filters_are_part_of_the_scan(product):
    made = add(product, 20)
    near = [number for number in np.argsort(-made @ made[3]) if number >= 15]
    assert found(made[3], 5, filters=Q(price__gte=15)) == [f"L-{number}" for number in near]
    assert found(made[3], 5, filters=Q(pk__in=[])) == []


@pytest.mark.django_db
def test_the_similarities_of_some_products_are_told(product):
    made = add(product, 20)
    some = list(Product.objects.filter(price__lt=3).order_by("price").values_list("pk", flat=True))
    without = product("lamp").pk
    told = text_vectors.similarities(MODEL, made[3], [*some, without])
    assert [told[pk] for pk in some] == pytest.approx((made @ made[3])[:3], abs=2e-3)
    assert told.keys() == {*some}


@pytest.mark.django_db
def test_the_share_of_the_words_is_told(product):
    one = product(name="Green chair of oak")
    text_vectors.write(MODEL, [(one.pk, "")], np.eye(1, MODEL.dimensions, dtype=np.float32))
    vector = np.ones(MODEL.dimensions, np.float32)

    def share(*words: str) -> float:
        [(_, _, told)] = text_vectors.nearest(MODEL, vector, words, 1)
        return told

    assert share("green", "chairs") == 1
    assert share("green", "sofa") == 0.5
    assert share("the", "green") == 1  # Words that say nothing do not count.
    assert share() == share("the") == 0


@pytest.mark.django_db
def test_a_vector_written_again_replaces_the_first(product):
    made = add(product, 2)
    one = Product.objects.get(sku="L-0")
    text_vectors.write(MODEL, [(one.pk, "new")], made[1:])
    assert TextEmbedding.objects.count() == 2
    assert TextEmbedding.objects.get(product=one).digest == "new"


@pytest.mark.django_db(transaction=True)
class TestIndex:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(text_vectors, "EXACT_ROWS", 50)
        yield
        with connection.cursor() as cursor:
            for name in indexes():
                cursor.execute(f'DROP INDEX "{name}"')

    def test_few_vectors_need_none(self, product):
        add(product, 50)
        assert text_vectors.maintain(MODEL) is None
        assert indexes() == []

    def test_many_get_one_that_finds_what_an_exact_scan_finds(self, product):
        made = add(product, 200)
        name = text_vectors.maintain(MODEL)
        assert indexes() == [name]
        assert text_vectors.maintain(MODEL) is None
        for vector in made[:10]:
            assert found(vector, 20) == found(vector, 20, exactly=True)
            assert found(vector, 20, filters=Q(price__gte=190)) == found(
                vector, 20, filters=Q(price__gte=190), exactly=True
            )

    def test_a_build_that_was_stopped_is_made_good(self, product):
        add(product, 60)
        name = text_vectors.maintain(MODEL)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)", [name])
        assert text_vectors.maintain(MODEL) == name

    def test_another_process_that_builds_is_left_alone(self, product, other):
        add(product, 60)
        other.execute("SELECT pg_advisory_lock(%s)", [text_vectors.BUILD_LOCK])
        assert text_vectors.maintain(MODEL) is None

    def test_maintenance_builds_it_and_forgets_former_encoders(self, product):
        add(product, 60)
        one = Product.objects.get(sku="L-0")
        TextEmbedding.objects.create(product=one, encoder="former", digest="", vector=[1.0, 2.0])
        assert maintenance.maintain() == indexes()
        assert not TextEmbedding.objects.filter(encoder="former").exists()

    def test_what_fails_keeps_nothing_else_from_being_maintained(self, product, monkeypatch, caplog):
        add(product, 60)
        monkeypatch.setattr(text_vectors, "forget_others", Mock(side_effect=DatabaseError("full")))
        collected = Mock(side_effect=RedisError("gone"))
        monkeypatch.setattr(vocabulary, "refresh", collected)
        assert maintenance.maintain() == []
        assert collected.called
        assert caplog.text.count("The words were not maintained") == 2

    def test_a_former_encoder_is_kept_while_texts_are_pending(self, product):
        one = product()
        TextEmbedding.objects.create(product=one, encoder="former", digest="", vector=[1.0, 2.0])
        assert text_indexing.pending(installed_encoder()).exists()
        maintenance.maintain()
        assert TextEmbedding.objects.filter(encoder="former").exists()
