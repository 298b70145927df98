"""How much a photo is like the shop's own."""

import numpy as np
import pytest

from ml import novelty
from ml.novelty import fit_novelty

AXES = np.eye(8, dtype=np.float32)
ONE = np.ones(100, np.int64)  # All photos are of one category.


def test_a_photo_is_as_alike_as_its_five_nearest():
    fitted = fit_novelty(np.repeat(AXES[:2], [3, 5], axis=0), ONE[:8], np.arange(8))
    assert fitted.likeness(AXES[:3]) == pytest.approx([3 / 5, 1, 0], abs=1e-3)


def test_a_product_is_not_compared_with_itself():
    fitted = fit_novelty(np.repeat(AXES[:1], 6, axis=0), ONE[:6], np.array([1, 2, 2, 2, 2, 2]))
    assert fitted.likeness(AXES[[0, 0]], np.array([1, 3])) == pytest.approx([1, 1], abs=1e-3)
    assert fitted.likeness(AXES[[0]], np.array([2])) == pytest.approx([(1 - 4) / 5], abs=1e-3)


def test_the_length_of_vectors_does_not_matter():
    photos = np.random.default_rng(0).normal(size=(40, 8))
    asked = np.random.default_rng(1).normal(size=(5, 8))
    expected = fit_novelty(photos, ONE[:40], np.arange(40)).likeness(asked)
    assert fit_novelty(50 * photos, ONE[:40], np.arange(40)).likeness(7 * asked) == pytest.approx(expected, abs=1e-3)


def test_fewer_photos_than_five_suffice():
    assert fit_novelty(AXES[:1], ONE[:1], np.arange(1)).likeness(AXES[:2]) == pytest.approx([1, 0], abs=1e-3)


def test_a_large_catalogue_is_sampled_the_same_way_each_time(monkeypatch):
    monkeypatch.setattr(novelty, "REFERENCE", 20)
    photos = np.random.default_rng(0).normal(size=(100, 8))
    first, again = (fit_novelty(photos, ONE, np.arange(100), seed=3) for _ in range(2))
    assert first.reference.shape == (20, 8)
    assert np.array_equal(first.products, again.products)


def test_a_rare_category_is_in_the_sample_whole(monkeypatch):
    monkeypatch.setattr(novelty, "REFERENCE", 10)
    monkeypatch.setattr(novelty, "PER_CATEGORY", 4)
    labels = np.repeat([1, 2, 3, 4], [60, 30, 7, 3])
    fitted = fit_novelty(np.random.default_rng(0).normal(size=(100, 8)), labels, np.arange(100))
    assert np.bincount(labels[fitted.products]).tolist() == [0, 5, 4, 4, 3]
