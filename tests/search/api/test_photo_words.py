"""Words beside a photo: what results meet, how they are ranked, and what the answer says of the words."""

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from catalog import vocabulary
from catalog.models import AttributeValue, Product
from ml.recipes import WeightsError
from search import attribute_readings, head_training, text_encoders
from search.api.serializers import PhotoWordsSerializer
from search.models import Query
from tests.conftest import picture
from tests.search.api.test_objects import room
from tests.text_index import forget_synonyms, index_texts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget():
    def empty() -> None:
        cache.delete(vocabulary.MADE_OF)
        attribute_readings.shop_values.cache_clear()
        forget_synonyms()

    empty()
    yield
    empty()


@pytest.fixture
def shop(space, photo, index):
    """Reddish lamps and bluish beds, indexed, with a trained head. Their attributes do not follow their photos."""
    lamps = ["brass", "black", "sage", "oak", "olive", "white"]
    beds = ["linen, oak", "walnut", "painted steel", "oak, cane", "black ash", "velvet"]
    for n in range(6):
        lamp = {"color": lamps[n], "style": "round" if n % 2 else "square"}
        text = "A lantern of paper, from Japan." if n == 5 else ""
        fields = {"price": 100 * n, "in_stock": n % 2 == 0, "attributes": lamp, "description": text}
        photo((250, 10 + 15 * n, 10), "lamp", sku=f"lamp-{n}", **fields)
        photo((10, 10 + 15 * n, 250), "bed", sku=f"bed-{n}", price=100 * n, attributes={"material": beds[n]})
    index()
    head_training.train(space)
    vocabulary.refresh()


@pytest.fixture
def ask(client):
    def run(words: str, image: bytes = picture((250, 10, 10)), **fields: object):
        upload = SimpleUploadedFile("photo.png", image)
        return client.post(reverse("search"), {"image": upload, "words": words, **fields})

    return run


def skus(body) -> list[str]:
    return [hit["product"]["sku"] for hit in body["results"]]


def summed_up(body) -> list[tuple[str, str, bool]]:
    return [(one["text"], one["how"], one["loosened"]) for one in body["words"]["understood"]]


def test_every_result_meets_what_the_words_name(shop, ask):
    body = ask("like this, but in oak").json()
    assert skus(body) == ["lamp-3"]
    assert body["words"] == {
        "understood": [
            {
                "text": "oak",
                "spans": [[18, 21]],
                "kind": "attribute",
                "names": ["color"],
                "values": ["oak"],
                "how": "exact",
                "negated": False,
                "loosened": False,
            }
        ],
        "ranked_by": None,
        "not_understood": [],
        "matches": 1,
    }
    assert set(body["timings_ms"]) == {"decode", "words", "encode", "gate", "search", "total"}
    assert body["results"][0]["similarity"] < 1


def test_the_answer_is_as_the_schema_says(shop, ask):
    body = ask("not oak, under 300, in stock, shiny, 80 cm", objects="auto").json()
    assert PhotoWordsSerializer(body["words"]).data == body["words"]


def test_the_reading_that_holds_is_the_strictest_that_something_meets_in_its_category(shop, ask):
    body = ask("in oak", picture((10, 10, 250))).json()
    assert skus(body) == ["bed-0", "bed-3"]
    assert summed_up(body) == [("oak", "part", False)]
    assert body["words"]["understood"][0]["values"] == ["linen, oak", "oak, cane"]

    body = ask("in oak", category="all").json()
    assert set(skus(body)) == {"lamp-3", "bed-0", "bed-3"}
    assert summed_up(body) == [("oak", "part", False)]
    assert body["words"]["understood"][0]["names"] == ["color", "material"]


def test_filters_of_the_request_say_which_reading_holds(shop, ask):
    assert skus(ask("in green", price_min=300).json()) == ["lamp-4"]
    body = ask("in oak", picture((10, 10, 250)), price_min=300).json()
    assert skus(body) == ["bed-3"]
    assert body["words"]["matches"] == 1


