"""Where no model describes products, a plain caption says what they have not said themselves."""

import numpy as np
import pytest
from django.urls import reverse

from catalog.models import Product
from descriptions import tag_decisions, tag_learning, tagging
from descriptions.evidence import Described
from descriptions.models import PLAIN, Tag, Tagging
from descriptions.plain_captions import colour, written
from ml.product_colours import SHARES, colours
from search.models import Space
from tests.ml.test_product_colours import studio

USUAL = np.full(12, 1 / 12)


def shown(rgb: str, **attributes: object) -> Described:
    return Described(1, 1, attributes, (), np.ones((1, 4)), colours(studio(rgb)), {})


def tag_all() -> None:
    space = Space.objects.get()
    tagger = tag_learning.learn_if_due(space) or tag_learning.newest_tagger(space)
    assert tagger
    for _ in tagging.look(tagger):
        pass


@pytest.mark.parametrize(
    ("said", "caption"),
    [
        (("green", ["oak", "velvet, brass"]), "Sofa: green, oak, velvet, brass."),
        ((None, ["oak", "oak"]), "Sofa: oak."),
        (("green", []), "Sofa: green."),
        ((None, []), ""),
    ],
)
def test_a_caption_is_category_colour_and_values(said, caption):
    assert written("Sofa", *said) == caption


def test_the_colour_that_stands_out_is_said():
    assert colour(shown("#1f6f3a"), USUAL) == "green"
    assert colour(shown("#1f6f3a"), np.eye(12)[6]) != "green"  # All products of this shop are.


@pytest.mark.parametrize("attributes", [{"color": "sage"}, {"finish": "matt, light grey"}])
def test_a_colour_that_the_attributes_name_is_not_said_again(attributes):
    assert colour(shown("#1f6f3a", **attributes), USUAL) is None
    assert colour(shown("#1f6f3a"), USUAL, ["oak", "sage"]) is None


def test_photos_that_cannot_be_read_show_no_colour():
    assert colour(Described(1, 1, {}, (), np.ones((1, 4)), np.zeros(SHARES), {}), USUAL) is None


@pytest.mark.django_db
def test_a_caption_is_written_and_found_by_both_halves(labelled, shelf, index, client):
    bare = shelf(5, attributes={})
    index()
    tag_all()
    bare.refresh_from_db()
    assert (bare.caption, bare.caption_source) == ("Chair: navy, black ash, wool.", PLAIN)
    assert Product.objects.exclude(caption="").count() == 1
    assert client.get(reverse("product-detail", args=[bare.sku])).json()["caption_source"] == PLAIN
    found = client.get(reverse("search-text"), {"q": "navy chairs", "mode": "words"}).json()
    assert bare.sku in [hit["product"]["sku"] for hit in found["results"]]


@pytest.mark.django_db
def test_a_caption_changes_nothing_that_the_shop_wrote(labelled, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all()
    after = Product.objects.get(pk=bare.pk)
    assert (after.updated_at, after.attributes, after.description) == (bare.updated_at, {}, bare.description)
    assert Tagging.objects.count() == Product.objects.count()


@pytest.mark.django_db
def test_what_is_accepted_or_rejected_leaves_the_caption(labelled, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all()
    tag_decisions.reject([Tag.objects.get(name="color").pk])
    tag_all()
    assert Product.objects.get(pk=bare.pk).caption == "Chair: black ash, wool."
    tag_decisions.accept([Tag.objects.get(name="material").pk])
    tag_all()
    after = Product.objects.get(pk=bare.pk)
    assert (after.caption, after.caption_source) == ("", "")


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["", "http://127.0.0.1:1/v1"])
def test_what_a_model_wrote_stays_and_is_read(labelled, shelf, index, settings, url):
    settings.CAPTION_URL = url
    bare = shelf(5, attributes={}, description="", caption="Legs in walnut and seat in rust wool.")
    Product.objects.filter(pk=bare.pk).update(caption_source="qwen2.5vl:7b")
    index()
    tag_all()
    after = Product.objects.get(pk=bare.pk)
    assert (after.caption, after.caption_source) == (bare.caption, "qwen2.5vl:7b")
    assert Tag.objects.get(name="material").value == "walnut, wool"


@pytest.mark.django_db
def test_where_a_model_describes_photos_no_plain_caption_is_written(labelled, shelf, index, settings):
    settings.CAPTION_URL = "http://127.0.0.1:1/v1"
    shelf(5, attributes={})
    index()
    tag_all()
    assert not Product.objects.exclude(caption="").exists()


@pytest.mark.django_db
def test_a_shop_without_attributes_has_the_colours_of_its_photos(photo, index):
    for number in range(12):
        photo(f"#9{number:x}9090", "lamp", name=f"Lamp {number}")
    green = photo("#1f6f3a", "lamp", name="Lamp").product
    index()
    tag_all()
    assert Product.objects.get(pk=green.pk).caption == "Lamp: green."
