"""Bounds of numbers at every door, the numbers that hits show, and near misses."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from catalog import ranges
from catalog.models import ProductNumber
from search import near_misses
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(space, photo, index):
    """Lamps from red to yellow, the redder the more similar."""
    ranges.names.cache_clear()
    made = {
        "NARROW": (40, {"width_cm": 100.0, "depth_cm": 40.0}),
        "FITS": (60, {"width_cm": 120.0, "depth_cm": 60.0}),
        "WIDE": (20, {"width_cm": 122.0, "depth_cm": 60.0}),
        "WIDER": (10, {"width_cm": 140.0, "depth_cm": 60.0}),
        "DEEP": (80, {"width_cm": 110.0, "depth_cm": 64.0}),
        "BOTH": (0, {"width_cm": 122.0, "depth_cm": 64.0}),
        "BLANK": (0, {}),
    }
    for sku, (green, numbers) in made.items():
        lamp = photo((250, green, 0), "lamp", sku=sku, name=f"{sku} lamp", price=10).product
        ProductNumber.objects.bulk_create(
            ProductNumber(product=lamp, name=name, value=value) for name, value in numbers.items()
        )
    photo((250, 0, 0), "lamp", sku="ASKED", name="Bed", price=10)
    index()
    yield
    ranges.names.cache_clear()


@pytest.fixture
def by_photo(client):
    def ask(**given: object):
        image = SimpleUploadedFile("photo.png", picture((250, 0, 0)))
        return client.post(reverse("search"), {"image": image, "category": "lamp", "min_similarity": 0, **given})

    return ask


@pytest.fixture
def at_each_door(client, by_photo):
    """The answers of the product list, the search by words, similar products and the search by photo."""

    def ask(**given: object) -> list:
        return [
            client.get(reverse("product-list"), {**given, "q": "lamp"}),
            client.get(reverse("search-text"), {**given, "q": "lamp", "facets": "true"}),
            client.get(reverse("similar", args=["ASKED"]), {**given, "min_similarity": 0}),
            by_photo(**given),
        ]

    return ask


def skus(answer) -> set[str]:
    assert answer.status_code == 200, answer.content
    return {hit.get("product", hit)["sku"] for hit in answer.json()["results"]} - {"ASKED"}


@pytest.mark.parametrize("given", [{"width_cm_max": 120}, {"width_in_max": "47.3"}, {"width_mm_max": "1200"}])
def test_bounds_hold_at_each_door(at_each_door, given):
    assert [skus(answer) for answer in at_each_door(**given)] == 4 * [{"NARROW", "FITS", "DEEP"}]


@pytest.mark.parametrize(
    ("given", "attr", "code"),
    [
        ({"width_cm_max": "broad"}, "width_cm_max", "invalid"),
        ({"width_cm_min": "nan"}, "width_cm_min", "invalid"),
        ({"widht_cm_max": 9}, "widht_cm_max", "unknown_number"),
        ({"width_kg_max": 9}, "width_kg_max", "other_quantity"),
        ({"width_cm_min": 9, "width_cm_max": 8}, "width_cm_max", "empty_range"),
        ({"width_cm_max": 120, "width_in_max": 48}, "width_in_max", "given_twice"),
        ({"width_cm_max": [1, 2]}, "width_cm_max", "given_twice"),
    ],
)
def test_what_makes_no_sense_is_refused_alike_at_each_door(at_each_door, given, attr, code):
    answers = at_each_door(**given)
    assert [answer.status_code for answer in answers] == 4 * [400]
    told = [[(one["attr"], one["code"], one["detail"]) for one in answer.json()["errors"]] for answer in answers]
    assert told == 4 * [told[0]]
    assert [(error[0], error[1]) for error in told[0]] == [(attr, code)]


def test_a_file_is_no_bound(by_photo):
    [error] = by_photo(width_cm_max=SimpleUploadedFile("9", b"9")).json()["errors"]
    assert (error["attr"], error["code"]) == ("width_cm_max", "invalid")


def test_unknown_parameters_that_bound_nothing_are_passed_over(at_each_door):
    assert [answer.status_code for answer in at_each_door(colour="red", maximum=9, width_cm=3)] == 4 * [200]


def test_hits_show_the_numbers_that_are_bounded_in_the_unit_of_the_request(by_photo):
    answer = by_photo(width_in_max="40", depth_cm_min=1).json()
    [hit] = answer["results"]
    assert hit["numbers"] == [
        {"number": "width_cm", "value": 39.3701, "unit": "in"},
        {"number": "depth_cm", "value": 40.0, "unit": "cm"},
    ]
    plain = by_photo().json()
    assert "near_misses" not in plain
    assert all("numbers" not in hit for hit in plain["results"])


def test_near_misses_are_told(by_photo, client):
    answer = by_photo(width_cm_max=120, depth_cm_max=60).json()
    assert [hit["product"]["sku"] for hit in answer["results"]] == ["NARROW", "FITS"]
    near = answer["near_misses"]
    assert [one["product"]["sku"] for one in near] == ["WIDE", "DEEP"], "one number alone, by a tenth at most"
    assert near[0]["misses"] == [{"number": "width_cm", "by": 2.0, "unit": "cm", "text": "2 cm too wide"}]
    assert near[0]["numbers"][0] == {"number": "width_cm", "value": 122.0, "unit": "cm"}
    assert near[1]["misses"][0]["text"] == "4 cm too deep"
    assert near[0]["similarity"] > near[1]["similarity"]
    similar = client.get(reverse("similar", args=["BOTH"]), {"width_in_max": "47.3", "min_similarity": 0}).json()
    assert [one["misses"][0]["text"] for one in similar["near_misses"]] == ["0.73 in too wide"]


def test_near_misses_meet_all_other_filters_and_are_as_similar_as_hits(by_photo):
    assert by_photo(width_cm_max=120, price_max=5).json()["near_misses"] == []
    given = {"width_cm_max": 120, "depth_cm_max": 60}
    *_, least = by_photo(**given).json()["near_misses"]
    above = by_photo(**given, min_similarity=least["similarity"] + 0.0001).json()
    assert [one["product"]["sku"] for one in above["near_misses"]] == ["WIDE"]


def test_a_full_answer_has_no_near_misses(by_photo, monkeypatch):
    assert by_photo(width_cm_max=120, limit=3).json()["near_misses"] == []
    assert len(by_photo(width_cm_max=120, limit=4).json()["near_misses"]) == 1
    monkeypatch.setattr(near_misses, "MOST", 1)
    assert len(by_photo(width_cm_max=120, limit=50).json()["near_misses"]) == 1


def test_bounds_hold_for_the_things_of_a_scene_and_words_narrow_further(by_photo):
    answer = by_photo(width_cm_max=120, objects="auto", words="under 100").json()
    assert {hit["product"]["sku"] for hit in answer["results"]} == {"NARROW", "FITS", "DEEP"}
    for thing in answer["objects"]:
        assert all(hit["numbers"] for hit in thing["results"])


def test_facets_of_words_have_numbers(client):
    given = {"q": "lamp", "facets": "true", "width_cm_max": 120, "mode": "words"}
    facets = client.get(reverse("search-text"), given).json()["facets"]
    assert {one["name"]: one["count"] for one in facets["numbers"]} == {"width_cm": 6, "depth_cm": 3}


@pytest.mark.parametrize(("door", "given"), [("product-list", {"category": "lamp"}), ("search-text", {"q": "lamp"})])
def test_pages_with_places_left_tell_what_nearly_fits(client, door, given):
    answer = client.get(reverse(door), {**given, "width_in_max": 47.25, "depth_cm_max": 60}).json()
    deep, near = sorted(answer["near_misses"], key=lambda one: one["product"]["sku"])
    assert [one["product"]["sku"] for one in (deep, near)] == ["DEEP", "WIDE"]
    assert deep["misses"] == [{"number": "depth_cm", "by": 4.0, "unit": "cm", "text": "4 cm too deep"}]
    assert near["photo"].startswith("http://testserver/media/photos/")
    assert near["misses"] == [{"number": "width_cm", "by": 0.78, "unit": "in", "text": "0.78 in too wide"}]
    full = client.get(reverse(door), {**given, "width_cm_max": 120, "page_size": 1}).json()
    assert full["near_misses"] == []
    assert "near_misses" not in client.get(reverse(door), given).json()
