"""What becomes of products that a feed had and has no more, once its rows are imported."""

import time

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog.feeds.models import Feed, FeedProduct
from catalog.feeds.seen import feed_of
from catalog.importing.importer import Outcome
from catalog.models import Import, ImportRow, Product

# Products of one transaction. A product that is deleted takes its photos and their vectors with it.
BATCH = 200
# Gone products that are kept and shown, as other rows are.
SHOWN = 1_000
GONE = "gone"
UNREADABLE = "\ufffd"  # What catalog.importing.rows.printable makes of bytes that are no text.
WOULD = {
    Feed.Gone.KEEP: "would stay as it is",
    Feed.Gone.SOLD_OUT: "would be sold out",
    Feed.Gone.DELETE: "would be deleted",
}
DID = {Feed.Gone.KEEP: "stays as it is", Feed.Gone.SOLD_OUT: "sold out", Feed.Gone.DELETE: "deleted"}
SHARED = "stays: another feed has it"


def missing(sent: Import) -> QuerySet[FeedProduct]:
    """The products that the feed had, and that this run did not see. None while it cannot be known."""
    if is_unsure(sent):
        return FeedProduct.objects.none()
    return FeedProduct.objects.held().filter(feed_id=feed_of(sent)).exclude(seen_in=sent.pk).order_by("pk")


def is_unsure(sent: Import) -> bool:
    """Whether rows name no sku, or a damaged one: each may be any product's, so nobody knows which are gone."""
    damaged = Q(sku="") | Q(sku__contains=UNREADABLE)
    return sent.rows.filter(damaged, outcome=Outcome.REFUSED).exists()


def foretell(sent: Import) -> None:
    """Count and name what a checked run would do. Its caller has locked it."""
    found = missing(sent)
    some = list(found.select_related("product").defer("product__search_vector")[:SHOWN])
    shared = shared_by_others(sent, some)
    ImportRow.objects.bulk_create(
        row(sent, number, one.product, WOULD, one.product_id in shared) for number, one in enumerate(some)
    )
    write(sent, gone=found.count())


def settle(sent: Import, deadline: float) -> bool:
    """Do with gone products what the feed says, a batch a transaction. False if the time is up or somebody stopped it.

    What a batch settles the feed has no more, so a worker that takes over goes on behind it.
    """
    while missing(sent).exists():
        if not settle_batch(sent):
            return False
        if time.monotonic() > deadline and missing(sent).exists():
            return False
    return True


def settle_batch(sent: Import) -> bool:
    with transaction.atomic():
        own = Import.objects.filter(pk=sent.pk, state=sent.state, done=sent.done, gone=sent.gone)
        if not own.select_for_update():
            return False
        batch = list(missing(sent)[:BATCH])
        ids = [one.product_id for one in batch]
        shared = shared_by_others(sent, batch)
        locked = Product.objects.filter(pk__in=ids).order_by("pk").defer("search_vector").select_for_update()
        products = list(locked)
        room = max(0, SHOWN - sent.gone)
        ImportRow.objects.bulk_create(
            row(sent, number, product, DID, product.pk in shared)
            for number, product in enumerate(products[:room], sent.gone)
        )
        own_alone = [product for product in products if product.pk not in shared]
        of_batch = FeedProduct.objects.filter(pk__in=[one.pk for one in batch])
        of_batch.update(is_gone=True)
        if sent.gone_as == Feed.Gone.SOLD_OUT:
            of_batch.filter(product__in=[product.pk for product in own_alone if product.in_stock]).update(sold_out=True)
        treat(sent, [product.pk for product in own_alone])
        write(sent, gone=sent.gone + len(batch), attempts=0, reason="", active_at=timezone.now())
    return True


def treat(sent: Import, ids: list[int]) -> None:
    found = Product.objects.filter(pk__in=ids)
    if sent.gone_as == Feed.Gone.SOLD_OUT:
        found.filter(in_stock=True).update(in_stock=False, updated_at=timezone.now())
    elif sent.gone_as == Feed.Gone.DELETE:
        found.delete()


def shared_by_others(sent: Import, batch: list[FeedProduct]) -> set[int]:
    """The products among these that another feed has."""
    ids = [one.product_id for one in batch]
    others = FeedProduct.objects.held().filter(product_id__in=ids).exclude(feed_id=feed_of(sent))
    return set(others.values_list("product_id", flat=True))


def row(sent: Import, number: int, product: Product, words: dict[Feed.Gone, str], is_shared: bool) -> ImportRow:
    what = SHARED if is_shared else words[Feed.Gone(sent.gone_as)]
    text = f"{product.name}: {what}"
    return ImportRow(of=sent, number=number, place="–", sku=product.sku, outcome=GONE, text=text)


def write(sent: Import, **fields: object) -> None:
    Import.objects.filter(pk=sent.pk).update(**fields)
    for name, value in fields.items():
        setattr(sent, name, value)
