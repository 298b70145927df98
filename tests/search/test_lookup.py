from decimal import Decimal

import faiss
import numpy as np
import pytest
from PIL import Image

from catalog.filters import condition
from catalog.models import Photo, Product
from catalog.photos import add_photo
from search import lookup
from search.lookup import LeftOut
from search.models import Embedding, Space, Threshold
from search.store import indexes, partitions, scans
from tests.conftest import picture
from tests.grid_space import RECIPE, GridEncoder

pytestmark = pytest.mark.django_db


def vector_of(colour) -> np.ndarray:
    return GridEncoder().encode([Image.new("RGB", (8, 8), colour)])[0]


@pytest.fixture
def find(space, category):
    """The skus found for a colour, best first."""

    def run(colour, categories=("lamp",), limit=10, **options):
        ids = [category(slug).pk for slug in categories]
        return [hit.product.sku for hit in lookup.nearest(space, vector_of(colour), ids, limit, **options).hits]

    return run


@pytest.fixture
def left_out(space, category):
    """The best lamp or bed that an answer for red leaves out."""

    def run(limit=10, **options):
        ids = [category(slug).pk for slug in ("lamp", "bed")]
        return lookup.nearest(space, vector_of("red"), ids, limit, **options).left_out

    return run


@pytest.fixture
def scanned(monkeypatch) -> list[tuple[set[int], int]]:
    """(categories, size) of each scan from now on. How many photos a product has is not known in this shop."""
    monkeypatch.setattr(indexes, "photos_per_product", lambda: None)
    asked = []
    nearest = scans.nearest

    def spy(space, vector, plan, size, **options):
        asked.append((set(plan.categories), size))
        return nearest(space, vector, plan, size, **options)

    monkeypatch.setattr(scans, "nearest", spy)
    return asked


@pytest.fixture
def threshold(space, category):
    """Set a category's own least similarity."""
    return lambda slug, least: Threshold.objects.create(space=space, category=category(slug), min_similarity=least)


def test_red_finds_red_then_orange_then_blue(photo, index, find):
    for colour in ("blue", "orange", "red"):
        photo(colour, sku=colour)
    index()
    assert find("red") == ["red", "orange", "blue"]


def test_only_the_named_categories_are_searched(photo, index, find):
    photo("red", "lamp", sku="lamp")
    photo("red", "sofa", sku="sofa")
    photo("orange", "bed", sku="bed")
    index()
    assert find("red", ["lamp"]) == ["lamp"]
    assert find("red", ["lamp", "bed"]) == ["lamp", "bed"]
    assert find("red", []) == []


def test_categories_are_merged_by_similarity(photo, index, find):
    photo("red", "lamp", sku="red lamp")
    photo("blue", "lamp", sku="blue lamp")
    photo("orange", "sofa", sku="orange sofa")
    index()
    assert find("red", ["lamp", "sofa"]) == ["red lamp", "orange sofa", "blue lamp"]


def test_a_product_is_found_once_by_its_best_photo(space, product, photo, index, category):
    lamp = product("lamp")
    photo("blue", of=lamp)
    red = photo("red", of=lamp)
    index()
    [hit] = lookup.nearest(space, vector_of("red"), [category("lamp").pk], 10).hits
    assert (hit.product, hit.photo, hit.similarity) == (lamp, red, 1.0)


def test_many_photos_of_the_first_product_do_not_push_others_out(product, photo, index, find):
    crowded = product("lamp", sku="crowded")
    for red in range(215, 255):
        photo((red, 0, 0), of=crowded)
    photo("orange", sku="second")
    photo("green", sku="third")
    index()
    assert find("red", limit=3) == ["crowded", "second", "third"]


def test_equal_similarities_are_ranked_by_photo_id(photo, index, find):
    for number, bright in enumerate((0, 50, 100), start=1):
        photo((bright, bright, bright), sku=f"grey-{number}")  # They point one way: alike to the encoder only.
    index()
    assert find("black") == ["grey-1", "grey-2", "grey-3"]


def test_matches_below_the_threshold_are_left_out(photo, index, find):
    photo("red", sku="red")
    photo("blue", sku="blue")
    index()
    assert find("red", min_similarity=0.9) == ["red"]
    assert find("red", min_similarity=0.0) == ["red", "blue"]


def test_a_category_s_own_threshold_holds_where_none_is_given(photo, index, find, threshold):
    for slug in ("lamp", "bed"):
        for colour in ("red", "orange", "blue"):
            photo(colour if slug == "lamp" else f"dark{colour}", slug, sku=f"{colour} {slug}")
    index()
    both = ["red lamp", "red bed", "orange bed", "orange lamp", "blue bed", "blue lamp"]
    assert find("red", ["lamp", "bed"]) == both
    threshold("lamp", 0.9)
    assert find("red", ["lamp", "bed"]) == ["red lamp", "red bed", "orange bed", "blue bed"]
    assert find("red", ["lamp", "bed"], min_similarity=0.0) == both
    assert find("red", ["lamp", "bed"], min_similarity=0.9) == ["red lamp", "red bed"]


