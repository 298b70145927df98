"""Training the detector of things on scenes made up of a space's own photos."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from catalog.models import Photo
from ml.backdrops import planes
from ml.detector import VERSION, inputs
from ml.detector import Detector as Trained
from ml.encoder import Encoder
from ml.images import open_photo
from ml.made_up_scenes import owners_of, scene
from ml.preprocessing import STRIDE, map_side
from ml.recipes import Recipe, WeightsError
from ml.room_views import CutOut, cut_out
from ml.things import bounded
from search import encoders
from search.models import Detector, Embedding, Head, Space
from search.photo_opening import opened
from search.room_views import Failures, StorageDown
from search.store import partitions

if TYPE_CHECKING:
    from ml.detector_training import Lesson

logger = logging.getLogger(__name__)
# Scenes are made and learned in rounds, so that memory holds one round's cut-outs and maps: 0.5 GB with 1,760 channels.
# All of it takes three minutes on two cores, on EfficientNet-Lite2.
ROUNDS, SCENES, EPOCHS = 8, 200, 5
# The photos of a round, and the pixels of their longer side.
PHOTOS, SIDE = 150, 320
MEASURED = 100  # scenes that are not learned from
LEAST_PHOTOS = 40  # of the catalogue; in fewer there is too little to see
LEAST_CUT_OUTS = 20  # of a round
UNREADABLE = 0.5  # a storage is down when more than this share of the photos cannot be read
# Shapes of scenes, as shares of the longer side: how customers hold their phones.
SHAPES = ((3, 4), (4, 3), (2, 3), (4, 4))
# A detector that finds less than this share of the things in made-up scenes has learned nothing. Trained weights find
# half.
LEAST_RECALL = 0.1


class NothingLearned(Exception):  # noqa: N818  it names the state of the catalogue
    """There is nothing to learn a detector from, or nothing was learned. The text says why."""


def is_due(space: Space) -> bool:
    """Whether the space has a head and a map to read, and its detector is older than the head."""
    head = space.heads.only("categories", "photos", "trained_at").newest()
    if head is None or not Recipe.from_dict(space.recipe).has_map or sum(head.photos.values()) < LEAST_PHOTOS:
        return False
    made = Detector.objects.filter(space=space).only("categories", "trained_at", "found").first()
    if made is None or made.found.get("version") != VERSION:
        return True
    return bool(made.categories != head.categories or made.trained_at < head.trained_at)


def train(space: Space, seed: int = 0) -> Detector | None:
    """Train a detector and put it in use. None when another process is training this space, or it was dropped.

    Raises:
        NothingLearned: too few photos have a plain backdrop, or the detector found next to nothing. The space goes on
            with what it had, and none is due until the next head.
        ml.recipes.WeightsError: the space's network cannot be loaded. None is due then, either.
        search.room_views.StorageDown: the photos cannot be read now.
        Head.DoesNotExist: the space has no head yet.
    """
    with partitions.training(space) as alone:
        if not alone:
            return None
        head = space.heads.only("categories").newest()
        if head is None:
            raise Head.DoesNotExist
        try:
            made = _trained(space, head.categories, seed)
        except (NothingLearned, WeightsError):
            _give_up(space, head)
            raise
        return _put_in_use(space, head, made.to_bytes(), asdict(made.found))


def _give_up(space: Space, head: Head) -> None:
    """Go on with the detector that tells the same categories apart, or with none."""
    former = Detector.objects.filter(space=space).first()
    if former and former.categories == head.categories:
        _put_in_use(space, head, bytes(former.data), former.found)
    else:
        _put_in_use(space, head, b"", {})


def _put_in_use(space: Space, head: Head, data: bytes, found: dict[str, Any]) -> Detector | None:
    facts = {"data": data, "found": {**found, "version": VERSION}, "categories": head.categories}
    with transaction.atomic():
        if not Space.objects.select_for_update(no_key=True).filter(pk=space.pk).exists():
            return None
        row, _ = Detector.objects.update_or_create(space=space, defaults=facts)
    encoders.forget_heads()
    return row


def train_if_due(space: Space) -> Detector | None:
    """Train if a detector is due. A catalogue that cannot be cut out is left without one.

    While the photo storage is down, the former detector stays: the next call tries again.
    """
    if not is_due(space):
        return None
    try:
        return train(space)
    except (NothingLearned, StorageDown, WeightsError) as error:
        logger.warning("%s: no detector was trained: %s", space, error)
        return None


def _trained(space: Space, classes: Sequence[int], seed: int) -> Trained:
    from ml.detector_training import BATCH, Training  # It imports torch, which only this process needs.

    random = np.random.default_rng(seed)
    encoder = encoders.encoder_for(space)
    batches = len(SHAPES) * -(-SCENES // len(SHAPES) // BATCH)
    training = None
    cut_outs = _cut_outs(space, classes, random)
    if len(cut_outs) < LEAST_CUT_OUTS:
        raise NothingLearned(f"only {len(cut_outs)} photos of {PHOTOS} drawn have a plain backdrop")
    for _ in range(ROUNDS):
        lessons = list(_lessons(encoder, cut_outs, SCENES, random))
        training = training or Training(lessons[0].features.shape[2], len(classes), ROUNDS * EPOCHS * batches, seed)
        training.learn(lessons, EPOCHS)
        del lessons  # The next ones need its room.
        cut_outs = _cut_outs(space, classes, random) or cut_outs
    assert training is not None
    made = training.detector(classes, list(_lessons(encoder, cut_outs, MEASURED, random)))
    if not made.found.recall >= LEAST_RECALL:
        raise NothingLearned(f"it found {made.found.recall:.3f} of the things in made-up scenes")
    return made


def _cut_outs(space: Space, classes: Sequence[int], random: np.random.Generator) -> list[tuple[CutOut, int]]:
    """Products cut out of randomly drawn photos, as many of each category, with the column of theirs.

    Raises StorageDown when most of the photos cannot be read.
    """
    drawn: list[tuple[int, int]] = []
    for column, category in enumerate(classes):
        stored = Embedding.objects.filter(space_id=space.pk, category_id=category).order_by("photo_id")
        ids = np.array(stored.values_list("photo_id", flat=True), np.int64)
        drawn += [(int(photo), column) for photo in random.permutation(ids)[: max(1, PHOTOS // len(classes))]]
    columns = dict(drawn[place] for place in random.permutation(len(drawn))[:PHOTOS])
    photos = list(Photo.objects.filter(pk__in=columns).order_by("pk"))
    failures, made = Failures(), []
    shown = iter(photos)
    with closing(opened(partial(open_photo, side=SIDE), photos, failures)) as images:
        for image in images:
            photo = next(photo for photo in shown if photo.pk not in failures)
            if (product := cut_out(planes(image, SIDE))) is not None:
                made.append((product, columns[photo.pk]))
    if len(failures) > UNREADABLE * len(photos):
        raise StorageDown(str(next(iter(failures.values()))))
    return made


def _lessons(
    encoder: Encoder, cut_outs: Sequence[tuple[CutOut, int]], count: int, random: np.random.Generator
) -> "Iterator[Lesson]":
    from ml.detector_training import Lesson

    products, columns = zip(*cut_outs, strict=True)
    kinds, side = np.array(columns), map_side(encoder.recipe)
    for number in range(count):
        down, across = SHAPES[number % len(SHAPES)]
        height, width = (STRIDE * round(side * length / max(down, across) / STRIDE) for length in (down, across))
        picture, shown = scene(products, random, height, width)
        features = inputs(*map(bounded, encoder.detailed_places(np.asarray(picture))))
        edges = [(x, y, x + wide, y + tall) for x, y, wide, tall in (one.box for one in shown)]
        numbers = np.array([one.number for one in shown], int)
        owners = owners_of([one.seen for one in shown], *features.shape[:2])
        boxes = np.array(edges, np.float32).reshape(-1, 4)
        yield Lesson(features.astype(np.float16), boxes, kinds[numbers], owners)