@pytest.mark.parametrize(
    ("words", "found", "how"),
    [
        ("in green", ["lamp-2", "lamp-4"], "colour"),
        ("dark green", ["lamp-4"], "colour"),
        ("metal", ["lamp-0"], "material"),
        ("not green", ["lamp-0", "lamp-1", "lamp-3", "lamp-5"], "colour"),
        ("sage or olive", ["lamp-2", "lamp-4"], "exact"),
        ("round", ["lamp-1", "lamp-3", "lamp-5"], "exact"),
        ("round, white", ["lamp-5"], "exact"),
        ("under 199.99", ["lamp-0", "lamp-1"], "exact"),
        ("between 300 and 200", ["lamp-2", "lamp-3"], "exact"),
        ("in stock", ["lamp-0", "lamp-2", "lamp-4"], "exact"),
        ("not in stock", ["lamp-1", "lamp-3", "lamp-5"], "exact"),
        ("not a bed", [f"lamp-{n}" for n in range(6)], "exact"),
    ],
)
def test_conditions_hold_for_all_results(shop, ask, words, found, how):
    body = ask(words).json()
    assert skus(body) == found
    assert {one["how"] for one in body["words"]["understood"]} == {how}
    assert body["words"]["matches"] == len(found)


def test_prices_and_stock_name_the_filters_that_say_the_same(shop, ask):
    body = ask("from €100 to 300, in stock").json()
    price, stock = body["words"]["understood"]
    assert (price["kind"], price["names"], price["values"]) == (
        "price",
        ["price_min", "price_max"],
        ["100.00", "300.00"],
    )
    assert (stock["kind"], stock["names"], stock["values"]) == ("stock", ["in_stock"], ["true"])
    assert skus(body) == ["lamp-2"]
    assert skus(ask("under 300", price_min=100).json()) == ["lamp-1", "lamp-2", "lamp-3"]


def test_a_category_overrides_the_gate_unless_the_request_says_where_to_look(shop, ask):
    body = ask("a bed like this").json()
    assert sorted(skus(body)) == [f"bed-{n}" for n in range(6)]
    assert body["gate"]["mode"] == "override"
    assert body["words"]["understood"][0] == {
        "text": "bed",
        "spans": [[2, 5]],
        "kind": "category",
        "names": ["category"],
        "values": ["bed"],
        "how": "exact",
        "negated": False,
        "loosened": False,
    }

    body = ask("a bed like this", category="lamp").json()
    assert skus(body) == [f"lamp-{n}" for n in range(6)]
    assert (body["words"]["understood"], body["words"]["not_understood"]) == ([], ["bed"])


def test_what_leaves_nothing_is_loosened_the_least_sure_first(shop, ask):
    body = ask("round, in green, under 50").json()
    assert summed_up(body) == [("round", "exact", True), ("green", "colour", True), ("under 50", "exact", False)]
    assert skus(body) == ["lamp-0"]
    assert body["words"]["matches"] == 1


def test_of_equally_sure_conditions_the_last_typed_is_loosened(shop, ask):
    assert summed_up(ask("white, sage").json()) == [("white", "exact", False), ("sage", "exact", True)]
    assert summed_up(ask("sage, white").json()) == [("sage", "exact", False), ("white", "exact", True)]


def test_what_need_not_be_loosened_is_not(shop, ask):
    """The colour is the first to go, and it comes back once the price is gone."""
    body = ask("in green, over 9000").json()
    assert summed_up(body) == [("green", "colour", False), ("over 9000", "exact", True)]
    assert skus(body) == ["lamp-2", "lamp-4"]


def test_filters_of_the_request_are_never_loosened(shop, ask):
    body = ask("in oak", price_min=9000).json()
    assert skus(body) == []
    assert body["words"]["matches"] == 0
    assert summed_up(body) == [("oak", "exact", False)]  # It is not why there is nothing.


def test_the_rest_ranks_by_its_meaning_beside_the_photo(shop, ask):
    index_texts()
    alone = ask("").json()
    assert alone["words"] is None
    assert skus(alone) == [f"lamp-{n}" for n in range(6)]
    body = ask("like this, with a Japanese lantern").json()
    assert body["words"]["ranked_by"] == "Japanese lantern"
    assert skus(body)[0] == "lamp-5"  # It looks least like the photo.

    def similarities(body) -> dict[str, float]:
        return {hit["product"]["sku"]: hit["similarity"] for hit in body["results"]}

    assert similarities(body) == similarities(alone)
    assert skus(ask("Japanese lantern", limit=1).json()) == ["lamp-5"]


