import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import number_facets

URL = "/api/v1/products/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(product):
    product("chair", sku="CH-1", name="Oak chair", price=100, attributes={"color": "Oak", "width": 50})
    product("chair", sku="CH-2", name="Pine chair", price=60, in_stock=False, attributes={"color": "Pine", "width": 50})
    product("sofa", sku="SO-1", name="Sofa", price=900, attributes={"color": "Oak", "new": True})
    product("lamp", sku="LA-1", name="Lantern")


@pytest.fixture
def counted(client):
    """The facets of the products that a query finds."""

    def ask(query: str = "") -> dict:
        answer = client.get(f"{URL}?facets=true&{query}")
        assert answer.status_code == 200, answer.content
        return answer.json()["facets"]

    return ask


def values(facet: dict) -> dict[str, dict[str, int]]:
    """The number of each value, by attribute."""
    return {one["name"]: {v["value"]: v["count"] for v in one["values"]} for one in facet["attributes"]}


def test_nothing_is_counted_unless_asked_for(client):
    assert client.get(URL).json()["facets"] is None
    assert client.get(f"{URL}?facets=false").json()["facets"] is None


def test_all_that_is_found_is_counted(counted):
    assert counted() == {
        "counted": 4,
        "categories": [
            {"slug": "chair", "name": "Chair", "count": 2},
            {"slug": "lamp", "name": "Lamp", "count": 1},
            {"slug": "sofa", "name": "Sofa", "count": 1},
        ],
        "in_stock": [{"value": True, "count": 3}, {"value": False, "count": 1}],
        "price": {"min": "60.00", "max": "900.00"},
        "attributes": [
            {"name": "color", "values": [{"value": "Oak", "count": 2}, {"value": "Pine", "count": 1}]},
            {"name": "width", "values": [{"value": "50", "count": 2}]},
            {"name": "new", "values": [{"value": "true", "count": 1}]},
        ],
        "numbers": [],
    }


def test_a_facet_is_counted_without_its_own_filter_and_with_all_others(counted):
    facet = counted("category=chair&in_stock=true&price_max=100&attributes=color:Oak")
    assert facet["counted"] == 1
    assert facet["categories"] == [{"slug": "chair", "name": "Chair", "count": 1}]
    assert facet["in_stock"] == [{"value": True, "count": 1}]
    assert facet["price"] == {"min": "100.00", "max": "100.00"}
    assert values(facet) == {"color": {"Oak": 1}, "width": {"50": 1}}

    assert [one["slug"] for one in counted("category=sofa")["categories"]] == ["chair", "lamp", "sofa"]
    assert counted("in_stock=false")["in_stock"] == [{"value": True, "count": 3}, {"value": False, "count": 1}]
    assert counted("price_max=60")["price"] == {"min": "60.00", "max": "900.00"}
    assert values(counted("attributes=color:Oak")) == {
        "color": {"Oak": 2, "Pine": 1},
        "width": {"50": 1},
        "new": {"true": 1},
    }
    assert values(counted("attributes=color:Oak&attributes=width:50")) == {
        "color": {"Oak": 1, "Pine": 1},
        "width": {"50": 1},
    }


def test_what_words_find_is_counted(counted):
    facet = counted("q=oak&price_min=500")
    assert (facet["counted"], facet["price"]) == (1, {"min": "100.00", "max": "900.00"})
    assert facet["categories"] == [{"slug": "sofa", "name": "Sofa", "count": 1}]


def test_where_nothing_is_found_all_facets_are_empty(counted):
    empty = {"counted": 0, "categories": [], "in_stock": [], "price": None, "attributes": [], "numbers": []}
    assert counted("q=nothing") == empty
    assert counted("q=lantern")["price"] is None


def test_the_commonest_names_and_values_are_told_and_those_filtered_by(product, counted):
    for number in range(60):
        product(attributes={"code": f"c{number:02}", **{f"name{n:02}": "x" for n in range(number % 30)}})
    facet = counted()
    assert len(facet["attributes"]) == 20
    [codes] = [one for one in facet["attributes"] if one["name"] == "code"]
    assert [one["value"] for one in codes["values"]] == [f"c{number:02}" for number in range(50)]
    assert "name28" not in values(facet)
    facet = counted("attributes=name28:x")
    assert (len(facet["attributes"]), values(facet)["name28"]) == (20, {"x": 2})


def test_attributes_are_counted_in_a_sample_and_all_else_of_everything_found(product, counted, monkeypatch):
    for colour in ("Ash", "Elm"):
        for _ in range(30):
            product("lamp", price=5 if colour == "Ash" else 2000, attributes={"color": colour})
    monkeypatch.setattr(number_facets, "MOST_COUNTED", 30)
    facet = counted()
    assert facet["counted"] == 30
    assert [(one["slug"], one["count"]) for one in facet["categories"]] == [("lamp", 61), ("chair", 2), ("sofa", 1)]
    assert sum(one["count"] for one in facet["in_stock"]) == 64
    assert facet["price"] == {"min": "5.00", "max": "2000.00"}
    colours = values(facet)["color"]
    assert sum(colours.values()) <= 30
    assert colours.keys() >= {"Ash", "Elm"}, "a sample, not those that were added first"
    assert counted()["attributes"] == facet["attributes"]


def test_a_name_that_holds_a_colon_is_counted_without_its_own_filter(product, counted):
    product("shoe", attributes={"size:EU": "42", "color": "Oak"})
    product("shoe", attributes={"size:EU": "43"})
    assert values(counted("attributes=size:EU:42")) == {"size:EU": {"42": 1, "43": 1}, "color": {"Oak": 1}}


def test_facets_take_a_statement_each_and_one_for_each_attribute_filtered_by(client, product):
    with CaptureQueriesContext(
        connection,
    ) as plain:
        client.get(URL)
    with CaptureQueriesContext(connection) as all_facets:
        client.get(f"{URL}?facets=true")
    with CaptureQueriesContext(connection) as filtered:
        client.get(f"{URL}?facets=true&attributes=color:Oak&attributes=width:50&attributes=width:60")
    assert len(all_facets) - len(plain) == 6
    assert len(filtered) - len(all_facets) == 2
