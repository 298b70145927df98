"""A feed is read from a real server, checked and imported by itself; when it is not, it says why."""

import logging
from datetime import timedelta
from threading import Event, Thread
from time import sleep

import pytest
from django.core.files.storage import Storage
from django.db import connection, transaction
from django.utils import timezone

from catalog.feeds import endings, runs, seen
from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, standing
from catalog.fetching.client import Limits
from catalog.importing import jobs, recognition
from catalog.models import Import, Product
from tests.catalog.importing.feeds.test_feeds import EXPORTS
from tests.fed_shop import A_BATCH, in_stock, numbered, table

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def leased() -> Feed:
    """The due feed, as its worker holds it."""
    feed = runs.take_up()
    assert feed
    return feed


def test_a_due_feed_is_read_checked_and_imported_without_anybody(fed):
    oak = fed()
    assert oak.runs(table("CH-1", "CH-2", more="CH-3,,Chair,1,true\n")) == "done"
    run = oak.last
    assert oak.counts() == (2, 0, 0, 1, 0)
    assert (run.created_by, run.csv.name, str(run)) == (None, "", "oak")
    assert oak.skus == {"CH-1", "CH-2"}
    assert standing(oak.now).stand is Stand.IMPORTED
    assert not runs.due(timezone.now()).exists()


def test_what_has_not_changed_since_is_not_read_again(fed, web):
    oak = fed()
    changed = "Tue, 01 Dec 2026 00:00:00 GMT"
    oak.runs(table("CH-1"), ETag='"1"', Last_Modified=changed)
    web.does(oak.path, lambda request: request.answer(304 if request.headers.get("if-none-match") == '"1"' else 500))
    assert oak.runs() == "done"
    assert oak.feed.imports.count() == 1
    assert web.asked[-1].headers["if-modified-since"] == changed
    assert standing(oak.now).stand is Stand.NOT_MODIFIED
    assert oak.now.next_run > timezone.now()


def test_after_a_day_a_file_is_read_although_it_has_not_changed(fed, web):
    """A sale in it may have begun or ended."""
    oak = fed()
    oak.runs(table("CH-1"), ETag='"1"')
    oak.feed.imports.update(created_at=timezone.now() - runs.GOOD - MINUTE)
    assert oak.runs() == "done"
    assert "if-none-match" not in web.asked[-1].headers
    assert oak.feed.imports.count() == 2


@pytest.mark.parametrize("late", [-MINUTE, MINUTE])
def test_a_daily_feed_is_read_in_full_every_day(fed, late):
    """One run may begin a little later after its time than the next."""
    oak = fed(every=Feed.Every.DAY)
    oak.runs(table("CH-1"), ETag='"1"')
    tomorrow = oak.last.created_at + timedelta(days=1) + late
    assert not runs.is_conditional(oak.now, tomorrow)
    assert runs.is_conditional(oak.now, oak.last.created_at + timedelta(hours=19))


