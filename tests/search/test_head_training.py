from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from catalog.models import Photo, Product
from catalog.storage import StoredPhotoError
from ml.classifier import Judgement
from ml.head_fitting import TooFewPhotos
from ml.kinship import Kinship
from ml.recipes import WeightsError
from search import customers_photos, encoders, head_training, indexing, photo_opening, room_views, tasks
from search.management.commands.train_head import _worth_lines
from search.models import Embedding, Event, Head, Query, Space
from search.store import partitions
from tests.commands import refused
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(photo, category):
    """Reddish lamps and bluish beds, ten of each."""
    for shade in range(10):
        photo((200 + 5 * shade, 10, 10), "lamp")
        photo((10, 10, 200 + 5 * shade), "bed")


@pytest.fixture
def large_shop(photo):
    """Like `shop`, with thirty of each. Three at a time have one name and nearly the same colour."""
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
    head_training.train(space)
    assert Head.objects.get().metrics["top1"] == 1.0
    vector = np.full(48, 0.01, np.float32)
    vector[0::3] = 1
    judgement = judged(space, vector / np.linalg.norm(vector))
    assert judgement.probabilities[category("lamp").pk] > 0.9
    assert sum(judgement.probabilities.values()) == pytest.approx(1)
    assert judgement.searched == {category("lamp").pk}


def test_the_newest_head_of_a_space_is_the_one_trained_last(space, beside):
    assert space.heads.newest() is None
    _, last, _ = (
        Head.objects.create(space=owner, categories=[], weights=b"", photos={}, metrics={})
        for owner in (space, space, beside)
    )
    assert space.heads.newest() == last
    assert space.heads.defer("weights").newest() == last


def test_a_small_shop_keeps_the_default_gate_and_calls_nothing_unknown(space, shop, index):
    index()
    head_training.train(space)
    assert (Head.objects.get().metrics["gate"], Head.objects.get().metrics["unknown_below"]) == (None, None)
    assert not judged(space, np.eye(48, dtype=np.float32)[1]).unknown


def test_a_larger_shop_tunes_the_gate_on_photos_that_ask_for_their_kin(space, large_shop, index):
    index()
    head_training.train(space)
    gate = Head.objects.get().metrics["gate"]
    assert (gate["queries"], gate["recall_of"]) == (60, "products")
    assert gate["policy"] == {"sure": 0.0, "most": 1, "confusions": {}}
    assert (gate["soft"], gate["open"]) == ({"recall": 1.0, "work": 0.5}, {"recall": 1.0, "work": 1.0})


def test_a_larger_shop_learns_words_for_matches(space, large_shop, index):
    index()
    head_training.train(space)
    kinship = Head.objects.get().metrics["kinship"]
    assert kinship["pairs"] == 60 * 10
    head = encoders.head(space)
    assert head is not None
    assert head.metrics.kinship == Kinship.from_dict(kinship)


def test_a_shop_that_compares_by_distance_has_no_words(space, large_shop, index):
    Space.objects.update(metric="l2")
    space.refresh_from_db()
    index()
    head_training.train(space)
    assert Head.objects.get().metrics["kinship"] is None
    assert not head_training.is_due(space)


def test_a_photo_unlike_all_that_is_sold_is_unknown(space, large_shop, index):
    index()
    head_training.train(space)
    stripes = np.tile([1, 0, 0, 0, 1, 0], 8).astype(np.float32)
    strange = judged(space, stripes / np.linalg.norm(stripes))
    assert (strange.unknown, strange.low_confidence) == (True, True)
    own = [np.array(vector, np.float32) for vector in Embedding.objects.values_list("vector", flat=True)]
    assert sum(judged(space, vector).unknown for vector in own) <= 1  # 2 % of 60


def test_a_new_head_replaces_the_former_one(space, shop, index):
    index()
    head_training.train(space)
    first = Head.objects.get()
    head_training.train(space)
    assert Head.objects.get().pk > first.pk


def test_training_needs_photos_of_two_categories(space, photo, index):
    for red in range(100, 110):
        photo((red, 0, 0), "lamp")
    index()
    with pytest.raises(TooFewPhotos):
        head_training.train(space)
    assert head_training.train_if_due(space) is None


def test_a_shop_too_small_for_a_head_makes_no_views(space, photo, index, monkeypatch):
    """Beat rings every half minute, and a head stays due for as long as there is none."""
    photo("red", "lamp")
    photo("blue", "bed")
    index()
    monkeypatch.setattr(room_views, "encoded", lambda *arguments: pytest.fail("made views"))
    assert head_training.is_due(space)
    assert head_training.train_if_due(space) is None


