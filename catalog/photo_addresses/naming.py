"""Which addresses a product has, as the row of a catalogue names them.

A row that names addresses names all of them: one that it leaves out loses its row, and the photo that it brought leaves
when the others are settled (catalog.photo_addresses.settling), at once if they are. A row that names none says nothing
of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.utils import timezone

from catalog.fetching.answers import NotFetched
from catalog.fetching.web_addresses import read_address
from catalog.models import PhotoAddress, Product
from catalog.photo_addresses import bell
from catalog.photo_addresses.settling import in_order, let_go

# Products, and the addresses that their rows name, in order.
Named = Mapping[Product, Sequence[str]]


def differences(present: Iterable[PhotoAddress], named: Sequence[str]) -> str:
    """How the addresses that a row names differ from those that its product has, for people; empty if in nothing."""
    if not named:
        return ""
    had = [address.url for address in sorted(present, key=lambda address: address.position)]
    new, gone = len(set(named) - set(had)), len(set(had) - set(named))
    said = [f"{count} {what}" for count, what in ((new, "new"), (gone, "gone")) if count]
    if not said and had != list(named):
        said = ["another order"]
    return f"photos at web addresses: {', '.join(said)}" if said else ""


def name_addresses(named: Named, rested: timedelta = timedelta(0)) -> None:
    """Give the products the addresses that their rows name, and have those asked again that are settled.

    Those are left out that were asked within the time `rested`: a feed that is read every hour must not ask for every
    photo of the shop every hour.

    Takes the same few statements for any number of products. The caller holds the products' locks.
    """
    named = {product: urls for product, urls in named.items() if urls}
    if not named:
        return
    places = {(product.pk, url): place for product, urls in named.items() for place, url in enumerate(urls)}
    there = list(PhotoAddress.objects.filter(product__in=named).locked())
    gone = [address for address in there if (address.product_id, address.url) not in places]
    moved = []
    for address in there:
        place = places.pop((address.product_id, address.url), None)
        if place is not None and place != address.position:
            address.position = place
            moved.append(address)
    PhotoAddress.objects.bulk_create(
        PhotoAddress(product_id=pk, url=url, host=host_of(url), position=place) for (pk, url), place in places.items()
    )
    PhotoAddress.objects.bulk_update(moved, ["position"])
    PhotoAddress.objects.filter(pk__in=[address.pk for address in gone]).delete()
    settled = PhotoAddress.objects.filter(product__in=named).settled()
    (settled.filter(asked_at__lte=timezone.now() - rested) if rested else settled).ask_again()
    if changed := {address.product_id for address in (*gone, *moved)}:
        # Nothing else may be due for these products: then no worker settles anything of theirs.
        in_order(changed)
        let_go(changed)
    bell.ring()


def host_of(url: str) -> str:
    try:
        return read_address(url).host
    except NotFetched:
        return ""
