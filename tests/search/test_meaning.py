"""What products are found by the meaning of a query's words."""

import numpy as np
import pytest
from django.db.models import Q

from catalog.models import Product
from catalog.synonyms import Synonym
from search.meaning import MOST, Meaning
from search.models import TextEmbedding
from search.store.scans import NO_FILTERS
from tests.text_index import forget_synonyms, index_texts, installed_encoder

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(product):
    product("sofa", sku="SOFA", name="KLIPPAN", attributes={"type": "Two-seat sofa"}, price=400)
    product("sofa", sku="LEATHER", name="LANDSKRONA", attributes={"type": "Sofa", "cover": "leather"}, price=900)
    product("lamp", sku="LAMP", name="TERTIAL", attributes={"type": "Work lamp"}, price=20)
    product("bed", sku="BED", name="MALM", attributes={"type": "Bed frame"}, price=200)
    index_texts()


@pytest.fixture(autouse=True)
def without_synonyms():
    forget_synonyms()
    yield
    forget_synonyms()


def near(words: str, filters: Q = NO_FILTERS) -> list[str]:
    found = Meaning(installed_encoder(), words).near(filters)
    skus = dict(Product.objects.values_list("pk", "sku"))
    return [skus[product] for product in found]


@pytest.mark.parametrize(("words", "first"), [("couch", "SOFA"), ("desk light", "LAMP"), ("place to sleep", "BED")])
def test_the_product_that_is_meant_comes_first(shop, words, first):
    assert near(words)[0] == first


def test_similarities_are_cosines_by_which_products_come(shop):
    meaning = Meaning(installed_encoder(), "couch")
    similarities = list(meaning.near(Q()).values())
    assert similarities == sorted(similarities, reverse=True)  # None of them has the word.
    [sofa] = TextEmbedding.objects.filter(product__sku="SOFA").values_list("vector", flat=True)
    assert meaning.vector is not None
    assert similarities[0] == pytest.approx(float(meaning.vector @ np.asarray(sofa)), abs=2e-3)


def test_filters_hold_and_are_no_reason_to_find_less(shop):
    assert near("couch", Q(price__gt=500)) == ["LEATHER"]
    assert near("couch", Q(price__gt=5000)) == []


def test_what_is_near_enough_does_not_depend_on_the_filters(shop):
    everything = near("couch")
    assert "LAMP" not in everything
    assert near("couch", Q(price__lt=100)) == []


@pytest.mark.parametrize("words", ["couch -leather", '-"leather" couch', "couch -Leather -the"])
def test_what_a_minus_leaves_out_is_left_out(shop, words):
    assert near(words) == ["SOFA"]


def test_a_phrase_in_quotes_is_demanded(shop):
    assert near('couch "two-seat"') == ["SOFA"]


@pytest.mark.parametrize("words", ["couch - grey", "couch -the", 'couch ""', "couch -"])
def test_signs_that_leave_nothing_out_change_nothing(shop, words):
    assert near(words) == near(words.replace("-", "").replace("the", "").replace('"', ""))
    assert near(words) != []


@pytest.mark.parametrize("words", ["-leather", '""', "or", "-", "  "])
def test_signs_alone_mean_nothing(shop, words):
    assert near(words) == []


def test_words_that_nothing_is_meant_by_find_nothing(shop):
    assert near("tax return") == []


def test_of_equally_near_products_those_that_share_a_word_come_first(product):
    for sku, colour in (("1", "red"), ("2", "green"), ("3", "blue")):
        product(sku=sku, name="Chair", attributes={"color": colour})
    index_texts()
    assert near("green seat")[0] == "2"


def test_no_more_are_found_than_pages_of_them_are_worth(product):
    for _ in range(MOST + 5):
        product(name="Two-seat sofa")
    index_texts()
    assert len(near("couch")) == MOST


def test_the_shops_synonyms_are_meant(shop):
    assert near("brimble")[:1] != ["LAMP"]
    Synonym.objects.create(words="brimble", means="lamp")
    forget_synonyms()
    assert near("brimble")[0] == near("brimbles")[0] == "LAMP"


def test_a_synonym_of_what_a_minus_leaves_out_is_left_out_as_well(shop):
    Synonym.objects.create(words="hide", means="leather")
    forget_synonyms()
    assert near("couch -hide") == ["SOFA"]


def test_texts_of_another_encoder_are_not_compared(shop, settings):
    TextEmbedding.objects.update(encoder="another")
    assert near("couch") == []
