"""The models that a process holds for its spaces, each loaded once, at first use or at start."""

import logging
from datetime import datetime
from functools import lru_cache
from threading import Lock

import numpy as np
from cachetools import TTLCache, cached
from django.conf import settings

from ml.classifier import Classifier, Judgement
from ml.detector import Detector, VersionError
from ml.encoder import Encoder
from ml.projection import FittedProjection
from ml.recipes import Recipe, WeightsError
from search import models
from search.models import Head, Projection, Space

logger = logging.getLogger(__name__)
KEPT = 5  # Seconds that a process goes on with a head before it asks whether there is a newer one.


def encoder_for(space: Space) -> Encoder:
    """The space's encoder; its network is loaded at the first call that needs it."""
    return Encoder(
        Recipe.from_dict(space.recipe),
        settings.LAMPLIGHT_DEVICE,
        projection=projection_of(space),
        runtime=settings.LAMPLIGHT_RUNTIME,
        cache=settings.VAR / "models",
    )


def projection_of(space: Space) -> FittedProjection | None:
    """The PCA of the space's recipe, None without one."""
    fingerprint: str = space.recipe.get("projection_sha256", "")
    return _load_projection(space.pk, fingerprint) if fingerprint else None


@lru_cache(maxsize=4)
def _load_projection(space_id: int, fingerprint: str) -> FittedProjection:
    row = Projection.objects.filter(space_id=space_id).first()
    if row is None:
        raise WeightsError(f"the projection of space {space_id} is gone with it: use another space")
    return FittedProjection.from_bytes(bytes(row.data))


def judgement(space: Space, vector: np.ndarray) -> Judgement | None:
    """What the space's newest head makes of one of its vectors; None before the first training."""
    newest = head(space)
    return newest.judge(vector) if newest else None


def head(space: Space) -> Classifier | None:
    """The space's newest head; None before the first training."""
    try:
        return _head(space.pk)
    except Head.DoesNotExist:  # Not cached: the next call asks again.
        return None


def detector(space: Space) -> Detector | None:
    """The space's detector; None before its first training, and where nothing could be learned."""
    return _detector(space.pk)


def forget_heads() -> None:
    """Drop the cached heads and detectors: one was trained, and the next search loads it."""
    _head.cache_clear()
    _detector.cache_clear()


@cached(TTLCache(maxsize=8, ttl=KEPT), lock=Lock())
def _head(space_id: int) -> Classifier:
    newest = Head.objects.filter(space_id=space_id).only("trained_at").newest()
    if newest is None:
        raise Head.DoesNotExist
    return _load(newest.pk, newest.trained_at)


@cached(TTLCache(maxsize=8, ttl=KEPT), lock=Lock())
def _detector(space_id: int) -> Detector | None:
    trained_at = models.Detector.objects.filter(space=space_id).values_list("trained_at", flat=True).first()
    return _load_detector(space_id, trained_at) if trained_at else None


@lru_cache(maxsize=4)
def _load_detector(space_id: int, trained_at: datetime) -> Detector | None:
    row = models.Detector.objects.filter(space=space_id, trained_at=trained_at).first()
    if row is None or not row.data:  # A newer one may have replaced it just now.
        return None
    try:
        return Detector.from_bytes(bytes(row.data))
    except VersionError as error:
        logger.warning("space %d has no detector that can be read: %s", space_id, error)
        return None


@lru_cache(maxsize=8)
def _load(head_id: int, trained_at: datetime) -> Classifier:
    row = Head.objects.get(pk=head_id, trained_at=trained_at)  # A newer one may have replaced it just now.
    return Classifier.from_bytes(bytes(row.weights))
