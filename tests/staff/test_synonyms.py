"""What customers say for the shop's words, as staff enter it."""

import pytest
from django.urls import reverse

from catalog.synonyms import Synonym
from tests.text_index import forget_synonyms

pytestmark = pytest.mark.django_db
ADD = reverse("admin:catalog_synonym_add")


@pytest.fixture(autouse=True)
def without_synonyms():
    forget_synonyms()
    yield
    forget_synonyms()


def test_an_editor_enters_one_and_customers_find_by_it(editor, product, client):
    product("sofa", sku="S-1", name="Corner sofa")
    answer = editor.post(ADD, {"words": " Couch ", "means": "sofa", "both_ways": "on"})
    assert answer.status_code == 302
    assert str(Synonym.objects.get()) == "Couch = sofa"
    forget_synonyms()
    found = client.get(reverse("search-text"), {"q": "couches", "mode": "words"}).json()
    assert [hit["product"]["sku"] for hit in found["results"]] == ["S-1"]
    assert "Corner sofa" not in editor.get(reverse("admin:catalog_synonym_changelist")).content.decode()
    assert "Couch" in editor.get(reverse("admin:catalog_synonym_changelist")).content.decode()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"words": "sofa", "means": "Sofa"}, "That is the same word."),
        ({"words": "--", "means": "sofa"}, "Write a word: letters or digits."),
        ({"words": "", "means": "sofa"}, "This field is required."),
        ({"words": "x" * 101, "means": "sofa"}, "at most 100 characters"),
        ({"words": "Couch", "means": "SOFA"}, "There is this synonym already."),
        ({"words": "sofa", "means": "couch"}, "the other way round"),
    ],
)
def test_what_is_no_synonym_is_refused_with_its_cure(editor, given, told):
    Synonym.objects.create(words="couch", means="sofa")
    answer = editor.post(ADD, given)
    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert Synonym.objects.count() == 1
