"""Training the category head on a space's own vectors."""

from dataclasses import asdict

import numpy as np
from django.db import transaction
from django.db.models import Count

from ml.classifier import TooFewPhotos, fit_head
from search.models import Embedding, Head, Space

# Photos of a category that a head learns from: about 200 are enough, and 200 categories of 500 photos of
# 2,048 dimensions fill 0.8 GB as float32.
PHOTOS_PER_CATEGORY = 500
# A head is trained anew when this share of the photos it saw was added, removed or moved. A smaller change moves the
# held-out accuracy by less than its standard error (1.8 points at 300 photos and 90 % accuracy).
CHANGED_ENOUGH = 0.1


def is_due(space: Space) -> bool:
    """Whether the catalogue has changed enough since the space's newest head was trained, or there is none yet."""
    now = _photos_per_category(space)
    newest = space.heads.order_by("-pk").only("photos").first()
    if newest is None:
        return bool(now)
    then = {int(category): count for category, count in newest.photos.items()}
    changed = sum(abs(now.get(category, 0) - then.get(category, 0)) for category in now.keys() | then.keys())
    return changed > CHANGED_ENOUGH * sum(then.values())


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


def _photos_per_category(space: Space) -> dict[int, int]:
    counts = Embedding.objects.filter(space_id=space.pk).values("category_id").annotate(photos=Count("*"))
    return dict(counts.values_list("category_id", "photos"))


def _samples(space: Space, categories: list[int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors (n, d), category ids (n,) and product ids (n,), at most PHOTOS_PER_CATEGORY of each category."""
    random = np.random.default_rng(seed)
    vectors, labels, products = [], [], []
    for category in sorted(categories):
        # A product that is being moved has photos under two categories: those not yet moved teach nothing true.
        embeddings = Embedding.objects.filter(
            space_id=space.pk, category_id=category, photo__product__category_id=category
        )
        photo_ids = np.array(embeddings.order_by("photo_id").values_list("photo_id", flat=True))
        if len(photo_ids) > PHOTOS_PER_CATEGORY:
            photo_ids = random.choice(photo_ids, PHOTOS_PER_CATEGORY, replace=False)
        rows = embeddings.filter(photo_id__in=photo_ids.tolist()).order_by("photo_id")
        for vector, product_id in rows.values_list("vector", "photo__product_id"):
            vectors.append(np.asarray(vector, dtype=np.float32))
            labels.append(category)
            products.append(product_id)
    return np.stack(vectors), np.array(labels), np.array(products)
