"""Training the category head on a space's own vectors."""

import logging
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from django.db import transaction
from django.db.models import Count
from numpy.typing import NDArray

from ml.arrays import Floats, Ints
from ml.classifier import Classifier
from ml.gate_tuning import Views, tune_gate
from ml.head_fitting import Origin, OutOfFold, TooFewPhotos, cross_validate, fit_classifier, usable_classes
from ml.kinship_fitting import fit_kinship
from ml.retrieval import Gallery, Metric
from search import customers_photos, encoders, room_views
from search.models import Embedding, Head, Query, Space
from search.store import partitions, vectors

logger = logging.getLogger(__name__)
# The most photos that a head learns from, in all and of one category; about 200 are enough. 20,000 photos of 2,048
# dimensions fill 160 MB as float32. The bound is on all together, so that 400 categories take no more memory than 40.
PHOTOS, PHOTOS_PER_CATEGORY = 20_000, 500
# A head is trained anew when this share of the photos it saw was added, removed or moved. It is a choice, not a
# measurement. It keeps training rare in a growing shop. The accuracy of a head over 300 photos is known no better than
# to 1.8 points (the standard error at 90 %), so the effect of fewer photos could hardly be told.
CHANGED_ENOUGH = 0.1


@dataclass(frozen=True)
class Samples:
    """The photos that a head learns from."""

    gallery: Gallery
    families: NDArray[np.integer]
    """(n,) numbers of the products' names: photos whose products share a name within a category are a family."""


@dataclass(frozen=True, eq=False)
class Told:
    """Customers' photos, and the categories that the customers named."""

    vectors: NDArray[np.float32]
    """(m, dimensions)"""
    categories: NDArray[np.int64]
    """(m,)"""


@dataclass(frozen=True, eq=False)
class Lessons:
    """All that a head learns from: the photos of a gallery, then customers' photos, then views of the gallery's."""

    embeddings: Floats
    """(n, dimensions)"""
    categories: Ints
    """(n,)"""
    products: Ints
    """(n,) ids; each customer's photo counts as a product of its own."""
    origins: Ints
    """(n,) ml.head_fitting.Origin"""

    def held_out(self, seed: int) -> OutOfFold:
        """Raises TooFewPhotos."""
        return cross_validate(self.embeddings, self.categories, self.products, self.origins, seed)


def lessons(space: Space, gallery: Gallery, seed: int, told: Told | None = None) -> Lessons:
    """What a head of these photos learns from; views are made and encoded now, of a bounded number of photos.

    Raises TooFewPhotos, StorageDown, and WeightsError as the space's encoder does.
    """
    told = told or Told(np.empty((0, space.dimensions), np.float32), np.empty(0, np.int64))
    strangers = -1 - np.arange(len(told.categories))  # No product has these numbers.
    categories = np.concatenate([gallery.categories, told.categories])
    products = np.concatenate([gallery.products, strangers])
    usable_classes(categories, products, np.zeros(len(categories), np.int64))  # Before the work of making views.
    rows = room_views.chosen(gallery.categories, seed)
    seen, places = room_views.encoded(space, gallery.photos[rows], seed)
    shown = rows[places]
    return Lessons(
        embeddings=np.concatenate([gallery.vectors, told.vectors, seen]),
        categories=np.concatenate([categories, gallery.categories[shown]]),
        products=np.concatenate([products, gallery.products[shown]]),
        origins=np.repeat(
            [Origin.CATALOGUE, Origin.CUSTOMER, Origin.VIEW], [len(gallery.photos), len(told.categories), len(shown)]
        ),
    )


def is_due(space: Space) -> bool:
    """Whether the catalogue has changed enough since the space's newest head was trained, or there is none yet."""
    now = _photos_per_category(space)
    newest = space.heads.only("photos", "metrics", "trained_at").newest()
    # Heads of earlier versions learned from no views, or have no words for a match.
    if newest is None or not {"views", "kinship"} <= newest.metrics.keys():
        return bool(now)
    then = {int(category): count for category, count in newest.photos.items()}
    added = _photos_per_category(space, photo__created_at__gt=newest.trained_at)
    # Photos that came are counted apart from those that went: a stock replaced one for one has changed altogether.
    gone = (abs(now.get(c, 0) - added.get(c, 0) - then.get(c, 0)) for c in now.keys() | then.keys())
    return sum(added.values()) + sum(gone) > CHANGED_ENOUGH * sum(then.values())


