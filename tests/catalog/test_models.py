import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from catalog.models import Category, Product

pytestmark = pytest.mark.django_db


def skus(products):
    return [product.sku for product in products]


@pytest.fixture
def shop(product):
    product("chair", sku="CH-12", name="Oak chair", description="Solid, with a woven seat.")
    product("chair", sku="CH-13", name="Pine chair", description="Light. Goes with an oak table.")
    product("lamp", sku="001.024.52", name="Lantern", description="Glows.")


def test_words_are_found_in_whatever_form_they_are_written(shop):
    assert skus(Product.objects.search("chairs")) == ["CH-12", "CH-13"]


def test_a_word_in_the_name_comes_before_the_same_word_in_the_description(shop):
    assert skus(Product.objects.search("oak")) == ["CH-12", "CH-13"]


def test_words_may_be_excluded_and_quoted(shop):
    assert skus(Product.objects.search("chair -pine")) == ["CH-12"]
    assert skus(Product.objects.search('"oak table"')) == ["CH-13"]


def test_a_sku_is_found_by_its_start_in_any_case(shop):
    assert skus(Product.objects.search("ch-1")) == ["CH-12", "CH-13"]
    assert skus(Product.objects.search(" 001.02 ")) == ["001.024.52"]


def test_nothing_is_found_for_words_that_are_nowhere(shop):
    assert skus(Product.objects.search("sofa")) == []
    assert skus(Product.objects.search("%")) == []


def test_a_search_reads_its_indexes(shop):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Product.objects.search("oak").explain()
    assert "product_search" in plan
    assert "product_sku_prefix" in plan


def test_a_changed_name_is_found_at_once(product):
    made = product(name="Stool")
    made.name = "Bench"
    made.save()
    assert skus(Product.objects.search("bench")) == [made.sku]
    assert skus(Product.objects.search("stool")) == []


def test_the_longest_description_can_be_stored(product):
    description = "".join(f"word{number:05} " for number in range(2000))
    made = product(description=description.ljust(20_000, "x"))
    made.full_clean()
    made.description += "x"
    with pytest.raises(ValidationError, match="at most 20000 characters"):
        made.full_clean()


def test_categories_are_ordered_by_name_and_counted(category, product):
    product("sofa")
    product("chair")
    product("chair")
    category("lamp")
    counts = [(counted.name, counted.product_count) for counted in Category.objects.with_product_counts()]
    assert counts == [("Chair", 2), ("Lamp", 0), ("Sofa", 1)]
