"""Facets of numbers: ranges with counts."""

import pytest

from catalog import number_facets, ranges
from catalog.models import AttributeType, ProductNumber

URL = "/api/v1/products/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def counted(client):
    ranges.names.cache_clear()

    def ask(query: str = "") -> dict[str, dict]:
        facets = client.get(f"{URL}?facets=true&{query}").json()["facets"]
        return {one["name"]: one for one in facets["numbers"]}

    return ask


@pytest.fixture
def shop(product):
    for number, width in enumerate([44, 46, 55, 61, 79.5, 120, 183]):
        made = product("chair" if width < 80 else "sofa", attributes={"width": width, "color": f"c{number}"})
        ProductNumber.objects.create(product=made, name="width_cm", value=width)
        ProductNumber.objects.create(product=made, name="seats", value=1 + number // 5)


def buckets(facet: dict) -> list[tuple[float, float, int]]:
    return [(one["min"], one["max"], one["count"]) for one in facet["buckets"]]


def test_a_number_has_buckets_with_round_bounds(shop, counted):
    facets = counted()
    width = facets["width_cm"]
    assert (width["unit"], width["count"], width["min"], width["max"]) == ("cm", 7, 44, 183)
    assert buckets(width) == [
        (40, 60, 3),
        (60, 80, 2),
        (80, 100, 0),
        (100, 120, 0),
        (120, 140, 1),
        (140, 160, 0),
        (160, 180, 0),
        (180, 200, 1),
    ]
    assert buckets(facets["seats"])[0] == (1, 2, 5)
    assert facets["seats"]["unit"] == ""


def test_a_number_is_counted_without_its_own_bounds_and_with_all_others(shop, counted):
    facets = counted("width_cm_max=60&category=chair")
    assert facets["width_cm"]["count"] == 5
    assert facets["seats"]["count"] == 3
    assert counted("seats_min=2")["width_cm"]["count"] == 2
    assert counted("width_cm_max=60&seats_min=2")["seats"]["count"] == 3


def test_one_value_is_one_bucket(product, counted):
    ProductNumber.objects.create(product=product(), name="height_cm", value=0.3)
    ProductNumber.objects.create(product=product(), name="weight_kg", value=0)
    facets = counted()
    assert [sum(count for *_, count in buckets(facets[name])) for name in ("height_cm", "weight_kg")] == [1, 1]
    assert len(facets["height_cm"]["buckets"]) == 1


@pytest.mark.parametrize("scale", [0.001, 1, 12_345])
def test_there_are_eight_buckets_at_most_and_all_values_are_in_them(product, counted, scale):
    values = [scale * (1 + n * n / 7) for n in range(40)]
    for value in values:
        ProductNumber.objects.create(product=product(), name="length_cm", value=value)
    made = buckets(counted()["length_cm"])
    assert 4 <= len(made) <= 8
    assert [count for *_, count in made] == [
        sum(low - 1e-9 * scale <= v < high - 1e-9 * scale for v in values) for low, high, _ in made
    ]
    assert sum(count for *_, count in made) == 40


def test_attributes_that_are_numbers_are_not_counted_value_by_value(shop, client):
    def names(query: str = "") -> set[str]:
        facets = client.get(f"{URL}?facets=true{query}").json()["facets"]
        return {one["name"] for one in facets["attributes"]}

    assert names() == {"width", "color"}
    AttributeType.objects.create(name="width", kind=AttributeType.Kind.NUMBER, number="width_cm", unit="cm")
    assert names() == {"color"}
    assert names("&attributes=width:44") == {"width", "color"}, "what is filtered by is told"


def test_many_products_are_counted_in_a_sample(shop, counted, monkeypatch):
    monkeypatch.setattr(number_facets, "MOST_COUNTED", 4)
    assert counted()["width_cm"]["count"] == 4


def test_nothing_found_has_no_numbers(shop, counted):
    assert counted("q=nothing") == {}
