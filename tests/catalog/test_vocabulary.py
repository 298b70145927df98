"""Slips of the finger, held against the words that the catalogue has."""

import pytest
from django.core.cache import cache

from catalog import vocabulary
from catalog.models import Product, VocabularyWord
from catalog.synonyms import Synonym

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget():
    def empty() -> None:
        cache.delete(vocabulary.MADE_OF)
        vocabulary._known.cache_clear()

    empty()
    yield
    empty()


@pytest.fixture
def shop(product):
    product("sofa", name="Corner sofa", attributes={"material": "Walnut", "seats": 3})
    product("sofa", name="Sofa/Couch", description="Comfortable.")
    product("lamp", name="Straßenlampe, Café")
    vocabulary.refresh()


def test_the_words_of_all_texts_and_categories_are_collected(shop):
    words = dict(VocabularyWord.objects.values_list("word", "products"))
    names = {"corner": 1, "sofa": 2, "couch": 1, "walnut": 1, "lamp": 1, "straßenlampe": 1, "café": 1}
    assert words == names | {"comfortable": 1}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("soffa", "sofa"),
        ("sofe", "sofa"),
        ("osfa", "sofa"),
        ("cornre soffa", "corner sofa"),
        ("wallnut sofa", "walnut sofa"),
        ("cfae", "café"),
        ("strasenlampe", "straßenlampe"),
        ("Soffa OR lapm", "sofa OR lamp"),
        ('"corner soffa"', '"corner sofa"'),
    ],
)
def test_the_nearest_word_is_offered(shop, typed, meant):
    assert vocabulary.did_you_mean(typed) == meant


@pytest.mark.parametrize(
    "typed", ["sofa", "SOFA", "cafe", "strassenlampe", "xylophone", "so", "-soffa", "12345", "sofa-1", ""]
)
def test_nothing_is_offered_for_known_far_short_and_excluded_words(shop, typed):
    assert vocabulary.did_you_mean(typed) is None


def test_of_equally_near_words_the_commoner_is_offered(product):
    rare = ["aable", "bable", "cable", "dable", "eable", "fable", "gable", "hable", "iable", "jable", "kable"]
    for name in ("table", "table", *rare):
        product("sofa", name=name)
    vocabulary.refresh()
    assert vocabulary.did_you_mean("xable") == "table"


def test_a_synonym_takes_nothing_from_how_common_a_word_is(product):
    for name in ("table", "table", "cable"):
        product("sofa", name=name)
    Synonym.objects.create(words="dining table", means="table")
    vocabulary.refresh()
    assert vocabulary.did_you_mean("xable") == "table"


def test_of_a_long_query_some_words_are_corrected(shop):
    assert (
        vocabulary.did_you_mean("soffa soffa cornre walnutt lapm coufh cefa")
        == "sofa sofa corner walnut lamp couch cefa"
    )


def test_a_category_that_is_renamed_is_learned(shop, category):
    sofas = category("sofa")
    sofas.name = "Settees"
    sofas.save()
    assert vocabulary.refresh() is True
    assert VocabularyWord.objects.filter(word="settees").exists()


@pytest.mark.django_db(transaction=True)
def test_another_process_that_collects_is_left_alone(shop, product, other):
    product(name="Ottoman")
    with other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", [vocabulary.LOCK])
        assert vocabulary.refresh() is False
    assert vocabulary.refresh() is True


def test_what_customers_say_is_known_as_well(shop):
    Synonym.objects.create(words="settee", means="sofa")
    vocabulary._known.cache_clear()
    assert vocabulary.did_you_mean("settee") is None
    assert vocabulary.did_you_mean("setee") == "settee"


def test_it_is_collected_anew_only_when_the_catalogue_changed(shop):
    assert vocabulary.refresh() is False
    product = Product.objects.first()
    assert product
    product.name = "Ottoman"
    product.save()
    assert vocabulary.refresh() is True
    assert VocabularyWord.objects.filter(word="ottoman").exists()


def test_the_commonest_words_are_kept(product, monkeypatch):
    monkeypatch.setattr(vocabulary, "COLLECT", vocabulary.COLLECT.replace(f"LIMIT {vocabulary.MOST}", "LIMIT 1"))
    product("sofa", name="Sofa table")
    product("sofa", name="Sofa bench")
    vocabulary.refresh()
    assert list(VocabularyWord.objects.values_list("word", flat=True)) == ["sofa"]
