"""POST /api/v1/baskets/: the best choice within the budget, what is missing, and nonsense refused by name."""

import json
from uuid import uuid4

import pytest
import redis
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from catalog.models import Product
from catalog.photos import add_photo
from search import baskets, kept_objects
from search.api.basket_serializers import BasketsAnswerSerializer
from search.knapsack import UnprovenError
from tests.api_answers import errors, invalid
from tests.conftest import picture

pytestmark = pytest.mark.django_db
QUERY = "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11"


def thing(*candidates: tuple[str, float | str]) -> dict:
    return {"candidates": [{"sku": sku, "similarity": similarity} for sku, similarity in candidates]}


BED, LAMP = thing(("BED-1", 0.9), ("BED-2", 0.7)), thing(("LAM-1", 0.8), ("LAM-2", 0.6))


@pytest.fixture
def shop(product, photo):
    """Two beds, for 400 and 200, and two lamps, for 100 and 40. The first bed has two photos."""
    first = photo("red", of=product("bed", sku="BED-1", price=400, attributes={"color": "oak"})).product
    add_photo(first, picture("blue"))
    product("bed", sku="BED-2", price=200)
    product("lamp", sku="LAM-1", price=100)
    product("lamp", sku="LAM-2", price=40)


@pytest.fixture
def ask(client):
    def run(client=client, **fields):
        body = {"budget": "500.00", "currency": "EUR", "things": [BED, LAMP], **fields}
        sent = json.dumps({name: value for name, value in body.items() if value is not ...})
        return client.post(reverse("baskets"), sent, content_type="application/json")

    return run


@pytest.fixture
def kept():
    """A search that found beds, nothing, and lamps."""
    query_id = str(uuid4())
    kept_objects.keep(query_id, [[("BED-1", 0.9), ("BED-2", 0.7)], [], [("LAM-1", 0.8), ("LAM-2", 0.6)]])
    yield query_id
    cache.delete(kept_objects.key(query_id))


def chosen(answer) -> list[tuple[str, list[str]]]:
    """The total and the skus of each basket."""
    assert answer.status_code == 200, answer.content
    return [
        (one["total"], [bought["product"]["sku"] for bought in one["products"]]) for one in answer.json()["baskets"]
    ]


def test_the_most_similar_products_that_the_budget_buys_are_chosen(shop, ask):
    answer = ask()
    body = answer.json()
    timings = body.pop("timings_ms")
    assert set(timings) == {"read", "choose", "total"}
    photos = [one.file.url for one in Product.objects.get(sku="BED-1").photos.all()]
    assert body == {
        "budget": "500.00",
        "currency": "EUR",
        "baskets": [
            {
                "total": "500.00",
                "similarity": 1.7,
                "products": [
                    {
                        "thing": 0,
                        "product": {
                            "sku": "BED-1",
                            "name": "bed 1",
                            "category": "bed",
                            "price": "400.00",
                            "currency": "EUR",
                            "in_stock": True,
                            "url": "",
                            "attributes": {"color": "oak"},
                        },
                        "photo": f"http://testserver{photos[0]}",
                        "similarity": 0.9,
                    },
                    {
                        "thing": 1,
                        "product": {
                            "sku": "LAM-1",
                            "name": "lamp 3",
                            "category": "lamp",
                            "price": "100.00",
                            "currency": "EUR",
                            "in_stock": True,
                            "url": "",
                            "attributes": {},
                        },
                        "photo": None,
                        "similarity": 0.8,
                    },
                ],
            }
        ],
        "missing": None,
        "left_out": [],
    }


def test_the_next_best_follow_on_request(shop, ask):
    assert chosen(ask(limit=10)) == [
        ("500.00", ["BED-1", "LAM-1"]),
        ("300.00", ["BED-2", "LAM-1"]),
        ("440.00", ["BED-1", "LAM-2"]),
        ("240.00", ["BED-2", "LAM-2"]),
    ]
    assert chosen(ask(limit=2, budget=499)) == [("300.00", ["BED-2", "LAM-1"]), ("440.00", ["BED-1", "LAM-2"])]


def test_a_budget_may_be_a_number(shop, ask):
    assert chosen(ask(budget=499.5)) == chosen(ask(budget="499.50")) == [("300.00", ["BED-2", "LAM-1"])]
    assert chosen(ask(budget=240)) == [("240.00", ["BED-2", "LAM-2"])]


