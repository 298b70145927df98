import uuid

import pytest
from django.core.cache import cache
from django.test import RequestFactory
from django.urls import reverse

from catalog.models import Product
from search.api import answers, text_search
from search.api.text_serializers import TextAnswerSerializer
from search.models import Query
from search.stopwatch import Stopwatch
from tests.api_answers import errors, invalid, not_found

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(client):
    return lambda **query: client.get(reverse("search-text"), query)


@pytest.fixture
def shop(product, photo):
    photo("red", "chair", sku="CH-1", name="Oak chair", price="129.00", attributes={"color": "Oak"})
    product("chair", sku="CH-2", name="Pine <b>chair</b>", description="Goes with oak.", in_stock=False)
    product("lamp", sku="LA-1", name="Lantern", attributes={"color": "Oak"})


def skus(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [hit["product"]["sku"] for hit in answer.json()["results"]]


def test_products_are_found_by_words_and_shown_with_what_matched(shop, ask, client):
    answer = ask(q="oak cha")
    body = answer.json()
    assert set(body) == {
        *("query_id", "count", "next", "previous", "results", "facets", "timings_ms"),
        *("mode", "did_you_mean"),
    }
    assert (body["count"], body["next"], body["previous"], body["facets"]) == (2, None, None, None)
    assert uuid.UUID(body["query_id"])
    assert set(body["timings_ms"]) == {"search", "facets", "total"}
    first, second = body["results"]
    assert first["product"] == {
        "sku": "CH-1",
        "name": "Oak chair",
        "category": "chair",
        "price": "129.00",
        "currency": "EUR",
        "in_stock": True,
        "url": "",
        "attributes": {"color": "Oak"},
    }
    assert client.get(first["photo"].removeprefix("http://testserver")).status_code == 200
    assert first["highlight"] == {
        "name": [
            {"text": "Oak", "match": True},
            {"text": " ", "match": False},
            {"text": "chair", "match": True},
        ],
        "description": [],
    }
    assert (second["product"]["sku"], second["photo"]) == ("CH-2", None)
    assert second["highlight"]["name"] == [
        {"text": "Pine <b>", "match": False},
        {"text": "chair", "match": True},
        {"text": "</b>", "match": False},
    ]
    assert first["rank"] > second["rank"] > 0


def test_a_word_still_being_typed_is_shown_where_its_stem_is_another(product, ask):
    product(name="Dining table")
    [hit] = ask(q="dinin").json()["results"]
    assert hit["highlight"]["name"] == [{"text": "Dining", "match": True}, {"text": " table", "match": False}]


def test_what_words_find_is_filtered_counted_and_paged(shop, ask, client):
    assert skus(ask(q="oak")) == ["CH-1", "CH-2", "LA-1"]
    assert skus(ask(q="oak", category="chair", in_stock="true")) == ["CH-1"]
    assert skus(ask(q="oak", attributes="color:Oak", price_max="130")) == ["CH-1"]
    answer = ask(q="oak", facets="true", page_size=2)
    assert [(one["slug"], one["count"]) for one in answer.json()["facets"]["categories"]] == [("chair", 2), ("lamp", 1)]
    following = client.get(answer.json()["next"])
    assert skus(following) == ["LA-1"]
    assert following.json()["facets"]["counted"] == 3


def test_all_pages_are_one_search_named_by_the_first(shop, ask):
    first, second = (ask(q="oak", page_size=2, page=page).json() for page in (1, 2))
    assert [str(query.pk) for query in Query.objects.all()] == [first["query_id"]]
    assert (len(second["results"]), second["query_id"]) == (1, None)


def test_an_answer_takes_two_queries_whatever_its_length(photo, ask, settings, django_assert_num_queries):
    settings.QUERY_LOG_DAYS = 0
    for number in range(4):
        photo("red", f"category-{number}", name=f"Lamp {number}")
    ask(q="lamp")  # The shop's synonyms are read once in some seconds.
    for size in (1, 4):
        # The ids of the first, and the products of a page with categories, photos and headlines.
        with django_assert_num_queries(2) as captured:
            assert len(skus(ask(q="lamp", page_size=size))) == size
    ranked, shown = (query["sql"] for query in captured.captured_queries)
    assert "ts_headline" not in ranked, "what is skipped to reach a page needs no headlines"
    assert "ts_headline" in shown


def test_many_pages_are_each_found_in_their_place(product, ask, monkeypatch):
    for number in range(7):
        product(name=f"Lamp {number}")
    monkeypatch.setattr("catalog.pagination.ProductPagination.max_page_size", 3)
    pages = [ask(q="lamp", page_size=2, page=page, mode="words").json() for page in (1, 2, 3, 4)]
    assert {page["count"] for page in pages} == {7}
    names = [hit["product"]["name"] for page in pages for hit in page["results"]]
    assert names == [f"Lamp {number}" for number in range(7)]


def test_of_a_common_word_no_more_are_ranked_and_counted_than_anybody_leafs_through(product, ask, monkeypatch):
    for number in range(9):
        product("lamp" if number % 2 else "sofa", name=f"Oak {number}")
    monkeypatch.setattr(text_search, "MOST_RANKED", 5)
    monkeypatch.setattr("catalog.pagination.ProductPagination.max_page_size", 3)
    pages = [ask(q="oak", page_size=2, page=page, mode="words", facets="true").json() for page in (1, 2, 3)]
    assert {page["count"] for page in pages} == {5}
    assert [len(page["results"]) for page in pages] == [2, 2, 1]
    assert (pages[1]["next"] is None, pages[2]["next"]) == (False, None)
    assert errors(ask(q="oak", page_size=2, page=4, mode="words")) == not_found()
    assert {one["slug"]: one["count"] for one in pages[0]["facets"]["categories"]} == {"sofa": 5, "lamp": 4}


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({}, invalid("q", "required")),
        ({"q": " "}, invalid("q", "required")),
        ({"q": "x" * 201}, invalid("q", "max_length")),
        ({"q": "\x00"}, invalid("q", "null_characters_not_allowed")),
        ({"q": "oak", "category": "boat"}, invalid("category", "invalid_choice")),
        ({"q": "oak", "attributes": "color"}, invalid("attributes", "invalid")),
        ({"q": "oak", "facets": "perhaps"}, invalid("facets", "invalid")),
        ({"q": "oak", "page": 2}, not_found()),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_by_name(shop, ask, query, refusal):
    assert errors(ask(**query)) == refusal


@pytest.mark.parametrize("words", ["'\"()&|!:*<->", "%", "\\", "'':*", '"', "-", "or", "a OR", "\ue000", "🦉", "' ||"])
def test_odd_words_are_answered(shop, ask, words):
    assert ask(q=words).status_code == 200


def test_strangers_are_throttled_as_when_they_browse(shop, ask, client, settings):
    cache.clear()
    settings.SEARCH_THROTTLE = "2/min"
    assert [ask(q="oak", mode="words").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get(reverse("index")).status_code == 429
    cache.clear()


def test_an_answer_is_what_the_serializer_makes_of_it(shop, ask):
    products = list(Product.objects.search("oak").with_headlines("oak").with_first_photo())
    for product in products:
        product.found_by = "words"
    page = {"count": 3, "next": None, "previous": None, "results": products}
    found = {"mode": "words", "did_you_mean": None, "facets": None}
    made = answers.text_answer(page, found, {products[0].pk: 0.5}, "oak", Stopwatch(), "http://testserver/")
    described = {
        **made,
        "query_id": uuid.UUID(made["query_id"]),
        "results": [{**hit, "product": product} for hit, product in zip(made["results"], products, strict=True)],
    }
    request = RequestFactory().get(reverse("index"))
    assert made == TextAnswerSerializer(described, context={"request": request}).data
