"""Which addresses a product has after its catalogue was imported."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.importing import jobs
from catalog.importing.importer import Outcome, import_rows
from catalog.importing.rows import ProductRow
from catalog.models import PhotoAddress, Product
from catalog.photo_addresses.naming import name_addresses
from tests.catalog.photo_addresses.conftest import colours, named, turn

pytestmark = pytest.mark.django_db
A, B, C = (f"https://shop.example/{name}.jpg" for name in "abc")


def urls() -> list[str]:
    return [address.url for address in PhotoAddress.objects.order_by("position")]


def test_a_row_gives_its_product_addresses_that_wait():
    [result] = named(A, B)
    assert (result.outcome, result.what) == (Outcome.ADDED, "Oak chair, Chair; photos at web addresses: 2 new")
    assert urls() == [A, B]
    assert {(row.state, row.host) for row in PhotoAddress.objects.all()} == {("waiting", "shop.example")}
    assert PhotoAddress.objects.pending().count() == 2


def test_the_row_that_comes_last_says_which_addresses_there_are_and_in_which_order():
    named(A, B)
    [result] = named(C, A)
    assert (result.outcome, result.what) == (Outcome.UPDATED, "photos at web addresses: 1 new, 1 gone")
    assert urls() == [C, A]
    [result] = named(A, C)
    assert (result.outcome, result.what) == (Outcome.UPDATED, "photos at web addresses: another order")
    assert urls() == [A, C]


def test_a_row_without_addresses_says_nothing_of_them():
    named(A)
    [result] = named()
    assert (result.outcome, urls()) == (Outcome.UNCHANGED, [A])


def test_what_is_settled_is_asked_again_and_the_row_is_unchanged():
    named(A, B, C)
    PhotoAddress.objects.filter(url=A).update(state="fetched", etag='"1"')
    PhotoAddress.objects.filter(url=B).update(state="failed", reason="gone", attempts=6)
    due = PhotoAddress.objects.get(url=C).due_at
    [result] = named(A, B, C)
    assert result.outcome is Outcome.UNCHANGED
    assert {(row.state, row.attempts, row.reason) for row in PhotoAddress.objects.all()} == {("waiting", 0, "")}
    assert PhotoAddress.objects.get(url=A).etag == '"1"'
    assert PhotoAddress.objects.get(url=C).due_at == due  # It waits as it did.


def test_a_feed_asks_again_only_what_was_last_asked_a_day_ago():
    named(A, B)
    now = timezone.now()
    PhotoAddress.objects.filter(url=A).update(state="fetched", asked_at=now - timedelta(hours=19))
    PhotoAddress.objects.filter(url=B).update(state="failed", asked_at=now - timedelta(hours=21))
    name_addresses({Product.objects.get(): (A, B)}, jobs.RESTED)
    assert dict(PhotoAddress.objects.values_list("url", "state")) == {A: "fetched", B: "waiting"}


def test_a_dry_run_tells_and_writes_nothing():
    rows = [ProductRow("1", "CH-1", "Oak chair", "Chair", addresses=(A,))]
    [result] = import_rows(rows, dry_run=True)
    assert result.what == "Oak chair, Chair; photos at web addresses: 1 new"
    assert not PhotoAddress.objects.exists()
    named(B)
    PhotoAddress.objects.update(state="fetched")
    [result] = import_rows(rows, dry_run=True)
    assert (result.outcome, result.what) == (Outcome.UPDATED, "photos at web addresses: 1 new, 1 gone")
    assert [(row.url, row.state) for row in PhotoAddress.objects.all()] == [(B, "fetched")]


def test_a_row_that_is_refused_names_nothing():
    rows = [
        ProductRow("1", "CH-1", "Oak chair", "Chair", addresses=(A,)),
        ProductRow("2", "CH-1", "Oak chair", "Chair", addresses=(B,)),
        ProductRow("3", "CH 2/", "Oak chair", "Chair", addresses=(B,)),
        ProductRow("4", "CH-1", "Oak chair", "Chair", addresses=(A,)),
    ]
    outcomes = [result.outcome.value for result in import_rows(rows)]
    assert outcomes == ["added", "refused", "refused", "unchanged"]
    assert urls() == [A]


def test_a_batch_takes_as_many_statements_as_a_row():
    def statements(number: int) -> int:
        rows = [ProductRow(str(n), f"P-{number}-{n}", "Chair", "Chair", addresses=(A, B)) for n in range(number)]
        list(import_rows(rows))
        with CaptureQueriesContext(connection) as queries:
            list(import_rows(rows))
        return sum("catalog_photoaddress" in query["sql"] for query in queries)

    assert statements(30) == statements(1) == 3
    assert Product.objects.count() == 31


def test_an_address_that_nobody_can_read_is_kept_and_may_be_long():
    named("https://[::1/", "https://shop.example/" + 5000 * "ö")
    assert [row.host for row in PhotoAddress.objects.order_by("position")] == ["", ""]
    named("https://[::1/", "https://shop.example/" + 5000 * "ö")
    assert PhotoAddress.objects.count() == 2


def test_user_and_password_are_shown_nowhere():
    named("https://me:secret@shop.example/a.jpg?sig=secret")
    address = PhotoAddress.objects.get()
    assert (str(address), address.host) == ("https://…@shop.example/a.jpg?…", "shop.example")


def test_what_a_feed_names_no_more_or_in_another_order_shows_at_once_though_nothing_is_asked(web):
    red, blue, green = (web.url(f"/{colour}.png") for colour in ("red", "blue", "green"))
    named(red, blue, green)
    turn()
    name_addresses({Product.objects.get(): (green, red, blue)}, jobs.RESTED)
    assert colours() == ["green", "red", "blue"]
    name_addresses({Product.objects.get(): (blue,)}, jobs.RESTED)
    assert (colours(), turn()) == (["blue"], {})
