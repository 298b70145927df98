"""Fitting a head (ml.classifier): on studio photos, on views of them in rooms, and on customers' photos.

A head of studio photos alone is far too sure of itself in a room, and no one temperature calibrates it for both. So
there are two: one learns from studio photos, the other from views as well, each with its own temperature. A third
regression tells how surely a photo was taken elsewhere than in a studio, and weighs the two.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.arrays import Bools, Floats, Ints
from ml.calibration import expected_calibration_error, fit_temperature
from ml.classifier import Classifier, Metrics, RoomHead, softmax
from ml.feature_scaling import feature_scales
from ml.novelty import fit_novelty

MIN_PHOTOS = 5  # in a category: one for each fold
MIN_PRODUCTS = 2  # in a category: one to learn from while the other is held out
FOLDS = 5  # fewer where there are fewer products
# This is scikit-learn's C. Log-loss of held-out studio photos, on 398 of a real catalogue and 300 of the sample one:
#   C      EfficientNet-Lite2  Lite0         ResNet50 trained on Caltech-101
#   0.01   0.092, 0.153        0.113, 0.141  0.412, 0.523
#   0.1    0.081, 0.143        0.101, 0.124  0.399, 0.524
REGULARISATION = 0.1
# The regularisation of what tells a studio from a room. It is a choice, not a measurement.
SETTING_REGULARISATION = 0.01
# How much a view weighs beside a photo. From 0.25 to 3 it makes little difference; a view shows no more than its photo.
VIEW_WEIGHT = 0.25
# A photo is unknown when it is less alike (ml.novelty) than all but this share of the views. The shop's own photos
# cannot tell that limit: by theirs, 0.37 of 95 photos of real rooms would be unknown with Lite2, by the views' 0.03.
UNKNOWN = 0.02
# The head hesitates over a photo whose best probability is below that of all but this share of the held-out photos.
HESITANT = 0.05
MIN_LIMITING = 50  # views: 2 % of fewer is less than one, and the strangest would be the limit
LEAST_LENGTH = 1e-6  # of the largest squared length: photos span no more directions than single precision tells
MAX_ITERATIONS = 1000  # a safeguard: 400 photos of 2,048 dimensions converge in about 180


class Origin(IntEnum):
    """Where a vector that a head learns from comes from."""

    CATALOGUE = 0
    CUSTOMER = 1
    VIEW = 2
    """A photo of the catalogue, shown in a made-up room (ml.room_views)."""


class TooFewPhotos(Exception):  # noqa: N818  it names the state of the catalogue
    """Fewer than two categories have enough photos to learn from; `counts` is photos by category id."""

    def __init__(self, counts: dict[int, int]) -> None:
        super().__init__(
            f"a head needs two categories with at least {MIN_PHOTOS} photos of at least {MIN_PRODUCTS} products; "
            f"photos by category: {counts}"
        )
        self.counts = counts


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions for every photo by a head that saw no photo of the same product."""

    classes: tuple[int, ...]
    rows: Ints
    """(m,) the rows of the input that were predicted: all but those of left-out categories."""
    probabilities: Floats
    """(m, classes), calibrated."""
    temperature: float
    """Of the head of studio photos."""
    room_temperature: float
    """Of the head that learns from views; 1 without views."""
    folds: int

    def among(self, rows: Bools) -> "OutOfFold":
        """The predictions for these rows of the input, a mask (n,)."""
        kept = rows[self.rows]
        return replace(self, rows=self.rows[kept], probabilities=self.probabilities[kept])

    def columns(self, labels: Ints) -> Ints:
        """(m,) the column of each prediction's true category, by the input's labels, (n,)."""
        return np.searchsorted(self.classes, labels[self.rows])

    def top1(self, labels: Ints) -> float | None:
        """The share of photos whose likeliest category is right, by the input's labels, (n,); None without photos."""
        if not len(self.rows):
            return None
        return float(np.mean(self.probabilities.argmax(axis=1) == self.columns(labels)))

    def calibration_error(self, labels: Ints) -> float | None:
        """The expected calibration error by the input's labels, (n,); None without photos."""
        return expected_calibration_error(self.probabilities, self.columns(labels)) if len(self.rows) else None


