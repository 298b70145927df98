"""Days summed up, in all and by category."""

from datetime import timedelta

import pytest
from django.utils import timezone

from search.log import days
from search.models import Day, Event
from tests import commands
from tests.search_log import clicked

pytestmark = pytest.mark.django_db


def test_days_are_summed_up_in_all_and_by_category(asked, category):
    lamp, bed = category("lamp"), category("bed")
    searches = [asked(days_ago=1, category=lamp) for _ in range(4)]
    asked(days_ago=1, category=bed)
    other = asked(days_ago=1)
    clicked(searches[0], 1)
    clicked(searches[0], 4)
    clicked(searches[1], 5)
    clicked(searches[2], 11)
    clicked(searches[2], 11, "cart")
    clicked(searches[2], 12, "cart")
    clicked(searches[2], 11, "purchase")
    clicked(other, 10)
    Event.objects.create(query=other, kind="wrong_category", category=bed)
    yesterday = timezone.localdate() - timedelta(1)
    assert days.roll_up() == [yesterday]
    columns = ("category", "searches", "clicked_1", "clicked_5", "clicked_10", "carts", "purchases")
    assert list(Day.objects.filter(date=yesterday).values_list(*columns)) == [
        (None, 6, 1, 2, 3, 2, 1),
        *sorted([(lamp.pk, 4, 1, 2, 2, 2, 1), (bed.pk, 1, 0, 0, 0, 0, 0)]),
    ]
    clicked(searches[3], 1)
    days.roll_up()
    days.roll_up()
    assert list(Day.objects.filter(category=None).values_list("searches", "clicked_1")) == [(6, 2)]
    assert commands.run("rollup").splitlines()[1].split() == [str(yesterday), "6", "33.3%", "50.0%", "66.7%", "2", "1"]


def test_days_that_were_missed_are_made_up_for_and_older_ones_stay(asked):
    asked(days_ago=9)
    assert len(days.roll_up()) == 1
    asked(days_ago=9)
    assert days.roll_up() == []
    assert Day.objects.get().searches == 1


def test_a_category_that_is_gone_counts_in_all_alone(asked, category):
    asked(category=category("lamp"))
    gone = category("bed").pk
    category("bed").delete()
    asked(category_id=gone)
    days.roll_up()
    assert list(Day.objects.values_list("category", "searches")) == [(None, 2), (category("lamp").pk, 1)]
