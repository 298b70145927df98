"""Training the category head on a space's own vectors."""

from dataclasses import asdict
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Count

from ml.classifier import TooFewPhotos, fit_head
from search.models import Embedding, Head, Space

# Photos that a head learns from, and how many of one category at most: about 200 are enough. 20,000 photos of 2,048
# dimensions fill 160 MB as float32; the bound is on all together, so that 400 categories take no more memory than 40.
PHOTOS, PHOTOS_PER_CATEGORY = 20_000, 500
# A head is trained anew when this share of the photos it saw was added, removed or moved. A choice, not a measurement:
# it keeps training rare in a growing shop, and the accuracy of a head over 300 photos is known no better than to 1.8
# points (the standard error at 90 %), so that what fewer photos change could hardly be told.
CHANGED_ENOUGH = 0.1


def is_due(space: Space) -> bool:
    """Whether the catalogue has changed enough since the space's newest head was trained, or there is none yet."""
    now = _photos_per_category(space)
    newest = space.heads.order_by("-pk").only("photos", "trained_at").first()
    if newest is None:
        return bool(now)
    then = {int(category): count for category, count in newest.photos.items()}
    added = _photos_per_category(space, photo__created_at__gt=newest.trained_at)
    # Photos that came are counted apart from those that went: stock replaced one for one is all changed.
    gone = (abs(now.get(c, 0) - added.get(c, 0) - then.get(c, 0)) for c in now.keys() | then.keys())
    return sum(added.values()) + sum(gone) > CHANGED_ENOUGH * sum(then.values())


def train(space: Space, seed: int = 0) -> Head | None:
    """Train a head and put it in use. None when another process is training this space.

    Raises:
        TooFewPhotos: fewer than two categories have enough photos to hold some out.
    """
    with transaction.atomic():
        if not Space.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=space.pk).exists():
            return None
        photos = _photos_per_category(space)
        trained = fit_head(*_samples(space, list(photos), seed), seed=seed)
        head = Head.objects.create(
            space=space,
            categories=[int(category) for category in trained.classes],
            weights=trained.to_bytes(),
            photos=photos,
            metrics=asdict(trained.metrics),
        )
        space.heads.exclude(pk=head.pk).delete()
        return head


def train_if_due(space: Space) -> Head | None:
    """Train when it pays; a catalogue too small for a head is left without one."""
    if not is_due(space):
        return None
    try:
        return train(space)
    except TooFewPhotos:
        return None


def _photos_per_category(space: Space, **restriction: Any) -> dict[int, int]:
    rows = Embedding.objects.filter(space_id=space.pk, **restriction)
    counts = rows.values("category_id").annotate(photos=Count("*"))
    return dict(counts.values_list("category_id", "photos"))


def _samples(space: Space, categories: list[int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (n, d), category ids (n,) and product ids (n,), a random sample of each category.

    Raises TooFewPhotos when there are none.
    """
    random = np.random.default_rng(seed)
    most = min(PHOTOS_PER_CATEGORY, PHOTOS // max(1, len(categories)))
    vectors, labels, products = [], [], []
    for category in sorted(categories):
        # A product that is being moved has photos under two categories: those not yet moved teach nothing true.
        embeddings = Embedding.objects.filter(
            space_id=space.pk, category_id=category, photo__product__category_id=category
        )
        photo_ids = np.array(embeddings.order_by("photo_id").values_list("photo_id", flat=True))
        if len(photo_ids) > most:
            photo_ids = random.choice(photo_ids, most, replace=False)
        rows = embeddings.filter(photo_id__in=photo_ids.tolist()).order_by("photo_id")
        for vector, product_id in rows.values_list("vector", "photo__product_id"):
            vectors.append(np.asarray(vector, dtype=np.float32))
            labels.append(category)
            products.append(product_id)
    if not vectors:
        raise TooFewPhotos({})
    return np.stack(vectors), np.array(labels), np.array(products)
