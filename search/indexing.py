"""Indexing: photos become embeddings.

Pending is a query, not a flag, so that new photos, killed workers, products moved to another category and new spaces
all heal by one rule.
"""

from collections.abc import Sequence

from django.db import models, transaction
from django.db.models import Exists, OuterRef

from catalog.models import Photo
from ml.images import UnreadablePhoto, open_photo
from search import encoders, partitions
from search.models import Embedding, Rejection, Space

# Photos a transaction: large enough that the commit and the queries cost under 1 % of the encoding, small enough that a
# killed worker repeats seconds of work and that nobody waits long for a locked photo.
BATCH = 64


def pending(space: Space) -> models.QuerySet[Photo]:
    """The photos without an embedding under their product's category, and without a recorded rejection."""
    embedded = Embedding.objects.filter(
        space_id=space.pk, category_id=OuterRef("product__category_id"), photo_id=OuterRef("pk")
    )
    rejected = Rejection.objects.filter(space_id=space.pk, photo_id=OuterRef("pk"))
    return Photo.objects.filter(~Exists(embedded), ~Exists(rejected))


def index_batch(space: Space, size: int = BATCH) -> int:
    """Settle up to `size` pending photos, each as an embedding or a rejection, in one transaction.

    Photos that another worker holds are passed over. A photo whose product moved to another category keeps its vector.

    Returns:
        How many photos were settled; 0 when nothing is pending or others hold it all.

    Raises:
        ml.recipes.WeightsError: the space's encoder cannot be loaded; nothing is lost.
    """
    with transaction.atomic():
        photos = _claim(space, size)
        if not photos:
            return 0
        partitions.ensure(space, {photo.product.category_id for photo in photos})
        moved = _move(space, photos)
        _embed(space, [photo for photo in photos if photo.pk not in moved])
        return len(photos)


def _claim(space: Space, size: int) -> list[Photo]:
    """Lock pending photos that no other worker has locked.

    The rows are asked for again after locking: a worker that committed between our snapshot and our lock has settled
    them, and only a new statement sees that.
    """
    locked = (
        pending(space)
        .order_by("pk")
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .values_list("pk", flat=True)[:size]
    )
    return list(pending(space).filter(pk__in=list(locked)).select_related("product").order_by("pk"))


def _move(space: Space, photos: Sequence[Photo]) -> set[int]:
    """File the vectors of photos whose product changed category under the new one. Returns these photos' ids."""
    category_of = {photo.pk: photo.product.category_id for photo in photos}
    stale = Embedding.objects.filter(space_id=space.pk, photo_id__in=category_of)
    moved = set()
    for photo_id, old in list(stale.values_list("photo_id", "category_id")):
        row = Embedding.objects.filter(space_id=space.pk, category_id=old, photo_id=photo_id)
        row.update(category_id=category_of[photo_id])
        moved.add(photo_id)
    return moved


def _embed(space: Space, photos: Sequence[Photo]) -> None:
    readable, images, rejections = [], [], []
    for photo in photos:
        try:
            with photo.file.open("rb") as file:
                images.append(open_photo(file.read()))
            readable.append(photo)
        except UnreadablePhoto as error:
            rejections.append(Rejection(space=space, photo=photo, reason=error.message))
        except FileNotFoundError:
            reason = "The file is missing from the photo storage. Upload the photo again."
            rejections.append(Rejection(space=space, photo=photo, reason=reason))
    Rejection.objects.bulk_create(rejections, ignore_conflicts=True)
    if not images:
        return
    vectors = encoders.encoder_for(space).encode(images)
    Embedding.objects.bulk_create(
        [
            Embedding(space=space, category_id=photo.product.category_id, photo=photo, vector=vector)
            for photo, vector in zip(readable, vectors, strict=True)
        ],
        update_conflicts=True,
        unique_fields=["photo_id", "category_id", "space_id"],
        update_fields=["vector"],
    )