def test_a_threshold_counts_in_the_digits_that_are_shown(space, photo, index, category, find, threshold):
    photo("orange", sku="orange")
    index()
    [hit] = lookup.nearest(space, vector_of("red"), [category("lamp").pk], 10).hits
    threshold("lamp", hit.similarity + 4e-5)
    assert find("red") == ["orange"]
    assert find("red", min_similarity=hit.similarity) == ["orange"]
    assert find("red", min_similarity=hit.similarity + 1e-4) == []


def test_the_best_match_left_out_is_named_with_the_threshold_that_it_missed(
    space, photo, index, left_out, threshold, category
):
    photo("red", "lamp")
    photo("blue", "lamp")
    photo("orange", "bed")
    index()
    assert left_out() is None
    ids = [category("lamp").pk, category("bed").pk]
    _, orange, blue = (hit.similarity for hit in lookup.nearest(space, vector_of("red"), ids, 10).hits)
    threshold("lamp", 0.9)
    assert left_out() == LeftOut(blue, category("lamp"), 0.9, "category")
    threshold("bed", 0.95)
    assert left_out() == LeftOut(orange, category("bed"), 0.95, "category")
    assert left_out(min_similarity=0.5) == LeftOut(blue, category("lamp"), 0.5, "request")
    assert left_out(min_similarity=0.0) is None


def test_a_full_answer_leaves_out_only_what_would_have_been_in_it(photo, index, left_out, threshold, category):
    photo("red", "bed")
    photo("blue", "lamp")
    threshold("lamp", 0.9)
    index()
    assert left_out(limit=1) is None
    photo("orange", "lamp")
    photo("green", "bed")
    threshold("bed", 0.0)
    index()
    assert left_out(limit=1) is None
    assert left_out(limit=2).category == category("lamp")


def test_reading_stops_where_nothing_can_pass_any_more(stored, category, scanned):
    space, _, query = stored(Space.Metric.COSINE, 64)
    query = np.roll(query, 1)  # Unlike all of them.
    lamp, bed = category("lamp").pk, category("bed").pk
    Threshold.objects.create(space=space, category_id=bed, min_similarity=0.999)
    assert lookup.nearest(space, query, [bed], 10).hits == []
    assert scanned == [({bed}, 50)]  # That is 50 of 350 photos.
    scanned.clear()
    hits = lookup.nearest(space, query, [lamp, bed], 40).hits
    assert [hit.product.category_id for hit in hits] == [lamp] * 40
    assert scanned == [({lamp, bed}, 140), ({lamp}, 560)]


def test_the_same_picture_under_two_products_is_shown_once(space, product, photo, index, category):
    first, again, other = product("lamp"), product("bed"), product("lamp")
    red = photo("red", of=first)
    resized = add_photo(again, picture("red", (90, 90), "JPEG"))[0]
    photo("orange", of=other)
    index()
    ids = [category("lamp").pk, category("bed").pk]
    shown, last = lookup.nearest(space, vector_of("red"), ids, 2).hits
    assert (shown.product, shown.photo, last.product) == (first, red, other)
    [duplicate] = shown.duplicates
    assert (duplicate.product, duplicate.photo, duplicate.similarity) == (again, resized, 1.0)
    assert last.duplicates == ()


def test_products_that_share_one_photo_are_told_apart_by_their_others(space, product, photo, index, category):
    one, other = product("lamp"), product("lamp")
    for colour, owner in (("red", one), ("red", other), ("blue", other)):
        photo(colour, of=owner)
    index()
    nearest = {
        colour: lookup.nearest(space, vector_of(colour), [category("lamp").pk], 10).hits for colour in ("red", "blue")
    }
    assert [(hit.product, [d.product for d in hit.duplicates]) for hit in nearest["red"]] == [(one, [other])]
    assert [(hit.product, hit.duplicates) for hit in nearest["blue"]] == [(other, ()), (one, ())]


def test_an_answer_holds_as_many_pictures_as_are_asked_for(photo, index, find):
    for number in range(20):
        photo("red", sku=f"red-{number}")
    for number in range(1, 4):
        photo((255, 40 * number, 0), sku=f"other-{number}")
    index()
    assert find("red", limit=4) == ["red-0", "other-1", "other-2", "other-3"]


def test_photos_without_a_fingerprint_are_told_apart(photo, index, find):
    for number in (1, 2):
        photo("red", sku=f"old-{number}")
    Photo.objects.update(fingerprint=b"")
    index()
    assert find("red") == ["old-1", "old-2"]


def test_filters_by_price_and_stock(photo, index, find):
    photo("red", sku="cheap", price=10)
    photo("orange", sku="dear", price=1000, in_stock=False)
    photo("yellow", sku="unpriced")
    index()
    assert find("red", filters=condition({"price_max": Decimal(50)})) == ["cheap"]
    assert find("red", filters=condition({"price_min": Decimal(10)})) == ["cheap", "dear"]
    assert find("red", filters=condition({"in_stock": False})) == ["dear"]


