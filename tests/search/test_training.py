import numpy as np
import pytest

from catalog.models import Product
from ml.classifier import TooFewPhotos
from search import encoders, training
from search.models import Head

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(photo, category):
    """Reddish lamps and bluish beds, ten of each."""
    for shade in range(10):
        photo((200 + 5 * shade, 10, 10), "lamp")
        photo((10, 10, 200 + 5 * shade), "bed")


def test_the_head_tells_categories_apart(space, shop, index, category):
    index()
    training.train(space)
    assert Head.objects.get().metrics["top1"] == 1.0
    vector = np.full(48, 0.01, np.float32)
    vector[0::3] = 1
    probabilities = encoders.probabilities(space, vector / np.linalg.norm(vector))
    assert probabilities[category("lamp").pk] > 0.9
    assert sum(probabilities.values()) == pytest.approx(1)


def test_without_a_head_there_are_no_probabilities(space):
    assert encoders.probabilities(space, np.ones(48, np.float32)) == {}


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
    vectors, labels, products = training._samples(space, list(training._photos_per_category(space)), seed=0)
    assert (vectors.shape, labels.shape, products.shape) == ((12, 48), (12,), (12,))
