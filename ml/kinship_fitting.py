"""Fits the words for a match (ml.kinship) on views: photos of the catalogue, shown in made-up rooms.

A view looks for products as a customer's photo would. What it finds first are the pairs: each is its own product or
not, of its family or not, of its category or not.
"""

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.gate_tuning import Views
from ml.kinship import NEAREST, Kinship, standing
from ml.retrieval import NOTHING, Gallery, similarities
from ml.sampling import sampled

QUERIES = 1_000  # views that are asked, at most
SHOWN = 10  # products of each view's answer that are pairs: about what a customer looks at
MIN_PAIRS = 200  # with fewer there are no words
# A ridge on slopes of numbers of deviation 1. It holds them finite where a number tells all pairs apart.
RIDGE = 1e-3


def fit_kinship(gallery: Gallery, families: Ints, views: Views, seed: int = 0) -> Kinship | None:
    """The words for matches in a space whose metric is cosine; None where there are too few pairs to tell.

    Views find the photo that they were made of. They lie about as near to it as a customer's photo to the piece.

    Args:
        families: (n,) numbers of what the photos' products share with their kin. They mean nothing across categories.
        views: their `held_out` tells the category of each by a head that has not seen its product.
    """
    classes = np.array(views.held_out.classes)
    places = sampled(np.arange(len(views.held_out.rows)), QUERIES, seed)
    rows = views.held_out.rows[places]
    if not len(rows) or len(gallery.product_ids) <= NEAREST:
        return None
    found = similarities(views.vectors[rows], gallery, "cosine", np.full(len(rows), NOTHING))
    ranked = np.stack([np.argsort(-row, kind="stable")[: SHOWN + 1] for row in found])  # All at once would take 200 MB.
    best = np.take_along_axis(found, ranked, axis=1)
    shown = np.arange(min(SHOWN, ranked.shape[1]))
    others = np.stack([np.delete(best, place, axis=1) for place in shown], axis=1)
    own = np.searchsorted(gallery.product_ids, views.products[rows])[:, np.newaxis]
    matches = ranked[:, shown]
    categories, kin = gallery.product_categories, families[np.unique(gallery.products, return_index=True)[1]]
    learned = np.isin(categories[matches], classes)
    columns = np.searchsorted(classes, np.where(learned, categories[matches], classes[0]))
    probabilities = np.take_along_axis(views.held_out.probabilities[places], columns, axis=1)
    stands = standing(best[:, shown][learned], others[learned], probabilities[learned])
    kind = (categories[matches] == categories[own])[learned]
    style = kind & (kin[matches] == kin[own])[learned]
    piece = (matches == own)[learned]
    if len(kind) < MIN_PAIRS or not piece.any():
        return None
    piece_weights = _fit(piece[style], stands.ahead[style])
    style_weights = _fit(style[kind], stands.above[kind])
    intercept, by_category, by_similarity = _fit(kind, stands.category, stands.above)
    return Kinship(
        (piece_weights[0], piece_weights[1]),
        (style_weights[0], style_weights[1]),
        (intercept, by_category, by_similarity),
        len(kind),
    )


def _fit(truth: Bools, *numbers: Floats) -> tuple[float, ...]:
    """The intercept and slopes of a logistic regression whose slopes are not below 0."""
    from scipy.optimize import minimize

    scales = [max(float(number.std()), 1e-9) for number in numbers]
    features = np.stack([np.ones(len(truth)), *(n / scale for n, scale in zip(numbers, scales, strict=True))], axis=1)
    signs = np.where(truth, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (features @ weights)
        slopes = np.append(0.0, weights[1:])
        gradient = -features.T @ (signs / (1 + np.exp(np.clip(margins, -30, 30)))) / len(truth)
        return float(np.logaddexp(0, -margins).mean() + RIDGE / 2 * slopes @ slopes), gradient + RIDGE * slopes

    bounds = [(-30.0, 30.0), *((0.0, None) for _ in numbers)]
    found = minimize(loss, np.zeros(features.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x.tolist()
    return (found[0], *(slope / scale for slope, scale in zip(found[1:], scales, strict=True)))
