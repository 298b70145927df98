"""Texts become vectors by the same rule as photos: what is pending is a query."""

import numpy as np
import pytest

from catalog.models import Product
from ml.recipes import WeightsError
from search import claiming, text_encoders, text_indexing
from search.models import TextEmbedding
from search.text_indexing import Progress, texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def encoder():
    return text_encoders.text_encoder()


@pytest.fixture
def sofa(product) -> Product:
    return product("sofa", sku="S-1", name="KLIPPAN", description="Seats two.", attributes={"type": "Two-seat sofa"})


def pending(encoder) -> list[str]:
    return sorted(text_indexing.pending(encoder).values_list("sku", flat=True))


def test_a_product_is_pending_until_its_texts_have_a_vector(encoder, sofa):
    assert pending(encoder) == ["S-1"]
    assert text_indexing.progress() == Progress(encoder.model.fingerprint, products=1, pending=1)
    assert (text_indexing.index_batch(encoder), text_indexing.index_batch(encoder)) == (1, 0)
    assert pending(encoder) == []
    assert text_indexing.progress() == Progress(encoder.model.fingerprint, products=1, pending=0)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "EKTORP"},
        {"description": "Seats three."},
        {"attributes": {"type": "Three-seat sofa"}},
        {"caption": "A red sofa."},
    ],
)
def test_texts_that_change_are_encoded_anew(encoder, sofa, change):
    text_indexing.index_batch(encoder)
    before = TextEmbedding.objects.get().vector
    Product.objects.filter(pk=sofa.pk).update(**change)
    assert pending(encoder) == ["S-1"]
    text_indexing.index_batch(encoder)
    assert TextEmbedding.objects.get().vector != before


@pytest.mark.parametrize("change", [{"price": "12.00"}, {"in_stock": False}, {"url": "https://shop.example/1"}])
def test_what_is_no_text_changes_nothing(encoder, sofa, change):
    text_indexing.index_batch(encoder)
    Product.objects.filter(pk=sofa.pk).update(**change)
    assert pending(encoder) == []


def test_a_text_changed_while_it_was_encoded_is_pending_again(encoder, sofa, monkeypatch):
    def embed(encoder, products):
        Product.objects.filter(pk=sofa.pk).update(description="Seats four.")
        return embed_really(encoder, products)

    embed_really = text_indexing.embed
    monkeypatch.setattr(text_indexing, "embed", embed)
    text_indexing.index_batch(encoder)
    assert pending(encoder) == ["S-1"]


def test_a_deleted_product_leaves_no_vector(encoder, sofa):
    text_indexing.index_batch(encoder)
    sofa.delete()
    assert not TextEmbedding.objects.exists()


def test_a_new_form_of_the_texts_has_all_made_anew(encoder, sofa, monkeypatch):
    text_indexing.index_batch(encoder)
    monkeypatch.setattr(text_indexing, "FORM", "another-")
    assert pending(encoder) == ["S-1"]


def test_a_batch_takes_no_more_than_asked(encoder, product):
    for _ in range(3):
        product()
    assert [text_indexing.index_batch(encoder, 2), text_indexing.index_batch(encoder, 2)] == [2, 1]


@pytest.mark.django_db(transaction=True)
def test_what_another_worker_holds_is_passed_over(encoder, product, other):
    first, second = product(sku="A"), product(sku="B")
    with other.transaction():
        other.execute("SELECT 1 FROM catalog_product WHERE id = %s FOR NO KEY UPDATE", [first.pk])
        assert text_indexing.index_batch(encoder) == 1
        assert TextEmbedding.objects.get().product_id == second.pk
    claiming._frontiers.clear()
    assert text_indexing.index_batch(encoder) == 1


def test_the_vector_is_the_mean_of_both_texts_vectors(encoder, sofa):
    text_indexing.index_batch(encoder)
    short, long = encoder.encode(texts(sofa), "document")
    mean = (short + long) / np.linalg.norm(short + long)
    assert np.asarray(TextEmbedding.objects.get().vector) == pytest.approx(mean, abs=2e-3)


class TestTexts:
    def test_the_name_is_in_the_short_one_alone(self, sofa):
        assert texts(sofa) == ("KLIPPAN Two-seat sofa", "Two-seat sofa. Seats two.")

    def test_the_caption_ends_the_longer_one(self, sofa, product):
        sofa.caption = "A red sofa on wooden legs."
        assert texts(sofa) == ("KLIPPAN Two-seat sofa", "Two-seat sofa. Seats two. A red sofa on wooden legs.")
        assert texts(product(name="Bed", caption="A white bed.")) == ("Bed", "A white bed.")

    def test_numbers_and_addresses_are_in_neither(self, product):
        attributes = {"size": "90x200 cm", "made": "https://shop.example", "new": True, "width": 90, "wood": "oak"}
        assert texts(product(name="Bed", attributes=attributes)) == ("Bed oak", "oak")

    def test_words_beside_a_number_are_in_both(self, product):
        sofa = product(name="KUNGSHOLMEN", attributes={"type": "2-seat sofa, outdoor"})
        assert texts(sofa) == ("KUNGSHOLMEN 2-seat sofa, outdoor", "2-seat sofa, outdoor")

    def test_a_bare_name_is_both(self, product):
        assert texts(product(name="Bed", description="", attributes={})) == ("Bed", "Bed")

    def test_a_long_value_is_no_word(self, product):
        assert texts(product(name="Bed", attributes={"care": "wash " * 20, "wood": "oak"})) == ("Bed oak", "oak")


def test_a_shop_without_an_encoder_has_no_progress(settings, sofa):
    settings.TEXT_ENCODER = "none"
    assert text_encoders.text_encoder() is None
    assert text_indexing.progress() is None


def test_a_folder_that_holds_no_encoder_is_refused(settings, tmp_path):
    settings.TEXT_ENCODER = str(tmp_path)
    with pytest.raises(WeightsError, match=r"has no config\.json"):
        text_encoders.text_encoder()
    assert text_indexing.progress() is None