@pytest.mark.parametrize(
    ("status", "headers", "why"),
    [
        (302, {"Location": "http://["}, "The server leads to an address that cannot be read."),
        (302, {"Location": "http://shop.example:x/"}, "The address cannot be read: its host or port is damaged."),
        (404, {"Retry_After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, "The server answered with 404."),
        (503, {"Retry_After": "9" * 5_000}, "The server answered with 503."),
    ],
)
def test_what_a_server_says_without_sense_is_a_failure_like_others(fed, status, headers, why):
    oak = fed(every=60)
    oak.has(b"", status, **headers)
    runs.work(60)
    assert (oak.now.reason, oak.now.failures, oak.now.reading_until) == (why, 1, None)
    assert oak.now.next_run - oak.now.read_at >= 29 * MINUTE


def test_an_error_of_our_own_counts_as_a_failure_and_the_schedule_holds(fed, monkeypatch, caplog):
    oak = fed(every=60)

    def stumble(*_, **__):
        raise RuntimeError("nobody has thought of this")

    monkeypatch.setattr(runs, "download", stumble)
    assert not runs.work(60)
    found = standing(oak.now)
    assert (found.stand, found.reason[:21], oak.now.failures) == (Stand.FAILED, "Reading it broke off ", 1)
    assert oak.now.next_run > timezone.now()
    assert "nobody has thought of this" in caplog.text


def test_changed_prices_are_written_and_named(fed):
    oak = fed()
    oak.runs(table("CH-1", "CH-2"), ETag='"1"')
    assert oak.runs(table("CH-1", "CH-2", price="4"), ETag='"2"') == "done"
    assert oak.counts() == (0, 2, 0, 0, 0)
    assert oak.last.rows.first().text == "price: 5.00 → 4"
    assert oak.now.etag == '"2"'
    assert {str(price) for price in Product.objects.values_list("price", flat=True)} == {"4.00"}


def test_after_a_run_that_stopped_midway_the_file_before_is_read_again(fed, web):
    """A part of the catalogue is as in the file that was cancelled, though the server says that nothing has changed."""
    oak = fed(every=15)
    oak.runs(table(*numbered(100)), ETag='"1"')
    oak.has(table(*numbered(100), price="1"), ETag='"2"')
    Feed.objects.update(next_run=timezone.now())
    runs.work(60)
    while not (oak.last.state == "running" and oak.last.done):
        jobs.take_turn(A_BATCH)
    assert jobs.cancel(oak.last)
    web.does(
        oak.path,
        lambda request: request.answer(
            *((304,) if "if-none-match" in request.headers else (200, table(*numbered(100))))
        ),
    )
    assert oak.runs() == "done"
    assert {str(price) for price in Product.objects.values_list("price", flat=True)} == {"5.00"}


def test_a_held_run_that_is_cancelled_leaves_what_is_known_of_the_file_before(fed):
    oak = fed()
    oak.runs(table(*numbered(30)), ETag='"1"')
    assert oak.runs(table(*numbered(3)), ETag='"2"') == "checked"
    assert jobs.cancel(oak.last)
    assert oak.now.etag == '"1"'


def test_the_tag_of_a_file_that_was_not_imported_is_not_kept(fed):
    oak = fed()
    assert oak.runs(b"sku;nothing else\n", ETag='"1"') == "failed"
    assert oak.now.etag == ""


@pytest.mark.parametrize("name", EXPORTS)
def test_feeds_of_shop_systems_are_recognised(fed, name):
    make, _, products, _ = EXPORTS[name]
    body = make()
    oak = fed()
    assert oak.runs(body if isinstance(body, bytes) else body.encode()) == "done"
    assert len(oak.skus) == oak.last.added == products


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 404, "The server answered with 404."),
        (b"", 500, "The server answered with 500."),
        (b"", 200, "The server's answer is empty."),
    ],
)
def test_a_file_that_does_not_come_is_a_reason_and_tried_again_later(fed, body, status, why):
    oak = fed(every=60)
    pauses = []
    for _ in range(3):
        oak.has(body, status)
        Feed.objects.update(next_run=timezone.now())
        begun = timezone.now()
        runs.work(60)
        pauses.append(round((oak.now.next_run - begun) / MINUTE))
    assert pauses == [30, 60, 120]
    found = standing(oak.now)
    assert (found.stand, found.reason, oak.now.failures) == (Stand.FAILED, why, 3)
    assert not oak.feed.imports.exists()
    assert oak.runs(table("CH-1")) == "done"
    assert oak.now.failures == 0


def test_a_server_that_is_away_or_slow_or_not_to_be_reached_is_told_so(fed, web, settings, monkeypatch):
    oak = fed()
    monkeypatch.setattr("catalog.feeds.download.LIMITS", Limits(1_000, 0.3, 0.3, 0.5))
    web.does(oak.path, lambda request: web.over.wait(2))
    runs.work(60)
    assert oak.now.reason == "127.0.0.1 took too long."
    oak.has(b"x" * 1_001)
    runs.ask(oak.feed, Feed.Asked.RUN)
    runs.work(60)
    assert oak.now.reason == "It has more than 0.001 MB."
    settings.FETCH_NETWORKS = []
    runs.ask(oak.feed, Feed.Asked.RUN)
    runs.work(60)
    assert oak.now.reason == "127.0.0.1 is in a private network (see FETCH_NETWORKS)."


def test_a_disk_that_is_full_is_told_and_the_feed_is_tried_again(fed, monkeypatch):
    oak = fed()
    oak.has(table("CH-1"))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "save", full)
        runs.work(60)
    assert oak.now.reason == "The file cannot be stored here: No space left on device."
    assert oak.runs() == "done"


def test_user_and_password_are_sent_and_never_told(fed, web, caplog):
    oak = fed()
    Feed.objects.update(address=web.url(oak.path).replace("http://", "http://me:hush@") + "?token=hush")
    with caplog.at_level(logging.DEBUG):
        oak.runs(table("CH-1"))
        assert web.asked[-1].headers["authorization"].startswith("Basic ")
        oak.has(b"", 404)
        oak.runs()
    told = [caplog.text, oak.now.reason, repr(oak.now), str(oak.now), oak.now.shown_address, oak.last.note]
    assert "hush" not in "".join(told)


def test_only_one_run_of_a_feed_goes_on_at_a_time(fed):
    oak = fed()
    oak.has(table("CH-1"))
    reading = leased()
    assert runs.take_up() is None
    assert not runs.ask(oak.feed, Feed.Asked.RUN)
    runs.read(reading)
    assert oak.last.state == "checking"
    Feed.objects.update(next_run=timezone.now())
    assert runs.take_up() is None
    assert not runs.ask(oak.feed, Feed.Asked.RUN)
    jobs.work(60)
    assert runs.take_up() == oak.feed


def test_a_worker_that_died_while_it_read_is_followed_by_another(fed):
    oak = fed()
    oak.has(table("CH-1"))
    dead = leased()  # The worker dies here.
    Feed.objects.update(reading_until=timezone.now())
    assert oak.runs() == "done"
    Feed.objects.update(next_run=timezone.now() + MINUTE)
    runs.read(dead)  # It was not dead after all.
    assert oak.feed.imports.count() == 1


