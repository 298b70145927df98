"""Search with `objects`: the things in a photo of a room, each with its own matches."""

import io

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from catalog.models import Category
from ml.detector import Detector, Found
from ml.recipes import WeightsError
from search import encoders, head_training, kept_objects
from search.api import answers
from search.category_gate import Choice
from search.models import Threshold
from search.objects import SeenObject, likely
from tests.conftest import picture
from tests.grid_space import DIMENSIONS, RECIPE, GridEncoder

pytestmark = pytest.mark.django_db
RED, BLUE = (250, 10, 10), (10, 10, 250)
MATCH = {"box", "category", "confidence", "searched", "results", "left_out"}


@pytest.fixture
def shop(space, photo, index):
    """Reddish lamps and bluish beds, indexed, with a trained head."""
    for n in range(6):
        photo((250, 10 + 15 * n, 10), "lamp", sku=f"lamp-{n}", price=10 * n)
        photo((10, 10 + 15 * n, 250), "bed", sku=f"bed-{n}", price=100 * n)
    index()
    head_training.train(space)


@pytest.fixture
def ask(client):
    client.raise_request_exception = False

    def run(image: bytes, **fields: object):
        return client.post(reverse("search"), {"image": SimpleUploadedFile("photo.png", image), **fields})

    return run


def room() -> bytes:
    """A red thing on the left and a blue one on the right, before a wall of many greys."""
    noise = np.random.default_rng(0).integers(60, 200, (24, 32, 1), np.uint8).repeat(3, axis=2)
    photo = Image.fromarray(noise).resize((640, 480), Image.Resampling.NEAREST)
    photo.paste(RED, (40, 120, 240, 360))
    photo.paste(BLUE, (380, 120, 620, 380))
    out = io.BytesIO()
    photo.save(out, "PNG")
    return out.getvalue()


def test_each_thing_has_its_box_and_its_own_matches(shop, ask):
    body = ask(room(), objects="auto").json()
    assert {key for thing in body["objects"] for key in thing} == MATCH
    lamp, bed = (next(one for one in body["objects"] if one["category"] == slug) for slug in ("lamp", "bed"))
    assert lamp["results"][0]["product"]["sku"] == "lamp-0"
    assert bed["results"][0]["product"]["sku"] == "bed-0"
    for thing, (left, right) in ((lamp, (0.0, 0.5)), (bed, (0.5, 1.0))):
        x, _, width, _ = thing["box"]
        assert left <= x + width / 2 <= right
        assert thing["confidence"] is None  # There is no detector yet.
        assert thing["category"] in thing["searched"]
    assert 2 <= len(body["objects"]) <= 10


@pytest.fixture
def detector(shop, space, monkeypatch) -> Detector:
    """A detector that sees a thing at every place, as likely a lamp as a bed, but has only learned beds."""
    head = encoders.head(space)
    assert head is not None
    beds = tuple(Category.objects.get(pk=pk).slug == "bed" for pk in head.classes)
    made = Detector(head.classes, weights(len(head.classes)), 0.0, Found(1, 1, 1.0, 1.0), beds, (1.0, 2.0))
    monkeypatch.setattr(encoders, "detector", lambda space: made)
    return made


def weights(classes: int) -> dict[str, np.ndarray]:
    """Of a detector whose layers give 0 everywhere but for the reach, which is five places."""
    channels = {"entry": (DIMENSIONS, 8), "first": (8, 8), "second": (8, 8), "exit": (8, classes + 5)}
    made: dict[str, np.ndarray] = {}
    for name, (given, taken) in channels.items():
        size = 3 if name in ("first", "second") else 1
        made[f"{name}.weight"] = np.zeros((size, size, given, taken), np.float32)
        made[f"{name}.bias"] = np.zeros(taken, np.float32)
    made["exit.bias"][classes:-1] = np.log(5)
    return made


def test_a_thing_is_as_sure_as_the_detector_is_of_its_category(detector, ask):
    things = ask(room(), objects="auto").json()["objects"]
    assert {thing["category"] for thing in things} == {"lamp", "bed"}
    # Every score is 0.5: the root of half a chance for the category times half a chance that the box fits.
    expected = {"bed": pytest.approx(1 / (1 + np.exp(-1))), "lamp": None}
    assert all(thing["confidence"] == expected[thing["category"]] for thing in things)


def test_things_in_crops_have_no_confidence_though_there_is_a_detector(detector, ask, monkeypatch):
    def gone(encoder, pixels):
        raise WeightsError("there is no weights file")

    monkeypatch.setattr(GridEncoder, "detailed_places", gone)
    things = ask(room(), objects="auto").json()["objects"]
    assert {thing["confidence"] for thing in things} == {None}


def test_what_an_old_client_reads_stays_where_it_is(shop, ask):
    old, one, several = ask(room()).json(), ask(room(), objects="1").json(), ask(room(), objects="auto").json()
    assert "objects" not in old
    assert set(old) == set(one) == set(several) - {"objects"}
    assert old["results"] == one["results"] == several["results"]
    assert "objects" in several["timings_ms"]


