"""Bounds of numbers: how parameters are read, refused and compared."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import ranges
from catalog.models import Product, ProductNumber
from catalog.ranges import Refused
from tests.api_answers import errors, skus

URL = "/api/v1/products/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget_names():
    ranges.names.cache_clear()
    yield
    ranges.names.cache_clear()


@pytest.fixture(autouse=True)
def shop(product):
    measured(product("table", sku="SMALL", price=50), width_cm=80, depth_cm=60, seats=2)
    measured(product("table", sku="WIDE", price=90), width_cm=121.92, depth_cm=60, seats=4)
    measured(product("table", sku="HUGE"), width_cm=240, depth_cm=100, seats=8, weight_kg=45.359237)
    product("table", sku="UNKNOWN")


def measured(product: Product, **numbers: float) -> Product:
    ProductNumber.objects.bulk_create(
        ProductNumber(product=product, name=name, value=value) for name, value in numbers.items()
    )
    return product


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("width_cm_max=121.92", ["SMALL", "WIDE"]),
        ("width_cm_max=121.9", ["SMALL"]),
        ("width_in_max=48", ["SMALL", "WIDE"]),
        ("width_mm_max=1219.2", ["SMALL", "WIDE"]),
        ("width_mm_min=1219.2", ["HUGE", "WIDE"]),
        ("width_m_min=0.8&width_ft_max=4", ["SMALL", "WIDE"]),
        ("width_cm_min=80&width_cm_max=80", ["SMALL"]),
        ("width_cm_min=-5", ["HUGE", "SMALL", "WIDE"]),
        ("weight_lb_max=100", ["HUGE"]),
        ("weight_g_max=45000", []),
        ("seats_min=3&seats_max=6", ["WIDE"]),
        ("seats_min=4&depth_cm_max=60", ["WIDE"]),
        ("width_cm_max=200&price_max=60", ["SMALL"]),
        ("width_cm_max=&seats_min= ", ["HUGE", "SMALL", "UNKNOWN", "WIDE"]),
        ("width_cm_max=1e2", ["SMALL"]),
        ("width_cm=80&width=2&ranges=9", ["HUGE", "SMALL", "UNKNOWN", "WIDE"]),
    ],
)
def test_products_pass_whose_numbers_lie_between_the_bounds(client, query, found):
    assert sorted(skus(client.get(f"{URL}?{query}"))) == found


@pytest.mark.parametrize(
    ("query", "attr", "code", "detail"),
    [
        ("width_cm_max=broad", "width_cm_max", "invalid", "Write a number, such as 120 or 47.5."),
        ("width_cm_max=NaN", "width_cm_max", "invalid", "Write a number, such as 120 or 47.5."),
        ("width_cm_max=-inf", "width_cm_max", "invalid", "Write a number, such as 120 or 47.5."),
        ("width_cm_max=1e308", "width_cm_max", "invalid", "Write a number, such as 120 or 47.5."),
        ("width_cm_max=1_0", "width_cm_max", "invalid", "Write a number, such as 120 or 47.5."),
        ("width_cm_max=%00", "width_cm_max", "invalid", "Write a number, such as 120 or 47.5."),
        (
            "widht_cm_max=9",
            "widht_cm_max",
            "unknown_number",
            "There is no number widht_cm; there are: depth_cm, seats, weight_kg, width_cm.",
        ),
        ("width_max=9", "width_max", "unknown_number", None),
        ("seats_cm_max=9", "seats_cm_max", "unknown_number", None),
        ("_min=9", "_min", "unknown_number", None),
        ("%00_min=9", "\x00_min", "unknown_number", None),
        (
            "width_kg_max=9",
            "width_kg_max",
            "other_quantity",
            "width_cm is not in kg: give it in mm, cm, m, in or ft.",
        ),
        ("width_cm_min=9&width_mm_max=89", "width_mm_max", "empty_range", "This is below width_cm_min."),
        (
            "width_cm_max=120&width_in_max=48",
            "width_in_max",
            "given_twice",
            "width_cm is given twice: send either width_cm_max or width_in_max, once.",
        ),
        ("width_cm_max=1&width_cm_max=1", "width_cm_max", "given_twice", None),
        ("&".join(f"n{n}_cm_max=x" for n in range(1)), "n0_cm_max", "invalid", None),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused_by_its_own_name(client, query, attr, code, detail):
    answer = client.get(f"{URL}?{query}")
    assert errors(answer) == (400, "validation_error", [(attr, code)])
    if detail:
        assert answer.json()["errors"][0]["detail"] == detail


def test_too_many_bounds_are_refused(client, product):
    measured(product("shelf"), **{f"n{number}_cm": 1.0 for number in range(21)})
    query = "&".join(f"n{number}_cm_max=9" for number in range(21))
    assert errors(client.get(f"{URL}?{query}")) == (400, "validation_error", [("n20_cm_max", "too_many")])
    assert client.get(f"{URL}?{query.rpartition('&')[0]}").status_code == 200


def test_other_refusals_come_along(client):
    answer = errors(client.get(f"{URL}?price_min=cheap&width_cm_max=broad"))
    assert sorted(answer[2]) == [("price_min", "invalid"), ("width_cm_max", "invalid")]


def test_a_long_name_is_not_repeated_whole(client):
    [error] = client.get(f"{URL}?{'x' * 3000}_max=1").json()["errors"]
    assert len(error["detail"]) < 200


def test_a_shop_without_numbers_says_so():
    ProductNumber.objects.all().delete()
    with pytest.raises(Refused, match="There is no number width_cm: no product has any yet"):
        ranges.parse([("width_cm_max", "9")])


def test_a_number_is_known_as_soon_as_a_product_has_it(product):
    with pytest.raises(Refused):
        ranges.parse([("diameter_cm_max", "9")])
    measured(product("lamp"), diameter_cm=30)
    [bound] = ranges.parse([("diameter_in_max", "10")])
    assert (bound.number, bound.unit, bound.value) == ("diameter_cm", "in", pytest.approx(25.4))


def test_known_numbers_are_kept_for_a_while():
    ranges.parse([("width_cm_max", "9")])
    with CaptureQueriesContext(connection) as asked:
        ranges.parse([("width_cm_max", "9"), ("seats_min", "1")])
    assert len(asked) == 0


@pytest.mark.parametrize(
    ("parameter", "bound", "value", "text"),
    [
        ("width_cm_max", "120", 122, "2 cm too wide"),
        ("width_in_max", "48", 124, "0.82 in too wide"),
        ("width_mm_max", "1200", 121.26, "12.6 mm too wide"),
        ("width_cm_min", "120", 119.5, "0.5 cm too narrow"),
        ("depth_cm_max", "60", 61, "1 cm too deep"),
        ("weight_kg_max", "40", 45.359237, "5.4 kg too heavy"),
        ("weight_lb_min", "101", 45.359237, "1 lb too light"),
        ("seats_min", "9", 8, "1 under"),
        ("seats_max", "7", 8, "1 over"),
        ("width_cm_max", "120", 120, None),
        ("width_cm_max", "120", 5, None),
    ],
)
def test_misses_are_told_in_the_unit_of_the_request(parameter, bound, value, text):
    [parsed] = ranges.parse([(parameter, bound)])
    missed = ranges.miss(parsed, value)
    assert (missed and missed.text) == text


def test_what_misses_one_bound_by_a_little_is_found(product):
    measured(product("table", sku="BOTH"), width_cm=125, depth_cm=63)
    measured(product("table", sku="DEEP"), width_cm=119, depth_cm=65)
    bounds = ranges.parse([("width_cm_max", "120"), ("depth_cm_max", "60")])
    assert set(Product.objects.filter(ranges.missed(bounds, 0.1)).values_list("sku", flat=True)) == {"WIDE", "DEEP"}
    [least] = ranges.parse([("seats_min", "8.5")])
    assert set(Product.objects.filter(ranges.missed([least], 0.1)).values_list("sku", flat=True)) == {"HUGE"}


def test_a_number_whose_name_ends_like_a_bound_is_bound_by_its_own_name(product):
    one = product(attributes={"power": 40})
    ProductNumber.objects.create(product=one, name="power_max", value=100)
    [bound] = ranges.parse([("power_max_min", "50")])
    assert (bound.number, bound.is_most) == ("power_max", False)


def test_every_number_is_known_however_many_there_are(product):
    one = product()
    ProductNumber.objects.bulk_create(ProductNumber(product=one, name=f"a{place}", value=1) for place in range(250))
    ProductNumber.objects.create(product=one, name="width_cm", value=1)
    assert ranges.parse([("width_cm_max", "50")])
