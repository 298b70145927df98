"""What is unlike all that was learned lies far from it, whatever the unit of the dimensions."""

import numpy as np
import pytest

from ml.novelty import COMPONENTS, fit_novelty


def shop(photos: int = 600, dimensions: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two categories, far apart in the first dimension, with much spread in the second and little in the rest."""
    rng = np.random.default_rng(seed)
    labels = np.arange(photos) % 2
    spread = np.array([1.0, 5.0] + [0.5] * (dimensions - 2))
    return spread * rng.normal(size=(photos, dimensions)) + 10 * np.eye(dimensions)[0] * labels[:, None], labels


def test_distances_are_mahalanobis_to_the_nearest_category():
    vectors, labels = shop(photos=5000)
    first, second, third = np.eye(8)[:3]
    photos = np.stack([0 * first, 10 * first, 5 * second, 3 * third])
    assert fit_novelty(vectors, labels).distances(photos) == pytest.approx([0, 0, 1, 36], abs=2)


def test_half_way_between_two_categories_is_strange_and_a_member_is_not():
    vectors, labels = shop(photos=5000)
    novelty = fit_novelty(vectors, labels)
    assert novelty.distances(vectors).mean() == pytest.approx(8, rel=0.05)
    assert novelty.distances(5 * np.eye(8)[:1]) > 15


def test_the_unit_of_all_dimensions_does_not_matter():
    vectors, labels = shop()
    plain, scaled = fit_novelty(vectors, labels), fit_novelty(50 * vectors + np.arange(8) * 100, labels)
    assert scaled.distances(50 * vectors + np.arange(8) * 100) == pytest.approx(plain.distances(vectors), rel=0.02)


def test_many_dimensions_are_reduced_and_few_photos_suffice():
    vectors, labels = shop(photos=200, dimensions=100)
    novelty = fit_novelty(vectors, labels)
    assert (novelty.projection.shape, novelty.centres.shape) == ((100, COMPONENTS), (2, COMPONENTS))
    few = fit_novelty(vectors[:5], labels[:5])
    assert few.projection.shape == (100, 3)
    assert np.isfinite(few.distances(vectors)).all()


def test_photos_that_are_all_the_same_are_near_and_any_other_is_far():
    vectors = np.repeat([[1.0, 0.0], [0.0, 1.0]], 10, axis=0)
    near, far = fit_novelty(vectors, np.repeat([1, 2], 10)).distances(np.array([[1.0, 0.0], [0.5, 0.0]]))
    assert near == pytest.approx(0, abs=1e-3)
    assert far > 1000
