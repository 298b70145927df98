"""What a feed must not do by itself: a person has to confirm it. Broken files empty no shop."""

import socket
from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.feeds import runs
from catalog.feeds.brake import RECENT, too_many
from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, standing
from catalog.importing import jobs
from catalog.models import Import, Product
from tests.fed_shop import HEADER, in_stock, numbered, table

pytestmark = pytest.mark.django_db
LOGIN = b"<!DOCTYPE html>\n<html><body><form action='/login'><input name='user'></form></body></html>"
RSS = b'<?xml version="1.0"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>%s</channel></rss>'
ITEM = b"<item><g:id>CH-%d</g:id><title>Chair</title><g:product_type>Chair</g:product_type></item>"


@pytest.mark.parametrize(
    ("count", "of", "is_held"),
    [
        (20, 100, False),
        (21, 100, True),
        (5, 24, True),
        (4, 16, False),  # A fourth, and just a few.
        (1, 1, False),
        (1, 2, False),
        (2, 3, True),
        (2, 4, False),
        (3, 5, True),
        (0, 0, False),
    ],
)
def test_a_few_of_a_small_feed_are_not_too_many(count, of, is_held):
    assert too_many(count, of, 20) is is_held


@pytest.fixture
def thirty(fed):
    oak = fed(gone="delete")
    assert oak.runs(table(*numbered(30))) == "done"
    return oak


def test_a_feed_that_lost_too_much_waits_for_a_person(thirty):
    assert thirty.runs(table(*numbered(23))) == "checked"
    run = thirty.last
    assert run.reason == (
        "7 of the 30 products that the feed had (23\N{NO-BREAK SPACE}%) are not in the file any more. "
        "The brake is set to 20\N{NO-BREAK SPACE}%."
    )
    assert (thirty.counts(), len(in_stock()), len(thirty.skus)) == ((0, 0, 23, 0, 7), 30, 30)
    assert (standing(thirty.now).stand, standing(thirty.now).reason) == (Stand.WAITS, run.reason)
    assert jobs.start(run)
    jobs.work(60)
    assert (thirty.last.state, thirty.counts(), Product.objects.count()) == ("done", (0, 0, 23, 0, 7), 23)


def test_a_run_that_waits_is_left_alone_and_after_days_a_newer_one_takes_its_place(thirty):
    assert thirty.runs(table(*numbered(9))) == "checked"
    held = thirty.last
    assert thirty.runs(table(*numbered(30))) == "checked"
    assert thirty.last == held  # Nobody has read it again.
    Import.objects.filter(pk=held.pk).update(created_at=timezone.now() - runs.PATIENCE - timedelta(minutes=1))
    assert thirty.runs() == "done"
    held.refresh_from_db()
    assert (held.state, held.reason, len(in_stock())) == ("cancelled", runs.REPLACED, 30)


def test_staff_may_have_it_read_again_at_once(thirty):
    thirty.runs(table(*numbered(9)))
    thirty.has(table(*numbered(30)))
    assert runs.ask(thirty.feed, Feed.Asked.RUN)
    runs.work(60)
    jobs.work(60)
    assert (thirty.last.state, thirty.feed.imports.filter(state="cancelled").count()) == ("done", 1)


def test_a_run_that_was_cancelled_does_not_come_again_at_once(thirty):
    thirty.runs(table(*numbered(9)))
    Feed.objects.update(next_run=timezone.now() - timedelta(hours=1))
    assert jobs.cancel(thirty.last)
    assert not runs.due(timezone.now()).exists()
    assert len(in_stock()) == 30


@pytest.mark.parametrize(
    ("body", "state", "why"),
    [
        (b"", "done", ""),  # No import comes of it: test_runs tells what is said.
        (HEADER.encode(), "checked", "The file has no products. 30 of the 30"),
        (LOGIN, "failed", "oak has a DOCTYPE"),
        (LOGIN.partition(b"\n")[2], "failed", "oak is XML, but neither RSS nor Atom: its outermost element is html."),
        (b"Please log in.", "failed", "oak has no column sku, name, category"),
        (RSS % b"", "checked", "The file has no products. 30 of the 30"),
        ((RSS % (ITEM % 1 * 9))[:-40], "failed", "oak is not well-formed XML"),
        (table(*numbered(26))[:-12], "checked", "Its last row is not whole: the file seems to be cut off."),
        (table(*numbered(30)).replace(b",Chair,", b",,"), "checked", "None of its 30 rows can be read."),
        (
            table(*numbered(20), more="".join(f"CH-{n},,Chair,1,true\n" for n in range(20, 30))),
            "checked",
            "33\N{NO-BREAK SPACE}% of its",
        ),
    ],
)
def test_a_file_that_is_empty_or_broken_or_another_empties_no_shop(thirty, body, state, why):
    assert thirty.runs(body) == state
    assert thirty.last.reason.startswith(why)
    assert (Product.objects.count(), len(in_stock()), len(thirty.skus)) == (30, 30, 30)


