"""Objects: the things in a photo of a room, each with a gate of its own."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ml import things
from ml.arrays import Bools, Floats
from ml.backdrops import has_plain_backdrop
from ml.classifier import Classifier
from ml.detector import Detector, inputs
from ml.encoder import Encoder
from ml.images import MIN_SIDE, Region
from ml.preprocessing import for_map
from ml.recipes import WeightsError
from ml.things import Regions, Thing
from search import category_gate, encoders
from search.category_gate import Choice
from search.lookup import Matches
from search.models import Space

logger = logging.getLogger(__name__)
MOST = 10
# Things less likely than this are hardly there; where nobody knows how likely they are, the first few are. The shop's
# page shows these at once (python -m benchmarks.rooms).
LIKELY, FEW = 0.15, 4
# Regions that are encoded one by one where no map can be read: the whole photo, and so many equal ones in each
# direction, with these sides as shares of the photo's.
CROPS = ((2, 0.6), (3, 0.4))
TINY = 1e-12  # Two looks that exclude each other leave every category possible.


@dataclass(frozen=True, eq=False)
class SeenObject:
    """A thing in a photo, and the categories to search for it."""

    box: Region
    vector: Floats
    """That of the box by itself, (space.dimensions,)."""
    choice: Choice
    """By both looks at it: in the map, among its surroundings, and by itself."""
    confidence: float | None = None
    """How likely the box shows a thing of the likeliest category. None where no detector knows that one."""


@dataclass(frozen=True, eq=False)
class FoundObject:
    """A thing in a photo, the categories searched for it and its matches."""

    box: Region
    choice: Choice
    matches: Matches
    confidence: float | None = None
    """As of a SeenObject."""


def see(
    space: Space,
    encoder: Encoder,
    photo: Image.Image,
    categories: frozenset[int],
    override: frozenset[int] | None,
) -> list[SeenObject]:
    """At most MOST things in an upright photo, best first.

    There are none before the space has a head with a sample, nor in a photo with a plain backdrop: it is of one thing.

    Args:
        categories: ids of all the shop's.
        override: ids of those that the caller wants searched, whatever the gates say.
    """
    head = encoders.head(space)
    if head is None or head.novelty is None or has_plain_backdrop(photo):
        return []
    detector = encoders.detector(space)
    if detector is not None and detector.classes != head.classes:  # The head was trained since.
        detector = None
    maps = _maps(encoder, photo)
    regions = _few_crops(encoder, photo) if maps is None else _regions(encoder, *maps, detector)
    regions = regions.among(_are_large_enough(regions.edges, photo))
    chosen = things.choose(regions, head, MOST, detector.least if detector else 0.0)
    if maps is None:  # They were encoded by themselves already.
        vectors = regions.vectors[[thing.row for thing in chosen]]
    else:
        vectors = encoder.encode(_crops(photo, [thing.box for thing in chosen]))
    seen = []
    for thing, vector in zip(chosen, vectors, strict=True):
        first = None if maps is None else thing.probabilities
        choice = _choice(head, vector, first, categories, override)
        seen.append(SeenObject(thing.box, vector, choice, _confidence(detector, regions, thing, choice)))
    return seen


def likely(things: Sequence[SeenObject]) -> list[SeenObject]:
    """Of things in a photo, best first, those that are likely there."""
    return [
        thing
        for place, thing in enumerate(things)
        if (place < FEW if thing.confidence is None else thing.confidence >= LIKELY)
    ]


def _confidence(detector: Detector | None, regions: Regions, thing: Thing, choice: Choice) -> float | None:
    """How likely the thing is one of its likeliest category."""
    category = choice.likeliest
    if detector is None or regions.scores is None or category not in detector.classes:
        return None
    column = detector.classes.index(category)
    return detector.confidence(float(regions.scores[thing.row, column])) if detector.learned[column] else None


def _regions(encoder: Encoder, places: Floats, details: Floats, detector: Detector | None) -> Regions:
    """The regions of a photo's maps to choose from: a detector's, or those of a grid."""
    rows, columns = places.shape[:2]
    size = np.array([columns, rows, columns, rows])
    if detector is None:
        boxes = things.grid(rows, columns)
        return Regions(boxes / size, encoder.finish(things.pooled(places, boxes)))
    scores, edges = detector.read(inputs(places, details))
    vectors = encoder.finish(things.pooled(places, things.in_places(edges, rows, columns)))
    return Regions(edges / size, vectors, scores)


def _few_crops(encoder: Encoder, photo: Image.Image) -> Regions:
    edges = [(0.0, 0.0, 1.0, 1.0)]
    for count, side in CROPS:
        starts = [number * (1 - side) / (count - 1) for number in range(count)]
        edges += [(x, y, x + side, y + side) for y in starts for x in starts]
    regions = [(left, top, right - left, bottom - top) for left, top, right, bottom in edges]
    return Regions(np.array(edges, np.float32), encoder.encode(_crops(photo, regions)))


def _maps(encoder: Encoder, photo: Image.Image) -> tuple[Floats, Floats] | None:
    """The photo's map and its details, as Encoder.detailed_places gives them; None where there is none to read.

    A network that was converted once outlives its weights, but the dense one may not have been converted yet.
    """
    if not encoder.recipe.has_map:
        return None
    try:
        places, details = encoder.detailed_places(for_map(photo, encoder.recipe))
    except WeightsError as error:
        logger.warning("A photo is looked at in crops: %s", error)
        return None
    return things.bounded(places), things.bounded(details)


def _choice(
    head: Classifier, vector: Floats, first: Floats | None, categories: frozenset[int], override: frozenset[int] | None
) -> Choice:
    """The gate of both looks at a thing: in the map, among its surroundings (`first`), and by itself.

    On 95 real rooms the share of products found is 0.539 by both, with 1.6 categories searched, and 0.515 by the
    second alone, with 2.2 (EfficientNet-Lite2, regions of a grid).
    """
    judgement = head.judge(vector)
    both = np.array([judgement.probabilities[category] for category in head.classes])
    if first is not None:
        both = np.maximum(both * first, TINY)
    both = both / both.sum()
    searched = np.array(head.classes)[head.policy.searched(both[np.newaxis])[0]]
    judgement = replace(
        judgement,
        probabilities=dict(zip(head.classes, both.tolist(), strict=True)),
        searched=frozenset(searched.tolist()),
        unknown=False,  # It is like something: that is why it was chosen.
    )
    return category_gate.choose(judgement, categories, override)


def _crops(photo: Image.Image, boxes: Sequence[Region]) -> Iterator[Image.Image]:
    for x, y, across, down in boxes:
        left, top = round(x * photo.width), round(y * photo.height)
        right, bottom = round((x + across) * photo.width), round((y + down) * photo.height)
        yield photo.crop((left, top, max(left + 1, right), max(top + 1, bottom)))


def _are_large_enough(edges: Floats, photo: Image.Image) -> Bools:
    sides = (edges[:, 2:] - edges[:, :2]) * photo.size
    enough: Bools = sides.min(axis=1) >= MIN_SIDE
    return enough
