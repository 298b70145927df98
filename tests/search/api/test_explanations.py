"""Why a product matches: asked with a search, or afterwards by the photo's id."""

from dataclasses import replace

import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from catalog.models import Photo, Product
from catalog.photos import add_photo
from catalog.storage import StoredPhotoError
from ml.classifier import Classifier
from ml.encoder import Encoder
from ml.images import as_jpeg
from ml.kinship import Likelihood
from ml.recipes import WeightsError
from search import encoders, explanations, head_training, indexing
from search.models import Head, Space
from tests.api_answers import errors, invalid
from tests.conftest import picture
from tests.grid_space import RECIPE, GridEncoder
from tests.ml.photos import DEMO_PHOTOS, LITE

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(space, photo, index):
    """Reddish lamps and bluish beds; three at a time have one name."""
    for n in range(30):
        traits = {"material": "brass" if n < 20 else "oak", "size": n}
        photo((250, 6 * n, 10), "lamp", sku=f"lamp-{n}", name=f"Lamp {n // 3}", attributes=traits)
        photo((10, 6 * n, 250), "bed", sku=f"bed-{n}", name=f"Bed {n // 3}")
    index()
    head_training.train(space)


@pytest.fixture
def ask(client):
    """POST a photo to one of the two addresses."""
    client.raise_request_exception = False

    def run(name: str, image: bytes = picture((250, 60, 10)), **fields):
        return client.post(reverse(name), {"image": SimpleUploadedFile("photo.png", image), **fields})

    return run


def photo_of(sku: str) -> Photo:
    return Product.objects.get(sku=sku).photos.get()


def first_sku(answer) -> str:
    return answer.json()["results"][0]["product"]["sku"]


def total(shown: dict) -> float:
    return sum(map(sum, shown["shares"])) + shown["padding_share"]


def test_a_search_that_asks_explains_its_first_result(shop, ask):
    answer = ask("search", explain="true")
    assert first_sku(answer) == "lamp-10"
    first, *others = answer.json()["results"]
    assert {other["explanation"] for other in others} == {None}
    why = first["explanation"]
    assert set(why) == {"similarity", "query", "photo", "words", "attributes"}
    assert why["similarity"] == pytest.approx(first["similarity"], abs=1e-3)
    assert total(why["query"]) == pytest.approx(first["similarity"], abs=1e-3)
    assert total(why["photo"]) == pytest.approx(first["similarity"], abs=1e-3)
    assert set(answer.json()["timings_ms"]) == {"decode", "encode", "gate", "search", "explain", "total"}


def test_a_search_that_does_not_ask_explains_nothing(shop, ask, monkeypatch):
    monkeypatch.setattr(explanations, "look", lambda *arguments: pytest.fail("looked"))
    for fields in ({}, {"explain": "false"}):
        body = ask("search", **fields).json()
        assert "explanation" not in body["results"][0]
        assert "explain" not in body["timings_ms"]


def test_a_search_finds_the_same_whether_it_explains_or_not(shop, ask):
    plain, asked = (ask("search", **fields).json()["results"] for fields in ({}, {"explain": "true"}))
    for one in asked:
        del one["explanation"]
    assert plain == asked


def test_a_result_is_explained_by_the_id_of_its_photo(shop, ask):
    hit = ask("search").json()["results"][2]
    assert hit["photo_id"] == photo_of(hit["product"]["sku"]).pk
    answer = ask("search-explain", photo=hit["photo_id"])
    assert answer.status_code == 200
    why = answer.json()
    assert why["similarity"] == pytest.approx(hit["similarity"], abs=1e-3)
    assert total(why["query"]) == pytest.approx(hit["similarity"], abs=1e-3)
    assert (why["query"]["rows"], why["query"]["columns"]) == np.shape(why["query"]["heat"])
    assert set(why["timings_ms"]) == {"decode", "encode", "gate", "explain", "total"}


