"""Attributes that products lack are told by those that have them, and by nothing that is less than 0.9 right."""

import pytest
from django.db.models import CASCADE

from catalog.models import Product
from descriptions import photo_colours, tag_decisions, tag_learning, tagging
from descriptions.models import PhotoColours, Tag, Tagger, Tagging
from ml.product_colours import colours
from tests.descriptions.conftest import LEGS

pytestmark = pytest.mark.django_db


def told() -> dict[str, str]:
    return {tag.name: tag.value for tag in Tag.objects.filter(state=Tag.State.PROPOSED)}


def tag_all(tagger: Tagger) -> int:
    return sum(tagging.look(tagger))


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


def test_it_learns_anew_once_a_tenth_of_the_products_changed(tagger, labelled, space):
    assert not tag_learning.is_due(space)
    for product in labelled[:4]:
        product.save()
    assert not tag_learning.is_due(space)
    for product in labelled[4:6]:
        product.delete()
    assert tag_learning.is_due(space)
    assert tag_learning.learn_if_due(space)
    assert tag_learning.learn_if_due(space) is None
    assert Tagger.objects.count() == 1


def test_it_learns_once_nine_tenths_of_the_photos_are_indexed(labelled, photo, space):
    for number in range(5):
        photo(f"#abcde{number}", "chair")
    assert tag_learning.is_due(space)
    photo("#abcdef", "chair")
    assert not tag_learning.is_due(space)


def test_what_was_accepted_teaches_nothing(tagger, labelled, space):
    evidence = {"precision": 0.9, "values": []}
    for product in labelled[:20]:
        Tag.objects.create(
            product=product, name="color", value="-", confidence=1, evidence=evidence, state=Tag.State.ACCEPTED
        )
    learned = tag_learning.learn(space).learned
    assert {name: model["products"] for name, model in learned.items()} == {"material": 48}


def test_a_product_that_moves_is_looked_at_again(tagger, labelled, category, index):
    tag_all(tagger)
    Product.objects.filter(pk=labelled[0].pk).update(category=category("sofa"))
    assert tag_all(tagger) == 0  # Its vector is still filed under the former category.
    index()
    assert tag_all(tagger) == 1


def test_a_product_whose_photo_is_replaced_is_looked_at_again(tagger, labelled, photo, index):
    tag_all(tagger)
    labelled[0].photos.all().delete()
    photo("#00ff00", of=labelled[0])
    index()
    assert tag_all(tagger) == 1


def test_a_product_without_photos_is_told_nothing_any_more(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all(tagger)
    bare.photos.all().delete()
    tag_all(tagger)
    assert told() == {}
    assert Product.objects.get(pk=bare.pk).caption == ""


def test_an_import_that_empties_an_accepted_attribute_has_it_proposed_again(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all(tagger)
    tag_decisions.accept([*Tag.objects.values_list("pk", flat=True)])
    tag_all(tagger)
    assert told() == {}
    Product.objects.filter(pk=bare.pk).update(attributes={"color": "black"})
    tag_all(tagger)
    assert told() == {"material": "black ash, wool"}
    assert Tag.objects.get(name="material").evidence["accepted"]
    assert tag_decisions.accept([Tag.objects.get(name="material").pk]).tags
    assert Product.objects.get(pk=bare.pk).attributes == {"color": "black", "material": "black ash, wool"}


def test_a_tag_that_is_told_again_keeps_its_row(tagger, shelf, index, space):
    shelf(5, attributes={})
    index()
    tag_all(tagger)
    before = set(Tag.objects.values_list("pk", flat=True))
    tag_all(tag_learning.learn(space))
    assert set(Tag.objects.values_list("pk", flat=True)) == before


def test_a_rejected_value_does_not_come_back_in_another_spelling(tagger, shelf, index, space, labelled):
    shelf(5, attributes={})
    index()
    tag_all(tagger)
    Tag.objects.filter(name="color").update(state=Tag.State.REJECTED)
    for product in labelled:
        product.attributes["color"] = product.attributes["color"].upper()
        product.save()
    tag_all(tag_learning.learn(space))
    assert told() == {"material": "black ash, wool"}


@pytest.mark.parametrize("separator", ["; ", ";", ","])
def test_a_list_is_written_as_the_shop_writes_it(shelf, index, space, separator):
    for number in range(48):
        legs = LEGS[number % 3]
        shelf(number, attributes={"material": f"{legs}{separator}wool"})
    shelf(49, attributes={})
    index()
    tag_all(tag_learning.learn(space))
    assert told() == {"material": f"walnut{separator}wool"}


def test_a_newer_tagger_ends_the_look_of_an_older_one(tagger, labelled, space):
    looking = tagging.look(tagger, size=10)
    assert next(looking) == 10
    newer = tag_learning.learn(space)
    assert list(looking) == []
    assert list(tagging.look(tagger)) == []
    assert tag_all(newer) == 48


def test_a_product_that_changes_while_it_is_told_stays_pending(tagger, labelled, monkeypatch):
    described = tagging.described

    def changing(*arguments):
        Product.objects.filter(pk=labelled[0].pk).update(description="Legs in oak and seat in rust wool.")
        return described(*arguments)

    monkeypatch.setattr(tagging, "described", changing)
    assert tag_all(tagger) == 47
    assert list(tagging.pending(tagger)) == [labelled[0]]


def test_a_photo_that_is_deleted_while_it_is_read_does_no_harm(labelled, space, monkeypatch):
    def deleting(image):
        labelled[0].photos.all().delete()
        return colours(image)

    monkeypatch.setattr(photo_colours, "colours", deleting)
    tag_learning.learn(space)
    assert PhotoColours.objects.count() == 47


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


def test_a_product_whose_photo_cannot_be_read_is_told_by_its_words(tagger, shelf, index, caplog):
    bare = shelf(5, attributes={})
    index()
    bare.photos.get().file.delete(save=False)
    tag_all(tagger)
    assert told()["material"] == "black ash, wool"
    assert caplog.text.count("shows no colours") == 1
    assert PhotoColours.objects.get(photo=bare.photos.get()).shares == b""


def test_a_tagger_goes_with_its_space(tagger, labelled):
    tag_all(tagger)
    assert Tagging.objects.count() == 48
    Tagger.objects.all().delete()
    assert Tagging.objects.count() == 0
    assert Tagger._meta.get_field("space").remote_field.on_delete is CASCADE


def test_deleting_a_product_deletes_its_tags(tagger, shelf, index):
    bare = shelf(5, attributes={})
    index()
    tag_all(tagger)
    bare.delete()
    assert not Tag.objects.exists()


def test_all_attributes_are_told_by_one_copy_of_the_examples(tagger):
    evidence = [evidence for evidence, _ in tagging.Teller(tagger).attributes.values()]
    assert len(evidence) == 2
    assert evidence[0].examples is evidence[1].examples
