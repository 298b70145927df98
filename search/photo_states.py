"""What became of the photos in a space: each is indexed, pending, or rejected and why.

A photo is indexed by a vector under its product's current category; a vector under a former one does not count. It is
rejected as long as a rejection keeps it from being tried. All others are pending. Every other module asks here.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery

from catalog.models import Photo
from search.models import Embedding, Rejection, Space

MOST_PENDING = 1_000


class State(StrEnum):
    INDEXED = "indexed"
    PENDING = "pending"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Counts:
    """How many photos are in which state."""

    total: int = 0
    pending: int = 0
    rejected: int = 0

    @property
    def indexed(self) -> int:
        """All others. The counts are taken in turn, so they may not add up for a moment while a worker runs."""
        return max(0, self.settled - self.rejected)

    @property
    def settled(self) -> int:
        return max(0, self.total - self.pending)


def pending(space: Space, after: int = 0) -> QuerySet[Photo]:
    """The photos that are neither indexed nor rejected.

    Photos with ids up to `after` are skipped, and so are their vectors, which saves their share of the time.
    """
    indexed = _vectors_of_photo(space).filter(photo_id__gt=after)
    return Photo.objects.filter(~Exists(indexed), ~Exists(_rejections_of_photo(space)), pk__gt=after)


def annotated(photos: QuerySet[Photo], space: Space) -> QuerySet[Photo]:
    """The photos with `is_indexed` and `rejected_because` (None unless they are rejected), as `of` needs them."""
    reason = Subquery(_rejections_of_photo(space).values("reason")[:1])
    return photos.annotate(is_indexed=Exists(_vectors_of_photo(space)), rejected_because=reason)


def of(photo: Photo) -> State:
    """The state of an annotated photo."""
    if photo.is_indexed:  # type: ignore[attr-defined]  # by `annotated`
        return State.INDEXED
    return State.PENDING if photo.rejected_because is None else State.REJECTED  # type: ignore[attr-defined]


def counts(space: Space) -> Counts:
    """How many photos of the whole catalogue are in which state. Takes half a second or more among a million."""
    return counts_with_oldest_pending(space)[0]


def counts_with_oldest_pending(space: Space) -> tuple[Counts, datetime | None]:
    """The counts, and when the oldest pending photo came into the shop: finding the pending ones takes the time."""
    waiting = pending(space).aggregate(number=Count("*"), oldest=Min("created_at"))
    return Counts(Photo.objects.count(), waiting["number"], _rejected(space).count()), waiting["oldest"]


def per_category(space: Space) -> dict[int, Counts]:
    """The counts of each category that has photos, by its id."""
    total = _by_category(Photo.objects.all(), "product__category_id")
    waiting = _by_category(pending(space), "product__category_id")
    rejected = _by_category(_rejected(space), "photo__product__category_id")
    return {pk: Counts(count, waiting.get(pk, 0), rejected.get(pk, 0)) for pk, count in total.items()}


def per_product(space: Space, products: Collection[int]) -> dict[int, Counter[State]]:
    """How many photos of each of these products are in which state. It is one query, meant for a page of products."""
    counts: dict[int, Counter[State]] = {product: Counter() for product in products}
    photos = Photo.objects.filter(product__in=products).order_by().only("product_id")
    for photo in annotated(photos, space):
        counts[photo.product_id][of(photo)] += 1
    return counts


def products_with(space: Space, state: State) -> Q:
    """Products that have a pending or a rejected photo; for INDEXED, products whose photos are all indexed.

    EXISTS finds a page of indexed products without looking at the others. Finding a few pending photos among a million
    takes a second in any way, so they are asked for once, and at most MOST_PENDING of them.
    """
    if state == State.PENDING:
        photos = pending(space).order_by().values_list("product_id", flat=True)
        return Q(pk__in=set(photos[:MOST_PENDING]))
    waiting = Exists(pending(space).filter(product_id=OuterRef("pk")))
    rejected = Exists(_rejected(space).filter(photo__product_id=OuterRef("pk")))
    return Q(rejected) if state == State.REJECTED else Q(has_photos()) & ~Q(waiting) & ~Q(rejected)


def has_photos() -> Exists:
    return Exists(Photo.objects.filter(product_id=OuterRef("pk")))


def _vectors(space: Space) -> QuerySet[Embedding]:
    return Embedding.objects.filter(space_id=space.pk)


def _rejections(space: Space) -> QuerySet[Rejection]:
    return Rejection.objects.in_force().filter(space_id=space.pk)


def _rejected(space: Space) -> QuerySet[Rejection]:
    """The rejections in force, without those whose photo has a vector all the same: it counts as indexed."""
    vectors = _vectors(space).filter(category_id=OuterRef("photo__product__category_id"), photo_id=OuterRef("photo_id"))
    return _rejections(space).exclude(Exists(vectors))


def _vectors_of_photo(space: Space) -> QuerySet[Embedding]:
    """The vector that counts, for use inside a query of photos."""
    return _vectors(space).filter(category_id=OuterRef("product__category_id"), photo_id=OuterRef("pk"))


def _rejections_of_photo(space: Space) -> QuerySet[Rejection]:
    return _rejections(space).filter(photo_id=OuterRef("pk"))


def _by_category(rows: "QuerySet[Photo] | QuerySet[Rejection]", category: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(category).annotate(count=Count("*")))
