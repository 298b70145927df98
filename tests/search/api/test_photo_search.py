import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from access import rates
from catalog.models import Product
from catalog.photos import add_photo
from ml.images import as_jpeg
from ml.recipes import make_recipe
from search import head_training
from search.models import Space, Threshold
from tests.bombs import jpeg_of_scans
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(space, photo, index):
    """Reddish lamps and bluish beds, indexed, with a trained head."""
    for n in range(6):
        photo((250, 10 + 15 * n, 10), "lamp", sku=f"lamp-{n}", price=10 * n, in_stock=n % 2 == 0)
        photo((10, 10 + 15 * n, 250), "bed", sku=f"bed-{n}", price=100 * n)
    index()
    head_training.train(space)


@pytest.fixture
def ask(client):
    """POST a query photo."""
    client.raise_request_exception = False

    def run(image: bytes = picture((250, 10, 10)), **fields):
        upload = SimpleUploadedFile("photo.png", image)
        return client.post(reverse("search"), {"image": upload, **fields})

    return run


def skus(answer) -> list[str]:
    return [hit["product"]["sku"] for hit in answer.json()["results"]]


def error(answer) -> tuple[int, str, str | None]:
    [first] = answer.json()["errors"]
    return answer.status_code, first["code"], first["attr"]


def test_a_photo_is_classified_and_its_look_alikes_come_back_in_order(shop, ask):
    answer = ask()
    assert answer.status_code == 200
    body = answer.json()
    keys = {"query_id", "space", "weights", "metric", "words", "gate", "results", "left_out", "timings_ms"}
    assert set(body) == keys
    assert body["words"] is None
    assert uuid.UUID(body["query_id"])
    assert (body["space"], body["weights"], body["metric"], body["left_out"]) == ("grid", "random", "cosine", None)
    assert body["gate"]["mode"] == "classifier"
    assert [(c["slug"], c["searched"]) for c in body["gate"]["categories"]] == [("lamp", True), ("bed", False)]
    assert body["gate"]["confidence"] == body["gate"]["categories"][0]["probability"] > 0.9
    assert body["gate"]["low_confidence"] is False
    assert skus(answer) == [f"lamp-{n}" for n in range(6)]
    similarities = [hit["similarity"] for hit in body["results"]]
    assert similarities == sorted(similarities, reverse=True)
    assert set(body["timings_ms"]) == {"decode", "encode", "gate", "search", "total"}


def test_a_result_shows_the_product_and_its_photo(shop, ask, client):
    [hit] = ask(limit=1).json()["results"]
    assert hit["product"] == {
        "sku": "lamp-0",
        "name": hit["product"]["name"],
        "category": "lamp",
        "price": "0.00",
        "currency": "EUR",
        "in_stock": True,
        "url": "",
        "attributes": {},
    }
    photo = client.get(hit["photo"].removeprefix("http://testserver"))
    assert photo.status_code == 200
    assert photo["Content-Type"] == "image/jpeg"
    assert "immutable" in photo["Cache-Control"]
    assert photo["X-Content-Type-Options"] == "nosniff"


def test_the_caller_names_the_category(shop, ask):
    body = ask(category="bed").json()
    assert body["gate"]["mode"] == "override"
    assert {hit["product"]["category"] for hit in body["results"]} == {"bed"}
    assert body["gate"]["categories"][0]["slug"] == "lamp"


def test_the_caller_names_several_or_all_categories(shop, ask):
    assert len(skus(ask(category="bed,lamp"))) == 12
    assert len(skus(ask(category="all"))) == 12


def test_without_a_head_all_categories_are_searched(space, photo, index, ask):
    photo("red", "lamp", sku="lamp")
    photo("blue", "bed", sku="bed")
    index()
    answer = ask()
    assert answer.json()["gate"] == {
        "mode": "open",
        "confidence": None,
        "low_confidence": False,
        "categories": [
            {"slug": "bed", "name": "Bed", "probability": None, "searched": True},
            {"slug": "lamp", "name": "Lamp", "probability": None, "searched": True},
        ],
    }
    assert skus(answer) == ["lamp", "bed"]