def test_a_file_that_is_cut_short_on_its_way_is_not_taken(thirty, web):
    whole = table(*numbered(30))
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"

    def stated(request):
        request.send(head + b"Content-Length: %d\r\n\r\n" % len(whole) + whole[:500])
        request.connection.shutdown(socket.SHUT_RDWR)

    def chunked(request):
        request.send(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % 500 + whole[:500] + b"\r\n")
        request.connection.shutdown(socket.SHUT_RDWR)

    for answer in (stated, chunked):
        web.does(thirty.path, answer)
        Feed.objects.update(next_run=timezone.now())
        runs.work(60)
        assert standing(thirty.now).stand is Stand.FAILED
        assert "broke off" in thirty.now.reason
    assert (thirty.feed.imports.count(), len(in_stock())) == (1, 30)


def test_a_small_feed_does_not_trip_over_one_product(fed):
    oak = fed()
    oak.runs(table("CH-1", "CH-2", "CH-3"))
    assert oak.runs(table("CH-1", "CH-2")) == "done"
    assert (in_stock(), oak.counts()) == ({"CH-1", "CH-2"}, (0, 0, 2, 0, 1))


def test_refused_rows_that_somebody_confirmed_need_not_be_confirmed_each_time(thirty):
    refused = "".join(f"CH-{number},,Chair,1,true\n" for number in range(20, 30))
    assert thirty.runs(table(*numbered(20), more=refused)) == "checked"
    assert jobs.start(thirty.last)
    jobs.work(60)
    assert thirty.runs(table(*numbered(20), price="4", more=refused)) == "done"
    more = refused + "".join(f"CH-{number},,Chair,1,true\n" for number in range(15, 20))
    assert thirty.runs(table(*numbered(15), more=more)) == "checked"


def test_a_brake_may_be_set_so_that_it_never_holds(fed):
    oak = fed(brake=100)
    oak.runs(table(*numbered(30)))
    assert oak.runs(table("CH-0")) == "done"
    assert in_stock() == {"CH-0"}


@pytest.mark.parametrize(("sizes", "held_at"), [((60, 48, 39), 39), ((8, 5, 4, 3), 3), ((60, 55, 50, 48, 47), 47)])
def test_a_feed_that_shrinks_in_bites_is_held_as_one_that_shrinks_at_once(fed, sizes, held_at):
    oak = fed(gone="delete")
    states = [oak.runs(table(*numbered(size)), ETag=f'"{size}"') for size in sizes]
    assert states == ["done"] * (len(sizes) - 1) + ["checked"]
    most = sizes[0]
    assert oak.last.reason.startswith(
        f"The feed would have {held_at} products left of the {most} that it had within the last 7 days ("
    )
    assert len(in_stock()) == sizes[-2]
    # What a person has confirmed is what the next run is compared with.
    assert jobs.start(oak.last)
    jobs.work(60)
    assert oak.runs(table(*numbered(held_at - 1))) == "done"


def test_products_that_leave_while_others_come_or_come_back_are_no_loss(fed):
    oak = fed()
    oak.runs(table(*numbered(60)))
    for first in (10, 20, 30, 0):  # Ten of them leave, and ten others come, each time.
        skus = numbered(60, first) if first else numbered(50, 30) + numbered(10)
        assert oak.runs(table(*skus), ETag=f'"{first}"') == "done"
    assert oak.last.feed_products == len(oak.skus) == 60


def test_what_a_feed_had_long_ago_does_not_hold_it(fed):
    oak = fed()
    oak.runs(table(*numbered(60)))
    oak.runs(table(*numbered(50)))
    oak.feed.imports.update(created_at=timezone.now() - RECENT - timedelta(minutes=1))
    assert oak.runs(table(*numbered(45))) == "done"
