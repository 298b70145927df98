"""Choosing a head's gate on the shop's own photos: each asks for its kin, of heads that have not seen its product."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ml.classifier import OutOfFold
from ml.policy import Tuned, confusion_shares, products_ahead, tune
from ml.retrieval import Gallery, Metric, similarities
from ml.sampling import sampled

Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]

QUERIES = 1000  # a recall of 0.9 is then known to a point; against 20,000 photos they fill 100 MB
MIN_QUERIES = 50  # fewer tell a policy no better than to four points: the default stays


def tune_gate(
    held_out: OutOfFold, gallery: Gallery, families: Ints, photos: Mapping[int, int], metric: Metric, seed: int = 0
) -> Tuned | None:
    """The policy for a head, None where there are too few photos to choose one by.

    A photo asks for the other photos of its product or, where it is the only one, for other products of its family.
    Where fewer than MIN_QUERIES photos have any, recall is whether a photo's true category is searched.

    Args:
        held_out: `cross_validate` of the gallery's vectors, categories and products.
        gallery: the photos that the head is trained on: ranks are measured among these alone.
        families: (n,) what the photos' products share with their kin, such as their name; across categories it
            means nothing.
        photos: photos of each category in the whole catalogue: the work of searching it.
    """
    classes = np.array(held_out.classes)
    learned, families = _rows(gallery, held_out.rows), families[held_out.rows]
    truth = np.searchsorted(classes, learned.categories)
    have_kin = np.flatnonzero(_have_kin(learned, families))
    by_products = len(have_kin) >= MIN_QUERIES
    asked = sampled(have_kin if by_products else np.arange(len(truth)), QUERIES, seed)
    if len(asked) < MIN_QUERIES:
        return None
    ahead = None
    if by_products:
        found = similarities(learned.vectors[asked], learned, metric, learned.photos[asked])
        columns = np.searchsorted(classes, learned.product_categories)
        ahead = products_ahead(found, _kin(learned, families, asked), columns, len(classes))
    return tune(
        held_out.probabilities[asked],
        truth[asked],
        ahead,
        photos=np.array([photos[category] for category in held_out.classes]),
        confused=confusion_shares(held_out.probabilities.argmax(axis=1), truth, len(classes)),
    )


def _rows(gallery: Gallery, rows: Ints) -> Gallery:
    return Gallery(gallery.vectors[rows], gallery.photos[rows], gallery.products[rows], gallery.categories[rows])


def _have_kin(gallery: Gallery, families: Ints) -> Bools:
    """(n,) whether a photo's product has others, or its family another product."""
    _, product, photos = np.unique(gallery.products, return_inverse=True, return_counts=True)
    _, family = np.unique(np.stack([gallery.categories, families]), axis=1, return_inverse=True)
    products = np.bincount(np.unique(np.stack([family, product]), axis=1)[0])
    has: Bools = (photos[product] > 1) | (products[family] > 1)
    return has


def _kin(gallery: Gallery, families: Ints, asked: Ints) -> Bools:
    """(q, P) the products that each asked photo wants; where it is its product's only one, that one has none left."""
    _, first, photos = np.unique(gallery.products, return_index=True, return_counts=True)
    own = gallery.products[asked][:, None] == gallery.product_ids
    alike = (gallery.categories[asked][:, None] == gallery.product_categories) & (
        families[asked][:, None] == families[first]
    )
    several = photos[np.searchsorted(gallery.product_ids, gallery.products[asked])] > 1
    wanted: Bools = np.where(several[:, None], own, alike)
    return wanted