def test_a_photo_of_nothing_that_is_sold_is_searched_for_everywhere_and_marked(space, photo, index, ask):
    for n in range(30):
        photo((250, 4 * n, 10), "lamp")
        photo((10, 4 * n, 250), "bed")
    index()
    head_training.train(space)
    scene = Image.new("RGB", (64, 64), (10, 250, 10))
    scene.paste("white", (0, 0, 32, 32))
    gate = ask(as_jpeg(scene)).json()["gate"]
    assert (gate["mode"], gate["low_confidence"]) == ("unknown", True)
    assert [category["searched"] for category in gate["categories"]] == [True, True]
    gate = ask(as_jpeg(scene), category="bed").json()["gate"]
    assert (gate["mode"], gate["low_confidence"]) == ("override", True)
    assert ask().json()["gate"]["mode"] == "classifier"


def test_results_are_limited_and_filtered(shop, ask):
    assert skus(ask(limit=2)) == ["lamp-0", "lamp-1"]
    assert skus(ask(price_min=20, price_max=40)) == ["lamp-2", "lamp-3", "lamp-4"]
    assert skus(ask(in_stock="true")) == ["lamp-0", "lamp-2", "lamp-4"]
    assert skus(ask(min_similarity=0.99)) == ["lamp-0", "lamp-1", "lamp-2"]


def test_a_product_with_the_same_picture_is_a_duplicate(shop, ask, product, index):
    add_photo(product("bed", sku="copy"), picture((250, 10, 10), (90, 90), "JPEG"))
    index()
    first, second, *_ = ask(category="all").json()["results"]
    assert (first["product"]["sku"], second["product"]["sku"]) == ("lamp-0", "lamp-1")
    [copy] = first["duplicates"]
    assert (copy["product"]["sku"], copy["product"]["category"], copy["similarity"]) == ("copy", "bed", 1.0)
    assert copy["photo"].startswith("http://testserver/media/photos/")
    assert second["duplicates"] == []


def test_an_empty_answer_says_what_was_left_out_and_by_which_threshold(shop, space, ask, client, category):
    Threshold.objects.create(space=space, category=category("lamp"), min_similarity=0.999)
    body = ask(picture((250, 130, 130))).json()
    assert body["results"] == []
    assert body["left_out"]["similarity"] < 0.999
    assert {**body["left_out"], "similarity": None} == {
        "similarity": None,
        "category": "lamp",
        "min_similarity": 0.999,
        "set_by": "category",
    }
    assert len(skus(ask(picture((250, 130, 130)), min_similarity=0))) == 6
    assert ask(min_similarity=1, category="bed").json()["left_out"]["set_by"] == "request"
    similar = client.get(reverse("similar", args=["lamp-5"]))
    assert (skus(similar), similar.json()["left_out"]["category"]) == ([], "lamp")
    assert len(skus(client.get(reverse("similar", args=["lamp-5"]), {"min_similarity": 0}))) == 5


def test_a_region_is_searched_instead_of_the_whole_photo(shop, ask):
    scene = Image.new("RGB", (200, 100), (10, 10, 250))
    scene.paste((250, 10, 10), (100, 0, 200, 100))
    data = as_jpeg(scene)
    assert skus(ask(data, region="0.5,0,0.5,1", limit=1)) == ["lamp-0"]
    assert skus(ask(data, region="0,0,0.5,1", limit=1)) == ["bed-0"]


