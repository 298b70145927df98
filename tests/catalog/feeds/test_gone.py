"""What becomes of products that a feed had and has no more, and of those that are none of its business."""

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.utils import timezone

from catalog.feeds import gone, runs
from catalog.feeds.models import Feed, FeedProduct
from catalog.importing import jobs
from catalog.importing.importer import BATCH, Importer
from catalog.models import Import, Photo, Product
from tests.fed_shop import A_BATCH, in_stock, numbered, table

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("choice", "left", "sold", "word"),
    [
        ("keep", {"CH-1", "CH-2", "X-1"}, {"CH-1", "CH-2", "X-1"}, "stays as it is"),
        ("sold_out", {"CH-1", "CH-2", "X-1"}, {"CH-1", "X-1"}, "sold out"),
        ("delete", {"CH-1", "X-1"}, {"CH-1", "X-1"}, "deleted"),
    ],
)
def test_gone_products_are_kept_sold_out_or_deleted_as_the_feed_says(fed, product, photo, choice, left, sold, word):
    product("chair", sku="X-1", name="By hand")
    oak = fed(gone=choice)
    oak.runs(table("CH-1", "CH-2"))
    photo("red", of=Product.objects.get(sku="CH-2"))
    assert oak.runs(table("CH-1")) == "done"
    assert oak.counts() == (0, 0, 1, 0, 1)
    assert [(row.sku, row.text) for row in oak.last.rows.filter(outcome="gone")] == [("CH-2", f"Chair CH-2: {word}")]
    assert set(Product.objects.values_list("sku", flat=True)) == left
    assert (in_stock(), oak.skus) == (sold, {"CH-1"})
    assert Photo.objects.count() == (choice != "delete")


def test_products_that_come_back_are_in_stock_as_the_feed_says(fed):
    oak = fed()
    oak.runs(table("CH-1", "CH-2"))
    oak.runs(table("CH-1"))
    assert in_stock() == {"CH-1"}
    assert oak.runs(table("CH-1", "CH-2")) == "done"
    assert (in_stock(), oak.skus) == ({"CH-1", "CH-2"}, {"CH-1", "CH-2"})
    assert oak.counts() == (0, 1, 1, 0, 0)


def priced(*skus):
    """A catalogue that says nothing of stock."""
    return ("sku,name,category,price\n" + "".join(f"{sku},Chair {sku},Chair,5\n" for sku in skus)).encode()


def test_products_that_come_back_are_in_stock_also_if_the_feed_says_nothing_of_it(fed):
    oak = fed()
    oak.runs(priced("CH-1", "CH-2", "CH-3"))
    Product.objects.filter(sku="CH-3").update(in_stock=False)  # By hand: the feed says nothing of it.
    assert oak.runs(priced("CH-1")) == "checked"  # Two of three are many.
    assert jobs.start(oak.last)
    jobs.work(60)
    assert (in_stock(), oak.skus) == ({"CH-1"}, {"CH-1"})
    assert oak.runs(priced("CH-1", "CH-2", "CH-3")) == "done"
    assert (in_stock(), oak.skus) == ({"CH-1", "CH-2"}, {"CH-1", "CH-2", "CH-3"})
    assert oak.counts() == (0, 1, 2, 0, 0)
    assert oak.last.rows.get(outcome="updated").text == "in_stock: no → yes"
    assert not FeedProduct.objects.exclude(is_gone=False, sold_out=False).exists()
    Product.objects.update(in_stock=False)
    assert oak.runs(priced("CH-1", "CH-2", "CH-3", "CH-4")) == "done"
    assert in_stock() == {"CH-4"}  # What somebody has sold out by hand meanwhile stays so.


def test_a_product_that_comes_back_sold_out_stays_so(fed):
    oak = fed()
    oak.runs(table("CH-1", "CH-2"))
    oak.runs(table("CH-1"))
    assert oak.runs(table("CH-1", more="CH-2,Chair CH-2,Chair,5,false\n")) == "done"
    assert (in_stock(), oak.skus, oak.counts()) == ({"CH-1"}, {"CH-1", "CH-2"}, (0, 0, 2, 0, 0))


def test_a_product_that_another_feed_takes_over_comes_back_as_well(fed):
    oak, pine = fed("oak"), fed("pine")
    oak.runs(priced("CH-1", "CH-2"))
    oak.runs(priced("CH-1"))
    assert in_stock() == {"CH-1"}
    pine.runs(priced("CH-2"))
    assert in_stock() == {"CH-1", "CH-2"}
    Product.objects.filter(sku="CH-2").update(in_stock=False)
    oak.runs(priced("CH-1", "CH-2"))
    assert in_stock() == {"CH-1"}


def test_a_row_that_comes_twice_brings_its_product_back_once(fed, monkeypatch):
    monkeypatch.setattr("catalog.importing.importer.BATCH", 1)
    oak = fed()
    oak.runs(priced("CH-1", "CH-2"))
    oak.runs(priced("CH-1"))
    assert oak.runs(priced("CH-1", "CH-2", "CH-2")) == "done"
    assert (in_stock(), oak.counts()) == ({"CH-1", "CH-2"}, (0, 1, 2, 0, 0))


