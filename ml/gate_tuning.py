"""Chooses a head's gate on the shop's own photos.

Each photo asks for its kin, and is judged by a head that has not seen its product.
"""

from collections.abc import Mapping

import numpy as np

from ml.arrays import Bools, Ints
from ml.classifier import OutOfFold
from ml.gate_policy import Tuned, confusion_shares, products_ahead, tune
from ml.retrieval import Gallery, Metric, similarities
from ml.sampling import sampled

QUERIES = 1000  # they tell a recall of 0.9 to a point; against 20,000 photos they fill 100 MB
MIN_QUERIES = 50  # fewer tell a policy's recall no better than to four points, so the default stays


def tune_gate(
    held_out: OutOfFold, gallery: Gallery, families: Ints, photos: Mapping[int, int], metric: Metric, seed: int = 0
) -> Tuned | None:
    """The policy for a head; None where there are too few photos to choose one by.

    A photo asks for the other photos of its product. The only photo of a product asks for other products of its family.
    Where fewer than MIN_QUERIES photos have any, recall is whether a photo's true category is searched.

    Args:
        held_out: `cross_validate` of the gallery's vectors, categories and products.
        gallery: the photos that the head is trained on; ranks are measured among these alone.
        families: (n,) what the photos' products share with their kin, such as a number for their name. It means
            nothing across categories.
        photos: how many photos each category has in the whole catalogue: the work of searching it.
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
