"""The workers and the command tag by one path."""

import pytest

from descriptions import tasks
from descriptions.models import Tag, Tagger
from search.models import Space
from tests.commands import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def bare(labelled, shelf, index):
    made = shelf(5, attributes={})
    index()
    return made


def test_the_worker_learns_and_tags(bare, caplog):
    tasks.tag_pending()
    assert sorted(Tag.objects.values_list("name", "value")) == [("color", "navy"), ("material", "black ash, wool")]
    assert "learned to tell color, material" in caplog.text
    assert "49 products looked at for tags" in caplog.text
    caplog.clear()
    tasks.tag_pending()
    assert caplog.text == ""


def test_without_a_live_space_the_worker_rests(bare):
    Space.objects.update(state=Space.State.RETIRED)
    tasks.tag_pending()
    assert not Tagger.objects.exists()


def test_the_command_says_what_it_learned_and_proposes(bare):
    lines = run("tag_products").splitlines()
    assert [line.split()[0] for line in lines] == ["attribute", "color", "material"]
    assert [line.split()[-1] for line in lines[1:]] == ["1", "1"]
    assert Tag.objects.count() == 2


def test_a_dry_run_changes_nothing(bare):
    answer = run("tag_products", "--dry-run")
    assert [line.split()[-1] for line in answer.splitlines()[1:3]] == ["1", "1"]
    assert answer.endswith("Nothing was changed.\n")
    assert not Tag.objects.exists()
    assert not Tagger.objects.exists()


def test_the_command_learns_anew_when_told_to(bare):
    run("tag_products")
    first = Tagger.objects.get()
    run("tag_products")
    assert Tagger.objects.get() == first
    run("tag_products", "--anew")
    assert Tagger.objects.get() != first


def test_a_shop_without_attributes_is_told_what_is_missing(photo, index):
    photo("red")
    index()
    assert run("tag_products") == "No attribute could be learned: 30 indexed products must have it, in words.\n"