def test_both_ways_to_ask_give_the_same_explanation(shop, ask):
    [first, *_] = ask("search", explain="true").json()["results"]
    why = ask("search-explain", photo=first["photo_id"]).json()
    del why["timings_ms"]
    assert first["explanation"] == why


def test_the_words_say_what_the_match_is_likeliest_to_be(shop, ask):
    words = {sku: ask("search-explain", photo=photo_of(sku).pk).json()["words"] for sku in ("lamp-10", "bed-20")}
    likely = words["lamp-10"]["probabilities"]
    assert likely["piece"] <= likely["style"] <= likely["kind"]
    assert words["lamp-10"]["text"] == Likelihood(**likely).words
    assert words["bed-20"]["text"] == "something similar"
    assert likely["kind"] > 0.9 > 0.1 > words["bed-20"]["probabilities"]["kind"]


def test_attributes_are_compared_with_what_the_nearest_products_have(shop, ask):
    near, far = (ask("search-explain", photo=photo_of(sku).pk).json()["attributes"] for sku in ("lamp-9", "lamp-25"))
    share = near["agree"][0]["share"]
    assert near == {"agree": [{"name": "material", "value": "brass", "share": share}], "differ": []}
    assert far["agree"] == []
    assert far["differ"] == [
        {"name": "material", "value": "oak", "share": far["differ"][0]["share"], "expected": "brass"}
    ]
    assert 0.5 < far["differ"][0]["share"] <= share <= 1


def test_a_region_is_explained_and_not_what_lies_around_it(shop, ask):
    scene = Image.new("RGB", (400, 200), "white")
    scene.paste((250, 60, 10), (100, 0, 200, 200))
    fields = {"image": as_jpeg(scene), "photo": photo_of("lamp-10").pk}
    whole, part = (ask("search-explain", **fields, **more).json() for more in ({}, {"region": "0.25,0,0.25,1"}))
    assert part["similarity"] > 0.99 > whole["similarity"]
    assert part["query"]["columns"] < part["query"]["rows"]


def test_a_shop_without_a_head_has_maps_and_no_words(space, photo, index, ask):
    for n in range(3):
        photo((250, 40 * n, 10), "lamp", sku=f"lamp-{n}", attributes={"material": "oak"})
    index()
    why = ask("search", explain="true").json()["results"][0]["explanation"]
    assert why["words"] is None
    assert why["attributes"]["agree"] == [{"name": "material", "value": "oak", "share": 1.0}]
    assert total(why["query"]) == pytest.approx(why["similarity"], abs=1e-3)


def test_a_head_of_an_earlier_version_has_no_words_until_it_is_trained_anew(space, shop, ask):
    head = Head.objects.get()
    del head.metrics["kinship"]
    stored = Classifier.from_bytes(bytes(head.weights))
    head.weights = replace(stored, metrics=replace(stored.metrics, kinship=None)).to_bytes()
    head.save()
    encoders._load.cache_clear()
    encoders.forget_heads()
    assert ask("search", explain="true").json()["results"][0]["explanation"]["words"] is None
    assert head_training.train_if_due(space) is not None
    assert ask("search", explain="true").json()["results"][0]["explanation"]["words"] is not None


def test_the_only_product_has_nothing_to_be_measured_against(space, photo, index, ask):
    photo("red", "lamp", attributes={"material": "oak"})
    index()
    why = ask("search", explain="true").json()["results"][0]["explanation"]
    assert (why["words"], why["attributes"]) == (None, {"agree": [], "differ": []})


def test_nothing_found_is_nothing_to_explain(shop, ask):
    answer = ask("search", explain="true", min_similarity=1, image=picture((10, 250, 10)))
    assert (answer.status_code, answer.json()["results"]) == (200, [])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"metric": "l2"}, "L2 distance"), ({"recipe": {**RECIPE, "pooling": "max"}}, "pooling max")],
)
def test_a_space_whose_similarity_is_no_sum_is_refused_with_its_reason(space, shop, ask, fields, reason):
    Space.objects.update(**fields)
    for answer in (ask("search", explain="true"), ask("search-explain", photo=photo_of("lamp-1").pk)):
        assert errors(answer) == (409, "client_error", [(None, "not_explainable")])
        detail = answer.json()["errors"][0]["detail"]
        assert reason in detail
        assert "cosine" in detail
    assert ask("search").status_code == 200


