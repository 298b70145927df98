"""Training a detector (ml.detector) on made-up scenes of a shop's own products. The backbone stays as it is.

Losses are those of FCOS: the focal loss for what stands at a place (Lin et al. 2017, "Focal Loss for Dense Object
Detection"), the logarithm of the overlap for how far it reaches, and cross-entropy for how central the place is.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize, one_hot, relu

from ml.arrays import Floats, Ints
from ml.detector import LENGTH, REACH, SIDES, Detector, Found, distinct, overlap

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

    places: NDArray[np.float16]
    """(rows, columns, channels)"""
    boxes: Floats
    """(n, 4) left, top, right, bottom, as fractions of the scene"""
    kinds: Ints
    """(n,) columns of the categories"""


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
                places = torch.from_numpy(np.stack([lessons[row].places for row in rows])).float()
                loss = self._loss(self.network(places), [targets[row] for row in rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                self.schedule.step()
                self.left -= 1

    def _batches(self, lessons: Sequence[Lesson]) -> Iterator[Ints]:
        """Rows of lessons of one shape each, in any order."""
        alike = defaultdict(list)
        for row, lesson in enumerate(lessons):
            alike[lesson.places.shape].append(row)
        shuffled = [self.random.permutation(rows) for rows in alike.values()]
        batches = [rows[start : start + BATCH] for rows in shuffled for start in range(0, len(rows), BATCH)]
        yield from (batches[number] for number in self.random.permutation(len(batches)))

    def _loss(self, said: Tensor, targets: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """`said` is (n, places, kinds + 5), `targets` n times _targets."""
        kinds, reach, central = (torch.stack(parts) for parts in zip(*targets, strict=True))
        stands = kinds < self.kinds
        things = stands.sum().clamp(min=1)
        loss = _focal(said[..., : self.kinds], one_hot(kinds, self.kinds + 1)[..., :-1].float()).sum() / things
        if not stands.any():
            return loss
        weights = central[stands]
        found = said[stands]
        shared = _overlap(found[:, self.kinds : -1].clamp(*REACH).exp(), reach[stands])
        loss = loss - (shared.clamp(min=1e-3).log() * weights).sum() / weights.sum()
        return loss + binary_cross_entropy_with_logits(found[:, -1], weights)

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
        least, found = _measure(made, held_out)
        return replace(made, least=least, found=found)


class _Head(nn.Module):
    """(n, rows, columns, channels) -> (n, rows * columns, kinds + 5): kinds, the four reaches' logarithms, central."""

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(channels, WIDTH, 1)
        self.first = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.exit = nn.Conv2d(WIDTH, kinds + SIDES + 1, 1)
        assert self.exit.bias is not None
        nn.init.constant_(self.exit.bias[:kinds], RARE)

    def forward(self, places: Tensor) -> Tensor:
        maps = relu(self.entry((normalize(places, dim=3) * LENGTH).permute(0, 3, 1, 2)))
        maps = maps + relu(self.first(maps))
        maps = maps + relu(self.second(maps))
        said: Tensor = self.exit(maps).flatten(2).transpose(1, 2)
        return said


def _targets(lesson: Lesson, kinds: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each place: its kind, or `kinds` for nothing; the reaches, in places; how central it is.

    Of several boxes around a place, the smallest counts.
    """
    rows, columns = lesson.places.shape[:2]
    y, x = (axis + 0.5 for axis in np.mgrid[:rows, :columns])
    kind = np.full((rows, columns), kinds)
    reach, central = np.ones((rows, columns, SIDES), np.float32), np.zeros((rows, columns), np.float32)
    edges = lesson.boxes * np.array([columns, rows, columns, rows])
    areas = (edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1])
    for number in np.argsort(-areas):
        left, top, right, bottom = edges[number]
        reached = np.stack([x - left, y - top, right - x, bottom - y], axis=2)
        inside = reached.min(axis=2) > 0
        if not inside.any():  # It is smaller than a place and lies around no centre: the nearest one sees it.
            away = (y - (top + bottom) / 2) ** 2 + (x - (left + right) / 2) ** 2
            inside = away == away.min()
        reached = np.maximum(reached, CLOSEST)
        shares = reached[..., :2] / reached[..., 2:]
        kind[inside] = lesson.kinds[number]
        reach[inside] = reached[inside]
        central[inside] = np.sqrt(np.minimum(shares, 1 / shares).prod(axis=2))[inside]
    return torch.from_numpy(kind.ravel()), torch.from_numpy(reach).flatten(0, 1), torch.from_numpy(central.ravel())


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


def _measure(detector: Detector, lessons: Sequence[Lesson]) -> tuple[float, Found]:
    """The score at which boxes are best told from nothing, by F1, and what is found then."""
    scores, right, things = [], [], 0
    for lesson in lessons:
        told, boxes = detector.read(lesson.places.astype(np.float32))
        edges = lesson.boxes * np.array([lesson.places.shape[1], lesson.places.shape[0]] * 2)
        missing = list(range(len(edges)))
        things += len(edges)
        for row, column in distinct(told, boxes, MOST, 0.0):
            shared = overlap(edges[missing], boxes[row]) if missing else np.zeros(0)
            is_right = bool(len(shared)) and float(shared.max()) >= OVERLAP
            if is_right:
                missing.pop(int(shared.argmax()))
            scores.append(float(told[row, column]))
            right.append(is_right)
    if not any(right):
        return 0.0, Found(len(lessons), things, 0.0, 0.0)
    order = np.argsort(-np.array(scores), kind="stable")
    hits = np.cumsum(np.array(right)[order])
    recall, precision = hits / things, hits / np.arange(1, len(hits) + 1)
    best = int(np.argmax(2 * recall * precision / np.maximum(recall + precision, 1e-9)))
    found = Found(len(lessons), things, float(recall[best]), float(precision[best]))
    return float(np.array(scores)[order][best]), found
