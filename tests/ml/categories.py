"""Made-up vectors of categories, which tests of the head share."""

import numpy as np

from ml.head_fitting import Origin


def catalogue(counts: dict[int, int], spread: float = 0.5, dimensions: int = 32, seed: int = 0):
    """Unit vectors around one centre a category; each product has one photo."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(counts), list(counts.values()))
    centres = {category: rng.normal(size=dimensions) for category in counts}
    vectors = np.stack([centres[label] + spread * rng.normal(size=dimensions) for label in labels])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels, np.arange(len(labels))


def with_views(counts: dict[int, int], dimensions: int = 32, seed: int = 0):
    """A catalogue, and a view of each photo: less like its category, and moved where no studio photo lies."""
    vectors, labels, products = catalogue(counts, dimensions=dimensions, seed=seed)
    rng = np.random.default_rng(seed + 1)
    room = np.ones(dimensions) / dimensions**0.5
    seen = 0.5 * vectors + 0.6 * room + 0.03 * rng.normal(size=vectors.shape)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    origins = np.repeat([Origin.CATALOGUE, Origin.VIEW], len(labels))
    stacked = np.concatenate([vectors, seen.astype(np.float32)])
    return stacked, np.tile(labels, 2), np.tile(products, 2), origins
