"""What serving from a space costs: milliseconds by stage, and bytes a photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from catalog.models import Category
from search import category_gate, encoders, lookup
from search.models import Embedding, Space
from search.stopwatch import Stopwatch
from search.store import partitions

DEPTH = 10  # answers of a search


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Footprint:
    """Bytes that a photo takes in the database."""

    vector: float
    index: float
    """HNSW and primary keys."""


def latency(space: Space, photos: Sequence[Image.Image]) -> dict[str, Percentiles]:
    """Times by stage, in the order of a search request. The first photo warms up and is not counted.

    Raises ml.recipes.WeightsError.
    """
    timings = [_timings(space, photo) for photo in tqdm(photos, f"{space}: timing", disable=None)][1:]
    return {stage: _percentiles([timing[stage] for timing in timings]) for stage in timings[0]} if timings else {}


def footprint(space: Space) -> Footprint:
    """The bytes used now, averaged over the photos; zeros for an empty space."""
    photos = Embedding.objects.filter(space_id=space.pk).count() or 1
    size = partitions.size(space)
    return Footprint(size.vectors / photos, size.indexes / photos)


def _timings(space: Space, photo: Image.Image) -> dict[str, float]:
    watch = Stopwatch()
    with watch.stage("encode"):
        (vector,) = encoders.encoder_for(space).encode([photo])
    with watch.stage("gate"):
        categories = frozenset(Category.objects.values_list("pk", flat=True))
        choice = category_gate.choose(encoders.judgement(space, vector), categories)
    with watch.stage("search"):
        lookup.nearest(space, vector, choice.searched, DEPTH)
    return watch.timings_ms()


def _percentiles(values: list[float]) -> Percentiles:
    p50, p95 = np.percentile(values, [50, 95])
    return Percentiles(round(float(p50), 2), round(float(p95), 2))
