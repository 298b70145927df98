"""Search by words, by meaning, and by both, over the API."""

import pytest
from django.core.cache import cache
from django.urls import reverse

from catalog import vocabulary
from catalog.synonyms import Synonym
from ml.recipes import WeightsError
from search import text_encoders
from tests.api_answers import errors, invalid
from tests.text_index import forget_synonyms, index_texts, installed_encoder

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(client):
    return lambda **query: client.get(reverse("search-text"), query)


@pytest.fixture(autouse=True)
def shop(product):
    product("sofa", sku="SOFA", name="Klippan", attributes={"type": "Two-seat sofa"}, price=400)
    product("sofa", sku="LEATHER", name="Landskrona", attributes={"type": "Sofa", "cover": "leather"}, price=900)
    product("lamp", sku="LAMP", name="Tertial work lamp", price=20)
    product("lamp", sku="COUCH-LAMP", name="Couch lamp", price=30)
    index_texts()
    vocabulary.refresh()
    yield
    cache.delete(vocabulary.MADE_OF)
    vocabulary._known.cache_clear()
    forget_synonyms()


def skus(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [hit["product"]["sku"] for hit in answer.json()["results"]]


def found_by(answer) -> dict[str, str]:
    return {hit["product"]["sku"]: hit["found_by"] for hit in answer.json()["results"]}


def test_products_with_the_words_come_before_those_that_mean_the_same(ask):
    answer = ask(q="couch")
    assert skus(answer) == ["COUCH-LAMP", "SOFA", "LEATHER"]
    assert found_by(answer) == {"COUCH-LAMP": "words", "SOFA": "meaning", "LEATHER": "meaning"}
    first, second, _ = answer.json()["results"]
    assert first["rank"] > 0 == second["rank"]
    assert 0 < second["similarity"] < 1
    assert answer.json()["mode"] == "both"


@pytest.mark.parametrize(
    ("mode", "expected"), [("words", ["COUCH-LAMP"]), ("meaning", ["COUCH-LAMP", "SOFA", "LEATHER"])]
)
def test_either_can_be_asked_for_alone(ask, mode, expected):
    answer = ask(q="couch", mode=mode)
    assert sorted(skus(answer)) == sorted(expected)
    assert set(found_by(answer).values()) == {mode}
    assert answer.json()["mode"] == mode


def test_meaning_alone_puts_a_word_no_higher_than_its_share(ask):
    """The lamp has the word, which is worth a tenth. By itself it is no nearer than the sofas."""
    similarities = {
        hit["product"]["sku"]: hit["similarity"] for hit in ask(q="couch", mode="meaning").json()["results"]
    }
    scores = {sku: similarity + 0.1 * (sku == "COUCH-LAMP") for sku, similarity in similarities.items()}
    assert list(scores) == sorted(scores, key=lambda sku: -scores[sku])


def test_filters_facets_and_pages_hold_for_both(ask, client):
    assert skus(ask(q="couch", price_max="500", category="sofa")) == ["SOFA"]
    answer = ask(q="couch", facets="true", page_size=2, price_min="25")
    body = answer.json()
    assert (body["count"], skus(answer)) == (3, ["COUCH-LAMP", "SOFA"])
    assert {one["slug"]: one["count"] for one in body["facets"]["categories"]} == {"sofa": 2, "lamp": 1}
    assert body["facets"]["price"] == {"min": "30.00", "max": "900.00"}
    assert skus(client.get(body["next"])) == ["LEATHER"]


def test_a_facet_is_counted_as_if_its_own_filter_were_not_set(ask):
    counted = ask(q="couch", facets="true", category="lamp").json()["facets"]["categories"]
    assert {one["slug"]: one["count"] for one in counted} == {"sofa": 2, "lamp": 1}


def test_a_sku_comes_first(ask):
    assert skus(ask(q="LEATHER"))[0] == "LEATHER"
    assert skus(ask(q="couch-l"))[0] == "COUCH-LAMP"


def test_a_shops_synonym_is_as_good_as_its_word(ask):
    Synonym.objects.create(words="couch", means="sofa")
    forget_synonyms()
    assert found_by(ask(q="couch")) == {"COUCH-LAMP": "words", "SOFA": "words", "LEATHER": "words"}


def test_a_caption_is_found_by_its_words_and_by_what_it_means(ask, product):
    pouf = product(name="ALSEDA", sku="ALSEDA", caption="A round footstool woven of banana leaves.")
    index_texts()
    assert skus(ask(q="footstool", mode="words")) == [pouf.sku]
    assert pouf.sku in skus(ask(q="footrest", mode="meaning"))


def test_a_slip_is_answered_with_what_was_meant(ask):
    assert ask(q="soffa", mode="words").json()["did_you_mean"] == "sofa"
    assert ask(q="soffa").json()["did_you_mean"] == "sofa"
    assert ask(q="sofa").json()["did_you_mean"] is None


@pytest.mark.parametrize("words", ["zzzzzz", "sofa", "soffa couch lamp xyzzy"])
def test_words_that_find_nothing_either_are_not_offered(ask, words):
    assert ask(q=words, mode="words").json()["did_you_mean"] is None


class TestWithoutEncoder:
    @pytest.fixture(autouse=True)
    def none(self, settings):
        settings.TEXT_ENCODER = "none"

    def test_words_alone_are_searched_and_the_answer_says_so(self, ask):
        answer = ask(q="couch")
        assert (skus(answer), answer.json()["mode"]) == (["COUCH-LAMP"], "words")

    def test_meaning_alone_is_refused(self, ask):
        assert errors(ask(q="couch", mode="meaning")) == invalid("mode", "no_encoder")

    def test_the_index_says_that_there_is_none(self, client, space):
        assert client.get(reverse("index")).json()["texts"] is None


class TestWithBrokenEncoder:
    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch):
        def fail() -> None:
            raise WeightsError("the file is gone: fetch it")

        monkeypatch.setattr(text_encoders, "text_encoder", fail)

    def test_words_alone_are_searched_and_the_answer_says_so(self, ask, caplog):
        answer = ask(q="couch")
        assert (skus(answer), answer.json()["mode"]) == (["COUCH-LAMP"], "words")
        assert "the file is gone" in caplog.text

    def test_meaning_alone_is_not_to_be_had(self, ask):
        answer = ask(q="couch", mode="meaning")
        assert answer.status_code == 503
        assert "the file is gone" not in answer.content.decode()


def test_an_unknown_mode_is_refused_by_name(ask):
    answer = ask(q="couch", mode="magic")
    assert errors(answer) == invalid("mode", "invalid_choice")
    assert "Send both, words or meaning." in answer.content.decode()


def test_the_index_says_how_far_the_texts_are(client, space, product):
    product("lamp", name="Lantern")
    texts = client.get(reverse("index")).json()["texts"]
    assert texts == {"encoder": installed_encoder().model.fingerprint, "products": 5, "pending": 1}