@pytest.fixture
def woods(shop):
    """Lamps of oak, of ash and of no wood."""
    Product.objects.filter(sku__in=["lamp-1", "lamp-2"]).update(attributes={"wood": "Oak", "width": 80})
    Product.objects.filter(sku="lamp-4").update(attributes={"wood": "Ash", "width": 80})


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        (["wood:Oak"], {"lamp-1", "lamp-2"}),
        (["wood:Oak", "wood:Ash"], {"lamp-1", "lamp-2", "lamp-4"}),
        (["wood:Oak", "width:80"], {"lamp-1", "lamp-2"}),
        (["wood:Oak", "width:81"], set()),
    ],
)
def test_attributes_narrow_searches_and_similar_products(woods, ask, client, attributes, found):
    assert set(skus(ask(attributes=attributes))) == found
    assert set(skus(client.get(reverse("similar", args=["lamp-0"]), {"attributes": attributes}))) == found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"attributes": "wood"}, (400, "invalid", "attributes")),
        ({"attributes": ["wood:oak"] * 21}, (400, "too_many", "attributes")),
        ({"attributes": "wood:\x00"}, (400, "invalid", "attributes")),
        ({"category": "boat"}, (400, "unknown_category", "category")),
        ({"category": "a\x00b"}, (400, "unknown_category", "category")),
        ({"limit": 0}, (400, "min_value", "limit")),
        ({"limit": 101}, (400, "max_value", "limit")),
        ({"limit": "many"}, (400, "invalid", "limit")),
        ({"min_similarity": 1.1}, (400, "max_value", "min_similarity")),
        ({"min_similarity": "nan"}, (400, "invalid", "min_similarity")),
        ({"price_min": "NaN"}, (400, "invalid", "price_min")),
        ({"price_max": "-1"}, (400, "min_value", "price_max")),
        ({"price_min": "10", "price_max": "5"}, (400, "empty_range", "price_max")),
        ({"in_stock": "perhaps"}, (400, "invalid", "in_stock")),
        ({"region": "0.1,0.2"}, (400, "invalid_region", "region")),
        ({"region": "a,b,c,d"}, (400, "invalid_region", "region")),
        ({"region": "nan,0,1,1"}, (400, "invalid_region", "region")),
        ({"region": "0.5,0.5,0.6,0.6"}, (400, "invalid_region", "region")),
        ({"region": "0,0,0.01,0.01"}, (400, "region_too_small", "region")),
    ],
)
def test_a_bad_field_is_named(shop, ask, fields, expected):
    assert error(ask(**fields)) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (b"hello", (400, "unsupported_format", "image")),
        (b"", (400, "empty", "image")),
        (picture()[:40], (400, "corrupt", "image")),
        (picture(size=(8, 8)), (400, "too_small", "image")),
        (jpeg_of_scans(64, 200), (400, "too_costly", "image")),
        (b"x" * 20_000_001, (413, "too_many_bytes", None)),
    ],
)
def test_a_bad_photo_is_refused_with_its_reason(shop, ask, image, expected):
    assert error(ask(image)) == expected


def test_while_all_decoders_are_busy_a_customer_is_told_to_come_again(shop, ask, busy_decoders):
    answer = ask()
    assert error(answer) == (503, "decoders_busy", None)
    assert answer["Retry-After"] == "5"


def test_a_request_without_a_photo_is_refused(shop, client):
    assert error(client.post(reverse("search"), {})) == (400, "required", "image")


def test_a_body_that_is_no_form_is_refused(shop, client):
    answer = client.post(reverse("search"), b"{}", content_type="application/json")
    assert error(answer) == (415, "unsupported_media_type", None)


def test_other_methods_are_refused(client):
    assert error(client.get(reverse("search"))) == (405, "method_not_allowed", None)


def test_without_a_live_space_search_is_unavailable_for_now(ask):
    answer = ask()
    assert error(answer) == (503, "no_live_space", None)
    assert answer["Retry-After"] == "5"


def test_missing_weights_make_search_unavailable_and_say_why(ask, tmp_path):
    recipe = {**make_recipe("random").as_dict(), "weights": str(tmp_path / "gone.pth")}
    Space.objects.create(name="gone", recipe=recipe, dimensions=2048, state=Space.State.LIVE)
    answer = ask()
    assert error(answer) == (503, "model_unavailable", None)
    assert "gone.pth" not in answer.content.decode()


def test_strangers_are_throttled_and_told_when_to_come_back(shop, ask, settings, monkeypatch):
    from django.core.cache import cache

    cache.clear()
    monkeypatch.setattr(rates.time, "time", lambda: 6_000_045.0)  # 45 s into a minute.
    settings.SEARCH_THROTTLE = "2/min"
    assert [ask().status_code for _ in range(3)] == [200, 200, 429]
    answer = ask()
    assert error(answer) == (429, "throttled", None)
    assert answer["Retry-After"] == "45"  # 15 s to the next minute, and 30 in which both count for one.
    cache.clear()


def test_similar_products_leave_out_the_product_itself(shop, client):
    answer = client.get(reverse("similar", args=["lamp-3"]), {"limit": 3})
    assert answer.status_code == 200
    assert set(answer.json()) == {"query_id", "space", "weights", "metric", "results", "left_out", "timings_ms"}
    assert len(skus(answer)) == 3
    assert set(skus(answer)) <= {f"lamp-{n}" for n in range(6)} - {"lamp-3"}


def test_similar_products_of_other_categories_are_found_on_request(shop, client):
    answer = client.get(reverse("similar", args=["lamp-3"]), {"category": "bed"})
    assert {hit["product"]["category"] for hit in answer.json()["results"]} == {"bed"}


