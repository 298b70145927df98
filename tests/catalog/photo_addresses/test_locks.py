"""People and workers that change the same addresses at the same time: nobody ends in a deadlock."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from catalog.models import Photo, PhotoAddress, Product
from catalog.photo_addresses import settling
from tests.catalog.photo_addresses.conftest import colours, named, turn

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def meanwhile(act: Callable[[], object]) -> Iterator[list[Exception]]:
    """Do something in a thread, with its own connection. What it raises is in the list at the end."""
    failures: list[Exception] = []

    def run() -> None:
        try:
            with transaction.atomic():
                act()
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield failures
    thread.join(20)
    assert not thread.is_alive()


def wait_for_lock() -> None:
    """Until somebody waits for a lock of this database."""
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.01)")
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("what", ["product", "products", "photo"])
def test_what_is_deleted_while_its_address_is_settled_waits_for_that(web, monkeypatch, what):
    named(web.url("/red.png"))
    turn()
    # A product may get a photo while its deletion waits.
    named(web.url("/red.png") if what == "photo" else web.url("/blue.png"))
    deleted: Product | Photo = Photo.objects.get() if what == "photo" else Product.objects.get()
    inside, held = threading.Event(), settling._held

    def hold(leases):
        inside.set()
        wait_for_lock()
        return held(leases)

    monkeypatch.setattr(settling, "_held", hold)

    def delete() -> None:
        assert inside.wait(10)
        (Product.objects.all() if what == "products" else deleted).delete()

    with meanwhile(delete) as failures:
        assert turn() == {"unchanged" if what == "photo" else "added": 1}
    assert failures == []
    assert not type(deleted).objects.exists()
    if what == "photo":
        assert PhotoAddress.objects.get().photo is None


def test_trying_again_locks_in_the_order_of_workers(web):
    named(web.url("/red.png"), web.url("/blue.png"))
    first, second = PhotoAddress.objects.order_by("pk")
    # Written later, the first one lies behind the second.
    PhotoAddress.objects.filter(pk=first.pk).update(reason="x")
    asking = meanwhile(PhotoAddress.objects.all().ask_anew)
    with transaction.atomic():
        list(PhotoAddress.objects.filter(pk=first.pk).locked())
        failures = asking.__enter__()
        wait_for_lock()
        # It waits for the first one, and holds nothing.
        list(PhotoAddress.objects.filter(pk=second.pk).select_for_update(nowait=True))
    asking.__exit__(None, None, None)
    assert failures == []
    assert not PhotoAddress.objects.exclude(reason="").exists()


def test_what_the_database_ended_as_one_of_a_deadlock_is_settled_once_more(web, monkeypatch):
    named(web.url("/red.png"))
    let_go = settling.let_go
    ended: list[Collection[int]] = []

    def end_once(products):
        let_go(products)
        if not ended:
            ended.append(products)
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END $$")

    monkeypatch.setattr(settling, "let_go", end_once)
    assert turn() == {"added": 1}
    assert (len(ended), colours()) == (1, ["red"])
