"""Upkeep: indexes are built and checked when they are due, leaves of deleted categories go."""

import pytest
from django.db import OperationalError

from catalog.models import Category, Photo
from search import maintenance, spaces
from search.models import LeafIndex, Space
from search.store import indexes, partitions
from tests.grid_space import RECIPE
from tests.large_leaves import ROWS
from tests.made_up_photos import clustered, stock

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_index_is_due_where_a_leaf_is_large_and_none_is_searched(lamps, monkeypatch):
    assert not indexes.is_due(lamps)
    assert not indexes.are_due(lamps.space)
    monkeypatch.setattr(partitions, "EXACT_ROWS", ROWS - 1)
    assert indexes.is_due(lamps)
    assert indexes.are_due(lamps.space)
    assert maintenance.maintain() == [lamps.index_name]
    assert not indexes.is_due(lamps)
    assert maintenance.maintain() == []


def test_an_index_is_checked_again_once_its_leaf_changed_by_a_fifth(lamps, category):
    indexes.build(lamps)
    before = LeafIndex.objects.get()
    stock(lamps.space, category("lamp"), clustered(ROWS // 5, 512, seed=4))
    assert not indexes.is_stale(lamps)
    stock(lamps.space, category("lamp"), clustered(1, 512, seed=5))
    assert indexes.is_stale(lamps)
    assert maintenance.maintain() == [lamps.index_name]
    after = LeafIndex.objects.get()
    assert (after.pk, after.photos) == (before.pk, ROWS + ROWS // 5 + 1)
    assert after.checked_at > before.checked_at
    assert maintenance.maintain() == []
    Photo.objects.filter(pk__in=Photo.objects.order_by("pk").values("pk")[:100]).delete()
    assert maintenance.maintain() == [lamps.index_name]
    assert LeafIndex.objects.get().photos == after.photos - 100


@pytest.mark.django_db(transaction=True)
def test_a_category_gets_its_leaf_when_it_is_made_and_loses_it_to_maintenance_once_deleted():
    space = Space.objects.create(name="new", recipe=RECIPE, dimensions=48, state=Space.State.LIVE)
    chairs = Category.objects.create(slug="chair", name="Chair")
    [leaf] = partitions.leaves(space)
    assert leaf.category_id == chairs.pk
    chairs.delete()
    assert maintenance.maintain() == [leaf.name]
    assert partitions.leaves(space) == []
    spaces.activate(Space.objects.create(name="other", recipe=RECIPE, dimensions=48))
    partitions.when_free(lambda: partitions.drop_branch(space))


@pytest.mark.django_db(transaction=True)
def test_an_outage_at_one_leaf_is_told_once_the_others_are_maintained(lamps, category, monkeypatch):
    monkeypatch.setattr(partitions, "EXACT_ROWS", ROWS - 1)
    stock(lamps.space, category("bed"), clustered(ROWS, 512, seed=4))
    build, built = indexes.build, list[str]()

    def fail_at_first(leaf: partitions.Leaf) -> bool:
        built.append(leaf.index_name)
        if len(built) == 1:
            raise OperationalError("no room")
        return build(leaf)

    monkeypatch.setattr(indexes, "build", fail_at_first)
    with pytest.raises(OperationalError, match="no room"):
        maintenance.maintain()
    assert LeafIndex.objects.count() == 1