def test_while_the_storage_is_down_the_former_head_stays_and_the_next_one_is_due(
    space, shop, index, monkeypatch, caplog
):
    index()
    first = head_training.train(space)
    Product.objects.earliest("pk").delete()
    Product.objects.latest("pk").delete()
    Product.objects.latest("pk").delete()

    def silent(*arguments):
        raise StoredPhotoError("The photo storage did not answer: timed out.", transient=True)

    monkeypatch.setattr(photo_opening, "open_stored", silent)
    assert head_training.train_if_due(space) is None
    assert space.heads.newest() == first
    assert head_training.is_due(space)
    assert "no head was trained: The photo storage did not answer" in caplog.text


def test_a_few_photos_without_an_answer_are_passed_over(space, shop, index, monkeypatch):
    index()
    unanswered = set(Photo.objects.values_list("pk", flat=True)[: room_views.MOST_UNANSWERED])
    really = photo_opening.open_stored

    def sometimes(photo, decode):
        if photo.pk in unanswered:
            raise StoredPhotoError("The photo storage did not answer: timed out.", transient=True)
        return really(photo, decode)

    monkeypatch.setattr(photo_opening, "open_stored", sometimes)
    trained = head_training.train(space)
    assert trained is not None
    assert trained.metrics["views"] == 20 - len(unanswered)


def test_a_space_whose_network_is_gone_keeps_no_other_from_its_head(space, beside, shop, index, monkeypatch):
    index()
    indexing.index_batch(beside)

    def encoded(of: Space, *arguments):
        if of == space:
            raise WeightsError("cannot read the weights")
        return really(of, *arguments)

    really = room_views.encoded
    monkeypatch.setattr(room_views, "encoded", encoded)
    tasks.train_head()
    assert (space.heads.count(), beside.heads.count()) == (0, 1)
    assert refused("train_head") == refused("index") == "cannot read the weights"


def test_a_first_head_is_due_as_soon_as_anything_is_indexed(space, shop, index):
    assert not head_training.is_due(space)
    index()
    assert head_training.is_due(space)


def test_a_head_is_due_again_when_more_than_a_tenth_has_changed(space, shop, photo, index):
    index()
    head_training.train(space)
    photo((255, 1, 1), "lamp")
    photo((255, 2, 2), "lamp")
    index()
    assert not head_training.is_due(space)
    photo((255, 3, 3), "lamp")
    index()
    assert head_training.is_due(space)


def test_stock_replaced_one_for_one_counts_as_changed(space, shop, photo, index):
    index()
    head_training.train(space)
    Product.objects.earliest("pk").delete()
    Product.objects.latest("pk").delete()
    photo((254, 1, 1), "lamp")
    photo((1, 1, 254), "bed")
    index()
    assert head_training.is_due(space)


def test_training_without_any_photo_is_refused(space):
    with pytest.raises(TooFewPhotos):
        head_training.train(space)


def test_products_that_moved_count_as_changed(space, shop, index, category):
    index()
    head_training.train(space)
    Product.objects.filter(category=category("lamp")).update(category=category("table"))
    index()
    assert head_training.is_due(space)


def test_a_large_category_is_sampled(space, shop, index, monkeypatch):
    index()
    monkeypatch.setattr(head_training, "PHOTOS_PER_CATEGORY", 6)
    samples = head_training._samples(space, list(head_training._photos_per_category(space)), seed=0)
    gallery = samples.gallery
    assert (gallery.vectors.shape, gallery.categories.shape, gallery.products.shape) == ((12, 48), (12,), (12,))
    assert set(gallery.photos.tolist()) <= set(Photo.objects.values_list("pk", flat=True))


def test_products_of_one_name_are_a_family(space, photo, index, monkeypatch):
    for name in ("Alma", "Berg", "Alma"):
        photo((200, 10, 10), "lamp", name=name)
    index()
    samples = head_training._samples(space, list(head_training._photos_per_category(space)), seed=0)
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
        assert head_training.train(space) is None
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
    other.close()
    assert head_training.train(space) is not None


@pytest.mark.parametrize("lacking", ["views", "kinship"])
def test_a_head_of_an_earlier_version_is_due_for_training(space, shop, index, lacking):
    index()
    head_training.train(space)
    head = Head.objects.get()
    del head.metrics[lacking]
    head.save(update_fields=["metrics"])
    assert head_training.is_due(space)


