"""Training a detector (ml.detector) on made-up scenes of a shop's own products. The backbone stays as it is.

Losses are those of FCOS: the focal loss for what stands at a place (Lin et al. 2017, "Focal Loss for Dense Object
Detection"), the logarithm of the overlap for how far it reaches, and cross-entropy for how well the box fits. A place
belongs to the thing that shows most of its pixels there, not to every box around it: a floor lamp's box is mostly wall.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot, relu

from ml.arrays import Bools, Floats, Ints
from ml.detector import REACH, SIDES, Detector, Found, distinct, log_odds, overlap

WIDTH = 128  # channels
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-2
BATCH = 8  # scenes
FOCUS, BALANCE = 2.0, 0.25  # gamma and alpha of the focal loss, as in its paper
RARE = -3.0  # where the logits of kinds begin: at nearly all places stands nothing
CLOSEST = 0.1  # places: the least reach that is learned
OVERLAP = 0.5  # of a found box with a thing's, for it to be that thing's
MOST = 10  # boxes a scene, as a search answers


@dataclass(frozen=True, eq=False)
class Lesson:
    """A scene as the backbone sees it, and what stands in it."""

    features: NDArray[np.float16]
    """(rows, columns, channels) what ml.detector.inputs gives"""
    boxes: Floats
    """(n, 4) left, top, right, bottom, as fractions of the scene"""
    kinds: Ints
    """(n,) columns of the categories"""
    owners: Ints
    """(rows, columns) which of the n each place shows; -1: none"""


class Training:
    """One run. The learning rate rises and falls over all `steps` (Smith and Topin 2018, "Super-Convergence")."""

    def __init__(self, channels: int, kinds: int, steps: int, seed: int = 0) -> None:
        self.kinds, self.random = kinds, np.random.default_rng(seed)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.network = _Head(channels, kinds)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, LEARNING_RATE, total_steps=steps + 1)
        self.left = steps
        self.seen = np.zeros(kinds, bool)

    def learn(self, lessons: Sequence[Lesson], epochs: int) -> None:
        """Go through the lessons `epochs` times, or until all steps are done."""
        targets = [_targets(lesson, self.kinds) for lesson in lessons]
        for lesson in lessons:
            self.seen[lesson.kinds] = True
        for _ in range(epochs):
            for rows in self._batches(lessons):
                if not self.left:
                    return
                features = torch.from_numpy(np.stack([lessons[row].features for row in rows])).float()
                loss = self._loss(self.network(features), [targets[row] for row in rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.schedule.step()
                self.left -= 1

    def _batches(self, lessons: Sequence[Lesson]) -> Iterator[Ints]:
        """Rows of lessons of one shape each, in any order."""
        alike = defaultdict(list)
        for row, lesson in enumerate(lessons):
            alike[lesson.features.shape].append(row)
        shuffled = [self.random.permutation(rows) for rows in alike.values()]
        batches = [rows[start : start + BATCH] for rows in shuffled for start in range(0, len(rows), BATCH)]
        yield from (batches[number] for number in self.random.permutation(len(batches)))

    def _loss(self, said: Tensor, targets: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """`said` is (n, places, kinds + 5), `targets` n times _targets."""
        kinds, reach, weight = (torch.stack(parts) for parts in zip(*targets, strict=True))
        stands = kinds < self.kinds
        weight = torch.where(stands, weight, 1 / stands.sum(1, keepdim=True).clamp(min=1).sqrt())
        loss = _focal(said[..., : self.kinds], one_hot(kinds, self.kinds + 1)[..., :-1].float()).sum(2)
        loss = (loss * weight).sum() / weight[stands].sum().clamp(min=1)
        if not stands.any():
            return loss
        counts, found = weight[stands] / weight[stands].sum(), said[stands]
        shared = _overlap(found[:, self.kinds : -1].clamp(*REACH).exp(), reach[stands])
        loss = loss - (shared.clamp(min=1e-3).log() * counts).sum()
        return loss + binary_cross_entropy_with_logits(found[:, -1], shared.detach(), counts, reduction="sum")

    def detector(self, classes: Sequence[int], held_out: Sequence[Lesson]) -> Detector:
        """What was learned, measured as it will be stored on lessons that had no part in it."""
        weights = {}
        for name, layer in self.network.named_children():
            assert isinstance(layer, nn.Conv2d)
            weights[f"{name}.weight"] = layer.weight.detach().permute(2, 3, 1, 0).contiguous().numpy()
            assert layer.bias is not None
            weights[f"{name}.bias"] = layer.bias.detach().numpy()
        nothing = Found(0, 0, 0.0, 0.0)
        learned = tuple(bool(seen) for seen in self.seen)
        made = Detector.from_bytes(Detector(tuple(classes), weights, 0.0, nothing, learned).to_bytes())
        return _measured(made, held_out)


class _Head(nn.Module):
    """(n, rows, columns, channels) -> (n, rows * columns, kinds + 5): kinds, the four reaches' logarithms, fit."""

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(channels, WIDTH, 1)
        self.first = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.exit = nn.Conv2d(WIDTH, kinds + SIDES + 1, 1)
        assert self.exit.bias is not None
        nn.init.constant_(self.exit.bias[:kinds], RARE)

    def forward(self, features: Tensor) -> Tensor:
        maps = relu(self.entry(features.permute(0, 3, 1, 2)))
        maps = maps + relu(self.first(maps))
        maps = maps + relu(self.second(maps))
        said: Tensor = self.exit(maps).flatten(2).transpose(1, 2)
        return said