def test_what_is_missing_is_said_to_the_cent(shop, ask):
    body = ask(budget="199.99").json()
    assert body["baskets"] == []
    cheapest = body["missing"].pop("cheapest")
    assert body["missing"] == {
        "text": "The cheapest basket is 40.01 EUR above the budget.",
        "things": [],
        "above": "40.01",
    }
    assert (cheapest["total"], cheapest["similarity"]) == ("240.00", 1.3)
    assert [one["product"]["sku"] for one in cheapest["products"]] == ["BED-2", "LAM-2"]


def test_things_that_nothing_can_be_bought_for_are_named(shop, ask):
    Product.objects.filter(sku__startswith="LAM").update(in_stock=False)
    body = ask(budget=150).json()
    assert body["missing"]["text"] == (
        "No candidate for thing 1 can be bought in EUR. "
        "The cheapest basket of the others is 50.00 EUR above the budget."
    )
    assert (body["missing"]["things"], body["missing"]["above"]) == ([1], "50.00")
    assert [one["thing"] for one in body["missing"]["cheapest"]["products"]] == [0]
    body = ask(currency="CHF").json()
    assert body["missing"] == {
        "text": "No candidate for the things 0, 1 can be bought in CHF.",
        "things": [0, 1],
        "above": "0.00",
        "cheapest": None,
    }


def test_candidates_that_cannot_be_bought_are_named_with_the_reason(shop, ask):
    Product.objects.filter(sku="BED-1").update(in_stock=False)
    Product.objects.filter(sku="LAM-1").update(price=None)
    Product.objects.filter(sku="LAM-2").update(currency="CHF")
    body = ask(things=[BED, thing(("GONE", 0.9), ("LAM-1", 0.8)), thing(("LAM-2", 0.3))]).json()
    assert body["left_out"] == [
        {"thing": 0, "sku": "BED-1", "reason": "out_of_stock"},
        {"thing": 1, "sku": "GONE", "reason": "unknown_sku"},
        {"thing": 1, "sku": "LAM-1", "reason": "no_price"},
        {"thing": 2, "sku": "LAM-2", "reason": "other_currency"},
    ]
    assert body["missing"]["things"] == [1, 2]


def test_a_choice_already_made_is_kept(shop, ask):
    assert chosen(ask(keep=[{"thing": 1, "sku": "LAM-2"}])) == [("440.00", ["BED-1", "LAM-2"])]
    Product.objects.filter(sku="LAM-2").update(in_stock=False)
    body = ask(keep=[{"thing": 1, "sku": "LAM-2"}]).json()
    assert (body["baskets"], body["missing"]["things"]) == ([], [1])


def test_one_product_may_serve_two_things(shop, ask):
    assert chosen(ask(things=[LAMP, LAMP], budget=200)) == [("200.00", ["LAM-1", "LAM-1"])]


def test_a_search_of_the_last_hour_needs_no_candidates(shop, ask, kept):
    answer = ask(things=..., query_id=kept, only=[2, 0, 2])
    assert chosen(answer) == [("500.00", ["BED-1", "LAM-1"])]
    assert [one["thing"] for one in answer.json()["baskets"][0]["products"]] == [0, 2]
    keep = [{"thing": 2, "sku": "LAM-2"}]
    assert chosen(ask(things=..., query_id=kept, only=[2], keep=keep)) == [("40.00", ["LAM-2"])]
    assert ask(things=..., query_id=kept).json()["missing"]["things"] == [1]


def test_an_answer_is_what_the_serializer_makes_of_it(shop, ask):
    for fields in ({"limit": 3}, {"budget": 1, "currency": "EUR", "things": [BED, thing(("GONE", 1))]}):
        body = ask(**fields).json()
        assert BasketsAnswerSerializer(shown(body)).data == body


def shown(body: dict) -> dict:
    """The answer with its products as the serializer takes them."""
    products = {product.sku: product for product in Product.objects.all()}

    def known(given: dict) -> dict | Product:
        return products[given["sku"]] if "name" in given else given

    return json.loads(json.dumps(body), object_hook=known)


def test_candidates_are_read_in_one_query_and_shown_in_one_more(shop, ask, django_assert_num_queries):
    with django_assert_num_queries(2):
        ask(limit=10)
    with django_assert_num_queries(2):
        ask(budget=1)