def fit_classifier(
    embeddings: Floats,
    labels: ArrayLike,
    groups: ArrayLike,
    origins: ArrayLike | None = None,
    seed: int = 0,
    held_out: OutOfFold | None = None,
) -> Classifier:
    """Train a head on (n, d) embeddings with category ids and product ids, both (n,).

    Categories with fewer than MIN_PHOTOS photos or MIN_PRODUCTS products are left out of the classes. Raises
    TooFewPhotos when fewer than two remain, ValueError when one product has photos in two categories.

    Args:
        groups: a view has the id of its photo's product, a customer's photo one that no other photo has.
        origins: (n,) each row's Origin; by default all are the catalogue's. The metrics are measured on these alone.
        held_out: `cross_validate` of the other arguments, where the caller has it already.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    origins = _origins(origins, len(labels))
    held_out = held_out or cross_validate(embeddings, labels, groups, origins, seed)
    shown = origins == Origin.CATALOGUE
    novelty = fit_novelty(embeddings[shown], labels[shown], groups[shown], seed)
    views = held_out.among(origins == Origin.VIEW).rows
    limit = _unknown_below(novelty.likeness(embeddings[views], groups[views]))
    learned = held_out.rows
    fitted = _fit(embeddings[learned], labels[learned], groups[learned], origins[learned])
    return replace(fitted.calibrated(held_out, _metrics(held_out, labels, origins, limit)), novelty=novelty)


def _metrics(held_out: OutOfFold, labels: Ints, origins: Ints, unknown_below: float | None) -> Metrics:
    """What the predictions out of fold are worth, by the input's labels and origins, both (n,)."""
    own, others, views = (held_out.among(origins == origin) for origin in Origin)
    counts = _counts(labels[origins == Origin.CATALOGUE])
    truth = own.columns(labels)
    ranks = np.argsort(-own.probabilities, axis=1, kind="stable")
    return Metrics(
        top1=float(np.mean(ranks[:, 0] == truth)),
        top2=float(np.mean((ranks[:, :2] == truth[:, None]).any(axis=1))),
        calibration_error=expected_calibration_error(own.probabilities, truth),
        temperature=held_out.temperature,
        folds=held_out.folds,
        photos={category: counts[category] for category in held_out.classes},
        left_out={category: count for category, count in counts.items() if category not in held_out.classes},
        unknown_below=unknown_below,
        hesitant_below=float(np.quantile(own.probabilities.max(axis=1), HESITANT)),
        confusion=_confusion(held_out.classes, truth, ranks[:, 0]),
        others=len(others.rows),
        others_top1=others.top1(labels),
        views=len(views.rows),
        views_top1=views.top1(labels),
        views_calibration_error=views.calibration_error(labels),
    )


def cross_validate(
    embeddings: Floats, labels: ArrayLike, groups: ArrayLike, origins: ArrayLike | None = None, seed: int = 0
) -> OutOfFold:
    """Predict the training photos themselves, each by a head that has not seen its product.

    Metrics and the choice of a gate use this. Arguments and errors are those of `fit_classifier`. The photos of one
    product share a fold, and so do their views.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = np.asarray(labels), np.asarray(groups)
    origins = _origins(origins, len(labels))
    classes = usable_classes(labels, groups, origins)
    rows = np.flatnonzero(np.isin(labels, classes))
    embeddings, labels, groups, origins = embeddings[rows], labels[rows], groups[rows], origins[rows]
    truth = np.searchsorted(classes, labels)
    studio, room = np.empty((2, len(rows), len(classes)))
    share = np.zeros(len(rows))
    count = min(FOLDS, len(np.unique(groups)))
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for train, test in folds.split(embeddings, labels, groups):
        fitted = _fit(embeddings[train], labels[train], groups[train], origins[train])
        studio[test], room[test], share[test] = fitted.judge(embeddings[test])
    shown = origins == Origin.CATALOGUE
    temperature = fit_temperature(studio[shown], truth[shown])
    room_temperature = 1.0 if shown.all() else fit_temperature(room[~shown], truth[~shown])
    weight = share[:, np.newaxis]
    probabilities = (1 - weight) * softmax(studio / temperature) + weight * softmax(room / room_temperature)
    return OutOfFold(classes, rows, probabilities, temperature, room_temperature, count)


def usable_classes(labels: Ints, groups: Ints, origins: Ints) -> tuple[int, ...]:
    """The categories that a head can learn, ascending; the arguments are those of `fit_classifier`, all (n,).

    Views do not count. Raises TooFewPhotos when fewer than two can be learned, ValueError when one product has photos
    in two categories.
    """
    labels, groups = labels[origins != Origin.VIEW], groups[origins != Origin.VIEW]
    pairs = np.unique(np.stack([groups, labels]), axis=1)
    if len(np.unique(pairs[0])) < pairs.shape[1]:
        raise ValueError("a product has photos in two categories: label photos by their product's category")
    photos, products = _counts(labels), _counts(pairs[1])
    usable = tuple(c for c in photos if photos[c] >= MIN_PHOTOS and products[c] >= MIN_PRODUCTS)
    if len(usable) < 2:
        raise TooFewPhotos(photos)
    return usable


@dataclass(frozen=True, eq=False)
class _Regression:
    """A fitted softmax regression for raw embeddings."""

    weights: Floats
    """(d, classes)"""
    bias: Floats
    """(classes,)"""

    def logits(self, embeddings: Floats) -> Floats:
        """(n, d) -> (n, classes)"""
        return embeddings @ self.weights + self.bias

    def cooled(self, temperature: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights and bias, divided by the temperature."""
        return (self.weights / temperature).astype(np.float32), (self.bias / temperature).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """The regressions of a head, before their temperatures are known."""

    studio: _Regression
    room: _Regression | None = None
    setting: _Regression | None = None

    def judge(self, embeddings: Floats) -> tuple[Floats, Floats, Floats]:
        """The logits of both heads, (n, classes), and the share of the second one, (n,)."""
        studio = self.studio.logits(embeddings)
        if self.room is None or self.setting is None:
            return studio, studio, np.zeros(len(embeddings))
        return studio, self.room.logits(embeddings), softmax(self.setting.logits(embeddings))[:, 1]

    def calibrated(self, held_out: OutOfFold, metrics: Metrics) -> Classifier:
        rooms = None
        if self.room is not None and self.setting is not None:
            direction = (self.setting.weights[:, 1] - self.setting.weights[:, 0]).astype(np.float32)
            offset = float(self.setting.bias[1] - self.setting.bias[0])
            rooms = RoomHead(*self.room.cooled(held_out.room_temperature), direction, offset)
        return Classifier(held_out.classes, *self.studio.cooled(held_out.temperature), metrics, rooms=rooms)