def _targets(lesson: Lesson, kinds: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each place: its kind, or `kinds` for nothing; the reaches, in places; how much it counts.

    The places of a thing count together as the root of their number: a sofa more than a lamp, but not tenfold.
    """
    rows, columns = lesson.features.shape[:2]
    y, x = (axis.ravel() + 0.5 for axis in np.mgrid[:rows, :columns])
    owners = lesson.owners.ravel()
    stands = owners >= 0
    kind, reach = np.full(len(owners), kinds), np.ones((len(owners), SIDES), np.float32)
    weight = np.zeros(len(owners), np.float32)
    kind[stands] = lesson.kinds[owners[stands]]
    left, top, right, bottom = (lesson.boxes[owners[stands]] * np.array([columns, rows] * 2)).T
    reached = np.stack([x[stands] - left, y[stands] - top, right - x[stands], bottom - y[stands]], axis=1)
    reach[stands] = np.maximum(reached, CLOSEST)
    weight[stands] = 1 / np.sqrt(np.bincount(owners[stands], minlength=len(lesson.kinds))[owners[stands]])
    return torch.from_numpy(kind), torch.from_numpy(reach), torch.from_numpy(weight)


def _focal(logits: Tensor, truth: Tensor) -> Tensor:
    chance = logits.sigmoid()
    right = chance * truth + (1 - chance) * (1 - truth)
    weight = BALANCE * truth + (1 - BALANCE) * (1 - truth)
    return weight * (1 - right) ** FOCUS * binary_cross_entropy_with_logits(logits, truth, reduction="none")


def _overlap(one: Tensor, other: Tensor) -> Tensor:
    """The intersection over union of boxes around the same places, by their reaches, (n, 4) each."""
    least = torch.minimum(one, other)
    shared = (least[:, 0] + least[:, 2]) * (least[:, 1] + least[:, 3])
    areas = [(reach[:, 0] + reach[:, 2]) * (reach[:, 1] + reach[:, 3]) for reach in (one, other)]
    return shared / (areas[0] + areas[1] - shared)


def _measured(detector: Detector, lessons: Sequence[Lesson]) -> Detector:
    """The detector with what it is worth, the score that tells things from nothing best, and the fit of `confidence`.

    Categories without a product to learn from are left out: their scores are those of others.
    """
    scores, fits, right, things = [], [], [], 0
    learned = np.flatnonzero(detector.learned)
    for lesson in lessons:
        told, boxes = detector.read(lesson.features.astype(np.float32))
        edges = lesson.boxes * np.array([lesson.features.shape[1], lesson.features.shape[0]] * 2)
        missing = list(range(len(edges)))
        things += len(edges)
        for row, column in distinct(told[:, learned], boxes, MOST, 0.0):
            shared = overlap(edges[missing], boxes[row]) if missing else np.zeros(1)
            best = int(shared.argmax())
            fits.append(bool(shared[best] >= OVERLAP))
            right.append(fits[-1] and bool(lesson.kinds[missing[best]] == learned[column]))
            scores.append(float(told[row, learned[column]]))
            if fits[-1]:
                missing.pop(best)
    if not any(fits):
        return replace(detector, least=0.0, found=Found(len(lessons), things, 0.0, 0.0))
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(fits)[order])
    recall, precision = hits / things, hits / np.arange(1, len(hits) + 1)
    best = int(np.argmax(2 * recall * precision / np.maximum(recall + precision, 1e-9)))
    found = Found(len(lessons), things, float(recall[best]), float(precision[best]))
    sureness = _fit_sureness(np.array(scores, np.float32), np.array(right))
    return replace(detector, least=float(np.array(scores)[order][best]), found=found, sureness=sureness)


def _fit_sureness(scores: Floats, right: Bools) -> tuple[float, float]:
    """The intercept and the slope of Detector.confidence."""
    from sklearn.linear_model import LogisticRegression

    if right.all() or not right.any():
        return Detector.sureness
    fitted = LogisticRegression().fit(log_odds(scores)[:, np.newaxis], right)
    return float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