def test_an_unknown_photo_is_refused(shop, ask):
    for unknown in (10**6, 10**30, 0, -1):
        assert errors(ask("search-explain", photo=unknown)) == invalid("photo", "does_not_exist")
    assert errors(ask("search-explain", photo="lamp")) == invalid("photo", "incorrect_type")
    assert errors(ask("search-explain")) == invalid("photo", "required")


def test_a_wrong_photo_or_region_is_refused_as_by_a_search(shop, ask):
    known = photo_of("lamp-1").pk
    assert errors(ask("search-explain", b"no photo", photo=known)) == invalid("image", "unsupported_format")
    assert errors(ask("search-explain", photo=known, region="1,2")) == invalid("region", "invalid_region")
    assert errors(ask("search-explain", photo=known, region="0,0,0.1,0.1")) == invalid("region", "region_too_small")
    assert errors(ask("search", explain="perhaps")) == invalid("explain", "invalid")


def test_a_photo_whose_file_is_gone_costs_the_explanation_alone(shop, ask):
    photo = photo_of("lamp-10")
    photo.file.storage.delete(str(photo.file.name))
    answer = ask("search", explain="true")
    assert (first_sku(answer), answer.json()["results"][0]["explanation"]) == ("lamp-10", None)
    assert errors(ask("search-explain", photo=photo.pk)) == invalid("photo", "unreadable")


def test_a_map_that_cannot_be_read_costs_the_explanation_alone(shop, ask, monkeypatch, caplog):
    def gone(encoder, pixels):
        raise WeightsError("there is no weights file")

    monkeypatch.setattr(GridEncoder, "places", gone)
    answer = ask("search", explain="true")
    assert (answer.status_code, first_sku(answer)) == (200, "lamp-10")
    assert answer.json()["results"][0]["explanation"] is None
    assert "A match is not explained: there is no weights file" in caplog.text


def test_a_storage_that_does_not_answer_is_asked_again_later(shop, ask, monkeypatch):
    def fail(*arguments):
        raise StoredPhotoError("The photo storage did not answer: timed out.", transient=True)

    monkeypatch.setattr(explanations, "open_stored", fail)
    answer = ask("search-explain", photo=photo_of("lamp-1").pk)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_explanations_are_throttled_with_searches(shop, ask, settings):
    cache.clear()
    settings.SEARCH_THROTTLE = "2/min"
    known = photo_of("lamp-1").pk
    answers = [ask("search"), ask("search-explain", photo=known), ask("search-explain", photo=known)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    cache.clear()


def test_shares_add_up_to_the_similarity_of_a_real_network(product, media, monkeypatch, ask):
    encoder = Encoder(LITE, cache=media.parent / "models")
    monkeypatch.setattr(encoders, "encoder_for", lambda space: encoder)
    recipe = LITE.as_dict()
    space = Space.objects.create(name="lite", recipe=recipe, dimensions=1280, state=Space.State.LIVE)
    for name in ("LAM-004-1.webp", "LAM-004-2.webp", "LAM-010-1.webp", "CHA-001-1.webp"):
        add_photo(product("lamp"), (DEMO_PHOTOS / name).read_bytes())
    while indexing.index_batch(space):
        pass
    query = (DEMO_PHOTOS.parents[1] / "queries" / "LAM-004.webp").read_bytes()
    found = ask("search", query, min_similarity=0).json()["results"]
    assert len(found) == 4
    for hit in found:
        why = ask("search-explain", query, photo=hit["photo_id"]).json()
        assert total(why["query"]) == pytest.approx(hit["similarity"], abs=1e-3)
        assert total(why["photo"]) == pytest.approx(hit["similarity"], abs=1e-3)
