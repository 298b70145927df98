import numpy as np
import pytest
from django.db import connection
from PIL import Image

from catalog.models import Photo, Product
from evaluation import queries
from evaluation.answers import IndexChanged, answer, read_gallery
from evaluation.measures import CategoryQuality
from evaluation.queries import labelled, leave_one_out, read_labels, shared_stock
from evaluation.score import Score, Settings, evaluate
from ml.images import open_photo
from search import head_training
from search.index_recall import Approximation
from search.models import Embedding, Space
from search.store import indexes, partitions
from tests.conftest import picture

pytestmark = pytest.mark.django_db

MANY = 1000


def measure(space: Space, family: str | None = "name", **settings) -> Score:
    stock = shared_stock([space], MANY, seed=0)
    asked = leave_one_out(stock, MANY, 0, family)
    return evaluate(space, stock, asked, Settings(**{"timed": 0, **settings}))


@pytest.fixture
def shop(photo, index) -> None:
    """Six reddish lamps in families of two, each nearest to the other, and six bluish beds with one family of two."""
    for green, name in ((0, "A"), (15, "A"), (60, "B"), (75, "B"), (120, "C"), (135, "C")):
        photo((200, green, 20), "lamp", sku=f"L{green}", name=name)
    for green, name in ((0, "X"), (30, "Y"), (60, "Z"), (90, "X"), (120, "V"), (150, "W")):
        photo((20, green, 200), "bed", sku=f"B{green}", name=name)
    index()


def test_recall_cost_and_categories_of_a_catalogue_small_enough_to_count(space, shop):
    head_training.train(space)
    score = measure(space)
    # Every lamp finds its family first. The beds 0 and 90 are a family: 90 is the third from 0, 0 the fifth from 90.
    assert [gate.recall for gate in score.gates.values()] == [{1: 0.75, 5: 1.0, 10: 1.0, 20: 1.0}] * 3
    expected = pytest.approx((6 + 1 / 3 + 1 / 5) / 8)
    assert [gate.mean_average_precision for gate in score.gates.values()] == [expected] * 3
    assert {name: gate.scanned for name, gate in score.gates.items()} == {"hard": 0.5, "soft": 0.5, "open": 1.0}
    assert {name: gate.categories_searched for name, gate in score.gates.items()} == {"hard": 1, "soft": 1, "open": 2}
    assert score.category is not None
    assert (score.category.top1, score.category.confusion) == (1.0, ((6, 0), (0, 6)))
    assert score.unknown == 0
    assert score.notes == ()


def test_the_same_seed_gives_the_same_score(space, shop):
    head_training.train(space)
    assert measure(space, seed=3) == measure(space, seed=3)


def test_first_answers_are_right_or_wrong_by_category_and_the_worst_come_with_their_photos(space, shop):
    head_training.train(space)
    score = measure(space, keep=0.8)
    bed, lamp = score.first_matches
    assert (bed.category, bed.right, bed.wrong, bed.needed, bed.min_similarity) == ("bed", 0, 2, 4, None)
    assert (lamp.category, lamp.right, lamp.wrong, lamp.right_kept) == ("lamp", 6, 0, 1.0)
    assert lamp.min_similarity is not None
    assert 0.99 < lamp.min_similarity <= score.similarity_range[1]
    assert [(miss.name, miss.category, miss.likeliest, miss.rank) for miss in score.worst] == [
        ("B90", "bed", "bed", 5),
        ("B0", "bed", "bed", 3),
    ]
    second = score.worst[1]
    assert [came.sku for came in second.came] == ["B30", "B60", "B90", "B120", "B150"]
    assert [came.wanted for came in second.came] == [False, False, True, False, False]
    assert [wanted.photo for wanted in second.wanted] == [Photo.objects.get(product__sku="B90").pk]


def test_without_a_head_the_gate_is_judged_as_training_would_make_it_and_the_score_says_so(space, shop):
    score = measure(space)
    assert score.category is not None
    assert score.unknown is None
    assert score.notes == (
        "There is no category head yet: searches are open, and hard and soft are what training would give.",
    )


def test_a_catalogue_too_small_for_a_head_is_searched_openly(space, photo, index):
    photo("red", "lamp", name="A")
    photo((250, 0, 0), "lamp", name="A")
    photo("blue", "bed")
    index()
    score = measure(space)
    assert (score.category, score.unknown) == (None, None)
    assert score.notes == ("There is no category head: every search is open.",)
    assert {gate.scanned for gate in score.gates.values()} == {1.0}
    assert score.gates["soft"].recall[1] == 1.0


def test_a_category_that_no_head_has_learned_is_always_searched(space, shop, photo, index):
    photo("green", "table", name="T")
    photo((0, 130, 0), "table", name="T")
    index()
    head_training.train(space)
    score = measure(space)
    assert score.category is not None
    assert (score.category.queries, score.category.categories) == (12, ("lamp", "bed"))
    assert {name: gate.categories_searched for name, gate in score.gates.items()} == {
        "hard": pytest.approx((12 * 2 + 2 * 3) / 14),
        "soft": pytest.approx((12 * 2 + 2 * 3) / 14),
        "open": 3.0,
    }


