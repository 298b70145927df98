"""Which products a feed has: written with each batch of its rows, in the batch's own transaction."""

from collections.abc import Iterable

from catalog.feeds.models import FeedProduct
from catalog.importing.importer import Outcome, Result
from catalog.models import Import, Product


def feed_of(sent: Import) -> int:
    """The number of the feed whose run it is."""
    assert sent.feed_id is not None
    return sent.feed_id


def back_in_stock(skus: Iterable[str]) -> set[str]:
    """Those of these products that were in stock until a feed lost them. A feed that has them brings them back."""
    sold_out = FeedProduct.objects.filter(product__sku__in=set(skus), sold_out=True)
    return set(sold_out.values_list("product__sku", flat=True))


def mark(sent: Import, results: Iterable[Result]) -> None:
    """Note that the run saw the products of these rows. Writing it twice is writing it once.

    A refused row's product counts as seen if the feed had it before. A check marks those products alone.
    """
    accepted = {result.sku for result in results if result.outcome is not Outcome.REFUSED}
    refused = {result.sku for result in results if result.outcome is Outcome.REFUSED}
    if sent.dry_run:
        refused |= accepted
    else:
        # Locked, so that nobody deletes one before its row is there. In the order in which the importer locks them.
        products = Product.objects.filter(sku__in=accepted).order_by("pk").select_for_update(no_key=True)
        rows = [
            FeedProduct(feed_id=feed_of(sent), product_id=pk, seen_in=sent.pk)
            for pk in products.values_list("pk", flat=True)
        ]
        FeedProduct.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["feed", "product"],
            update_fields=["seen_in", "is_gone", "sold_out"],
        )
        # Of other feeds.
        back = FeedProduct.objects.filter(product__sku__in=accepted, sold_out=True).order_by("pk")
        if locked := list(back.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True)):
            FeedProduct.objects.filter(pk__in=locked).update(sold_out=False)
    if refused:
        known = FeedProduct.objects.filter(feed_id=feed_of(sent), product__sku__in=refused)
        known.update(seen_in=sent.pk)
