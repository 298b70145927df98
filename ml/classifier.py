"""Vectors to categories: the head that reads the same vector the search uses.

A multinomial logistic regression on standardised features. The standardisation and the calibrating temperature are
folded into one matrix and one bias, so serving is a product and a softmax in numpy; scikit-learn is imported only
to fit. Heads are stored as safetensors, never pickled.
"""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.numpy import load, save

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

MIN_PHOTOS = 5  # of one category: one for each fold
MIN_PRODUCTS = 2  # of one category: one to learn from while the other is held out
FOLDS = 5  # fewer where there are fewer products
CALIBRATION_BINS = 15  # Guo et al. 2017
# scikit-learn's C. Five furniture categories, 398 photos, whole product families held out, log-loss by C:
#   C                 0.001   0.003   0.01   0.1    1
#   trained ResNet50  0.531   0.493   0.471  0.461  0.465
#   random ResNet50   0.665   0.624   0.612  0.610  0.614
# From 0.01 on, accuracy is flat too (0.84 and 0.78); 0.01 fits fastest and its temperature stays nearest to 1.
REGULARISATION = 0.01
MAX_ITERATIONS = 1000  # a safeguard: 400 photos of 2,048 dimensions converge in about 180


class TooFewPhotos(Exception):  # noqa: N818  it names the state of the catalogue
    """Fewer than two categories have enough photos to learn from; `counts` is photos by category id."""

    def __init__(self, counts: dict[int, int]) -> None:
        super().__init__(
            f"a head needs two categories with at least {MIN_PHOTOS} photos of at least {MIN_PRODUCTS} products; "
            f"photos by category: {counts}"
        )
        self.counts = counts


@dataclass(frozen=True)
class Metrics:
    """What a head is worth, measured on photos of products it had not seen (out of fold)."""

    top1: float
    top2: float
    calibration_error: float
    """Expected calibration error, 0 to 1."""
    temperature: float
    """Already folded into the head; far from 1 means the raw logits were over- (above) or underconfident."""
    folds: int
    photos: dict[int, int]
    """Training photos by category id: the head's classes."""
    left_out: dict[int, int] = field(default_factory=dict)
    """Photos of the categories with too few of them: the head can never answer these, so search them anyway."""

    @classmethod
    def from_json(cls, text: str) -> "Metrics":
        """The inverse of `json.dumps(asdict(metrics))`, which turns the category ids into text."""
        data = json.loads(text)
        for name in ("photos", "left_out"):
            data[name] = {int(category): count for category, count in data[name].items()}
        return cls(**data)


