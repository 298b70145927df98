"""Filters stand in one table, and hold wherever products are found."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Q
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers

from catalog.filters import FILTERS, Filter, bound_fields
from catalog.models import Product
from tests.api_answers import invalid
from tests.conftest import picture

pytestmark = pytest.mark.django_db
ADDRESSES = ("/api/v1/products/", "/api/v1/search/text/", "/api/v1/products/{sku}/similar/", "/api/v1/search/")


@pytest.fixture
def shop(space, photo, index):
    """Lamps of one colour, so that each is similar to each."""
    photo("red", sku="EURO", price=20, currency="EUR")
    photo("orange", sku="FRANC", price=30, currency="CHF", in_stock=False)
    photo("red", sku="ASKED", name="Bed", price=10, currency="GBP")
    index()


@pytest.fixture
def find(client):
    """The answers of the product list, the search by words, similar products and the search by photo."""

    def ask(**given: object) -> list[dict]:
        sent = {"image": SimpleUploadedFile("photo.png", picture("red")), "category": "all", "min_similarity": 0}
        answers = [
            client.get(reverse("product-list"), {**given, "q": "lamp"}),
            client.get(reverse("search-text"), {**given, "q": "lamp"}),
            client.get(reverse("similar", args=["ASKED"]), {**given, "min_similarity": 0}),
            client.post(reverse("search"), {**sent, **given}),
        ]
        return [{"status": answer.status_code, **answer.json()} for answer in answers]

    return ask


def skus(body: dict) -> list[str]:
    """The skus found, duplicates included, without the product that is searched with."""
    found = [hit.get("product", hit)["sku"] for hit in body["results"] for hit in (hit, *hit.get("duplicates", ()))]
    return sorted({*found} - {"ASKED"})


def refusals(bodies: list[dict]) -> set[tuple]:
    return {
        (
            body["status"],
            body["type"],
            tuple((error["attr"], error["code"], error["detail"]) for error in body["errors"]),
        )
        for body in bodies
    }


def test_a_new_filter_on_a_column_is_one_entry(shop, find, client, monkeypatch):
    assert [skus(body) for body in find(paid_in="CHF")] == 4 * [["EURO", "FRANC"]], "no filter yet"
    field = serializers.CharField(required=False, max_length=3, help_text="The currency.")
    monkeypatch.setitem(FILTERS, "paid_in", Filter(field, lambda currency: Q(currency=currency)))
    assert [skus(body) for body in find(paid_in="CHF")] == 4 * [["FRANC"]]
    assert [skus(body) for body in find(paid_in="CHF", price_max=25)] == 4 * [[]]
    assert refusals(find(paid_in="Franc")) == {
        (400, "validation_error", (("paid_in", "max_length", "Ensure this field has no more than 3 characters."),))
    }
    facets = client.get(reverse("product-list"), {"paid_in": "CHF", "facets": "true"}).json()["facets"]
    assert (facets["counted"], facets["price"]) == (1, {"min": "30.00", "max": "30.00"})
    schema = SchemaGenerator().get_schema(public=True)
    lists = [schema["paths"][address]["get"]["parameters"] for address in ADDRESSES[:3]]
    told = [next(one for one in parameters if one["name"] == "paid_in")["description"] for parameters in lists]
    form = schema["components"]["schemas"]["SearchRequest"]["properties"]
    assert [*told, form["paid_in"]["description"]] == 4 * ["The currency."]


@pytest.mark.parametrize("text", ["true", " TRUE ", "yes", "on", "1"])
def test_stock_is_read_alike_everywhere(shop, find, text):
    assert [skus(body) for body in find(in_stock=text)] == 4 * [["EURO"]]


@pytest.mark.parametrize("text", ["", " ", "null"])
def test_a_stock_that_is_left_blank_filters_nothing(shop, find, text):
    assert [skus(body) for body in find(in_stock=text)] == 4 * [["EURO", "FRANC"]]


@pytest.mark.parametrize(
    ("given", "attr", "code", "detail"),
    [
        ({"in_stock": "perhaps"}, "in_stock", "invalid", "Write true or false."),
        ({"in_stock": "\x00"}, "in_stock", "null_characters_not_allowed", "Null characters are not allowed."),
        ({"price_min": "cheap"}, "price_min", "invalid", "A valid number is required."),
        ({"price_min": "sNaN"}, "price_min", "invalid", "A valid number is required."),
        ({"price_max": "1" * 1001}, "price_max", "max_string_length", "String value too large."),
        ({"price_min": 2, "price_max": "1.99"}, "price_max", "empty_range", "This is below price_min."),
        ({"attributes": "color"}, "attributes", "invalid", "Write name:value, for example color:Oak."),
        ({"attributes": ["a:b"] * 21}, "attributes", "too_many", "At most 20 attributes a request."),
    ],
)
def test_what_makes_no_sense_is_refused_alike_everywhere(shop, find, given, attr, code, detail):
    status, kind, _ = invalid(attr, code)
    assert refusals(find(**given)) == {(status, kind, ((attr, code, detail),))}


def test_the_filters_are_documented_alike_everywhere():
    schema = SchemaGenerator().get_schema(public=True)
    form = schema["components"]["schemas"]["SearchRequest"]["properties"]
    for name in {**FILTERS, **bound_fields()}.keys() - {"ranges"}:
        described = {**form[name]}
        text = described.pop("description")
        for address in ADDRESSES[:3]:
            [told] = [one for one in schema["paths"][address]["get"]["parameters"] if one["name"] == name]
            assert (told["description"], told["schema"]) == (text, described)


@pytest.mark.parametrize("blank", [{"category": ""}, {"category": " "}, {"attributes": ""}, {"attributes": [" "]}])
def test_what_a_form_leaves_blank_filters_nothing_anywhere(shop, find, blank):
    assert [skus(body) for body in find(**blank)] == 4 * [["EURO", "FRANC"]]


def test_blanks_around_categories_mean_nothing_anywhere(shop, find):
    [slug] = set(Product.objects.filter(sku__in=["EURO", "FRANC"]).values_list("category__slug", flat=True))
    assert [skus(body) for body in find(category=f" {slug} , {slug}")] == 4 * [["EURO", "FRANC"]]