@pytest.mark.parametrize("lacks", ["set up without one", "cannot be loaded"])
def test_without_a_text_encoder_the_rest_is_not_understood(shop, ask, monkeypatch, settings, lacks):
    def fail() -> None:
        raise WeightsError("no weights")

    if lacks == "cannot be loaded":
        monkeypatch.setattr(text_encoders, "text_encoder", fail)
    else:
        settings.TEXT_ENCODER = text_encoders.NONE
    body = ask("in oak, a bit cosier").json()
    assert skus(body) == ["lamp-3"]
    assert (body["words"]["ranked_by"], body["words"]["not_understood"]) == (None, ["bit cosier"])


def test_products_without_texts_indexed_keep_their_places(shop, ask):
    assert skus(ask("cosier").json()) == [f"lamp-{n}" for n in range(6)]


def test_words_hold_for_a_region_and_for_every_thing_in_a_photo(shop, ask):
    body = ask("in oak", room(), region="0.05,0.2,0.33,0.6").json()
    assert skus(body) == ["lamp-3"]

    body = ask("in oak", room(), objects="auto").json()
    by_category = {thing["category"]: skus(thing) for thing in body["objects"]}
    assert by_category["lamp"][0] == "lamp-3"
    assert set(by_category["bed"]) == {"bed-0", "bed-3"}
    assert body["words"]["matches"] == 3


def test_of_the_things_in_a_photo_those_of_the_category_named_are_shown(shop, ask):
    body = ask("the bed, but in oak", room(), objects="auto").json()
    assert {thing["category"] for thing in body["objects"]} == {"bed"}
    assert {sku for thing in body["objects"] for sku in skus(thing)} == {"bed-0", "bed-3"}
    assert {slug for thing in body["objects"] for slug in thing["searched"]} == {"bed"}


def test_words_are_too_long_or_unreadable(shop, ask):
    for words, code in [("x" * 201, "max_length"), ("a\0b", "null_characters_not_allowed")]:
        answer = ask(words)
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["code"], error["attr"]) == (400, code, "words")


@pytest.mark.parametrize(
    "words",
    [
        "'; DROP TABLE catalog_product; --",
        "%s %(a)s {0} \\",
        "under " * 33,
        "9" * 200,
        "9," * 100,
        "not " * 50,
        "or or or",
        "- -- -",
        "🛋️ ﷽ ​",
        " ".join(["red"] * 50),
        "oak " * 50,
    ],
)
def test_whatever_is_typed_is_answered(shop, ask, words):
    answer = ask(words)
    assert answer.status_code == 200
    assert skus(answer.json())


def test_many_conditions_are_bounded(shop, ask):
    body = ask(
        "brass black sage oak olive white linen cane walnut velvet ash steel round square in stock under 9"
    ).json()
    assert len(body["words"]["understood"]) == 12
    assert body["words"]["not_understood"] == ["ash", "steel", "round", "square"]


def test_a_condition_costs_few_queries(shop, ask, django_assert_max_num_queries):
    ask("in oak")  # What is kept for seconds is known from here on.
    with django_assert_max_num_queries(8):
        ask("in oak")


def test_a_photo_with_words_teaches_no_category(shop, ask, settings):
    settings.LEARN_FROM_FEEDBACK = True
    ask("a bed like this")
    ask("")
    assert [query.vector is None for query in Query.objects.order_by("asked_at")] == [True, False]


def test_each_of_two_values_counts_however_it_is_understood(shop, ask):
    body = ask("brass or green").json()
    assert sorted(skus(body)) == ["lamp-0", "lamp-2", "lamp-4"]
    assert summed_up(body) == [("brass or green", "colour", False)]


def test_a_price_chooses_the_reading_that_can_be_had(shop, ask):
    Product.objects.filter(sku="bed-1").update(attributes={"material": "oak"})
    AttributeValue.objects.create(name="material", value="oak", products=1)
    assert skus(ask("a bed in oak").json()) == ["bed-1"]
    body = ask("a bed in oak over 200").json()
    assert skus(body) == ["bed-3"]
    assert summed_up(body) == [("bed", "exact", False), ("oak", "part", False), ("over 200", "exact", False)]


def test_a_full_answer_leaves_nothing_out(shop, ask):
    assert ask("cosier", limit=2, min_similarity=0.999).json()["left_out"]
    assert ask("cosier", limit=2, min_similarity=0).json()["left_out"] is None
