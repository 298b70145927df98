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
from ml.arrays import Ints
from ml.detector import Detector as Trained
from ml.encoder import Encoder
from ml.images import open_photo
from ml.made_up_scenes import scene
from ml.preprocessing import STRIDE, map_side
from ml.recipes import Recipe
from ml.room_views import CutOut, cut_out, planes
from search import encoders
from search.models import Detector, Embedding, Head, Space
from search.photo_opening import opened
from search.room_views import Failures, StorageDown
from search.store import partitions

if TYPE_CHECKING:
    from ml.detector_training import Lesson

logger = logging.getLogger(__name__)
# Scenes are made and learned in rounds, so that memory holds one round's cut-outs and maps: 0.5 GB with 1,280 channels.
# A scene takes about 60 ms on two cores, and an epoch 10 ms more.
ROUNDS, SCENES, EPOCHS = 5, 200, 6
# The photos of a round, and the pixels of their longer side.
PHOTOS, SIDE = 150, 320
MEASURED = 100  # scenes of the last round that are not learned from
# In fewer cut-outs there is too little to see.
LEAST_PHOTOS = 40
# Shapes of scenes, as shares of the longer side: how customers hold their phones.
SHAPES = ((3, 4), (4, 3), (2, 3), (4, 4))
# A detector is trained anew when the head was, and this share of its photos differs.
CHANGED_ENOUGH = 0.1


class TooFewCutOuts(Exception):  # noqa: N818  it names the state of the catalogue
    """There are too few photos with a plain backdrop to make scenes of."""


def is_due(space: Space) -> bool:
    """Whether the space has a head and a map to read, but no detector for what the head tells apart."""
    head = space.heads.only("categories", "photos").newest()
    if head is None or not Recipe.from_dict(space.recipe).has_map or sum(head.photos.values()) < LEAST_PHOTOS:
        return False
    made = Detector.objects.filter(space=space).only("categories", "photos").first()
    if made is None or made.categories != head.categories:
        return True
    changed = sum(abs(head.photos.get(c, 0) - made.photos.get(c, 0)) for c in head.photos.keys() | made.photos.keys())
    return changed > CHANGED_ENOUGH * sum(made.photos.values())


def train(space: Space, seed: int = 0) -> Detector | None:
    """Train a detector and put it in use. None when another process is training this space, or it was dropped.

    Raises:
        TooFewCutOuts: too few photos can be read and have a plain backdrop. The space is without a detector then, and
            none is due until the catalogue has changed.
        search.room_views.StorageDown: the photos cannot be read now.
        ml.recipes.WeightsError: the space's network cannot be loaded.
        Head.DoesNotExist: the space has no head yet.
    """
    head = space.heads.only("categories", "photos").newest()
    if head is None:
        raise Head.DoesNotExist
    with partitions.training(space) as alone:
        if not alone:
            return None
        photos = {int(category): count for category, count in head.photos.items()}
        try:
            made = _trained(space, head.categories, photos, seed)
        except TooFewCutOuts:
            _put_in_use(space, head, b"", {})
            raise
        return _put_in_use(space, head, made.to_bytes(), asdict(made.found))


def _put_in_use(space: Space, head: Head, data: bytes, found: dict[str, Any]) -> Detector | None:
    facts = {"data": data, "found": found, "categories": head.categories, "photos": head.photos}
    with transaction.atomic():
        if not Space.objects.select_for_update(no_key=True).filter(pk=space.pk).exists():
            return None
        row, _ = Detector.objects.update_or_create(space=space, defaults=facts)
    encoders.forget_heads()
    return row


def train_if_due(space: Space) -> Detector | None:
    """Train if a detector is due. A catalogue that cannot be cut out is left without one.

    While the photo storage is down, the former detector stays: the next call tries again. Raises WeightsError.
    """
    if not is_due(space):
        return None
    try:
        return train(space)
    except (TooFewCutOuts, StorageDown) as error:
        logger.warning("%s: no detector was trained: %s", space, error)
        return None


def _trained(space: Space, classes: Sequence[int], photos: dict[int, int], seed: int) -> Trained:
    from ml.detector_training import BATCH, Training  # It imports torch, which only this process needs.

    random = np.random.default_rng(seed)
    encoder = encoders.encoder_for(space)
    steps = ROUNDS * EPOCHS * -(-SCENES // BATCH)
    training = None
    lessons = []
    for _ in range(ROUNDS):
        cut_outs, kinds = _cut_outs(space, classes, random)
        lessons = list(_lessons(encoder, cut_outs, kinds, SCENES, random))
        training = training or Training(lessons[0].places.shape[2], len(classes), steps, seed)
        training.learn(lessons, EPOCHS)
    assert training is not None
    cut_outs, kinds = _cut_outs(space, classes, random)
    held_out = list(_lessons(encoder, cut_outs, kinds, MEASURED, random))
    return training.detector(classes, held_out, photos)


def _cut_outs(space: Space, classes: Sequence[int], random: np.random.Generator) -> tuple[list[CutOut], Ints]:
    """Products cut out of randomly drawn photos, categories taking turns, and the columns of their categories."""
    drawn: list[tuple[int, int]] = []
    for column, category in enumerate(classes):
        ids = Embedding.objects.filter(space_id=space.pk, category_id=category).values_list("photo_id", flat=True)
        most = max(1, PHOTOS // len(classes))
        drawn += [(int(photo), column) for photo in random.permutation(np.array(ids, np.int64))[:most]]
    stored = Photo.objects.in_bulk([photo for photo, _ in drawn])
    known = [(stored[photo], column) for photo, column in drawn if photo in stored]
    failures = Failures()
    made, kinds = [], []
    columns = {photo.pk: column for photo, column in known}
    shown = iter([photo for photo, _ in known])
    with closing(opened(partial(open_photo, side=SIDE), [photo for photo, _ in known], failures)) as images:
        for image in images:
            photo = next(photo for photo in shown if photo.pk not in failures)
            if (product := cut_out(planes(image, SIDE))) is not None:
                made.append(product)
                kinds.append(columns[photo.pk])
    if len(made) < LEAST_PHOTOS // 2:
        raise TooFewCutOuts(f"only {len(made)} of {len(known)} photos have a plain backdrop")
    return made, np.array(kinds)


def _lessons(
    encoder: Encoder, cut_outs: Sequence[CutOut], kinds: Ints, count: int, random: np.random.Generator
) -> "Iterator[Lesson]":
    from ml.detector_training import Lesson

    side = map_side(encoder.recipe)
    for number in range(count):
        down, across = SHAPES[number % len(SHAPES)]
        height, width = (STRIDE * round(side * length / max(down, across) / STRIDE) for length in (down, across))
        picture, shown = scene(cut_outs, random, height, width)
        places = encoder.places(np.asarray(picture)).astype(np.float16)
        edges = [(x, y, x + wide, y + tall) for x, y, wide, tall in (one.box for one in shown)]
        yield Lesson(
            places, np.array(edges, np.float32).reshape(-1, 4), kinds[np.array([one.number for one in shown], int)]
        )