@pytest.fixture
def told(space, category, settings):
    """Log a query photo whose category its customer told: `told(vector, "bed", by="event")`."""
    settings.LEARN_FROM_FEEDBACK = True

    def make(vector: np.ndarray, slug: str, by: str = "override", minutes_ago: float = 0, **fields) -> Query:
        said = {"mode": "override", "searched": [category(slug).pk], "category": category(slug)}
        query = Query.objects.create(
            **{
                "id": uuid4(),
                "kind": "photo",
                "space": space,
                "vector": vector,
                "asked_at": timezone.now() - timedelta(minutes=minutes_ago),
                "ms": 9,
                "results": 20,
                **(said if by == "override" else {"mode": "classifier", "category": category("lamp")}),
                **fields,
            }
        )
        if by == "event":
            Event.objects.create(query=query, kind="wrong_category", category=category(slug))
        return query

    return make


def green(shade: float) -> np.ndarray:
    """The vector of a photo that is neither red as the lamps nor blue as the beds, but rather red."""
    vector = np.tile([0.55, 1.0, 0.4 + shade], 16).astype(np.float32)
    return vector / np.linalg.norm(vector)


def learned(space: Space) -> Head:
    head = head_training.train(space)
    assert head is not None
    return head


def test_the_head_learns_the_categories_that_customers_told(space, shop, index, category, told, settings):
    index()
    learned(space)
    assert judged(space, green(0)).probabilities[category("bed").pk] < 0.5
    for n in range(5):
        told(green(n / 100), "bed")
        told(green(-(n + 1) / 100), "bed", by="event")
    metrics = learned(space).metrics
    assert judged(space, green(0)).probabilities[category("bed").pk] > 0.8
    assert (metrics["others"], metrics["others_top1"]) == (10, 1.0)
    assert metrics["top1"] == 1.0
    assert set(metrics["photos"].values()) == {10}
    assert "from 10 customers' photos" in "\n".join(_worth_lines(metrics, {}))
    settings.LEARN_FROM_FEEDBACK = False
    metrics = learned(space).metrics
    assert (metrics["others"], metrics["others_top1"]) == (0, None)


def test_only_what_a_customer_told_plainly_is_a_label(space, beside, shop, index, category, told):
    index()
    told(green(0.01), "bed", searched=[category("bed").pk, category("lamp").pk])
    told(green(0.02), "bed", mode="classifier")
    Query.objects.filter(pk=told(green(0.03), "bed").pk).update(vector=None)
    told(green(0.04), "bed", space=beside)
    Event.objects.create(query=told(green(0.05), "bed", mode="classifier"), kind="wrong_category")
    Event.objects.create(query=told(green(0.06), "bed", mode="classifier"), kind="click", category=category("bed"))
    told(green(0.07), "sofa")  # The shop has no photo of a sofa.
    assert learned(space).metrics["others"] == 0
    Event.objects.create(query=told(green(0.08), "bed"), kind="wrong_category", category=category("lamp"))
    assert [query.label for query in Query.objects.labelled(space).exclude(searched=[category("sofa").pk])] == [
        category("lamp").pk
    ]


def test_of_one_photo_the_last_word_counts_and_no_category_has_more_than_the_catalogue(
    space, shop, index, told, category
):
    index()
    for n in range(14):
        told(green(n / 100), "bed", minutes_ago=n)
    told(green(0), "lamp", minutes_ago=-1)
    told(green(0), "lamp", minutes_ago=20)
    # A last label for which beds have no room counts all the same: no earlier label takes its place.
    told(green(0.13), "lamp", minutes_ago=30)
    gallery = head_training._samples(space, list(head_training._photos_per_category(space)), seed=0).gallery
    stored, labels = customers_photos.told(Query.objects.labelled(space), gallery.categories, space.dimensions)
    assert labels.tolist() == [category("lamp").pk] + 10 * [category("bed").pk]
    expected = np.stack([green(n / 100) for n in range(11)])
    np.testing.assert_allclose(stored, expected, atol=1e-3)


@pytest.mark.parametrize("learn", [True, False])
def test_a_photo_search_keeps_its_vector_only_in_a_shop_that_learns(space, shop, index, client, settings, learn):
    settings.LEARN_FROM_FEEDBACK = learn
    index()
    upload = SimpleUploadedFile("photo.png", picture((200, 10, 10)))
    assert client.post(reverse("search"), {"image": upload, "category": "bed"}).status_code == 200
    kept = Query.objects.labelled(space).values_list("vector", flat=True)
    assert [len(vector) for vector in kept if vector] == ([48] if learn else [])
