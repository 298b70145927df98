"""Indexing: photos become embeddings.

Pending is a query, not a flag. So one rule serves new photos, photos of killed workers, products moved to another
category and new spaces.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from itertools import chain

import numpy as np
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from catalog.models import Category, Photo
from catalog.storage import READS, StoredPhotoError
from catalog.storage_deadline import StorageSilent
from metrics import indexing as metrics
from search import encoders, photo_states
from search.claiming import claim
from search.models import RETRY_AFTER, Embedding, Rejection, Space
from search.photo_opening import opened
from search.stopwatch import Stopwatch
from search.store import partitions, vectors

logger = logging.getLogger(__name__)
# Photos a transaction. With so many, the commit and the queries (18 ms) cost 2 % of the encoding, a killed worker
# repeats a second of work, and nobody waits long for a locked photo.
BATCH = 64
# The same in a space built beside the live one: a photo for the live one waits for this batch at most, and its rest.
BUILDING_BATCH = 16
# How long a photo rests that alone got no answer. To ask for it again while it hangs costs nothing.
SILENT_FOR = timedelta(seconds=20)


def index_batch(space: Space, size: int = BATCH) -> int:
    """Settle up to `size` pending photos, each as an embedding or a rejection, in one transaction.

    Photos that another worker holds are passed over. A photo whose product moved to another category keeps its vector.
    A space derived from another takes the vectors stored there and encodes what is missing. A photo whose storage fails
    is rejected for RETRY_AFTER only, and for SILENT_FOR if it does not answer, so that it holds up no others. While the
    whole storage hangs, those that it does not give stay pending.

    Returns:
        How many photos were settled; 0 when nothing is pending, others hold it all, the storage hangs or the space was
        dropped.

    Raises:
        ml.recipes.WeightsError: the space's encoder cannot be loaded; nothing is lost.
    """
    # Leaves are made in transactions of their own: attaching one locks out uploads, for a moment instead of a batch.
    try:
        leaves = partitions.ensure(space, Category.objects.values_list("pk", flat=True))
        with metrics.STAGE_DURATION.labels("batch").time(), transaction.atomic():
            partitions.lock_out_drops()
            claimed = claim(space.pk, partial(_pending, space), size)
            # A category made this instant has no leaf yet: its photos wait for the next batch.
            photos = [photo for photo in claimed if photo.product.category_id in leaves]
            if not photos:
                return 0
            return len(photos) - _settle(space, photos)
    except IntegrityError:
        if Space.objects.filter(pk=space.pk).exists():
            raise
        return 0


def index_gently(space: Space, size: int, share: float) -> int:
    """Index a batch, then rest, so that batches take at most `share` of the time (above 0, up to 1)."""
    begun = time.monotonic()
    settled = index_batch(space, size)
    if settled:
        time.sleep((time.monotonic() - begun) * (1 / share - 1))
    return settled


def forget(photo_ids: Sequence[int]) -> None:
    """Make these photos pending again in every space that photos go into: delete their vectors and rejections."""
    spaces = list(Space.objects.indexed_into().values_list("pk", flat=True))
    with transaction.atomic():
        partitions.lock_out_drops()
        # Batches lock the photos they settle. This waits for their end, so they cannot write what is deleted here.
        locked = Photo.objects.filter(pk__in=photo_ids).order_by("pk").select_for_update(no_key=True)
        ids = list(locked.values_list("pk", flat=True))
        Embedding.objects.filter(space_id__in=spaces, photo_id__in=ids).delete()
        Rejection.objects.filter(space_id__in=spaces, photo_id__in=ids).delete()


def _settle(space: Space, photos: Sequence[Photo]) -> int:
    """Returns how many photos stay pending, since their storage hangs."""
    Rejection.objects.filter(space=space, photo__in=photos).delete()
    done = _move(space, photos)
    if space.source_id is not None:
        done |= _project(space, [photo for photo in photos if photo.pk not in done])
    metrics.observe({}, copied=len(done))
    rest = [photo for photo in photos if photo.pk not in done]
    return _embed(space, rest) if rest else 0


def _pending(space: Space, after: int) -> QuerySet[Photo]:
    return photo_states.pending(space, after).select_related("product").only("file", "product__category_id")


def _move(space: Space, photos: Sequence[Photo]) -> set[int]:
    """File the vectors of photos whose product changed category under the new one. Returns these photos' ids.

    They are written anew. An update would move the rows as they are. A leaf without an index may hold rows without a
    coarse vector; moved to a leaf with an index, such a row would never be found.
    """
    ids, stored = vectors.read(space, [photo.pk for photo in photos])
    Embedding.objects.filter(space_id=space.pk, photo_id__in=ids.tolist()).delete()
    _write(space, _in_order(photos, ids), stored)
    return set(ids.tolist())


def _project(space: Space, photos: Sequence[Photo]) -> set[int]:
    """Make the vectors of a derived space from those stored in its source. Returns these photos' ids."""
    source, projection = Space.objects.filter(derived=space).first(), encoders.projection_of(space)
    if source is None or projection is None:
        return set()
    ids, stored = vectors.read(source, [photo.pk for photo in photos])
    _write(space, _in_order(photos, ids), projection.apply(stored, space.metric == Space.Metric.COSINE))
    return set(ids.tolist())


def _in_order(photos: Sequence[Photo], ids: np.ndarray) -> list[Photo]:
    by_id = {photo.pk: photo for photo in photos}
    return [by_id[photo_id] for photo_id in ids.tolist()]


def _embed(space: Space, photos: Sequence[Photo]) -> int:
    """Returns how many photos stay pending, since their storage hangs."""
    encoder = encoders.encoder_for(space)
    failures: dict[int, StoredPhotoError] = {}
    watch = Stopwatch()
    with closing(opened(encoder.open, photos, failures)) as opening:
        images = watch.each("decode", opening)
        if first := next(images, None):
            with watch.stage("embed"):
                made = encoder.encode(chain([first], images))
            with watch.stage("store"):
                _write(space, [photo for photo in photos if photo.pk not in failures], made)
    silent = {pk for pk, failure in failures.items() if isinstance(failure.__cause__, StorageSilent)}
    waiting = silent if READS.hangs() else set[int]()
    if waiting:
        logger.warning("%s: the photo storage hangs, and %d photos wait for it", space, len(waiting))
    rejected = [photo for photo in photos if photo.pk in failures.keys() - waiting]
    metrics.observe(watch.stages, embedded=len(photos) - len(failures), rejected=len(rejected))
    Rejection.objects.bulk_create(_rejection(space, photo, failures[photo.pk]) for photo in rejected)
    return len(waiting)


def _rejection(space: Space, photo: Photo, failure: StoredPhotoError) -> Rejection:
    wait = SILENT_FOR if isinstance(failure.__cause__, StorageSilent) else RETRY_AFTER
    retry_at = Now() + wait if failure.transient else None  # The clock by which it is over.
    return Rejection(space=space, photo=photo, reason=str(failure), retry_at=retry_at)


def _write(space: Space, photos: Sequence[Photo], made: np.ndarray) -> None:
    vectors.write(space, [(photo.pk, photo.product.category_id) for photo in photos], made)
