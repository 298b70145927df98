"""Vectors to categories: the head, a classifier that reads the same vector as the search.

It is a multinomial logistic regression on standardised features. The standardisation and the calibrating temperature
are folded into one matrix and one bias, so serving is a product and a softmax in numpy; scikit-learn is imported only
to fit. Heads are stored as safetensors, never pickled.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.numpy import load, save

from ml.arrays import Bools, Floats, Ints
from ml.feature_scaling import feature_scales
from ml.gate_policy import Policy, Tuned
from ml.novelty import Novelty, fit_novelty

MIN_PHOTOS = 5  # in a category: one for each fold
MIN_PRODUCTS = 2  # in a category: one to learn from while the other is held out
FOLDS = 5  # fewer where there are fewer products
CALIBRATION_BINS = 15  # Guo et al. 2017
# This is scikit-learn's C. Log-loss by C, on five furniture categories, 398 photos, whole product families held out:
#   C                 0.001   0.003   0.01   0.1    1
#   trained ResNet50  0.531   0.493   0.471  0.461  0.465
#   random ResNet50   0.665   0.624   0.612  0.610  0.614
# From 0.01 on, accuracy is flat as well (0.84 and 0.78). 0.01 fits fastest and its temperature stays nearest to 1.
REGULARISATION = 0.01
# A photo is unknown when its squared distance (ml.novelty) exceeds MARGIN times the one within which all but the
# share UNKNOWN of the shop's own photos lie. The margin is wide because a flower that is missed costs a glance, a chair
# called unknown costs trust, and a customer's photo lies farther out than a studio's. With the trained stand-in 0.72 of
# 18 pictures of other things are called unknown, and 0.07 of the customers' (benchmarks/unknown_things.py).
UNKNOWN, MARGIN = 0.02, 1.2
# The head hesitates over a photo whose best probability is below that of all but this share of the held-out photos.
HESITANT = 0.05
MIN_LIMITING = 50  # photos: 2 % of fewer is less than one, and the strangest photo would be the limit
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
    """How good a head is, measured on photos of products that it had not seen (out of fold)."""

    top1: float
    top2: float
    calibration_error: float
    """Expected calibration error, 0 to 1."""
    temperature: float
    """It is already folded into the head. Far above 1 the raw logits were overconfident, far below underconfident."""
    folds: int
    photos: dict[int, int]
    """Training photos by category id: the head's classes."""
    left_out: dict[int, int] = field(default_factory=dict)
    """Photos by id of the categories with too few of them. The head never answers these, so search them anyway."""
    unknown_above: float | None = None
    """A photo at a larger distance (ml.novelty) is like nothing that was learned; None: too few photos to tell."""
    hesitant_below: float = 0.0
    """The head hesitates when the likeliest category's probability is lower: nearly all photos have a higher one."""
    gate: Tuned | None = None
    """The gate's policy and what it was chosen by; None: too few photos to choose one, or an older head."""
    confusion: dict[int, dict[int, int]] | None = None
    """Photos by their category id and the id they were taken for, without pairs that never occur. None: an older
    head."""
    others: int = 0
    """The number of photos, such as customers', that were learned from and not measured on."""
    others_top1: float | None = None
    """`top1` of these photos."""

    @classmethod
    def from_json(cls, text: str) -> "Metrics":
        """The inverse of `json.dumps(asdict(metrics))`, which turns the category ids into text."""
        data = json.loads(text)
        for name in ("photos", "left_out"):
            data[name] = _by_id(data[name])
        if data.get("confusion"):
            data["confusion"] = {int(true): _by_id(taken) for true, taken in data["confusion"].items()}
        if data.get("gate"):
            data["gate"] = Tuned.from_dict(data["gate"])
        return cls(**data)


