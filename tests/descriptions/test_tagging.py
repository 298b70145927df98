"""Attributes that products lack are told by those that have them, and by nothing that is less than 0.9 right."""

import pytest

from catalog.models import Product
from descriptions import photo_colours, tag_learning, tagging
from descriptions.models import PhotoColours, Tag, Tagger, Tagging
from search.models import Space

pytestmark = pytest.mark.django_db


def told() -> dict[str, str]:
    return {tag.name: tag.value for tag in Tag.objects.filter(state=Tag.State.PROPOSED)}


def tag_all(tagger: Tagger) -> int:
    total = 0
    while count := tagging.tag_batch(tagger):
        total += count
    return total


def test_what_the_shops_own_attributes_prove_is_learned(tagger):
    assert tagger.told == ["color", "material"]
    assert {name: model["is_list"] for name, model in tagger.learned.items()} == {"color": False, "material": True}
    assert all(model["precision"] >= 0.9 for model in tagger.learned.values())
    assert len(tagger.examples) == 48


def test_attributes_that_a_product_lacks_are_told_as_the_shop_writes_them(tagger, shelf, index):
    bare = shelf(5, attributes={"width": 41})
    index()
    assert tag_all(tagger) == 49
    assert told() == {"color": "navy", "material": "black ash, wool"}
    assert Product.objects.get(pk=bare.pk).attributes == {"width": 41}
    tag = Tag.objects.get(name="color")
    assert (tag.product, tag.state) == (bare, Tag.State.PROPOSED)
    assert tag.evidence["values"][0]["words"] == "… in black ash and seat in navy wool."
    assert tag.evidence["values"][0]["votes"] == 5
    assert tag.evidence["precision"] >= 0.9


def test_what_people_wrote_is_left_alone(tagger, shelf, index):
    shelf(5, attributes={"color": "a shade of night"})
    index()
    tag_all(tagger)
    assert told() == {"material": "black ash, wool"}


def test_a_word_that_may_be_a_value_nobody_has_yet_keeps_others_from_being_told(tagger, shelf, index):
    shelf(0, description="A chair to sit on. Legs in oak and seat in cerise wool.", attributes={})
    index()
    tag_all(tagger)
    assert told() == {"material": "oak, wool"}


def test_what_nothing_speaks_for_is_not_told(tagger, photo, index):
    photo("#00ff00", "chair", name="Thing", description="")
    index()
    tag_all(tagger)
    assert told() == {}


def test_a_category_whose_products_have_no_such_attribute_lacks_none(tagger, photo, index):
    photo("#1c2541", "lamp", name="Lamp", description="Legs in oak and seat in navy wool.")
    index()
    tag_all(tagger)
    assert told() == {}


def test_attributes_that_words_and_photos_do_not_tell_are_never_proposed(shelf, index, space):
    for number in range(48):
        shelf(number, attributes={"supplier": f"Maker {number * 7 % 5}"})
    shelf(49, attributes={})
    index()
    tagger = tag_learning.learn(space)
    assert tagger.told == []
    tag_all(tagger)
    assert told() == {}


def test_a_shop_with_few_attributes_learns_nothing_and_tags_nothing(shelf, index, space):
    for number in range(5):
        shelf(number)
    index()
    tagger = tag_learning.learn(space)
    assert (tagger.learned, tag_all(tagger), told()) == ({}, 5, {})


def test_a_shop_without_products_learns_nothing(space):
    assert tag_learning.is_due(space)
    tagger = tag_learning.learn(space)
    assert (tagger.learned, tag_all(tagger)) == ({}, 0)
    assert not tag_learning.is_due(space)


@pytest.mark.parametrize(
    "change", [{"name": "Stool"}, {"description": "Legs in oak and seat in rust wool."}, {"attributes": {"a": "b"}}]
)
def test_a_product_whose_words_change_is_looked_at_again(tagger, labelled, change):
    tag_all(tagger)
    assert not tagging.pending(tagger).exists()
    Product.objects.filter(pk=labelled[7].pk).update(**change)
    assert list(tagging.pending(tagger)) == [labelled[7]]


def test_a_product_with_a_new_photo_is_looked_at_again(tagger, labelled, photo, index):
    tag_all(tagger)
    photo("#123456", of=labelled[3])
    index()
    assert list(tagging.pending(tagger)) == [labelled[3]]
    assert tag_all(tagger) == 1


def test_what_was_proposed_is_replaced(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all(tagger)
    Product.objects.filter(pk=bare.pk).update(description="A chair to sit on. Legs in oak and seat in rust wool.")
    tag_all(tagger)
    assert told()["material"] == "oak, wool"
    Product.objects.filter(pk=bare.pk).update(attributes={"color": "Rust", "material": "Oak"})
    tag_all(tagger)
    assert told() == {}


def test_what_was_rejected_is_not_proposed_again(tagger, shelf, index, space):
    shelf(5, attributes={})
    index()
    tag_all(tagger)
    Tag.objects.filter(name="color").update(state=Tag.State.REJECTED)
    tag_all(tag_learning.learn(space))
    assert told() == {"material": "black ash, wool"}
    assert Tag.objects.get(name="color").state == Tag.State.REJECTED


def test_it_learns_anew_once_a_tenth_of_the_attributes_changed(tagger, labelled, space):
    assert not tag_learning.is_due(space)
    Product.objects.filter(pk__in=[product.pk for product in labelled[:3]]).update(attributes={})
    assert not tag_learning.is_due(space)
    Product.objects.filter(pk__in=[product.pk for product in labelled[:9]]).update(attributes={})
    assert tag_learning.is_due(space)
    assert tag_learning.learn_if_due(space)
    assert tag_learning.learn_if_due(space) is None
    assert Tagger.objects.count() == 1


def test_it_learns_only_once_all_photos_are_indexed(labelled, photo, space):
    assert tag_learning.is_due(space)
    photo("#abcdef", "chair")
    assert not tag_learning.is_due(space)


def test_examples_that_were_deleted_do_no_harm(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    Product.objects.exclude(pk=bare.pk).delete()
    assert tag_all(tagger) == 1
    assert told() == {}


def test_products_that_are_not_indexed_wait(tagger, shelf):
    tag_all(tagger)
    shelf(5, attributes={})
    assert tag_all(tagger) == 0


def test_colours_are_read_once(labelled, space, monkeypatch):
    tag_learning.learn(space)
    assert PhotoColours.objects.count() == 48
    monkeypatch.setattr(photo_colours, "colours", None)
    tag_learning.learn(space)


def test_a_product_whose_photo_cannot_be_read_is_told_by_its_words(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    bare.photos.get().file.delete(save=False)
    tag_all(tagger)
    assert told()["material"] == "black ash, wool"


def test_a_tagger_goes_with_its_space(tagger, labelled):
    tag_all(tagger)
    Space.objects.filter(pk=tagger.space_id).update(state=Space.State.RETIRED)
    assert Tagging.objects.count() == 48
    Tagger.objects.all().delete()
    assert Tagging.objects.count() == 0


def test_deleting_a_product_deletes_its_tags(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all(tagger)
    bare.delete()
    assert not Tag.objects.exists()