WITHOUT = {"things": ..., "query_id": QUERY}


@pytest.mark.parametrize(
    ("fields", "attr", "code"),
    [
        ({"budget": ...}, "budget", "required"),
        ({"budget": None}, "budget", "null"),
        ({"budget": 0}, "budget", "min_value"),
        ({"budget": -1}, "budget", "min_value"),
        ({"budget": "NaN"}, "budget", "invalid"),
        ({"budget": "-sNaN"}, "budget", "invalid"),
        ({"budget": "Infinity"}, "budget", "invalid"),
        ({"budget": "1e999999"}, "budget", "max_digits"),
        ({"budget": "1e-999999"}, "budget", "max_digits"),
        ({"budget": 10**300}, "budget", "max_digits"),
        ({"budget": 10**2000}, "budget", "max_string_length"),
        ({"budget": "10000000000.00"}, "budget", "max_digits"),
        ({"budget": 10_000_000_000}, "budget", "max_whole_digits"),
        ({"budget": "1.005"}, "budget", "max_decimal_places"),
        ({"budget": "cheap"}, "budget", "invalid"),
        ({"budget": True}, "budget", "invalid"),
        ({"budget": [1]}, "budget", "invalid"),
        ({"budget": "1\x00"}, "budget", "invalid"),
        ({"currency": ...}, "currency", "required"),
        ({"currency": "euro"}, "currency", "invalid_currency"),
        ({"currency": "eur"}, "currency", "invalid_currency"),
        ({"currency": "EU"}, "currency", "invalid_currency"),
        ({"currency": 978}, "currency", "invalid_currency"),
        ({"things": ...}, "things", "required"),
        ({"things": None}, "things", "null"),
        ({"things": []}, "things", "empty"),
        ({"things": 7}, "things", "not_a_list"),
        ({"things": [BED] * 11}, "things", "max_length"),
        ({"things": [7]}, "things.0.non_field_errors", "invalid"),
        ({"things": [BED, {}]}, "things.1.candidates", "required"),
        ({"things": [{"candidates": []}]}, "things.0.candidates", "empty"),
        ({"things": [thing(*[("A", 1)] * 101)]}, "things.0.candidates", "max_length"),
        ({"things": [thing(("A", 1), ("B", 1), ("A", 0.5))]}, "things.0.candidates", "duplicate_sku"),
        ({"things": [thing(("A", 1), ("a\x00b", 1))]}, "things.0.candidates.1.sku", "null_characters_not_allowed"),
        ({"things": [thing(("\ud800", 1))]}, "things.0.candidates.0.sku", "surrogate_characters_not_allowed"),
        ({"things": [thing(("x" * 65, 1))]}, "things.0.candidates.0.sku", "max_length"),
        ({"things": [thing(("", 1))]}, "things.0.candidates.0.sku", "blank"),
        ({"things": [{"candidates": [{"sku": "A"}]}]}, "things.0.candidates.0.similarity", "required"),
        ({"things": [thing(("A", 1.01))]}, "things.0.candidates.0.similarity", "max_value"),
        ({"things": [thing(("A", -0.01))]}, "things.0.candidates.0.similarity", "min_value"),
        ({"things": [thing(("A", "NaN"))]}, "things.0.candidates.0.similarity", "invalid"),
        ({"things": [thing(("A", 10**400))]}, "things.0.candidates.0.similarity", "overflow"),
        ({"query_id": QUERY}, "query_id", "not_both"),
        ({"query_id": "7", "things": ...}, "query_id", "invalid"),
        ({"query_id": 10**50, "things": ...}, "query_id", "invalid"),
        ({"query_id": "\ud800", "things": ...}, "query_id", "invalid"),
        (WITHOUT, "query_id", "unknown_query"),
        ({"only": [0]}, "only", "without_query"),
        ({**WITHOUT, "only": []}, "only", "empty"),
        ({**WITHOUT, "only": 0}, "only", "not_a_list"),
        ({**WITHOUT, "only": [*range(11)]}, "only", "max_length"),
        ({**WITHOUT, "only": ["x"] * 100_000}, "only", "max_length"),
        ({**WITHOUT, "only": [-1]}, "only.0", "min_value"),
        ({**WITHOUT, "only": [10**30]}, "only.0", "max_value"),
        ({**WITHOUT, "only": [True]}, "only.0", "invalid"),
        ({"limit": 0}, "limit", "min_value"),
        ({"limit": 11}, "limit", "max_value"),
        ({"limit": "all"}, "limit", "invalid"),
        ({"keep": [{"thing": 0}]}, "keep.0.sku", "required"),
        ({"keep": [{"thing": 2, "sku": "BED-1"}]}, "keep", "unknown_thing"),
        ({"keep": [{"thing": 0, "sku": "LAM-1"}]}, "keep", "not_a_candidate"),
        ({"keep": [{"thing": 0, "sku": "BED-1"}, {"thing": 0, "sku": "BED-2"}]}, "keep", "kept_twice"),
    ],
)
def test_a_bad_field_is_named(ask, fields, attr, code):
    assert errors(ask(**fields)) == invalid(attr, code)


