"""The models that a process holds for its spaces, each loaded once, at first use or at start."""

import time
from datetime import datetime
from functools import lru_cache

import numpy as np
from django.conf import settings

from ml.classifier import Classifier, Judgement
from ml.encoder import Encoder
from ml.projection import FittedProjection
from ml.recipes import Recipe, WeightsError
from search.models import Head, Projection, Space

# Seconds that a process goes on with what it has asked for: the newest head, the indexes that were checked.
KEPT = 5


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
    head = _head(space.pk, time.monotonic() // KEPT)
    if head is None:
        forget_heads()  # It is asked for again the next time.
        return None
    return head.judge(vector)


def forget_heads() -> None:
    """A head was trained: the next judgement asks for it."""
    _head.cache_clear()


@lru_cache(maxsize=8)
def _head(space_id: int, period: float) -> Classifier | None:
    newest = Head.objects.filter(space_id=space_id).order_by("-pk").values_list("pk", "trained_at").first()
    return None if newest is None else _load(*newest)


@lru_cache(maxsize=8)
def _load(head_id: int, trained_at: datetime) -> Classifier | None:
    row = Head.objects.filter(pk=head_id, trained_at=trained_at).first()  # None: a newer one replaced it just now.
    return None if row is None else Classifier.from_bytes(bytes(row.weights))
