"""What became of addresses that were asked: photos that come, change and go.

Nothing here waits for a network. Photos that people added are not touched, and no product loses its last photo.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from catalog.fetching.answers import NotFetched
from catalog.models import Photo, PhotoAddress, Product
from catalog.photos import Picture, TooManyPhotos, add_under_lock
from catalog.storage import synced_together

State = PhotoAddress.State
# How long an address rests after each failure that may pass; after one more it has failed. 15 hours in all.
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=12))
# A server that says when to come back is asked so often.
MOST_BUSY = 20
# What a server says of its answer is kept up to this length. A longer one is no use, and not sent back.
MOST_SAID = 500
WRITTEN = ("state", "asked_at", "attempts", "leases", "reason", "due_at", "photo", "sha256", "etag", "last_modified")


class Outcome(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LATER = "tried again later"
    FAILED = "failed"
    OVERTAKEN = "overtaken"
    """The catalogue names the address no more, or another worker has taken it."""


@dataclass(frozen=True)
class Lease:
    """An address that is being asked. Nobody else asks until the lease is over."""

    address: PhotoAddress
    until: datetime


@dataclass(frozen=True)
class Brought:
    """What a server sent. `picture` is None if it is what the address brought last, and is decoded otherwise."""

    picture: Picture | None
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class Settled:
    lease: Lease
    outcome: Outcome
    reason: str = ""
    code: str = ""
    """The stable code of a failure (catalog.fetching.answers)."""


def settle(asked: Sequence[tuple[Lease, Brought | NotFetched]]) -> list[Settled]:
    """Write down what became of these addresses, in one transaction, in which the disk is waited for once.

    Raises catalog.storage.NotStored, DatabaseError: then nothing is written, and the leases end by themselves.
    """
    with transaction.atomic(), synced_together():
        ids = {lease.address.product_id for lease, _ in asked}
        # In one order, as imports lock them.
        locked = Product.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
        products = {product.pk: product for product in locked.only("pk")}
        mine = _held([lease for lease, _ in asked])
        settled: list[Settled] = []
        for lease, found in asked:
            address = mine.get(lease.address.pk)
            if address is None:
                settled.append(Settled(lease, Outcome.OVERTAKEN))
                continue
            address.product, address.leases = products[address.product_id], 0
            if isinstance(found, NotFetched):
                settled.append(_put_off(lease, address, found))
            else:
                settled.append(_keep(lease, address, found, mine.values()))
        PhotoAddress.objects.bulk_update(mine.values(), WRITTEN)
        in_order(ids)
        let_go(ids)
    return settled


def _held(leases: Iterable[Lease]) -> dict[int, PhotoAddress]:
    """The rows of leases that are in force, by id, locked."""
    until = {lease.address.pk: lease.until for lease in leases}
    rows = PhotoAddress.objects.filter(pk__in=until, state=State.WAITING).locked().select_related("photo")
    return {row.pk: row for row in rows if row.due_at == until[row.pk]}


def _keep(lease: Lease, address: PhotoAddress, brought: Brought, batch: Collection[PhotoAddress]) -> Settled:
    """Store what the address brought. The rows of the batch are written at its end."""
    outcome = Outcome.UNCHANGED
    if picture := brought.picture:
        outcome = Outcome.CHANGED if address.photo else Outcome.ADDED
        try:
            address.photo = _exchange(address, picture, batch)
        except TooManyPhotos as error:
            return _put_off(lease, address, NotFetched("too_many_photos", str(error)))
        address.sha256 = picture.sha256
    address.etag, address.last_modified = (
        said if len(said) <= MOST_SAID else "" for said in (brought.etag, brought.last_modified)
    )
    address.state, address.asked_at, address.attempts, address.reason = State.FETCHED, timezone.now(), 0, ""
    return Settled(lease, outcome)


def _exchange(address: PhotoAddress, picture: Picture, batch: Collection[PhotoAddress]) -> Photo:
    """The picture as the product's photo, in place of what the address brought before. Raises TooManyPhotos.

    In a full product it takes the place of a photo that no address names any more.
    """
    old = address.photo
    if old and old.from_address and old.sha256 != picture.sha256:
        others = PhotoAddress.objects.filter(photo=old).exclude(pk=address.pk)
        if not others.exists() and not any(other.photo_id == old.pk for other in batch if other is not address):
            old.delete()
            address.photo = None
    try:
        photo, _ = add_under_lock(address.product, picture, from_address=True)
    except TooManyPhotos:
        just_added = [other.photo_id for other in batch if other.photo_id]
        if (place := left_over([address.product_id]).exclude(pk__in=just_added).first()) is None:
            raise
        place.delete()
        photo, _ = add_under_lock(address.product, picture, from_address=True)
    return photo


def _put_off(lease: Lease, address: PhotoAddress, failure: NotFetched) -> Settled:
    """Let the address wait, the longer the more often it has failed, or give it up. Writes nothing yet."""
    address.asked_at, address.reason = timezone.now(), str(failure)
    address.attempts += 1
    is_told = failure.code == "busy" and failure.retry_after is not None
    if not failure.may_pass or address.attempts > (MOST_BUSY if is_told else len(PAUSES)):
        address.state = State.FAILED
        return Settled(lease, Outcome.FAILED, address.reason, failure.code)
    pause = PAUSES[min(address.attempts, len(PAUSES)) - 1]
    if failure.retry_after is not None:
        pause = max(failure.retry_after, PAUSES[0] if is_told else pause)
    address.due_at = timezone.now() + pause
    return Settled(lease, Outcome.LATER, address.reason, failure.code)


def left_over(products: Collection[int]) -> QuerySet[Photo]:
    """Photos of these products that addresses brought which the catalogue names no more."""
    named = PhotoAddress.objects.filter(photo=OuterRef("pk"))
    return Photo.objects.filter(~Exists(named), product__in=products, from_address=True).order_by("-position", "-pk")


def let_go(products: Collection[int]) -> None:
    """Delete what is left over, once all addresses of a product are settled, and never a product's last photo."""
    waiting = PhotoAddress.objects.filter(product__in=products, state=State.WAITING).values_list("product_id")
    photos = list(left_over(set(products) - {pk for (pk,) in waiting}))
    if not photos:
        return
    counts = Product.objects.filter(pk__in={photo.product_id for photo in photos}).annotate(held=Count("photos"))
    held = dict(counts.order_by().values_list("pk", "held"))
    for photo in photos:
        if held[photo.product_id] > 1:
            held[photo.product_id] -= 1
            photo.delete()


def in_order(products: Collection[int]) -> None:
    """Have photos that addresses brought follow the catalogue's order, in the places that they hold together."""
    rows = PhotoAddress.objects.filter(product__in=products, photo__from_address=True)
    places: dict[int, dict[Photo, int]] = {}
    for row in rows.select_related("photo").order_by("product", "position"):
        if row.photo:
            places.setdefault(row.product_id, {}).setdefault(row.photo, row.position)
    for of_product in places.values():
        wanted = sorted(of_product, key=of_product.__getitem__)
        held = sorted(photo.position for photo in wanted)
        for photo, position in zip(wanted, held, strict=True):
            if photo.position != position:
                Photo.objects.filter(pk=photo.pk).update(position=position)
