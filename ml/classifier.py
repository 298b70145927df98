"""Vectors to categories: the head, a classifier that reads the same vector as the search.

It is a multinomial logistic regression on standardised features, fitted by ml.head_fitting. The standardisation and the
calibrating temperature are folded into one matrix and one bias, so serving is a product and a softmax in numpy. Heads
are stored as safetensors, never pickled.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from ml.arrays import Bools, Floats, Ints
from ml.gate_policy import Policy, Tuned
from ml.kinship import Kinship
from ml.novelty import Novelty


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
    unknown_below: float | None = None
    """A photo that is less alike (ml.novelty) is like nothing that the shop sells; None: too few photos to tell."""
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
    views: int = 0
    """The number of views (ml.room_views) that were learned from."""
    views_top1: float | None = None
    views_calibration_error: float | None = None
    kinship: Kinship | None = None
    """What a match is to a photo; None: too few photos to tell, a metric that is not cosine, or an older head."""

    @classmethod
    def from_json(cls, text: str) -> "Metrics":
        """The inverse of `json.dumps(asdict(metrics))`, which turns the category ids into text."""
        data = json.loads(text)
        data.pop("unknown_above", None)  # A distance, of heads that an earlier version stored.
        for name in ("photos", "left_out"):
            data[name] = _by_id(data[name])
        if data.get("confusion"):
            data["confusion"] = {int(true): _by_id(taken) for true, taken in data["confusion"].items()}
        if data.get("gate"):
            data["gate"] = Tuned.from_dict(data["gate"])
        if data.get("kinship"):
            data["kinship"] = Kinship.from_dict(data["kinship"])
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
class RoomHead:
    """A second opinion, of photos that were not taken in a studio, and how much it counts for a photo."""

    weights: NDArray[np.float32]
    """(dimensions, classes)"""
    bias: NDArray[np.float32]
    """(classes,)"""
    setting: NDArray[np.float32]
    """(dimensions,) the direction from studio photos to all others"""
    setting_bias: float

    def share(self, vectors: Floats) -> Floats:
        """How surely a photo was not taken in a studio, 0 to 1: (n, dimensions) -> (n,)."""
        logits = np.clip(vectors @ self.setting + self.setting_bias, -30, 30)
        share: Floats = 1 / (1 + np.exp(-logits))
        return share

    def blended(self, vectors: Floats, studio: Floats) -> Floats:
        """The probabilities of both heads, (n, classes), each counting by its share."""
        share = self.share(vectors)[..., np.newaxis]
        return (1 - share) * studio + share * softmax(vectors @ self.weights + self.bias)


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
    """None in a head that an earlier version stored."""
    rooms: RoomHead | None = None
    """None where there were no views to learn from."""

    @property
    def policy(self) -> Policy:
        """How wide the gate opens."""
        return self.metrics.gate.policy if self.metrics.gate else Policy()

    def with_gate(self, gate: Tuned | None) -> "Classifier":
        return replace(self, metrics=replace(self.metrics, gate=gate))

    def with_kinship(self, kinship: Kinship | None) -> "Classifier":
        return replace(self, metrics=replace(self.metrics, kinship=kinship))

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

    def is_unknown(self, vectors: Floats, products: Ints | None = None) -> Bools:
        """Whether the photos are like nothing that the shop sells: (n, dimensions) -> (n,).

        `products`, (n,) ids, are not compared with themselves: a photo of the catalogue would find itself.
        """
        if self.novelty is None or self.metrics.unknown_below is None:
            return np.zeros(len(vectors), bool)
        unknown: Bools = self.novelty.likeness(vectors, products) < self.metrics.unknown_below
        return unknown

    def probabilities(self, vectors: Floats) -> Floats:
        """Calibrated probabilities: (dimensions,) -> (classes,), or (n, dimensions) -> (n, classes)."""
        studio = softmax(vectors @ self.weights + self.bias)
        return studio if self.rooms is None else self.rooms.blended(vectors, studio)

    def to_bytes(self) -> bytes:
        """safetensors, with the metrics in its metadata."""
        tensors: dict[str, NDArray[np.generic]] = {"weights": self.weights, "bias": self.bias}
        tensors["classes"] = np.array(self.classes, np.int64)
        if self.novelty is not None:
            tensors |= {"reference": self.novelty.reference, "reference_products": self.novelty.products}
            if self.novelty.categories is not None:
                tensors["reference_categories"] = self.novelty.categories
        if self.rooms is not None:
            tensors |= {"room_weights": self.rooms.weights, "room_bias": self.rooms.bias}
            tensors |= {"setting": self.rooms.setting, "setting_bias": np.array([self.rooms.setting_bias], np.float32)}
        return save(tensors, {"metrics": json.dumps(asdict(self.metrics))})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Classifier":
        """The inverse of `to_bytes`. Raises safetensors.SafetensorError on other bytes."""
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        novelty = rooms = None
        if "reference" in tensors:
            novelty = Novelty(tensors["reference"], tensors["reference_products"], tensors.get("reference_categories"))
        if "setting" in tensors:
            room = (tensors["room_weights"], tensors["room_bias"])
            rooms = RoomHead(*room, tensors["setting"], float(tensors["setting_bias"][0]))
        return cls(
            classes=tuple(tensors["classes"].tolist()),
            weights=tensors["weights"],
            bias=tensors["bias"],
            metrics=Metrics.from_json(header["__metadata__"]["metrics"]),
            novelty=novelty,
            rooms=rooms,
        )


def softmax(logits: Floats) -> Floats:
    """The softmax over the last axis: rows sum to 1."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _by_id(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(category): count for category, count in counts.items()}
