"""The models that a process holds for its spaces, each loaded once, at first use or at start."""

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings

from ml.classifier import Head as CategoryHead
from ml.recipes import Recipe
from search.models import Head, Space

if TYPE_CHECKING:
    from ml.encoder import Encoder


def encoder_for(space: Space) -> "Encoder":
    """The space's encoder; its network is loaded at the first call that needs it."""
    from ml.encoder import Encoder  # torch takes seconds to import: only processes that encode pay.

    return Encoder(Recipe.from_dict(space.recipe), settings.LAMPLIGHT_DEVICE)


def probabilities(space: Space, vector: np.ndarray) -> dict[int, float]:
    """Category id -> probability for a unit vector, by the space's newest head; empty before the first training."""
    newest = space.heads.order_by("-pk").values_list("pk", "trained_at").first()
    head = None if newest is None else _load(*newest)
    if head is None:
        return {}
    (row,) = head.probabilities(vector[np.newaxis])
    return {int(category): float(p) for category, p in zip(head.classes, row, strict=True)}


@lru_cache(maxsize=8)
def _load(head_id: int, trained_at: datetime) -> CategoryHead | None:
    row = Head.objects.filter(pk=head_id, trained_at=trained_at).first()  # None: a newer one replaced it just now.
    return None if row is None else CategoryHead.from_bytes(bytes(row.weights))
