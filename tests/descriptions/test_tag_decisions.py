"""Accepted tags are attributes like others; what a person wrote is never written over."""

import pytest

from catalog.models import Product
from catalog.validators import MAX_ATTRIBUTES
from descriptions import tag_decisions
from descriptions.models import Tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def tag(product):
    def make(of: Product | None = None, name: str = "color", value: str = "grey") -> Tag:
        evidence = {"precision": 0.95, "values": []}
        return Tag.objects.create(product=of or product(), name=name, value=value, confidence=0.97, evidence=evidence)

    return make


def test_an_accepted_tag_is_an_attribute(tag, django_capture_on_commit_callbacks):
    made = tag()
    before = made.product.updated_at
    with django_capture_on_commit_callbacks() as rung:
        assert tag_decisions.accept([made.pk]).tags == [made]
    product = Product.objects.get()
    assert product.attributes == {"color": "grey"}
    assert product.updated_at > before
    assert Tag.objects.get().state == Tag.State.ACCEPTED
    assert len(rung) == 1  # Its texts are indexed anew.


def test_several_tags_of_one_product_are_all_accepted(tag, product):
    one = product(attributes={"width": 80})
    done = tag_decisions.accept([tag(one).pk, tag(one, "material", "oak").pk])
    assert len(done.tags) == 2
    assert Product.objects.get().attributes == {"width": 80, "color": "grey", "material": "oak"}


@pytest.mark.parametrize("written", ["black", "", 7, False])
def test_what_somebody_wrote_meanwhile_stays(tag, written):
    made = tag()
    Product.objects.update(attributes={"color": written})
    done = tag_decisions.accept([made.pk])
    assert (done.tags, done.answered) == ([], 1)
    assert Product.objects.get().attributes == {"color": written}
    assert not Tag.objects.exists()


def test_of_two_values_of_one_attribute_the_first_that_is_accepted_stays(tag, product):
    one = product()
    done = tag_decisions.accept([tag(one).pk, tag(one, value="black").pk])
    assert (len(done.tags), done.answered) == (1, 1)
    assert Product.objects.get().attributes == {"color": "grey"}


def test_a_product_that_holds_no_more_attributes_gets_none(tag):
    made = tag()
    full = {f"name {number}": number for number in range(MAX_ATTRIBUTES)}
    Product.objects.update(attributes=full)
    done = tag_decisions.accept([made.pk])
    assert (done.tags, done.refused) == ([], 1)
    assert Product.objects.get().attributes == full
    assert Tag.objects.get().state == Tag.State.PROPOSED


def test_a_rejected_tag_changes_no_product_and_may_be_accepted_later(tag):
    made = tag()
    assert (tag_decisions.reject([made.pk]), tag_decisions.reject([made.pk])) == ([made], [])
    assert Product.objects.get().attributes == {}
    assert tag_decisions.accept([made.pk]).tags == [made]


def test_accepting_twice_changes_nothing(tag):
    made = tag()
    tag_decisions.accept([made.pk])
    Product.objects.update(attributes={})
    assert tag_decisions.accept([made.pk]).tags == []
    assert Product.objects.get().attributes == {}


def test_tags_that_are_gone_are_passed_over():
    assert tag_decisions.accept([1, 2]) == tag_decisions.Accepted()
    assert tag_decisions.reject([1, 2]) == []
