"""The language of the shop's texts, in a real PostgreSQL."""

import threading

import pytest

from catalog import text_language
from catalog.models import Product
from catalog.text_language import UnknownLanguageError

pytestmark = pytest.mark.django_db


def found(words: str) -> set[str]:
    return set(Product.objects.search(words).values_list("sku", flat=True))


def use(language: str) -> list[int]:
    return list(text_language.change(language))


@pytest.fixture(autouse=True)
def shop(product):
    product(sku="S-1", name="Blaue Stühle", description="Für das Esszimmer.")
    product(sku="S-2", name="Chaises de jardin")
    product(sku="S-3", name="Garden chairs")


def test_it_is_english_at_first():
    assert text_language.current() == "english"
    assert found("chair") == {"S-3"}
    assert found("blau") == {"S-1"}  # A word that is still being typed.
    assert found("blauer stuhl") == set()


def test_stems_and_stop_words_are_those_of_the_language():
    use("german")
    assert text_language.current() == "german"
    assert found("blauer stuhl") == {"S-1"}
    assert found("stuhl für") == {"S-1"}
    use("french")
    assert found("chaise de jardin") == {"S-2"}


def test_all_products_are_made_anew_in_small_transactions(monkeypatch):
    monkeypatch.setattr(text_language, "AT_ONCE", 2)
    assert use("german") == [2, 3]
    assert found("blauer stuhl") == {"S-1"}


def test_a_change_that_was_stopped_is_not_taken_for_done():
    next(text_language.change("german"))
    assert text_language.current() not in text_language.available()


def test_simple_stems_nothing():
    use("simple")
    assert found("chairs garden") == {"S-3"}
    assert found("chair garden") == set()


@pytest.mark.parametrize("language", ["klingon", "", "german; DROP TABLE catalog_product", "lamplight"])
def test_a_language_without_dictionaries_is_refused_by_name(language):
    with pytest.raises(UnknownLanguageError, match=r"choose from .*german"):
        use(language)
    assert text_language.current() == "english"


def test_words_of_russian_and_english_are_both_stemmed(product):
    product(sku="R-1", name="Садовые стулья", description="Garden chairs")
    use("russian")
    assert found("садовый стул") == found("chair") - {"S-3"} == {"R-1"}


INSERT = """
    INSERT INTO catalog_product (sku, name, category_id, description, currency, in_stock, url, attributes, created_at,
        updated_at)
    SELECT 'S-9', 'Blaue Hocker', category_id, '', currency, true, '', '{}', now(), now()
    FROM catalog_product WHERE sku = 'S-1'
"""


@pytest.mark.django_db(transaction=True)
def test_what_was_being_written_meanwhile_is_made_anew_as_well(other):
    other.execute("BEGIN")
    other.execute(INSERT)
    ended = threading.Timer(1, other.execute, ["COMMIT"])
    ended.start()
    try:
        use("german")
        assert found("blauer hocker") == {"S-9"}
    finally:
        ended.join()
        use("english")