def test_a_currency_with_nul_is_refused(ask):
    both = [("currency", "invalid_currency"), ("currency", "null_characters_not_allowed")]
    assert errors(ask(currency="E\x00R")) == (400, "validation_error", both)


def test_things_that_the_search_did_not_find_are_refused(ask, kept):
    answer = ask(things=..., query_id=kept, only=[0, 3])
    assert errors(answer) == invalid("only", "unknown_thing")
    assert answer.json()["errors"][0]["detail"] == "The search found 3 things: their numbers are 0 to 2."


def test_of_a_search_that_found_many_things_some_are_named(ask):
    query_id = str(uuid4())
    kept_objects.keep(query_id, [[("LAM-1", 0.5)]] * 11)
    assert errors(ask(things=..., query_id=query_id)) == invalid("only", "too_many_things")
    assert ask(things=..., query_id=query_id, only=[10]).status_code == 200


def test_a_bad_body_is_refused(client, ask):
    def post(body: str):
        return errors(client.post(reverse("baskets"), body, content_type="application/json"))

    for body in ("{", "[" * 4000, '{"budget": NaN}', '{"budget": Infinity}', f'{{"budget": {"1" * 5000}}}'):
        assert post(body) == (400, "client_error", [(None, "parse_error")])
    assert post("[]") == (400, "validation_error", [("non_field_errors", "invalid")])
    assert post('{"budget": 1e999, "currency": "EUR"}') == (400, "validation_error", [("budget", "invalid")])
    assert errors(client.post(reverse("baskets"), {"budget": 1}))[0] == 415
    assert errors(ask(currency="x" * 1_000_000)) == (413, "client_error", [(None, "basket_too_large")])


def test_a_query_cannot_be_looked_up_while_redis_is_down(shop, ask, monkeypatch):
    def refuse(key: str) -> None:
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(cache, "get", refuse)
    answer = ask(**WITHOUT)
    assert errors(answer) == (503, "server_error", [(None, "cache_unavailable")])
    assert answer["Retry-After"] == "5"
    assert chosen(ask()) == [("500.00", ["BED-1", "LAM-1"])]


def test_a_choice_that_takes_too_long_is_a_503_that_says_what_helps(shop, ask, monkeypatch):
    def give_up(*args: object) -> None:
        raise UnprovenError

    monkeypatch.setattr(baskets, "best", give_up)
    answer = ask()
    assert errors(answer) == (503, "server_error", [(None, "basket_too_hard")])
    assert "Ask for fewer baskets" in answer.json()["errors"][0]["detail"]


def test_a_logged_in_visitor_needs_no_csrf_token(shop, ask):
    visitor = Client(enforce_csrf_checks=True)
    visitor.force_login(get_user_model().objects.create_user("visitor"))
    assert ask(visitor).status_code == 200


def test_strangers_are_throttled(shop, ask, settings):
    cache.clear()
    settings.SEARCH_THROTTLE = "21/min"
    assert [ask().status_code for _ in range(3)] == [200, 200, 429]  # Each takes twenty for a moment.
    cache.clear()


def test_a_hard_basket_counts_as_what_it_takes(shop, ask, settings, monkeypatch):
    cache.clear()
    settings.SEARCH_THROTTLE = "1000/min"
    monkeypatch.setattr("search.api.baskets.SHARE", 1e-7)  # Any basket is hard.
    assert [ask().status_code for _ in range(2)] == [200, 429]
    cache.clear()
