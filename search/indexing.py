"""Indexing: photos become embeddings.

Pending is a query, not a flag, so that new photos, killed workers, products moved to another category and new spaces
all heal by one rule.
"""

import time
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from PIL import Image

from catalog.models import Category, Photo
from ml.images import UnreadablePhoto, open_photo
from search import encoders, partitions
from search.models import Embedding, Rejection, Space

# Photos a transaction: large enough that the commit and the queries cost under 1 % of the encoding, small enough that a
# killed worker repeats seconds of work and that nobody waits long for a locked photo.
BATCH = 64
# Of a space that is built beside the live one: a photo for the live one waits for no more than this, and its rest.
BUILDING_BATCH = 16
RETRY_AFTER = timedelta(minutes=10)


def pending(space: Space) -> models.QuerySet[Photo]:
    """The photos without an embedding under their product's category, and without a rejection in force."""
    embedded = Embedding.objects.filter(
        space_id=space.pk, category_id=OuterRef("product__category_id"), photo_id=OuterRef("pk")
    )
    rejected = Rejection.objects.in_force().filter(space_id=space.pk, photo_id=OuterRef("pk"))
    return Photo.objects.filter(~Exists(embedded), ~Exists(rejected))


def index_batch(space: Space, size: int = BATCH) -> int:
    """Settle up to `size` pending photos, each as an embedding or a rejection, in one transaction.

    Photos that another worker holds are passed over. A photo whose product moved to another category keeps its vector.
    A space derived from another takes the vectors stored there and encodes what is missing. A storage that fails to
    answer rejects a photo for RETRY_AFTER only, so that it holds up no others.

    Returns:
        How many photos were settled; 0 when nothing is pending, others hold it all or the space was dropped.

    Raises:
        ml.recipes.WeightsError: the space's encoder cannot be loaded; nothing is lost.
    """
    # Apart from the batch: attaching a leaf locks the photos against uploads, for a moment instead of a batch.
    try:
        leaves = partitions.ensure(space, Category.objects.values_list("pk", flat=True))
        with transaction.atomic():
            partitions.lock_out_drops()
            # A category made this instant has no leaf yet: its photos wait for the next batch.
            photos = [photo for photo in _claim(space, size) if photo.product.category_id in leaves]
            if not photos:
                return 0
            _settle(space, photos)
            return len(photos)
    except IntegrityError:
        if Space.objects.filter(pk=space.pk).exists():
            raise
        return 0


def index_gently(space: Space, size: int, share: float) -> int:
    """A batch, then a rest: over time at most `share` (above 0, up to 1) is spent on the batches."""
    begun = time.monotonic()
    settled = index_batch(space, size)
    if settled:
        time.sleep((time.monotonic() - begun) * (1 / share - 1))
    return settled


def _settle(space: Space, photos: Sequence[Photo]) -> None:
    Rejection.objects.filter(space=space, photo__in=photos).delete()
    done = _move(space, photos)
    if space.source_id is not None:
        done |= _project(space, space.source_id, [photo for photo in photos if photo.pk not in done])
    _embed(space, [photo for photo in photos if photo.pk not in done])


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


def _project(space: Space, source_id: int, photos: Sequence[Photo]) -> set[int]:
    """Make the vectors of a derived space from those stored in its source. Returns these photos' ids."""
    stored = Embedding.objects.filter(space_id=source_id, photo_id__in=[photo.pk for photo in photos])
    vectors = dict(stored.values_list("photo_id", "vector"))
    projection = encoders.projection_of(space)
    if not vectors or projection is None:
        return set()
    known = [photo for photo in photos if photo.pk in vectors]
    wanted = np.array([vectors[photo.pk] for photo in known], np.float32)
    _write(space, known, projection.apply(wanted, space.metric == Space.Metric.COSINE))
    return set(vectors)


def _embed(space: Space, photos: Sequence[Photo]) -> None:
    readable, images, rejections = [], [], []
    for photo in photos:
        try:
            images.append(_decode(photo))
            readable.append(photo)
        except UnreadablePhoto as error:
            rejections.append(Rejection(space=space, photo=photo, reason=error.message))
        except FileNotFoundError:
            reason = "The file is missing from the photo storage. Upload the photo again."
            rejections.append(Rejection(space=space, photo=photo, reason=reason))
        except OSError as error:
            reason = f"The photo storage did not answer: {error}."
            rejections.append(Rejection(space=space, photo=photo, reason=reason, retry_at=timezone.now() + RETRY_AFTER))
    Rejection.objects.bulk_create(rejections)
    if images:
        _write(space, readable, encoders.encoder_for(space).encode(images))


def _decode(photo: Photo) -> Image.Image:
    with photo.file.open("rb") as file:
        return open_photo(file.read())


def _write(space: Space, photos: Sequence[Photo], vectors: np.ndarray) -> None:
    Embedding.objects.bulk_create(
        [
            Embedding(space=space, category_id=photo.product.category_id, photo=photo, vector=vector)
            for photo, vector in zip(photos, vectors, strict=True)
        ],
        update_conflicts=True,
        unique_fields=["photo_id", "category_id", "space_id"],
        update_fields=["vector"],
    )