def test_a_feed_that_is_off_is_read_only_when_somebody_says_so(fed):
    oak = fed(is_on=False)
    oak.has(table("CH-1"))
    assert not runs.work(60)
    assert not oak.feed.imports.exists()
    next_run = oak.now.next_run
    assert runs.ask(oak.feed, Feed.Asked.RUN)
    runs.work(60)
    jobs.work(60)
    assert (oak.last.state, oak.now.asked) == ("done", "")
    assert oak.now.next_run >= next_run


def test_a_check_reads_what_has_not_changed_and_writes_nothing(fed, web):
    oak = fed()
    oak.runs(table("CH-1", "CH-2", "CH-3"), ETag='"1"')
    oak.has(table("CH-1"), ETag='"1"')
    runs.ask(oak.feed, Feed.Asked.CHECK)
    runs.work(60)
    jobs.work(60)
    assert "if-none-match" not in web.asked[-1].headers
    assert (oak.last.state, oak.last.is_check, oak.counts()) == ("checked", True, (0, 0, 1, 0, 2))
    assert [(row.sku, row.text) for row in oak.last.rows.filter(outcome="gone")] == [
        ("CH-2", "Chair CH-2: would be sold out"),
        ("CH-3", "Chair CH-3: would be sold out"),
    ]
    assert (in_stock(), oak.skus) == ({"CH-1", "CH-2", "CH-3"}, {"CH-1", "CH-2", "CH-3"})
    # The schedule goes on, and what nobody confirmed gives way.
    check = oak.last
    assert oak.runs(table("CH-1", "CH-2", "CH-3", price="3")) == "done"
    check.refresh_from_db()
    assert (check.state, check.reason) == ("cancelled", runs.REPLACED)


def test_a_feed_whose_address_changed_begins_anew(fed, web):
    oak = fed()
    oak.runs(table("CH-1"), ETag='"1"')
    oak.has(table("CH-2"))
    runs.ask(oak.feed, Feed.Asked.CHECK)
    reading = leased()
    web.says("/pine", table("CH-9"))
    pine = oak.now
    pine.address = web.url("/pine")
    runs.change(pine, ["address"])
    runs.read(reading)  # What it was before is read in vain.
    assert (oak.now.etag, oak.feed.imports.count()) == ("", 1)
    runs.work(60)
    assert (oak.last.state, web.targets[-1]) == ("checking", "/pine")
    runs.change(oak.now, ["brake"])
    assert (oak.last.state, oak.last.reason) == ("cancelled", runs.OTHERWISE)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("module", "name"), [(seen, "mark"), (endings, "note")])
def test_a_feed_is_changed_while_a_worker_imports_it_and_neither_undoes_the_other(fed, monkeypatch, module, name):
    """Otherwise staff who wait for the run would hold the row of the feed, which the worker needs."""
    oak = fed()
    oak.has(table("CH-1"))
    runs.work(60)
    is_held, is_asked = Event(), Event()
    errors = []
    real = getattr(module, name)

    def slow(sent, *rest):
        if not sent.dry_run and not is_held.is_set():
            is_held.set()
            is_asked.wait(10)
            sleep(0.5)  # Staff are waiting for a lock by now.
        return real(sent, *rest)

    def staff():
        try:
            is_held.wait(10)
            with transaction.atomic():  # As the admin's page is.
                feed = oak.now
                feed.name, feed.address = "pine", feed.address + "x"
                is_asked.set()
                runs.change(feed, ["name", "address"])
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(module, name, slow)
    thread = Thread(target=staff)
    thread.start()
    jobs.work(60)
    thread.join()
    assert errors == []
    assert (oak.now.name, oak.now.etag, oak.last.reason) == ("pine", "", runs.OTHERWISE if name == "mark" else "")


def test_only_the_last_runs_keep_their_rows(fed, monkeypatch):
    monkeypatch.setattr(endings, "RUNS_WITH_ROWS", 2)
    oak = fed()
    for price in "1234":
        assert oak.runs(table("CH-1", price=price)) == "done"
    assert [run.rows.count() for run in oak.feed.imports.order_by("pk")] == [0, 0, 1, 1]
    assert [run.updated for run in oak.feed.imports.order_by("pk")] == [0, 1, 1, 1]


def test_a_feed_that_is_deleted_leaves_its_products_and_imports(fed):
    oak = fed()
    oak.runs(table("CH-1"))
    runs.ask(oak.feed, Feed.Asked.CHECK)
    runs.work(60)
    runs.remove(oak.feed)
    assert in_stock() == {"CH-1"}
    assert sorted(Import.objects.values_list("state", "feed")) == [("cancelled", None), ("done", None)]


def test_a_file_that_cannot_be_imported_counts_as_a_failure(fed, monkeypatch):
    monkeypatch.setattr(recognition, "MAX_ROWS", 1)
    oak = fed(every=15)
    begun = timezone.now()
    assert oak.runs(table("CH-1", "CH-2")) == "failed"
    found = standing(oak.now)
    assert (found.stand, found.reason) == (Stand.FAILED, "oak has more than 1 rows: split it.")
    assert oak.now.failures == 1
    assert oak.now.next_run - begun >= 7 * MINUTE