def train(space: Space, seed: int = 0) -> Head | None:
    """Train a head and put it in use. None when another process is training this space, or it was dropped.

    Raises:
        TooFewPhotos: fewer than two categories have enough photos to hold some out.
        search.room_views.StorageDown: the photos that views are made of cannot be read now.
        ml.recipes.WeightsError: the network that encodes views cannot be loaded.
    """
    with partitions.training(space) as alone:
        if not alone:
            return None
        photos = _photos_per_category(space)
        return _put_in_use(space, _trained(space, photos, seed), photos)


def _put_in_use(space: Space, trained: Classifier, photos: dict[int, int]) -> Head | None:
    with transaction.atomic():
        if not Space.objects.select_for_update(no_key=True).filter(pk=space.pk).exists():
            return None
        head = Head.objects.create(
            space=space,
            categories=[int(category) for category in trained.classes],
            weights=trained.to_bytes(),
            photos=photos,
            metrics=asdict(trained.metrics),
        )
        space.heads.exclude(pk=head.pk).delete()
    encoders.forget_heads()
    return head


def train_if_due(space: Space) -> Head | None:
    """Train if a head is due. A catalogue too small for a head is left without one.

    While the photo storage is down, the former head stays: the next call tries again. Raises WeightsError as `train`.
    """
    if not is_due(space):
        return None
    try:
        return train(space)
    except TooFewPhotos:
        return None
    except room_views.StorageDown as error:
        logger.warning("%s: no head was trained: %s", space, error)
        return None


def _trained(space: Space, photos: dict[int, int], seed: int) -> Classifier:
    """The head, with the gate that serves it best, or the default gate where the photos are too few to tell.

    It learns from views and from customers' photos, but is measured on the catalogue's photos.
    """
    samples = _samples(space, list(photos), seed)
    gallery = samples.gallery
    told = Told(*customers_photos.told(Query.objects.labelled(space), gallery.categories, space.dimensions))
    learned = lessons(space, gallery, seed, told)
    held_out = learned.held_out(seed)
    is_view = learned.origins == Origin.VIEW
    views = Views(learned.embeddings, learned.products, held_out.among(is_view)) if is_view.any() else None
    own, metric = held_out.among(learned.origins == Origin.CATALOGUE), cast(Metric, space.metric)
    gate = tune_gate(own, gallery, samples.families, photos, metric, seed, views)
    arguments = (learned.embeddings, learned.categories, learned.products, learned.origins)
    head = fit_classifier(*arguments, seed, held_out).with_gate(gate)
    if views is None or metric != "cosine":
        return head
    return head.with_kinship(fit_kinship(gallery, samples.families, views, seed))


def _photos_per_category(space: Space, **restriction: Any) -> dict[int, int]:
    rows = Embedding.objects.filter(space_id=space.pk, **restriction)
    counts = rows.values("category_id").annotate(photos=Count("*"))
    return dict(counts.values_list("category_id", "photos"))


def _samples(space: Space, categories: list[int], seed: int) -> Samples:
    """A random sample of each category's photos. Raises TooFewPhotos when there are none."""
    random = np.random.default_rng(seed)
    most = min(PHOTOS_PER_CATEGORY, PHOTOS // max(1, len(categories)))
    stored, rows = [], []
    for category in sorted(categories):
        # A product that is being moved has photos under two categories. Those not yet moved have a wrong label.
        embeddings = Embedding.objects.filter(
            space_id=space.pk, category_id=category, photo__product__category_id=category
        )
        photo_ids = np.array(embeddings.order_by("photo_id").values_list("photo_id", flat=True))
        if len(photo_ids) > most:
            photo_ids = random.choice(photo_ids, most, replace=False)
        chosen = embeddings.filter(photo_id__in=photo_ids.tolist()).order_by("photo_id")
        columns = ("vector", "photo_id", "photo__product_id", "photo__product__name")
        for vector, *row in vectors.fetch(chosen.values_list(*columns)):
            stored.append(vector)
            rows.append((*row, category))
    if not rows:
        raise TooFewPhotos({})
    photos, products, names, labels = (np.array(column) for column in zip(*rows, strict=True))
    gallery = Gallery(vectors.stacked(stored, space.dimensions), photos, products, labels)
    return Samples(gallery, np.unique(names, return_inverse=True)[1])