@dataclass(frozen=True)
class Judgement:
    """What a head makes of one photo."""

    probabilities: Mapping[int, float]
    """By id of the categories that were learned."""
    searched: frozenset[int]
    """The categories that its policy would search."""
    unknown: bool
    """Whether the photo is like nothing that was learned."""
    low_confidence: bool
    """Whether it is unknown, or its likeliest category is less likely than in nearly all of the shop's own photos."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained head: it tells a photo's category, and how sure it is."""

    classes: tuple[int, ...]
    """Category ids, ascending: the columns of `probabilities`."""
    weights: NDArray[np.float32]
    """(dimensions, classes)"""
    bias: NDArray[np.float32]
    """(classes,)"""
    metrics: Metrics
    novelty: Novelty | None = None
    """None in a head stored before there was one."""

    @property
    def policy(self) -> Policy:
        """How wide the gate opens."""
        return self.metrics.gate.policy if self.metrics.gate else Policy()

    def with_gate(self, gate: Tuned | None) -> "Classifier":
        return replace(self, metrics=replace(self.metrics, gate=gate))

    def judge(self, vector: Floats) -> Judgement:
        """What the head makes of a photo with this vector, (dimensions,)."""
        rows = self.probabilities(vector[np.newaxis])
        unknown = bool(self.is_unknown(vector[np.newaxis])[0])
        searched = self.policy.searched(rows)[0]
        return Judgement(
            probabilities=dict(zip(self.classes, rows[0].tolist(), strict=True)),
            searched=frozenset(np.array(self.classes)[searched].tolist()),
            unknown=unknown,
            low_confidence=unknown or float(rows.max()) < self.metrics.hesitant_below,
        )

    def is_unknown(self, vectors: Floats) -> Bools:
        """Whether the photos are like nothing that was learned: (n, dimensions) -> (n,)."""
        if self.novelty is None or self.metrics.unknown_above is None:
            return np.zeros(len(vectors), bool)
        unknown: Bools = self.novelty.distances(vectors) > self.metrics.unknown_above
        return unknown

    def probabilities(self, vectors: Floats) -> Floats:
        """Calibrated probabilities: (dimensions,) -> (classes,), or (n, dimensions) -> (n, classes)."""
        return softmax(vectors @ self.weights + self.bias)

    def to_bytes(self) -> bytes:
        """safetensors, with the metrics in its metadata."""
        tensors: dict[str, NDArray[np.generic]] = {"weights": self.weights, "bias": self.bias}
        tensors["classes"] = np.array(self.classes, np.int64)
        if self.novelty is not None:
            tensors |= {"novelty_projection": self.novelty.projection, "novelty_centres": self.novelty.centres}
        return save(tensors, {"metrics": json.dumps(asdict(self.metrics))})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Classifier":
        """The inverse of `to_bytes`. Raises safetensors.SafetensorError on other bytes."""
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        novelty = None
        if "novelty_projection" in tensors:
            novelty = Novelty(tensors["novelty_projection"], tensors["novelty_centres"])
        return cls(
            classes=tuple(tensors["classes"].tolist()),
            weights=tensors["weights"],
            bias=tensors["bias"],
            metrics=Metrics.from_json(header["__metadata__"]["metrics"]),
            novelty=novelty,
        )


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions for every photo by a head that saw no photo of the same product."""

    classes: tuple[int, ...]
    rows: Ints
    """(m,) the rows of the input that were predicted: all but those of left-out categories."""
    probabilities: Floats
    """(m, classes), calibrated."""
    distances: Floats
    """(m,) the distances from all that was learned (ml.novelty)."""
    temperature: float
    folds: int

    def among(self, rows: Bools) -> "OutOfFold":
        """The predictions for these rows of the input, a mask (n,)."""
        kept = rows[self.rows]
        return replace(
            self, rows=self.rows[kept], probabilities=self.probabilities[kept], distances=self.distances[kept]
        )

    def top1(self, labels: Ints) -> float:
        """The share of photos whose likeliest category is right, by the input's labels, (n,)."""
        return float(np.mean(np.array(self.classes)[self.probabilities.argmax(axis=1)] == labels[self.rows]))


