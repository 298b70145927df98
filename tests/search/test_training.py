import numpy as np
import pytest
from django.db import connection

from catalog.models import Photo, Product
from ml.classifier import Judgement, TooFewPhotos
from search import encoders, partitions, training
from search.models import Embedding, Head, Space

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(photo, category):
    """Reddish lamps and bluish beds, ten of each."""
    for shade in range(10):
        photo((200 + 5 * shade, 10, 10), "lamp")
        photo((10, 10, 200 + 5 * shade), "bed")


@pytest.fixture
def large_shop(photo):
    """As the shop, thirty of each; three of a name and nearly the same colour."""
    for family in range(10):
        for shade in range(3):
            photo((250, 12 * family + shade, 10), "lamp", name=f"Lamp {family}")
            photo((10, 12 * family + shade, 250), "bed", name=f"Bed {family}")


def judged(space: Space, vector: np.ndarray) -> Judgement:
    judgement = encoders.judgement(space, vector)
    assert judgement is not None
    return judgement


def test_the_head_tells_categories_apart(space, shop, index, category):
    index()
    training.train(space)
    assert Head.objects.get().metrics["top1"] == 1.0
    vector = np.full(48, 0.01, np.float32)
    vector[0::3] = 1
    judgement = judged(space, vector / np.linalg.norm(vector))
    assert judgement.probabilities[category("lamp").pk] > 0.9
    assert sum(judgement.probabilities.values()) == pytest.approx(1)
    assert judgement.searched == {category("lamp").pk}


def test_without_a_head_nothing_is_judged(space):
    assert encoders.judgement(space, np.ones(48, np.float32)) is None


def test_a_small_shop_keeps_the_default_gate_and_calls_nothing_unknown(space, shop, index):
    index()
    training.train(space)
    assert (Head.objects.get().metrics["gate"], Head.objects.get().metrics["unknown_above"]) == (None, None)
    assert not judged(space, np.eye(48, dtype=np.float32)[1]).unknown


def test_a_larger_shop_tunes_the_gate_on_photos_that_ask_for_their_kin(space, large_shop, index):
    index()
    training.train(space)
    gate = Head.objects.get().metrics["gate"]
    assert (gate["queries"], gate["recall_of"]) == (60, "products")
    assert gate["policy"] == {"sure": 0.0, "most": 1, "confusions": {}}
    assert (gate["soft"], gate["open"]) == ({"recall": 1.0, "work": 0.5}, {"recall": 1.0, "work": 1.0})


def test_a_photo_unlike_all_that_is_sold_is_unknown(space, large_shop, index):
    index()
    training.train(space)
    stripes = np.tile([1, 0, 0, 0, 1, 0], 8).astype(np.float32)
    strange = judged(space, stripes / np.linalg.norm(stripes))
    assert (strange.unknown, strange.low_confidence) == (True, True)
    own = [np.array(vector, np.float32) for vector in Embedding.objects.values_list("vector", flat=True)]
    assert sum(judged(space, vector).unknown for vector in own) <= 1  # 2 % of 60


def test_a_new_head_replaces_the_former_one(space, shop, index):
    index()
    training.train(space)
    first = Head.objects.get()
    training.train(space)
    assert Head.objects.get().pk > first.pk


def test_training_needs_photos_of_two_categories(space, photo, index):
    for red in range(100, 110):
        photo((red, 0, 0), "lamp")
    index()
    with pytest.raises(TooFewPhotos):
        training.train(space)
    assert training.train_if_due(space) is None


def test_a_first_head_is_due_as_soon_as_anything_is_indexed(space, shop, index):
    assert not training.is_due(space)
    index()
    assert training.is_due(space)


def test_a_head_is_due_again_when_more_than_a_tenth_has_changed(space, shop, photo, index):
    index()
    training.train(space)
    photo((255, 1, 1), "lamp")
    photo((255, 2, 2), "lamp")
    index()
    assert not training.is_due(space)
    photo((255, 3, 3), "lamp")
    index()
    assert training.is_due(space)


def test_stock_replaced_one_for_one_counts_as_changed(space, shop, photo, index):
    index()
    training.train(space)
    Product.objects.earliest("pk").delete()
    Product.objects.latest("pk").delete()
    photo((254, 1, 1), "lamp")
    photo((1, 1, 254), "bed")
    index()
    assert training.is_due(space)


def test_training_without_any_photo_is_refused(space):
    with pytest.raises(TooFewPhotos):
        training.train(space)


def test_products_that_moved_count_as_changed(space, shop, index, category):
    index()
    training.train(space)
    Product.objects.filter(category=category("lamp")).update(category=category("table"))
    index()
    assert training.is_due(space)


def test_a_large_category_is_sampled(space, shop, index, monkeypatch):
    index()
    monkeypatch.setattr(training, "PHOTOS_PER_CATEGORY", 6)
    samples = training._samples(space, list(training._photos_per_category(space)), seed=0)
    gallery = samples.gallery
    assert (gallery.vectors.shape, gallery.categories.shape, gallery.products.shape) == ((12, 48), (12,), (12,))
    assert set(gallery.photos.tolist()) <= set(Photo.objects.values_list("pk", flat=True))


def test_products_of_one_name_are_a_family(space, photo, index, monkeypatch):
    for name in ("Alma", "Berg", "Alma"):
        photo((200, 10, 10), "lamp", name=name)
    index()
    samples = training._samples(space, list(training._photos_per_category(space)), seed=0)
    names = Product.objects.in_bulk(samples.gallery.products.tolist())
    first, second, third = (samples.families[row] for row in range(3))
    assert [names[product].name for product in samples.gallery.products.tolist()] == ["Alma", "Berg", "Alma"]
    assert first == third != second


def test_a_space_that_another_process_trains_is_left_to_it(space, shop, index):
    index()
    other = connection.copy()
    key = [partitions.TRAINING_LOCKS, space.pk]
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", key)
        assert training.train(space) is None
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    other.close()
    assert training.train(space) is not None


def test_a_head_of_an_earlier_version_is_due_for_training(space, shop, index):
    index()
    training.train(space)
    head = Head.objects.get()
    del head.metrics["gate"]
    head.save(update_fields=["metrics"])
    assert training.is_due(space)
