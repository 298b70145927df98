"""Chooses a head's gate on the shop's own photos.

Each photo asks for its kin, and is judged by a head that has not seen its product. So do views of photos in rooms: they
stand for customers' photos, whose category is less sure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.gate_policy import Asked, Tuned, confusion_shares, products_ahead, tune
from ml.head_fitting import OutOfFold
from ml.retrieval import NOTHING, Gallery, Metric, similarities
from ml.sampling import sampled

QUERIES = 1000  # they tell a recall of 0.9 to a point; against 20,000 photos they fill 100 MB
MIN_QUERIES = 50  # fewer tell a policy's recall no better than to four points, so the default stays


@dataclass(frozen=True, eq=False)
class Views:
    """Views (ml.room_views) of the gallery's photos."""

    vectors: Floats
    """(v, d)"""
    products: Ints
    """(v,) ids"""
    held_out: OutOfFold
    """`cross_validate` of the views; its rows are theirs."""


def tune_gate(
    held_out: OutOfFold,
    gallery: Gallery,
    families: Ints,
    photos: Mapping[int, int],
    metric: Metric,
    seed: int = 0,
    views: Views | None = None,
) -> Tuned | None:
    """The policy for a head; None where there are too few photos to choose one by.

    A photo asks for the other photos of its product. The only photo of a product asks for other products of its family.
    Where fewer than MIN_QUERIES photos have any, recall is whether a photo's true category is searched. A view asks for
    its product; fewer than MIN_QUERIES views are not asked.

    Args:
        held_out: `cross_validate` of the gallery's vectors, categories and products.
        gallery: the photos that the head is trained on; ranks are measured among these alone.
        families: (n,) what the photos' products share with their kin, such as a number for their name. It means
            nothing across categories.
        photos: how many photos each category has in the whole catalogue: the work of searching it.
    """
    classes = np.array(held_out.classes)
    learned, families = gallery.among(held_out.rows), families[held_out.rows]
    truth = np.searchsorted(classes, learned.categories)
    have_kin = np.flatnonzero(_have_kin(learned, families))
    by_products = len(have_kin) >= MIN_QUERIES
    asked = sampled(have_kin if by_products else np.arange(len(truth)), QUERIES, seed)
    if len(asked) < MIN_QUERIES:
        return None
    ahead = None
    if by_products:
        found = similarities(learned.vectors[asked], learned, metric, learned.photos[asked])
        ahead = _ahead(found, _kin(learned, families, asked), learned, classes)
    return tune(
        Asked(held_out.probabilities[asked], truth[asked], ahead),
        photos=np.array([photos[category] for category in held_out.classes]),
        confused=confusion_shares(held_out.probabilities.argmax(axis=1), truth, len(classes)),
        views=None if views is None else _asking(views, learned, metric, seed),
    )


def _asking(views: Views, gallery: Gallery, metric: Metric, seed: int) -> Asked | None:
    """The views that ask for their product; None if they are too few."""
    rows = sampled(np.arange(len(views.held_out.rows)), QUERIES, seed)
    if len(rows) < MIN_QUERIES:
        return None
    classes, shown = np.array(views.held_out.classes), views.held_out.rows[rows]
    found = similarities(views.vectors[shown], gallery, metric, np.full(len(rows), NOTHING))
    wanted = views.products[shown][:, np.newaxis] == gallery.product_ids
    truth = np.searchsorted(classes, gallery.product_categories[wanted.argmax(axis=1)])
    return Asked(views.held_out.probabilities[rows], truth, _ahead(found, wanted, gallery, classes))


def _ahead(found: Floats, wanted: Bools, gallery: Gallery, classes: Ints) -> Ints:
    return products_ahead(found, wanted, np.searchsorted(classes, gallery.product_categories), len(classes))


def _have_kin(gallery: Gallery, families: Ints) -> Bools:
    """(n,) whether a photo's product has other photos, or its family another product."""
    _, product, photos = np.unique(gallery.products, return_inverse=True, return_counts=True)
    _, family = np.unique(np.stack([gallery.categories, families]), axis=1, return_inverse=True)
    products = np.bincount(np.unique(np.stack([family, product]), axis=1)[0])
    has: Bools = (photos[product] > 1) | (products[family] > 1)
    return has


def _kin(gallery: Gallery, families: Ints, asked: Ints) -> Bools:
    """(q, P) the products that each asked photo wants: its own or, for a product's only photo, those of its family."""
    _, first, photos = np.unique(gallery.products, return_index=True, return_counts=True)
    own = gallery.products[asked][:, None] == gallery.product_ids
    alike = (gallery.categories[asked][:, None] == gallery.product_categories) & (
        families[asked][:, None] == families[first]
    )
    several = photos[np.searchsorted(gallery.product_ids, gallery.products[asked])] > 1
    wanted: Bools = np.where(several[:, None], own, alike)
    return wanted