def fit_classifier(
    embeddings: Floats,
    labels: ArrayLike,
    groups: ArrayLike,
    seed: int = 0,
    held_out: OutOfFold | None = None,
    measured: Bools | None = None,
) -> Classifier:
    """Train a head on (n, d) embeddings with category ids and product ids, both (n,).

    Categories with fewer than MIN_PHOTOS photos or MIN_PRODUCTS products are left out of the classes. Raises
    TooFewPhotos when fewer than two remain, ValueError when one product has photos in two categories.
    `held_out` is `cross_validate` of the other arguments, where the caller has it already. `measured`, a mask (n,),
    marks the photos that the metrics are measured on, by default all; from the others the head only learns.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    measured = np.ones(len(labels), bool) if measured is None else measured
    all_held_out = held_out or cross_validate(embeddings, labels, groups, seed)
    learned, others = all_held_out.rows, all_held_out.among(~measured)
    weights, bias = _fit_softmax(embeddings[learned], labels[learned])
    novelty, counts = fit_novelty(embeddings[learned], labels[learned]), _counts(labels[measured])
    held_out = all_held_out.among(measured)
    truth = np.searchsorted(held_out.classes, labels[held_out.rows])
    ranks = np.argsort(-held_out.probabilities, axis=1, kind="stable")
    metrics = Metrics(
        top1=held_out.top1(labels),
        top2=float(np.mean((ranks[:, :2] == truth[:, None]).any(axis=1))),
        calibration_error=expected_calibration_error(held_out.probabilities, truth),
        temperature=held_out.temperature,
        folds=held_out.folds,
        photos={category: counts[category] for category in held_out.classes},
        left_out={category: count for category, count in counts.items() if category not in held_out.classes},
        # With few photos either distance may be the larger: novelty fitted on all of them lies closer to each.
        unknown_above=_unknown_above(np.maximum(held_out.distances, novelty.distances(embeddings[held_out.rows]))),
        hesitant_below=float(np.quantile(held_out.probabilities.max(axis=1), HESITANT)),
        confusion=_confusion(held_out.classes, truth, ranks[:, 0]),
        others=len(others.rows),
        others_top1=others.top1(labels) if len(others.rows) else None,
    )
    return Classifier(
        classes=held_out.classes,
        weights=(weights / held_out.temperature).astype(np.float32),
        bias=(bias / held_out.temperature).astype(np.float32),
        metrics=metrics,
        novelty=novelty,
    )


def cross_validate(embeddings: Floats, labels: ArrayLike, groups: ArrayLike, seed: int = 0) -> OutOfFold:
    """Predict the training photos themselves, each by a head that has not seen its product.

    Metrics and the choice of a gate use this. Arguments and errors are those of `fit_classifier`. The photos of one
    product share a fold.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = np.asarray(labels), np.asarray(groups)
    classes = _usable_classes(labels, groups)
    rows = np.flatnonzero(np.isin(labels, classes))
    embeddings, labels, groups = embeddings[rows], labels[rows], groups[rows]
    logits, distances = np.empty((len(rows), len(classes))), np.empty(len(rows))
    count = min(FOLDS, len(np.unique(groups)))
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for train, test in folds.split(embeddings, labels, groups):
        weights, bias = _fit_softmax(embeddings[train], labels[train])
        logits[test] = embeddings[test] @ weights + bias
        distances[test] = fit_novelty(embeddings[train], labels[train]).distances(embeddings[test])
    temperature = fit_temperature(logits, np.searchsorted(classes, labels))
    return OutOfFold(classes, rows, softmax(logits / temperature), distances, temperature, count)


def softmax(logits: Floats) -> Floats:
    """The softmax over the last axis: rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """The temperature: divided by it, the logits give the true columns the least log-loss (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

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


def _by_id(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(category): count for category, count in counts.items()}


def _confusion(classes: tuple[int, ...], truth: Ints, taken: Ints) -> dict[int, dict[int, int]]:
    """Count photos by true and by likeliest category; both are given as columns, (m,)."""
    pairs, counts = np.unique(np.stack([truth, taken], axis=1), axis=0, return_counts=True)
    table: dict[int, dict[int, int]] = {category: {} for category in classes}
    for (true, likeliest), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        table[classes[true]][classes[likeliest]] = count
    return table


def _unknown_above(distances: Floats) -> float | None:
    if len(distances) < MIN_LIMITING:
        return None
    return MARGIN * float(np.quantile(distances, 1 - UNKNOWN, method="higher"))


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
    """The regression's weights (d, classes) and bias (classes,), for raw embeddings.

    With fewer photos than dimensions the fit runs in the photos' own span. Nothing is lost: the optimum of an
    L2-penalised regression lies there.
    """
    from sklearn.linear_model import LogisticRegression

    mean, scale = embeddings.mean(axis=0), feature_scales(embeddings)
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
    """Spread the one column of log-odds that scikit-learn fits for two classes over two columns."""
    if len(bias) > 1:
        return weights, bias
    return np.hstack([-weights, weights]) / 2, np.hstack([-bias, bias]) / 2