def test_an_excluded_product_is_no_match(photo, index, find):
    own = photo("red", sku="own").product
    photo("orange", sku="other")
    index()
    assert find("red", exclude=own) == ["other"]


def test_a_product_that_moved_is_not_found_in_its_former_category(photo, index, find, category):
    lamp = photo("red", "lamp", sku="moved")
    photo("blue", "lamp", sku="stayed")
    index()
    lamp.product.category = category("bed")
    lamp.product.save()
    assert find("red", ["lamp"]) == ["stayed"]
    index()
    assert find("red", ["bed"]) == ["moved"]


def test_one_scan_reads_all_that_an_answer_shows(space, photo, index, category, scanned, django_assert_num_queries):
    for colour in ("red", "green", "blue", "yellow"):
        photo(colour)
    index()
    lamp = category("lamp").pk
    lookup.nearest(space, vector_of("red"), [lamp], 4)  # This reads the plan.
    scanned.clear()
    with django_assert_num_queries(0):
        hits = lookup.nearest(space, vector_of("red"), [lamp], 4).hits
        assert len([(hit.product.category.slug, hit.photo.file.url) for hit in hits]) == 4
    assert scanned == [({lamp}, 32)]


@pytest.mark.parametrize(("photos", "read"), [(1, 30), (2, 40), (5, 50)])
def test_as_many_photos_are_read_at_first_as_products_have(product, photo, photos, read):
    for lamp in (product("lamp") for _ in range(3)):
        for n in range(photos):
            photo((9 * n, 0, 9 * lamp.pk % 255), of=lamp)
    indexes.analyze_catalogue()
    assert lookup.photos_read(10) == read


def test_what_finds_nothing_is_an_empty_answer(photo, index, find, category):
    lamp = photo("red", "lamp", sku="red").product
    index()
    category("bed")
    assert find("red", ["bed"]) == []
    assert find("red", filters=condition({"price_min": Decimal(1)})) == []
    assert find("red", exclude=lamp) == []


@pytest.mark.parametrize(
    ("metric", "dimensions", "flat"),
    [(Space.Metric.L2, 4_096, faiss.IndexFlatL2), (Space.Metric.COSINE, 2_048, faiss.IndexFlatIP)],
)
def test_the_ranking_is_the_one_that_faiss_finds_in_the_same_vectors(stored, metric, dimensions, flat):
    space, vectors, query = stored(metric, dimensions)
    index = flat(dimensions)
    if metric == Space.Metric.COSINE:
        faiss.normalize_L2(vectors)  # Half precision has moved their length by 1e-4; pgvector divides by it.
        query /= np.linalg.norm(query)
    index.add(vectors)
    values, rows = index.search(query[np.newaxis], len(vectors))
    photos = np.array(Photo.objects.order_by("pk").values_list("pk", flat=True))
    categories = set(Product.objects.values_list("category_id", flat=True))
    hits = lookup.nearest(space, query, categories, len(vectors)).hits
    assert [hit.photo.pk for hit in hits] == photos[rows[0]].tolist()
    shown = 1 / (1 + np.sqrt(values[0])) if metric == Space.Metric.L2 else np.clip(values[0], 0, 1)
    assert [hit.similarity for hit in hits] == pytest.approx(shown, abs=1e-4)
    distances = [hit.distance for hit in hits]
    measured = np.sqrt(values[0]) if metric == Space.Metric.L2 else 1 - values[0]
    assert distances == pytest.approx(measured, rel=1e-4, abs=1e-4)
    assert distances == sorted(set(distances))  # Some would be equal if they were rounded as similarities are.


@pytest.fixture
def stored(category):
    """400 random vectors in a space, of 50 lamps and 350 beds: the space, the vectors as stored, and a query."""

    def store(metric, dimensions):
        rng = np.random.default_rng(7)
        *vectors, query = np.maximum(rng.normal(size=(401, dimensions)), 0)  # As after a ReLU.
        near = rng.uniform(size=(400, 1))  # Spread between alike and unlike: no two as good as equal.
        vectors = near * query + (1 - near) * np.stack(vectors)
        if metric == Space.Metric.COSINE:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors, query = (array.astype(np.float16).astype(np.float32) for array in (vectors, query))
        space = Space.objects.create(name="random", recipe=RECIPE, dimensions=dimensions, metric=metric)
        ids = [category(slug).pk for slug in ("lamp", "bed")]
        partitions.ensure(space, ids)
        products = Product.objects.bulk_create(
            Product(sku=str(number), name=str(number), category_id=ids[number % 8 > 0]) for number in range(400)
        )
        photos = Photo.objects.bulk_create(
            Photo(product=owner, sha256=owner.sku, width=1, height=1) for owner in products
        )
        Embedding.objects.bulk_create(
            Embedding(space=space, category_id=photo.product.category_id, photo=photo, vector=vector)
            for photo, vector in zip(photos, vectors, strict=True)
        )
        return space, vectors, query

    return store
