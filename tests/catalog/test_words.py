import pytest

from catalog.models import Product
from catalog.words import START, STOP, segments

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(product):
    product("table", sku="T-1", name="Dining table", description="Solid oak.")
    product("table", sku="T-2", name="Coffee table", attributes={"material": "walnut", "width": 120, "new": True})
    product("chair", sku="C-1", name="Dinner chair", description="Goes with the dining table.")
    product("chair", sku="C-2", name="Oak chair")


def found(words: str) -> set[str]:
    return set(Product.objects.search(words).values_list("sku", flat=True))


@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("cof", {"T-2"}),
        ("coffee tab", {"T-2"}),
        ("cof table", set()),  # Only the last word is still being typed.
        ("dinin", {"T-1"}),  # Found by the name as it is written: the stem, "dine", does not begin so.
        ("dining", {"T-1", "C-1"}),
        ("walnut", {"T-2"}),
        ("wal", {"T-2"}),
        ("120", {"T-2"}),
        ("material", set()),
        ("-oak cha", {"C-1"}),
        ("chair -oa", {"C-1", "C-2"}),
        ("coffee OR cha", {"T-2", "C-1", "C-2"}),
        ("coffee tab OR oak cha", {"C-2"}),
        ("coffee table OR oak cha", {"T-2", "C-2"}),
        ("oak or", {"T-1", "C-2"}),
        ('"dining table"', {"T-1", "C-1"}),
        ('"table dining"', set()),
        ('"dining table" cha', {"C-1"}),
        ("the", set()),  # A stop word that begins no name.
        ("T-", {"T-1", "T-2"}),
        ("_", set()),
        ("'", set()),
        ("oak:*", {"T-1", "C-2"}),
    ],
)
def test_what_words_find(words, skus):
    assert found(words) == skus


def test_a_name_comes_before_a_description_and_that_before_an_attribute(product):
    product(sku="by-attribute", attributes={"wood": "teak"})
    product(sku="by-description", description="Of teak.")
    product(sku="by-name", name="Teak stool")
    ranked = Product.objects.search("teak")
    assert [one.sku for one in ranked] == ["by-name", "by-description", "by-attribute"]
    assert [one.rank for one in ranked] == sorted({one.rank for one in ranked}, reverse=True)


def test_headlines_show_where_the_words_are():
    [table, chair] = Product.objects.search("dining tab").with_headlines("dining tab")
    assert table.name_headline == f"{START}Dining{STOP} {START}table{STOP}"
    assert chair.name_headline == "Dinner chair"
    assert chair.description_headline == f"Goes with the {START}dining{STOP} {START}table{STOP}"


def test_a_long_description_is_cut_to_the_part_that_matches(product):
    product(sku="long", description="Many words. " * 100 + "Of teak. " + "More words. " * 100)
    [one] = Product.objects.search("teak").with_headlines("teak")
    assert f"Of {START}teak{STOP}" in one.description_headline
    assert len(one.description_headline) < 300


def test_segments_are_plain_text_whatever_a_name_holds():
    assert segments(f"{START}Oak{STOP} <b>chair</b>") == [
        {"text": "Oak", "match": True},
        {"text": " <b>chair</b>", "match": False},
    ]
    assert segments(f"odd {STOP}name{START}") == [{"text": "odd name", "match": False}]
    assert segments("") == []