def test_similar_to_a_product_without_indexed_photos_is_empty(space, product, client):
    product("lamp", sku="bare")
    assert skus(client.get(reverse("similar", args=["bare"]))) == []


def test_similar_products_are_like_the_photo_that_is_asked_for(shop, client, index):
    product = Product.objects.get(sku="lamp-0")
    first, second = product.photos.get(), add_photo(product, picture((250, 85, 10)))[0]
    url = reverse("similar", args=["lamp-0"])
    assert skus(client.get(url, {"photo": second.pk})) == []
    index()
    assert skus(client.get(url, {"photo": second.pk, "limit": 1})) == ["lamp-5"]
    assert skus(client.get(url, {"photo": first.pk, "limit": 1})) == ["lamp-1"] == skus(client.get(url, {"limit": 1}))


def test_similar_to_a_photo_that_the_product_does_not_have_is_refused(shop, client):
    url, other = reverse("similar", args=["lamp-0"]), Product.objects.get(sku="lamp-1").photos.get()
    assert error(client.get(url, {"photo": other.pk})) == (400, "does_not_exist", "photo")
    assert error(client.get(url, {"photo": "9" * 30})) == (400, "does_not_exist", "photo")
    assert error(client.get(url, {"photo": 0})) == (400, "min_value", "photo")
    assert error(client.get(url, {"photo": "x"})) == (400, "invalid", "photo")


def test_similar_to_no_product_is_not_found(space, client):
    assert error(client.get(reverse("similar", args=["nothing"]))) == (404, "not_found", None)


def test_the_index_tells_what_is_indexed_pending_and_rejected(shop, photo, media, client, index):
    bad = photo("green", "lamp")
    (media / bad.file.name).write_bytes(b"junk")
    index()
    photo("yellow", "bed")
    body = client.get(reverse("index")).json()
    assert (body["space"], body["weights"]) == ("grid", "random")
    assert body["categories"] == [
        {"slug": "bed", "photos": 7, "indexed": 6, "pending": 1, "rejected": 0, "index": None},
        {"slug": "lamp", "photos": 7, "indexed": 6, "pending": 0, "rejected": 1, "index": None},
    ]
    assert body["head"]["accuracy"] == 1.0
    assert body["head"]["photos"] == 12
    assert body["head"]["gate"] is None


def test_the_index_tells_what_the_gate_was_tuned_by(space, photo, index, client):
    for n in range(30):
        photo((250, 4 * n, 10), "lamp", name=f"Lamp {n // 2}")
        photo((10, 4 * n, 250), "bed", name=f"Bed {n // 2}")
    index()
    head_training.train(space)
    assert client.get(reverse("index")).json()["head"]["gate"] == {
        "queries": 60,
        "recall_of": "products",
        "hard": {"recall": 1.0, "work": 0.5},
        "soft": {"recall": 1.0, "work": 0.5},
        "open": {"recall": 1.0, "work": 1.0},
    }


def test_a_photo_of_a_moved_product_is_pending_in_its_new_category(shop, client, category):
    Product.objects.filter(sku="lamp-0").update(category=category("bed"))
    beds, lamps = client.get(reverse("index")).json()["categories"]
    assert (beds["pending"], lamps["photos"], lamps["indexed"]) == (1, 5, 5)


def test_the_schema_documents_search(client):
    schema = client.get(reverse("schema"), {"format": "json"}).json()
    search = schema["paths"]["/api/v1/search/"]["post"]
    assert "multipart/form-data" in search["requestBody"]["content"]
    assert {"200", "400", "413", "415", "429", "503"} <= set(search["responses"])


def test_swagger_ui_is_served_from_here(client):
    page = client.get(reverse("docs")).content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "cdn." not in page


def test_another_host_is_refused_in_the_one_error_shape(client):
    assert error(client.get("/api/v1/index/", headers={"host": "evil.example"})) == (400, "bad_request", None)


@pytest.mark.parametrize("name", ["x" * 400, "%00", "../settings.py"])
def test_a_photo_that_cannot_be_is_not_found(client, name):
    assert client.get(f"/media/{name}").status_code == 404


def test_an_unknown_address_of_the_api_is_answered_in_the_one_error_shape(client):
    assert error(client.get("/api/v1/nothing/")) == (404, "not_found", None)