def test_every_filter_holds_for_every_thing(shop, ask):
    things = ask(room(), objects="auto", price_max=20, limit=2).json()["objects"]
    found = [hit["product"] for thing in things for hit in thing["results"]]
    assert found
    assert all(float(product["price"]) <= 20 for product in found)
    assert max(len(thing["results"]) for thing in things) == 2


def test_a_named_category_is_searched_for_every_thing(shop, ask):
    things = ask(room(), objects="auto", category="bed").json()["objects"]
    assert {slug for thing in things for slug in thing["searched"]} == {"bed"}


def test_a_region_is_one_thing(shop, ask):
    body = ask(room(), objects="auto", region="0.6,0.3,0.3,0.4").json()
    [thing] = body["objects"]
    assert thing["box"] == [0.6, 0.3, 0.3, 0.4]
    assert thing["results"] == body["results"]
    assert thing["category"] == "bed"


def test_every_box_can_be_sent_as_a_region(shop, ask):
    for thing in ask(room(), objects="auto").json()["objects"]:
        region = ",".join(map(str, thing["box"]))
        assert ask(room(), region=region).status_code == 200


@pytest.mark.parametrize("x", [0.33335, 0.12345, 0.77775])
def test_a_rounded_box_stays_within_the_photo(x):
    left, top, width, height = answers._as_region((x, x, 1 - x, 1 - x))
    assert left + width <= 1 + 1e-9
    assert top + height <= 1 + 1e-9


def test_one_thing_before_a_plain_backdrop_is_the_whole_photo(shop, ask):
    body = ask(picture(RED), objects="auto").json()
    [thing] = body["objects"]
    assert (thing["box"], thing["category"]) == ([0, 0, 1, 1], "lamp")
    assert thing["results"] == body["results"]
    assert thing["confidence"] == body["gate"]["confidence"]


def test_without_a_head_the_photo_is_one_thing_of_no_category(space, photo, index, ask):
    photo(RED)
    index()
    [thing] = ask(room(), objects="auto").json()["objects"]
    assert (thing["category"], thing["confidence"], thing["searched"]) == (None, None, ["lamp"])


def test_a_recipe_without_a_map_is_looked_at_in_crops(shop, space, ask, monkeypatch):
    monkeypatch.setitem(RECIPE, "pooling", "max")
    things = ask(room(), objects="auto").json()["objects"]
    assert 1 <= len(things) <= 10
    assert {thing["category"] for thing in things} <= {"lamp", "bed"}


def test_what_is_not_alike_enough_is_left_out_of_each_thing(shop, space, category, ask):
    Threshold.objects.create(space=space, category=category("lamp"), min_similarity=0.9999)
    things = ask(room(), objects="auto").json()["objects"]
    lamps = [thing for thing in things if thing["searched"] == ["lamp"]]
    assert lamps
    assert all(thing["left_out"] or thing["results"] for thing in lamps)


def test_a_basket_can_be_made_of_what_was_found(shop, ask, client):
    body = ask(room(), objects="auto", limit=3).json()
    kept = kept_objects.kept(body["query_id"])
    assert kept is not None
    assert [[sku for sku, _ in thing] for thing in kept] == [
        [hit["product"]["sku"] for hit in thing["results"]] for thing in body["objects"]
    ]
    asked = {"query_id": body["query_id"], "budget": "1000", "currency": "EUR", "only": [0, 1]}
    answer = client.post(reverse("baskets"), asked, content_type="application/json")
    assert answer.status_code == 200
    [basket] = answer.json()["baskets"]
    assert len(basket["products"]) == 2


@pytest.mark.parametrize("value", ["2", "all", "AUTO", "-1"])
def test_another_number_of_objects_is_refused(shop, ask, value):
    answer = ask(room(), objects=value)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["code"], error["attr"]) == (400, "invalid_choice", "objects")


def test_the_longest_photos_are_answered_as_well(shop, ask):
    noise = np.random.default_rng(1).integers(0, 255, (40, 760, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG")
    assert ask(out.getvalue(), objects="auto").status_code == 200


def test_a_map_that_cannot_be_read_costs_crops_and_no_answer(shop, ask, monkeypatch, caplog):
    def gone(encoder, pixels):
        raise WeightsError("there is no weights file")

    monkeypatch.setattr(GridEncoder, "detailed_places", gone)
    assert ask(room(), objects="auto").json()["objects"]
    assert "A photo is looked at in crops: there is no weights file" in caplog.text


def test_the_likely_things_are_those_above_a_bound_or_the_first_few():
    choice = Choice("open", frozenset(), {})

    def seen(*confidences: float | None) -> list[SeenObject]:
        return [SeenObject((0, 0, 1, 1), np.zeros(1, np.float32), choice, one) for one in confidences]

    known = seen(0.9, 0.1, 0.15)
    assert likely(known) == [known[0], known[2]]
    unknown = seen(*[None] * 6)
    assert likely(unknown) == unknown[:4]
