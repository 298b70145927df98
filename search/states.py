"""What became of a photo in a space: indexed, pending, or rejected and why."""

from collections import Counter
from collections.abc import Collection
from enum import StrEnum

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from catalog.models import Photo
from search import indexing
from search.models import Embedding, Rejection, Space

MOST_PENDING = 1_000


class State(StrEnum):
    INDEXED = "indexed"
    PENDING = "pending"
    REJECTED = "rejected"


def annotated(photos: QuerySet[Photo], space: Space) -> QuerySet[Photo]:
    """The photos with `is_indexed` and `rejected_because`, None unless they are rejected; for `of`."""
    embedded = Embedding.objects.filter(
        space_id=space.pk, category_id=OuterRef("product__category_id"), photo_id=OuterRef("pk")
    )
    rejections = Rejection.objects.in_force().filter(space_id=space.pk, photo_id=OuterRef("pk"))
    return photos.annotate(is_indexed=Exists(embedded), rejected_because=Subquery(rejections.values("reason")[:1]))


def of(photo: Photo) -> State:
    """Of an annotated photo."""
    if photo.is_indexed:  # type: ignore[attr-defined]  # by `annotated`
        return State.INDEXED
    return State.PENDING if photo.rejected_because is None else State.REJECTED  # type: ignore[attr-defined]


def per_product(space: Space, products: Collection[int]) -> dict[int, Counter[State]]:
    """How many photos of each of these products are in which state; one query, of a page's worth of products."""
    counts: dict[int, Counter[State]] = {product: Counter() for product in products}
    photos = Photo.objects.filter(product__in=products).order_by().only("product_id")
    for photo in annotated(photos, space):
        counts[photo.product_id][of(photo)] += 1
    return counts


def products_with(space: Space, state: State) -> Q:
    """Products with a photo that is pending (of MOST_PENDING photos) or rejected; or indexed, with all that they have.

    Those indexed are asked for by EXISTS, so that a page of them is found without looking at the others. To find a few
    pending ones among a million photos takes a second however it is asked: here it is asked once.
    """
    if state == State.PENDING:
        photos = indexing.pending(space).order_by().values_list("product_id", flat=True)
        return Q(pk__in=set(photos[:MOST_PENDING]))
    pending = Exists(indexing.pending(space).filter(product_id=OuterRef("pk")))
    rejected = Exists(Rejection.objects.in_force().filter(space_id=space.pk, photo__product_id=OuterRef("pk")))
    return Q(rejected) if state == State.REJECTED else Q(has_photos()) & ~Q(pending) & ~Q(rejected)


def has_photos() -> Exists:
    return Exists(Photo.objects.filter(product_id=OuterRef("pk")))