def test_photos_beside_the_catalogue_are_encoded_and_judged_by_the_served_head(space, shop, tmp_path):
    head_training.train(space)
    (tmp_path / "a.png").write_bytes(picture((200, 3, 20)))
    (tmp_path / "b.png").write_bytes(picture((20, 3, 200)))
    (tmp_path / "q.csv").write_text("image,category,sku\na.png,lamp,L0\nb.png,lamp,L75\n")
    stock = shared_stock([space], MANY, seed=0)
    asked = labelled(read_labels(tmp_path / "q.csv", MANY, 0), stock)
    score = evaluate(space, stock, asked, Settings(timed=0))
    assert score.category is not None
    assert (score.category.top1, score.category.categories, score.category.confusion) == (
        0.5,
        ("lamp", "bed"),
        ((1, 1), (0, 0)),
    )
    assert score.gates["hard"].recall == {1: 0.5, 5: 0.5, 10: 0.5, 20: 0.5}
    [miss] = score.worst
    assert (miss.name, miss.rank, miss.likeliest) == ("b.png (q.csv line 3)", None, "bed")


def test_photos_labelled_with_a_category_alone_are_worst_where_the_head_is_surely_wrong(space, shop, tmp_path):
    head_training.train(space)
    folder = tmp_path / "labelled"
    (folder / "lamp").mkdir(parents=True)
    (folder / "lamp" / "blue.png").write_bytes(picture((20, 3, 200)))
    (folder / "lamp" / "red.png").write_bytes(picture((200, 3, 20)))
    stock = shared_stock([space], MANY, seed=0)
    score = evaluate(space, stock, labelled(read_labels(folder, MANY, 0), stock), Settings(timed=0))
    assert isinstance(score.category, CategoryQuality)
    assert [(miss.name, miss.likeliest, miss.wanted) for miss in score.worst] == [("lamp/blue.png", "bed", ())]
    assert (score.first_matches, score.gates["open"].recall, score.gates["open"].mean_average_precision) == (
        (),
        {},
        None,
    )


def test_only_the_asked_photo_is_struck_where_the_product_has_others(space, photo, index, monkeypatch):
    monkeypatch.setattr(queries, "ENOUGH", 1)
    first = photo((200, 0, 0), "lamp")
    second = photo((190, 0, 0), of=first.product)
    photo((100, 100, 0), "lamp")
    index()
    stock = shared_stock([space], MANY, seed=0)
    answers = answer(space, stock, leave_one_out(stock, MANY, 0), seed=0)
    vectors = {row.photo_id: np.asarray(row.vector, np.float32) for row in Embedding.objects.all()}
    assert answers.similarities[0, 0] == pytest.approx(vectors[first.pk] @ vectors[second.pk], abs=1e-6)
    assert answers.similarities[1, 1] == -np.inf


def test_stages_are_timed_through_the_served_parts(space, shop):
    score = measure(space, timed=3)
    assert list(score.latency_ms) == ["encode", "gate", "search", "total"]
    assert all(0 <= stage.p50 <= stage.p95 for stage in score.latency_ms.values())


def test_an_exactly_scanned_space_says_so_and_tells_its_bytes(space, shop):
    score = measure(space)
    assert score.approximation == Approximation(indexed=0, exact=2, queries=0, recall_at_10=1.0)
    assert score.bytes_per_photo.vector == pytest.approx(partitions.size(space).vectors / 12)
    assert score.bytes_per_photo.index > 0


def test_photos_that_leave_while_they_are_read_stop_the_evaluation(space, shop):
    stock = shared_stock([space], MANY, seed=0)
    Product.objects.filter(sku="L0").delete()
    with pytest.raises(IndexChanged, match="while it was read: run this again"):
        read_gallery(space, stock)


@pytest.mark.django_db(transaction=True)
def test_the_recall_of_an_index_is_measured_against_exact_scans(space, shop, category, monkeypatch):
    assert indexes.build(partitions.Leaf(space, category("lamp").pk))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%hnsw'")
        assert cursor.fetchone() == (1,)
    assert measure(space).approximation == Approximation(indexed=1, exact=1, queries=6, recall_at_10=1.0)


def test_an_l2_space_is_measured_by_distance(space, photo, index):
    """Vectors of darker photos are twice as long: cosine could not tell them from the others."""
    for shade, name in ((250, "A"), (125, "B"), (240, "A"), (130, "B")):
        photo((shade, shade, shade), "lamp", sku=f"L{shade}", name=name)
    index()
    Space.objects.filter(pk=space.pk).update(metric="l2")
    space.refresh_from_db()
    for row in Embedding.objects.select_related("photo__product"):
        shade = int(row.photo.product.sku[1:])
        Embedding.objects.filter(photo_id=row.photo_id).update(vector=np.full(48, shade / 10, np.float32))
    score = measure(space)
    assert score.gates["open"].recall[1] == 1.0
    least = 1 / (1 + np.sqrt(48))
    assert score.similarity_range == (
        pytest.approx(least, abs=1e-3),
        pytest.approx(1 / (1 + np.sqrt(48) / 2), abs=1e-3),
    )
    assert score.worst == ()


def test_a_photo_whose_file_is_gone_is_named(space, shop, media):
    stock = shared_stock([space], MANY, seed=0)
    asked = leave_one_out(stock, MANY, 0, "name")
    Photo.objects.get(product__sku="L0").file.delete(save=False)
    with pytest.raises(queries.BadQueries, match=r"^L0: The file is missing from the photo storage\. Upload"):
        asked.image(0, open_photo)
    assert isinstance(asked.image(1, open_photo), Image.Image)
    score = evaluate(space, stock, asked, Settings(timed=12))
    assert score.latency_ms == {}
    assert score.notes[-1].startswith("Not timed: L0: ")
