"""Which things stand in a photo, and where: a small network that reads the maps of a frozen backbone.

It is FCOS (Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object Detection") on one level: every place of the
map says what stands there, how far the thing reaches from it to the left, up, right and down, and how well that box
will fit (Jiang et al. 2018, "Acquisition of Localization Confidence"), where FCOS asks how central the place is. Only
numpy is needed: training (ml.detector_training) is another process's work.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from ml.arrays import Floats
from ml.feature_scaling import unit

# What detectors read. Raise it whenever the channels that `inputs` gives change, or their order.
VERSION = 2
# A place's features have this length: at length 1 the first layer would hardly learn in a few epochs.
LENGTH = 8.0
SIDES = 4  # left, up, right, down
REACH = (-3.0, 4.0)  # the logarithm of how far a thing reaches, in places: 0.05 to 55
# Two boxes of one category name one thing when they overlap so much (intersection over union), and of two categories
# when they overlap even more: a table and the chair before it share much of their boxes.
SAME_KIND, SAME_PLACE = 0.5, 0.7


class VersionError(Exception):
    """A detector that reads other inputs than this version gives it."""


@dataclass(frozen=True)
class Found:
    """What a detector is worth on made-up scenes that it has not learned from."""

    scenes: int
    things: int
    recall: float
    """The share of their things whose box is found at an intersection over union of 0.5."""
    precision: float
    """The share of the boxes found that are a thing's, at the same."""


@dataclass(frozen=True, eq=False)
class Detector:
    """A trained detector of one space."""

    classes: tuple[int, ...]
    """Category ids, in the order of its outputs."""
    weights: Mapping[str, NDArray[np.float32]]
    """By "LAYER.weight", (height, width, inputs, outputs), and "LAYER.bias", (outputs,)."""
    least: float
    """The score at which boxes in made-up scenes are best told from nothing, by F1. Real rooms have lower scores."""
    found: Found
    learned: tuple[bool, ...]
    """Of which categories it has seen products. The others are as likely everywhere as the likeliest one."""
    sureness: tuple[float, float] = (0.0, 1.0)
    """The intercept and the slope of the logistic by which a score becomes a confidence."""

    def confidence(self, score: float) -> float:
        """The probability that a box with this score is around a thing of its category, 0 to 1.

        It is Platt's logistic of the score's logit (Platt 1999), fitted to made-up scenes.
        """
        intercept, slope = self.sureness
        return float(_sigmoid(intercept + slope * log_odds(np.array(score, np.float32))))

    def read(self, features: Floats) -> tuple[Floats, Floats]:
        """Each place's scores, (p, classes), and its box: left, top, right, bottom, (p, 4) in places.

        `features` are what `inputs` gives.
        """
        rows, columns = features.shape[:2]
        maps = np.maximum(self._layer("entry", features), 0)
        for name in ("first", "second"):
            maps = maps + np.maximum(self._layer(name, maps), 0)
        said = self._layer("exit", maps).reshape(rows * columns, -1)
        kinds = len(self.classes)
        scores: Floats = np.sqrt(_sigmoid(said[:, :kinds]) * _sigmoid(said[:, -1:]))
        scores[:, ~np.array(self.learned)] = scores.max(axis=1, keepdims=True)
        reach = np.exp(np.clip(said[:, kinds : kinds + SIDES], *REACH))
        y, x = (axis.ravel() + 0.5 for axis in np.mgrid[:rows, :columns])
        edges = np.stack([x - reach[:, 0], y - reach[:, 1], x + reach[:, 2], y + reach[:, 3]], axis=1)
        return scores, np.clip(edges, 0, (columns, rows, columns, rows)).astype(np.float32)

    def _layer(self, name: str, maps: Floats) -> Floats:
        kernel, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        height, width = kernel.shape[:2]
        rows, columns = maps.shape[:2]
        padded = np.pad(maps, ((height // 2,) * 2, (width // 2,) * 2, (0, 0)))
        shifted = (padded[y : y + rows, x : x + columns] @ kernel[y, x] for y in range(height) for x in range(width))
        made: Floats = sum(shifted, bias)
        return made

    def to_bytes(self) -> bytes:
        """safetensors, half precision, with all else in its metadata."""
        tensors = {name: weights.astype(np.float16) for name, weights in self.weights.items()}
        found = asdict(self.found)
        facts = {"classes": self.classes, "least": self.least, "found": found, "learned": self.learned}
        facts |= {"sureness": self.sureness, "version": VERSION}
        return save(tensors, {"detector": json.dumps(facts)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Detector":
        """The inverse of `to_bytes`.

        Raises safetensors.SafetensorError on other bytes, and VersionError on those of another version.
        """
        weights = {name: tensor.astype(np.float32) for name, tensor in load(data).items()}
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        facts = json.loads(header["__metadata__"]["detector"])
        if facts.get("version") != VERSION:
            raise VersionError(f"it is of version {facts.get('version', 1)}, this is {VERSION}")
        classes, learned, sureness = (tuple(facts[name]) for name in ("classes", "learned", "sureness"))
        return cls(classes, weights, facts["least"], Found(**facts["found"]), learned, sureness)


def inputs(places: Floats, details: Floats) -> Floats:
    """What a detector sees of a photo: both maps of Encoder.detailed_places, (rows, columns, channels) each."""
    parts = [unit(part.reshape(-1, part.shape[2])) for part in (places, details) if part.shape[2]]
    features = unit(np.concatenate(parts, axis=1)) * LENGTH
    seen: Floats = features.reshape(*places.shape[:2], -1)
    return seen


def log_odds(chances: Floats) -> Floats:
    """The inverse of the logistic function."""
    between = np.clip(chances, 1e-6, 1 - 1e-6)
    value: Floats = np.log(between / (1 - between))
    return value


def distinct(scores: Floats, boxes: Floats, most: int, least: float) -> list[tuple[int, int]]:
    """Rows and columns of at most `most` scores, (n, classes), best first, without those that name the same thing."""
    left = scores.copy()
    chosen: list[tuple[int, int]] = []
    while len(chosen) < most and left.size:
        row, column = np.unravel_index(left.argmax(), left.shape)
        if left[row, column] < least:
            break
        chosen.append((int(row), int(column)))
        shared = overlap(boxes, boxes[row])
        left[shared > SAME_KIND, column] = -np.inf
        left[shared > SAME_PLACE] = -np.inf
        left[row] = -np.inf
    return chosen


def overlap(boxes: Floats, box: Floats) -> Floats:
    """The intersection over union of (n, 4) boxes with one: left, top, right, bottom."""
    shared = shared_area(boxes, box)
    union: Floats = areas(boxes) + areas(box) - shared
    return shared / np.maximum(union, 1e-9)


def shared_area(boxes: Floats, box: Floats) -> Floats:
    """The area that each of (n, 4) boxes shares with one, (n,)."""
    across = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    down = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    shared: Floats = np.maximum(across, 0) * np.maximum(down, 0)
    return shared


def areas(boxes: Floats) -> Floats:
    """(..., 4) left, top, right, bottom -> (...,)"""
    found: Floats = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return found


def _sigmoid(logits: Floats) -> Floats:
    value: Floats = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return value
