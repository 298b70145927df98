"""The values of the shop's attributes that a phrase stands for, and the condition that they make."""

import pytest

from catalog.models import AttributeValue, Product
from search import attribute_readings
from search.attribute_readings import FEW_VALUES, How, Reading, ShopValues, shop_values

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget():
    shop_values.cache_clear()
    yield
    shop_values.cache_clear()


def having(*pairs: tuple[str, str]) -> set[str]:
    found = Product.objects.filter(Reading(How.COLOUR, pairs).condition)
    return set(found.values_list("sku", flat=True))


def lacking(*pairs: tuple[str, str]) -> set[str]:
    found = Product.objects.filter(~Reading(How.COLOUR, pairs).condition)
    return set(found.values_list("sku", flat=True))


@pytest.mark.parametrize("others", [0, FEW_VALUES])
def test_few_values_and_many_make_the_same_condition(product, others):
    product(sku="oak", attributes={"color": "oak"})
    product(sku="7", attributes={"7": "it's 100 %"})
    product(sku="ash", attributes={"color": "ash", "material": "oak"})
    product(sku="none", attributes={})
    product(sku="list", attributes={"color": "oak, ash"})
    more = [("color", f"colour {number}") for number in range(others)]
    assert having(("color", "oak"), ("7", "it's 100 %"), *more) == {"oak", "7"}
    assert lacking(("color", "oak"), ("7", "it's 100 %"), *more) == {"ash", "none", "list"}


def test_a_kind_of_material_is_found_under_what_customers_say_for_it():
    values = ShopValues(((("material", "mango wood"), 2), (("material", "brass; oak"), 1)))
    both, brass = (("material", "mango wood"), ("material", "brass; oak")), (("material", "brass; oak"),)
    assert [one.pairs for one in values.readings("wooden")] == [both]
    assert [one.pairs for one in values.readings("metallic")] == [brass]
    assert [(one.how, one.pairs) for one in values.readings("mango wood")] == [(How.EXACT, both[:1])]
    assert values.readings("very dark wood") == ()
    assert values.readings("dark") == ()


def test_a_reading_that_adds_nothing_is_none():
    values = ShopValues(((("color", "green"), 2), (("color", "blue"), 1)))
    assert [one.how for one in values.readings("green")] == [How.EXACT]


def test_the_commonest_values_are_named(monkeypatch):
    monkeypatch.setattr(attribute_readings, "MOST_VALUES", 2)
    values = ShopValues(tuple((("color", f"{shade} green"), 1) for shade in ("sea", "apple", "moss")))
    assert [one.pairs for one in values.readings("green")] == [(("color", "sea green"), ("color", "apple green"))]


def test_a_process_keeps_the_values_for_a_while_and_their_order_for_longer():
    AttributeValue.objects.create(name="color", value="oak", products=2)
    kept = shop_values()
    assert [one.how for one in kept.readings("oak")] == [How.EXACT]
    assert shop_values() is kept
    shop_values.cache_clear()
    assert shop_values() is kept  # They are the same.
    AttributeValue.objects.create(name="color", value="ash", products=3)
    assert shop_values() is kept
    shop_values.cache_clear()
    assert [pair for pair, _ in shop_values().known] == [("color", "ash"), ("color", "oak")]
