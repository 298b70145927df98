"""The values of attributes, collected as texts that a customer's words may name."""

import pytest
from django.core.cache import cache

from catalog import attribute_values, vocabulary
from catalog.models import AttributeValue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget():
    cache.delete(vocabulary.MADE_OF)
    yield
    cache.delete(vocabulary.MADE_OF)


def collected() -> list[tuple[str, str, int]]:
    return [(name, value, products) for (name, value), products in attribute_values.known()]


def test_texts_are_collected_with_their_numbers_of_products_the_commonest_first(product):
    product(attributes={"color": "oak", "material": "oak"})
    product(attributes={"color": "oak", "material": "linen, oak"})
    product(attributes={"color": "Sage"})
    assert vocabulary.refresh() is True
    assert collected() == [
        ("color", "oak", 2),
        ("color", "Sage", 1),
        ("material", "linen, oak", 1),
        ("material", "oak", 1),
    ]


def test_numbers_addresses_and_sentences_are_none(product):
    product(
        attributes={
            "width": "174",
            "depth": "12,5 ",
            "seats": 3,
            "folds": True,
            "manual": "https://shop.example/manual",
            "care": "x" * 61,
            "label": "x" * 60,
            "size": "2 m",
            "nothing": "",
        }
    )
    vocabulary.refresh()
    assert collected() == [("label", "x" * 60, 1), ("size", "2 m", 1)]


def test_the_commonest_are_kept(product, monkeypatch):
    limited = attribute_values.COLLECT.replace(f"LIMIT {attribute_values.MOST}", "LIMIT 1")
    monkeypatch.setattr(attribute_values, "COLLECT", limited)
    for color in ("oak", "ash", "ash"):
        product(attributes={"color": color})
    vocabulary.refresh()
    assert collected() == [("color", "ash", 2)]


def test_they_are_collected_anew_when_the_catalogue_changed(product):
    made = product(attributes={"color": "oak"})
    vocabulary.refresh()
    assert vocabulary.refresh() is False
    made.attributes = {"color": "ash"}
    made.save()
    assert vocabulary.refresh() is True
    assert list(AttributeValue.objects.values_list("value", flat=True)) == ["ash"]
