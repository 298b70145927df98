import pytest

from catalog.attributes import splits
from tests.api_answers import errors, invalid, skus

URL = "/api/v1/products/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(product):
    product("chair", sku="CH-1", name="Oak chair", price=100, attributes={"color": "Oak", "width": 50})
    product("chair", sku="CH-2", name="Pine chair", price=60, in_stock=False, attributes={"color": "Pine", "width": 60})
    product("sofa", sku="SO-1", name="Sofa", price=900, attributes={"color": "Oak", "new": True})
    product("lamp", sku="LA-1", name="Lantern", description="Goes with an oak chair.")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["SO-1", "CH-1", "CH-2", "LA-1"]),
        ("category=chair", ["CH-1", "CH-2"]),
        ("category=chair&category=sofa", ["SO-1", "CH-1", "CH-2"]),
        ("price_min=60", ["SO-1", "CH-1", "CH-2"]),
        ("price_min=60.01&price_max=100", ["CH-1"]),
        ("price_min=60&price_max=60", ["CH-2"]),
        ("price_max=59.99", []),
        ("in_stock=true", ["SO-1", "CH-1", "LA-1"]),
        ("in_stock=false", ["CH-2"]),
        ("in_stock=", ["SO-1", "CH-1", "CH-2", "LA-1"]),
        ("q=oak", ["CH-1", "LA-1", "SO-1"]),
        ("q=oak+-lantern", ["CH-1", "SO-1"]),
        ("q=lan", ["LA-1"]),
        ("q=ch-", ["CH-1", "CH-2"]),
        ("q=nothing", []),
        ("attributes=color:Oak", ["SO-1", "CH-1"]),
        ("attributes=color:oak", []),
        ("attributes=color:Oak&attributes=color:Pine", ["SO-1", "CH-1", "CH-2"]),
        ("attributes=color:Oak&attributes=width:50", ["CH-1"]),
        ("attributes=new:true", ["SO-1"]),
        ("attributes=missing:x", []),
        ("category=chair&in_stock=true&q=oak&price_max=100&attributes=color:Oak", ["CH-1"]),
    ],
)
def test_filters_narrow_the_list(client, query, found):
    assert sorted(skus(client.get(f"{URL}?{query}"))) == sorted(found)


def test_names_and_values_may_hold_colons(client, product):
    product(sku="EU", attributes={"size:EU": 42})
    product(sku="RATIO", attributes={"ratio": "16:9", "a:b:c": "d:e"})
    assert skus(client.get(f"{URL}?attributes=size:EU:42")) == ["EU"]
    assert skus(client.get(f"{URL}?attributes=size:EU:42&attributes=size:EU:43")) == ["EU"]
    assert skus(client.get(f"{URL}?attributes=ratio:16:9&attributes=a:b:c:d:e")) == ["RATIO"]
    assert skus(client.get(f"{URL}?attributes=ratio:16:9&attributes=size:EU:42")) == []
    assert len(splits(60 * "x:")) == 4, "each is an index scan"


@pytest.mark.parametrize(
    ("ordering", "order"),
    [
        ("name", ["LA-1", "CH-1", "CH-2", "SO-1"]),
        ("-name", ["SO-1", "CH-2", "CH-1", "LA-1"]),
        ("price", ["CH-2", "CH-1", "SO-1", "LA-1"]),
        ("-price", ["SO-1", "CH-1", "CH-2", "LA-1"]),
        ("created_at", ["CH-1", "CH-2", "SO-1", "LA-1"]),
        ("-sku", ["SO-1", "LA-1", "CH-2", "CH-1"]),
        ("price,-name", ["CH-2", "CH-1", "SO-1", "LA-1"]),
    ],
)
def test_the_list_can_be_ordered(client, ordering, order):
    assert skus(client.get(URL, {"ordering": ordering})) == order


def test_the_best_match_comes_first_unless_an_order_is_asked_for(client):
    assert skus(client.get(f"{URL}?q=oak")) == ["CH-1", "LA-1", "SO-1"]
    assert skus(client.get(f"{URL}?q=oak&ordering=-sku")) == ["SO-1", "LA-1", "CH-1"]


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("category=nowhere", invalid("category", "invalid_choice")),
        ("category=chair&category=%00", invalid("category", "null_characters_not_allowed")),
        ("category=" + "x" * 3000, invalid("category", "invalid_choice")),
        ("price_min=cheap", invalid("price_min", "invalid")),
        ("price_min=NaN", invalid("price_min", "invalid")),
        ("price_max=Infinity", invalid("price_max", "invalid")),
        ("price_max=-1", invalid("price_max", "min_value")),
        ("price_min=2&price_max=1.99", invalid("price_max", "empty_range")),
        ("price_max=%00", invalid("price_max", "invalid")),
        ("price_min=1e-999999", invalid("price_min", "max_digits")),
        ("in_stock=perhaps", invalid("in_stock", "invalid")),
        ("in_stock=%00", invalid("in_stock", "null_characters_not_allowed")),
        ("q=%00", invalid("q", "null_characters_not_allowed")),
        ("q=" + "x" * 201, invalid("q", "max_length")),
        ("attributes=color", invalid("attributes", "invalid")),
        ("attributes=:Oak", invalid("attributes", "invalid")),
        ("attributes=color:%00", invalid("attributes", "invalid")),
        ("facets=perhaps", invalid("facets", "invalid")),
        ("attributes=" + "x" * 65 + ":Oak", invalid("attributes", "invalid")),
        ("&".join(["attributes=a:b"] * 21), invalid("attributes", "too_many")),
        ("ordering=shape", invalid("ordering", "invalid_choice")),
        ("ordering=%00", invalid("ordering", "invalid_choice")),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(client, query, refusal):
    assert errors(client.get(f"{URL}?{query}")) == refusal


@pytest.mark.parametrize(
    "query",
    [
        "q=%ED%A0%80",
        "q=%FF",
        "q='%22()%26|!:*",
        "q=%25",
        "q=the",
        "category=%ED%A0%80",
        "price_min=1e49",
        "attributes=a:1e999",
        "attributes=a:NaN",
        "attributes=a:" + "[" * 400,
        "attributes=a:" + "9" * 400,
        "attributes=a:%22",
        "unknown=1",
        "page=%ED%A0%80",
    ],
)
def test_odd_input_is_answered(client, query):
    assert client.get(f"{URL}?{query}").status_code in {200, 400, 404}