@dataclass(frozen=True, eq=False)
class Head:
    """A trained category classifier."""

    classes: tuple[int, ...]
    """Category ids, ascending: the columns of `probabilities`."""
    weights: NDArray[np.float32]
    """(dimensions, classes)"""
    bias: NDArray[np.float32]
    """(classes,)"""
    metrics: Metrics

    def probabilities(self, vectors: Floats) -> Floats:
        """Calibrated probabilities: (dimensions,) -> (classes,), or (n, dimensions) -> (n, classes)."""
        return softmax(vectors @ self.weights + self.bias)

    def to_bytes(self) -> bytes:
        """safetensors, with the metrics in its metadata."""
        classes: NDArray[np.generic] = np.array(self.classes, np.int64)
        return save(
            {"weights": self.weights, "bias": self.bias, "classes": classes},
            {"metrics": json.dumps(asdict(self.metrics))},
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Head":
        """The inverse of `to_bytes`. Raises safetensors.SafetensorError on other bytes."""
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return cls(
            classes=tuple(tensors["classes"].tolist()),
            weights=tensors["weights"],
            bias=tensors["bias"],
            metrics=Metrics.from_json(header["__metadata__"]["metrics"]),
        )


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions for every photo by a head that saw no photo of the same product."""

    classes: tuple[int, ...]
    rows: Ints
    """(m,) which rows of the input were predicted: all but those of left-out categories."""
    probabilities: Floats
    """(m, classes), calibrated."""
    temperature: float
    folds: int


def fit_head(embeddings: Floats, labels: ArrayLike, groups: ArrayLike, seed: int = 0) -> Head:
    """Train a head on (n, d) embeddings with category ids and product ids, both (n,).

    Categories with fewer than MIN_PHOTOS photos or MIN_PRODUCTS products are left out of the classes. Raises
    TooFewPhotos when fewer than two remain, ValueError when one product has photos in two categories.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    held_out = cross_validate(embeddings, labels, groups, seed)
    kept = labels[held_out.rows]
    weights, bias = _fit_softmax(embeddings[held_out.rows], kept)
    truth = np.searchsorted(held_out.classes, kept)
    ranks = np.argsort(-held_out.probabilities, axis=1, kind="stable")
    counts = _counts(labels)
    metrics = Metrics(
        top1=float(np.mean(ranks[:, 0] == truth)),
        top2=float(np.mean((ranks[:, :2] == truth[:, None]).any(axis=1))),
        calibration_error=expected_calibration_error(held_out.probabilities, truth),
        temperature=held_out.temperature,
        folds=held_out.folds,
        photos={category: counts[category] for category in held_out.classes},
        left_out={category: count for category, count in counts.items() if category not in held_out.classes},
    )
    return Head(
        classes=held_out.classes,
        weights=(weights / held_out.temperature).astype(np.float32),
        bias=(bias / held_out.temperature).astype(np.float32),
        metrics=metrics,
    )


def cross_validate(embeddings: Floats, labels: ArrayLike, groups: ArrayLike, seed: int = 0) -> OutOfFold:
    """Honest predictions for the training photos themselves, for metrics and for judging a gate.

    Arguments and errors are those of `fit_head`. The photos of one product share a fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = np.asarray(labels), np.asarray(groups)
    classes = _usable_classes(labels, groups)
    rows = np.flatnonzero(np.isin(labels, classes))
    embeddings, labels, groups = embeddings[rows], labels[rows], groups[rows]
    logits = np.empty((len(rows), len(classes)))
    count = min(FOLDS, len(np.unique(groups)))
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for train, test in folds.split(embeddings, labels, groups):
        weights, bias = _fit_softmax(embeddings[train], labels[train])
        logits[test] = embeddings[test] @ weights + bias
    temperature = fit_temperature(logits, np.searchsorted(classes, labels))
    return OutOfFold(classes, rows, softmax(logits / temperature), temperature, count)


def softmax(logits: Floats) -> Floats:
    """Over the last axis; rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """The divisor of the logits that makes the log-loss of the true columns least (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    own = np.arange(len(truth))

    def log_loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        return float(np.mean(top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[own, truth]))

    return float(np.exp(minimize_scalar(log_loss, bounds=(-3, 3), method="bounded").x))


def expected_calibration_error(probabilities: Floats, truth: Ints) -> float:
    """The mean gap between confidence and accuracy over equal-width bins, weighted by their photos.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3, with 15 bins.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(truth))


def _usable_classes(labels: Ints, groups: Ints) -> tuple[int, ...]:
    pairs = np.unique(np.stack([groups, labels]), axis=1)
    if len(np.unique(pairs[0])) < pairs.shape[1]:
        raise ValueError("a product has photos in two categories: label photos by their product's category")
    photos, products = _counts(labels), _counts(pairs[1])
    usable = tuple(c for c in photos if photos[c] >= MIN_PHOTOS and products[c] >= MIN_PRODUCTS)
    if len(usable) < 2:
        raise TooFewPhotos(photos)
    return usable


def _counts(labels: Ints) -> dict[int, int]:
    """Photos by category id, ascending."""
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _fit_softmax(embeddings: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Weights (d, classes) and bias (classes,) of the regression, for raw embeddings.

    With fewer photos than dimensions the fit runs in the photos' own span: the optimum of an L2-penalised
    regression lies there, so nothing is lost.
    """
    from sklearn.linear_model import LogisticRegression

    mean, deviation = embeddings.mean(axis=0), embeddings.std(axis=0)
    scale = np.where(deviation > 1e-9, deviation, 1)
    features = (embeddings - mean) / scale
    span = None
    if len(features) < features.shape[1]:
        left, lengths, span = np.linalg.svd(features, full_matrices=False)
        features = left * lengths
    model = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=MAX_ITERATIONS)
    model.fit(features, labels)
    weights, bias = _both_columns(model.coef_.T, model.intercept_)
    weights = (weights if span is None else span.T @ weights) / scale[:, None]
    return weights, bias - mean @ weights


def _both_columns(weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """scikit-learn fits two classes as one column of log-odds: spread it over two."""
    if len(bias) > 1:
        return weights, bias
    return np.hstack([-weights, weights]) / 2, np.hstack([-bias, bias]) / 2
