"""Which products a model is to be asked about, and what became of it.

Pending is a query here as well: a product whose first photo has no caption of the shop's model and prompt. It is leased
while the model is asked, not locked: a request takes seconds to a minute. A killed worker's leases end by themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from catalog.models import Photo, Product
from catalog.storage import StoredPhotoError
from descriptions.models import MOST_ATTEMPTS, Caption, CaptionQuerySet
from descriptions.vision_model import Away, NoCaption, Unanswered, Usage, VisionModel, Written, WrongSetUp
from search import worker_bell
from search.claiming import claim

BELL = "descriptions.tasks.caption_pending"
# Twice what a request takes at most: then its worker is dead.
LEASE = timedelta(minutes=5)
# A photo that failed waits so long, and twice as long each time.
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)
SOURCE_LENGTH = Product._meta.get_field("caption_source").max_length
Failure = NoCaption | StoredPhotoError


@dataclass(frozen=True)
class Lease:
    """A product whose photo the model is being asked about. Nobody else asks until the lease is over."""

    product: Product
    photo: Photo
    until: datetime


def pending(maker: str, after: int = 0) -> QuerySet[Product]:
    """The products with an id above `after` that the model is to be asked about now.

    Sets `photo_id`, that of the first photo.
    """
    photos = Photo.objects.filter(product_id=OuterRef("pk"))
    settled = _about_first_photos().settled().filter(product_id=OuterRef("pk"), product_id__gt=after, maker=maker)
    products = Product.objects.filter(Exists(photos), ~Exists(settled), pk__gt=after).defer("search_vector")
    return products.annotate(photo_id=Subquery(photos.order_by("position", "pk").values("pk")[:1]))


def _about_first_photos() -> CaptionQuerySet:
    """The rows whose photo is the product's first one today.

    Among 200,000 products, looking for a photo before it takes half a second; looking up the first, twice as long.
    """
    same, before = Q(position=OuterRef("photo__position")), Q(position__lt=OuterRef("photo__position"))
    earlier = Photo.objects.filter(before | same & Q(pk__lt=OuterRef("photo_id")), product_id=OuterRef("product_id"))
    return Caption.objects.filter(~Exists(earlier), photo__product_id=F("product_id"))


def take(maker: str, size: int) -> list[Lease]:
    """Lease up to `size` pending products. Their photos are not asked about by anybody else for LEASE."""
    with transaction.atomic():
        products = claim(("captions", maker), partial(pending, maker), size)
        first = {product.pk: product.photo_id for product in products}  # type: ignore[attr-defined]  # by `pending`
        photos, rows = Photo.objects.in_bulk(first.values()), _locked_rows(products)
        until = timezone.now() + LEASE
        leases = [
            Lease(product, photos[first[product.pk]], until)
            for product in products
            if product.pk in rows and first[product.pk] in photos
        ]
        for lease in leases:
            _write_lease(rows[lease.product.pk], lease, maker)
    return leases


def _locked_rows(products: Iterable[Product]) -> dict[int, Caption]:
    """The products' rows, made where there are none. Those of products that are just being deleted are passed over."""
    ids = {product.pk for product in products}
    there = Caption.objects.filter(pk__in=ids)
    free = list(there.select_for_update(skip_locked=True, no_key=True))
    # Inserting blindly would wait for a deletion, which waits for the product that we hold.
    new = Caption.objects.bulk_create(Caption(product_id=pk) for pk in ids - {*there.values_list("pk", flat=True)})
    return {row.pk: row for row in [*free, *new]}


def _write_lease(row: Caption, lease: Lease, maker: str) -> None:
    if (row.maker, row.photo_id) != (maker, lease.photo.pk):  # Failures of another photo or model say nothing here.
        row.maker, row.photo_id = maker, lease.photo.pk
        row.made_at, row.reason, row.attempts, row.waits = None, "", 0, 0
    row.retry_at = lease.until
    row.save()


def keep(lease: Lease, model: VisionModel, written: Written) -> None:
    """Store what the model wrote, unless somebody else has taken the product over meanwhile."""
    with transaction.atomic():
        _count(lease, written.usage, failures=0)
        mine = _of(lease).update(made_at=timezone.now(), reason="", attempts=0, waits=0, retry_at=None)
        if mine:
            source = model.name[:SOURCE_LENGTH]
            Product.objects.filter(pk=lease.product.pk).update(caption=written.text, caption_source=source)
            transaction.on_commit(worker_bell.ring, robust=True)  # Its texts have changed.


def put_off(lease: Lease, failure: Failure) -> bool:
    """Let the photo wait, the longer the more often it has failed. Whether it is given up."""
    with transaction.atomic():
        if isinstance(failure, NoCaption):  # Otherwise the photo could not be opened, and nobody was asked.
            _count(lease, failure.usage, failures=1)
        row = _of(lease).select_for_update(no_key=True).first()
        if row is None:
            return False
        if isinstance(failure, WrongSetUp):
            row.retry_at = None  # It is no fault of the photo's.
        else:
            may_pass = isinstance(failure, Away | Unanswered) or getattr(failure, "transient", False)
            row.waits, row.attempts = row.waits + may_pass, row.attempts + (not may_pass)
            doublings = min(row.waits + row.attempts - 1, 11)
            row.retry_at = timezone.now() + min(LONGEST_WAIT, SHORTEST_WAIT * 2**doublings)
            row.reason = str(failure)
        row.save(update_fields=["waits", "attempts", "retry_at", "reason"])
        return row.attempts >= MOST_ATTEMPTS


def _of(lease: Lease) -> QuerySet[Caption]:
    """The lease's row, as long as the lease is in force."""
    return Caption.objects.filter(pk=lease.product.pk, photo_id=lease.photo.pk, retry_at=lease.until)


def _count(lease: Lease, usage: Usage, failures: int) -> None:
    """Add a request to what the product's captions took, whoever holds it now."""
    Caption.objects.filter(pk=lease.product.pk).update(
        asked_at=timezone.now(),
        requests=F("requests") + 1,
        failures=F("failures") + failures,
        prompt_tokens=F("prompt_tokens") + (usage.prompt_tokens or 0),
        completion_tokens=F("completion_tokens") + (usage.completion_tokens or 0),
    )


def ask_again(products: Iterable[Product]) -> int:
    """Have these products' captions made anew, from the start. Their texts stay until then.

    Returns how many of them have photos.
    """
    ids = [product.pk for product in products]
    Caption.objects.filter(pk__in=ids).ask_again()
    transaction.on_commit(partial(worker_bell.ring, BELL), robust=True)
    return Photo.objects.filter(product__in=ids).values("product").distinct().count()


def forget_captions_without_photos() -> int:
    """Take captions from products whose photos are all gone. Returns how many."""
    photos = Photo.objects.filter(product_id=OuterRef("pk"))
    with transaction.atomic():
        made = Caption.objects.made().filter(~Exists(photos)).select_for_update(no_key=True, skip_locked=True)
        ids = list(made.values_list("pk", flat=True))
        Caption.objects.filter(pk__in=ids).ask_again()
        count = Product.objects.filter(pk__in=ids).update(caption="", caption_source="")
        if count:
            transaction.on_commit(worker_bell.ring, robust=True)
    return count
