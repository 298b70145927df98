"""Made-up photos: a catalogue of any size, with vectors like those that ResNet50 makes of furniture.

A small network of random weights makes them out of latent numbers that fall into categories, families of products and
single photos. The vectors are non-negative, clustered, of few intrinsic dimensions and of length 1. This compares
20,000 photos with 9,552 real ones (crops of 398 product photos):

| | real | made up |
|---|---|---|
| median cosine to the 1st, 10th, 100th and 1,000th nearest | 0.99, 0.98, 0.96, 0.92 | 0.97, 0.95, 0.91, 0.87 |
| cosine of two photos: median, 1st percentile | 0.83, 0.50 | 0.75, 0.34 |
| energy in the first 8, 32 and 128 singular directions | 0.95, 0.98, 1.00 | 0.91, 0.96, 0.98 |
| variance in the first 8, 32 and 128 principal components | 0.76, 0.92, 0.98 | 0.71, 0.85, 0.93 |

They are about as hard to search. An HNSW index of m = 16 and ef_construction = 64 over 20,000 photos finds 0.976 of the
20 nearest to mixtures of two at ef 40, and 0.996 at ef 100. With the real ones, filled up with interpolations, it
finds 0.984 and 0.998. An index over 128 dimensions has 0.964 of them among 40 candidates and 0.997 among 100, with the
real ones 0.949 and 0.997.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # Models are imported once Django is set up.
    from catalog.models import Category
    from search.models import Space

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

DIMENSIONS = 2_048
CHUNK = 256  # Photos made at once. They take 2 MB as float32, and stay in the caches.
# Latent numbers, and how fast they lose weight; photos of a family, on average.
LATENTS, DECAY, FAMILY = 128, 0.8, 20
# Deviations of the latent numbers: of families in their category, and of photos in their family.
FAMILIES_APART, PHOTOS_APART = 0.7, 0.3
# The network's gain, and the mean and deviation of its biases. Then noise that no latent number explains.
GAIN, BIAS, BIASES_APART, NOISE = 1.6, 0.5, 0.6, 0.12
# Fingerprints are pictures of so many random colours a side: no two photos show the same.
COLOURS = 4
PRODUCTS = """
    INSERT INTO catalog_product (sku, name, category_id, description, price, currency, in_stock, url, attributes,
        created_at, updated_at)
    SELECT slug || '-' || n, 'Lamp ' || n, category.id, '', 5 + n * 7919 %% 50000 / 100.0, 'EUR', n %% 10 > 0,
        'https://shop.example/' || slug || '/' || n, '{"color": "Oak", "width": 80}', now(), now()
    FROM catalog_category category, generate_series(%s, %s) n WHERE category.id = %s
    RETURNING id
"""
PHOTOS = """
    INSERT INTO catalog_photo (product_id, file, sha256, width, height, fingerprint, position, created_at)
    SELECT product_id, 'photos/' || product_id || '.jpg', encode(sha256(fingerprint), 'hex'), 800, 800, fingerprint, 0,
        now()
    FROM unnest(%s::bigint[], %s::bytea[]) AS given (product_id, fingerprint)
    RETURNING id
"""


class MadeUp:
    """The photos of one category: the same ones each time for the same number and seed."""

    def __init__(self, category: int, photos: int, dimensions: int = DIMENSIONS, seed: int = 0) -> None:
        self.photos, self.dimensions, self._key = photos, dimensions, (seed, category)
        self._network = _network(dimensions)
        random = self._random(0)
        centre = random.standard_normal(LATENTS)
        spread = FAMILIES_APART * random.standard_normal((max(1, photos // FAMILY), LATENTS))
        self._families = (centre + spread).astype(np.float32)

    def stored(self) -> Iterator[Halves]:
        """The category's vectors, at most CHUNK of them at a time: (n, dimensions)."""
        random = self._random(1)
        for start in range(0, self.photos, CHUNK):
            yield self._draw(min(CHUNK, self.photos - start), random)

    def held_out(self, count: int) -> Floats:
        """Vectors of further photos of the same families: (count, dimensions)."""
        return self._draw(count, self._random(2)).astype(np.float32)

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([*self._key, purpose])

    def _draw(self, count: int, random: np.random.Generator) -> Halves:
        families = self._families[random.integers(len(self._families), size=count)]
        latent = families + np.float32(PHOTOS_APART) * random.standard_normal((count, LATENTS), np.float32)
        weights, biases = self._network
        made = np.log1p(np.exp(2 * (latent @ weights + biases)))  # Softplus.
        made *= np.maximum(1 + np.float32(NOISE) * random.standard_normal(made.shape, np.float32), 0)
        return unit(made).astype(np.float16)


def mixtures(vectors: NDArray[np.floating], count: int, seed: int = 0) -> Floats:
    """Means of two random vectors each, of length 1: as unlike all photos as a customer's. (count, dimensions)"""
    one, other = np.random.default_rng(seed).integers(len(vectors), size=(2, count))
    return unit(vectors[one].astype(np.float32) + vectors[other].astype(np.float32))


def unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@lru_cache(maxsize=1)
def _network(dimensions: int) -> tuple[Floats, Floats]:
    """Weights, (LATENTS, dimensions), and biases, (dimensions,)."""
    random = np.random.default_rng(0)
    decay = np.arange(1, LATENTS + 1) ** -DECAY
    scale = GAIN * decay / np.linalg.norm(decay)
    weights = random.standard_normal((LATENTS, dimensions)) * scale[:, np.newaxis]
    biases = BIAS + BIASES_APART * random.standard_normal(dimensions)
    return weights.astype(np.float32), biases.astype(np.float32)


def make_space(dimensions: int = DIMENSIONS) -> "Space":
    """A live space for such vectors, in an empty database."""
    from search.models import Space

    recipe = {"weights": "random"}
    return Space.objects.create(name="made-up", recipe=recipe, dimensions=dimensions, state=Space.State.LIVE)


def add_products(category: "Category", first: int, count: int) -> list[int]:
    """Add products to a category, numbered from `first`, each with one photo of its own picture. Returns photo ids."""
    from django.db import connection, transaction

    from ml.images import FINGERPRINT_SIDE

    random = np.random.default_rng([category.pk, first])
    colours = random.integers(256, size=(count, COLOURS, COLOURS, 3), dtype=np.uint8)
    side = FINGERPRINT_SIDE // COLOURS
    pictures = [picture.tobytes() for picture in colours.repeat(side, axis=1).repeat(side, axis=2)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PRODUCTS, [first, first + count - 1, category.pk])
        products = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(PHOTOS, [products, pictures])
        return [pk for (pk,) in cursor.fetchall()]
