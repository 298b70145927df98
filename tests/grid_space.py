"""A space whose encoder needs no model: a photo's vector is its colours on a grid of 4 x 4."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
from cachetools import TTLCache
from numpy.typing import NDArray
from PIL import Image

from ml.encoder import Encoder
from ml.images import Region, crop_region, open_photo
from ml.preprocessing import STRIDE
from ml.projection import FittedProjection
from ml.recipes import Recipe, make_recipe
from search import encoders, indexing, spaces
from search.models import Space
from search.store import coarse, indexes, partitions
from staff import dashboard
from staff import spaces as spaces_page

DIMENSIONS = 48
KEPT_FOR_SECONDS = (
    indexes._checked,
    indexes.photos_per_product,
    encoders._head,
    encoders._detector,
    dashboard.captions,
    dashboard.index,
    spaces_page.seen,
)
RECIPE = {**make_recipe("random").as_dict(), "fit": "crop"}


class GridEncoder(Encoder):
    """An encoder whose network is one line of arithmetic."""

    def __init__(self, projection: FittedProjection | None = None) -> None:
        self.projection = projection
        self.recipe = Recipe.from_dict(RECIPE)

    def warm(self) -> None:
        """There is nothing to load."""

    def warm_places(self) -> None:
        """Nor here."""

    def open(self, source: bytes | BinaryIO, region: Region | None = None) -> Image.Image:
        photo = open_photo(source)
        return photo if region is None else crop_region(photo, region)

    def open_scene(self, source: bytes | BinaryIO) -> Image.Image:
        return open_photo(source)

    def detailed_places(self, pixels: NDArray[np.uint8]) -> tuple[np.ndarray, np.ndarray]:
        """Each place's mean colour, as a photo of that colour alone would have it, and no details."""
        height, width = pixels.shape[:2]
        blocks = pixels.reshape(height // STRIDE, STRIDE, width // STRIDE, STRIDE, 3).mean((1, 3))
        return np.tile(blocks, (1, 1, 16)).astype(np.float32) + 1, np.empty((*blocks.shape[:2], 0), np.float32)

    def finish(self, features: np.ndarray) -> np.ndarray:
        vectors: np.ndarray = features / np.linalg.norm(features, axis=1, keepdims=True)
        return vectors if self.projection is None else self.projection.apply(vectors, normalize=True)

    def encode(self, images: Iterable[Image.Image]) -> np.ndarray:
        grids = [np.asarray(image.resize((4, 4)), np.float32).ravel() + 1 for image in images]
        if not grids:
            return np.empty((0, self.projection.components.shape[1] if self.projection else DIMENSIONS), np.float32)
        vectors = np.stack([grid / np.linalg.norm(grid) for grid in grids])
        return vectors if self.projection is None else self.projection.apply(vectors, normalize=True)


@pytest.fixture
def space(db, monkeypatch) -> Space:
    """The live space, with the grid encoder."""
    monkeypatch.setattr(encoders, "encoder_for", lambda space: GridEncoder(encoders.projection_of(space)))
    return Space.objects.create(
        name="grid",
        recipe=RECIPE,
        dimensions=DIMENSIONS,
        state=Space.State.LIVE,
    )


@pytest.fixture
def beside(space) -> Space:
    """A space of the grid encoder that is being built beside the live one."""
    made = Space.objects.create(name="beside", recipe=RECIPE, dimensions=DIMENSIONS)
    spaces.ensure_partitions()
    return made


@pytest.fixture
def index(space) -> Callable[[], int]:
    """Index all that is pending; returns how many photos were settled."""

    def run() -> int:
        total = 0
        while settled := indexing.index_batch(space):
            total += settled
        return total

    return run


@pytest.fixture
def indexed_shop(photo, index) -> None:
    """Six lamps and six beds of different colours, indexed."""
    for n in range(12):
        photo((250 - 20 * n, 20 * n, 7 * n), ("lamp", "bed")[n % 2])
    index()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Empty the caches. The flush after commits restarts ids at 1, and no space must find what another left behind."""
    for kept in (*KEPT_FOR_SECONDS, coarse._load):
        kept.cache_clear()


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The clock of what is kept for seconds; a test moves it on."""
    now = [1_003.0]
    for kept in KEPT_FOR_SECONDS:
        cache = cast(TTLCache[Any, Any], kept.cache)
        monkeypatch.setattr(kept, "cache", TTLCache(cache.maxsize, cache.ttl, lambda: now[0]))
    return now


@pytest.fixture
def wide(transactional_db) -> Iterator[Space]:
    """The live space, with vectors so long that its indexes are over coarse ones."""
    made = Space.objects.create(name="wide", recipe=RECIPE, dimensions=512, state=Space.State.LIVE)
    yield made
    partitions.when_free(partial(partitions.drop_branch, made))