def _fit(embeddings: Floats, labels: Ints, groups: Ints, origins: Ints) -> _Fitted:
    photos, elsewhere = origins != Origin.VIEW, origins != Origin.CATALOGUE
    studio = _fit_softmax(embeddings[photos], labels[photos], REGULARISATION)
    views = origins == Origin.VIEW
    if not views.any():
        return _Fitted(studio)
    # In a large shop few photos have views. The others would add time, and tell the second head nothing of rooms.
    rows = elsewhere | np.isin(groups, groups[views]) | ~np.isin(labels, labels[views])
    weights = np.where(views, VIEW_WEIGHT, 1.0)[rows]
    room = _fit_softmax(embeddings[rows], labels[rows], REGULARISATION, weights)
    setting = _fit_softmax(embeddings[rows], elsewhere[rows], SETTING_REGULARISATION)
    return _Fitted(studio, room, setting)


def _origins(origins: ArrayLike | None, count: int) -> Ints:
    return np.full(count, Origin.CATALOGUE, np.int64) if origins is None else np.asarray(origins, np.int64)


def _confusion(classes: tuple[int, ...], truth: Ints, taken: Ints) -> dict[int, dict[int, int]]:
    """Count photos by true and by likeliest category; both are given as columns, (m,)."""
    pairs, counts = np.unique(np.stack([truth, taken], axis=1), axis=0, return_counts=True)
    table: dict[int, dict[int, int]] = {category: {} for category in classes}
    for (true, likeliest), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        table[classes[true]][classes[likeliest]] = count
    return table


def _unknown_below(likeness: Floats) -> float | None:
    return float(np.quantile(likeness, UNKNOWN)) if len(likeness) >= MIN_LIMITING else None


def _counts(labels: Ints) -> dict[int, int]:
    """Photos by category id, ascending."""
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _fit_softmax(
    embeddings: Floats, labels: NDArray[np.generic], regularisation: float, sample_weights: Floats | None = None
) -> _Regression:
    """With fewer photos than dimensions the fit runs in the photos' own span.

    Nothing is lost: the optimum of an L2-penalised regression lies there.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = embeddings.mean(axis=0), feature_scales(embeddings)
    features = (embeddings - mean) / scale
    span = None
    if len(features) < features.shape[1]:
        lengths, left = np.linalg.eigh((features @ features.T).astype(np.float64))
        kept = lengths > LEAST_LENGTH * lengths[-1]
        lengths, left = np.sqrt(lengths[kept]), left[:, kept]
        features, span = left * lengths, (left / lengths).T @ features
    model = LogisticRegression(C=regularisation, class_weight="balanced", max_iter=MAX_ITERATIONS)
    model.fit(features, labels, sample_weights)
    weights, bias = _both_columns(model.coef_.T, model.intercept_)
    weights = (weights if span is None else span.T @ weights) / scale[:, None]
    return _Regression(weights, bias - mean @ weights)


def _both_columns(weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Spread the one column of log-odds that scikit-learn fits for two classes over two columns."""
    if len(bias) > 1:
        return weights, bias
    return np.hstack([-weights, weights]) / 2, np.hstack([-bias, bias]) / 2