def test_a_product_whose_row_is_refused_is_not_gone(fed):
    oak = fed()
    oak.runs(table(*numbered(10)))
    assert oak.runs(table(*numbered(9), more="CH-9,,Chair,1,true\n")) == "done"
    assert oak.counts() == (0, 0, 9, 1, 0)
    assert len(oak.skus) == len(in_stock()) == 10


def test_while_rows_name_no_sku_nobody_knows_what_is_gone(fed):
    oak = fed()
    oak.runs(table(*numbered(10)))
    assert oak.runs(table(*numbered(8), more=",Chair,Chair,1,true\n")) == "done"
    assert (oak.counts(), len(in_stock())) == ((0, 0, 8, 1, 0), 10)
    assert oak.last.note.startswith("Rows that name no sku may be any product's.")
    assert oak.runs(table(*numbered(8))) == "done"
    assert (oak.counts(), len(in_stock())) == ((0, 0, 8, 0, 2), 8)


def test_of_two_feeds_that_share_a_product_the_last_one_lets_go_of_it(fed):
    oak, pine = fed("oak", gone="delete"), fed("pine", gone="sold_out")
    oak.runs(table("CH-1", "CH-2"))
    pine.runs(table("CH-2", "CH-3"))
    assert oak.runs(table("CH-1")) == "done"
    assert oak.last.rows.get(outcome="gone").text == "Chair CH-2: stays: another feed has it"
    assert (in_stock(), oak.skus, pine.skus) == ({"CH-1", "CH-2", "CH-3"}, {"CH-1"}, {"CH-2", "CH-3"})
    assert pine.runs(table("CH-3")) == "done"
    assert (in_stock(), Product.objects.count()) == ({"CH-1", "CH-3"}, 3)


def test_an_import_of_staff_neither_brings_nor_takes(fed, product, sent_by_staff):
    oak = fed()
    oak.runs(table("CH-1"))
    sent = sent_by_staff(table("CH-2"))
    assert (sent.state, sent.gone) == ("done", 0)
    assert FeedProduct.objects.count() == 1


@pytest.fixture
def sent_by_staff(db):
    """A catalogue that staff sent and confirmed."""

    def make(body):
        sent = Import(csv_name="catalog.csv")
        sent.csv.save("catalog.csv", ContentFile(body), save=False)
        sent.save()
        jobs.work(60)
        jobs.start(sent)
        jobs.work(60)
        return Import.objects.get(pk=sent.pk)

    return make


@pytest.fixture
def large(fed, monkeypatch):
    """A feed that lost 150 of 250 products, and got two, read and about to be checked. The brake holds nothing."""
    monkeypatch.setattr(gone, "BATCH", 40)
    oak = fed(gone="delete", brake=100)
    assert oak.runs(table(*numbered(250))) == "done"
    oak.has(table(*numbered(102, first=150)))
    Feed.objects.update(next_run=timezone.now())
    runs.work(60)
    return oak


STEPS = [BATCH, 2 * BATCH, 3 * BATCH, 102]


def test_a_worker_that_dies_after_any_batch_is_followed_by_one_that_goes_on(large):
    """A turn of no seconds ends after one batch, as if its worker died then."""
    seen = []
    while large.last.state not in ("done", "failed"):
        jobs.work(A_BATCH)
        seen.append((large.last.state, large.last.done, large.last.gone))
        assert len(seen) < 20
    checks = [("checking", done, 0) for done in STEPS[:-1]] + [("queued", 102, 150)]
    # The last rows and the first gone products are one turn.
    imports = [("running", done, 0) for done in STEPS[:-1]]
    settled = [("running", 102, count) for count in (40, 80, 120)] + [("done", 102, 150)]
    assert seen == checks + imports + settled
    assert large.counts() == (2, 0, 100, 0, 150)
    assert large.last.rows.filter(outcome="gone").count() == 150
    assert large.skus == in_stock() == set(numbered(102, first=150))


def broken(*_, **__):
    raise OperationalError("the connection is lost")


@pytest.mark.parametrize(
    ("of", "name"), [(gone, "treat"), (gone, "write"), (Importer, "settle_row"), (FeedProduct.objects, "bulk_create")]
)
def test_a_batch_that_breaks_off_is_as_if_it_never_was(large, monkeypatch, of, name):
    for _ in STEPS:
        jobs.work(A_BATCH)
    assert large.last.state == "queued"
    with monkeypatch.context() as patched:
        patched.setattr(of, name, broken)
        for _ in range(6):
            jobs.work(A_BATCH)
    run = large.last
    assert (run.state, run.gone, run.reason) == (
        "running",
        0,
        "It is held up: the connection is lost. It tries again by itself.",
    )
    assert FeedProduct.objects.count() == 250 + run.done - min(run.done, 100)
    jobs.work(60)
    assert (large.last.state, large.counts()) == ("done", (2, 0, 100, 0, 150))
    assert large.skus == in_stock() == set(numbered(102, first=150))


def test_a_run_that_is_cancelled_amid_gone_products_stops_there(large):
    while large.last.gone < 40 or large.last.state != "running":
        jobs.work(A_BATCH)
    assert jobs.cancel(large.last)
    jobs.work(60)
    assert (large.last.state, large.last.gone, Product.objects.count()) == ("cancelled", 40, 212)
    assert large.runs() == "done"
    assert (large.last.gone, large.skus) == (110, set(numbered(102, first=150)))
