import numpy as np
import pytest

from ml import feature_scaling
from ml.feature_scaling import feature_scales
from ml.head_fitting import cross_validate


def test_scales_are_deviations_with_a_floor_at_their_root_mean_square():
    features = np.random.default_rng(0).normal(size=(4000, 4)) * [6, 2, 0.1, 0]
    rms = np.sqrt((36 + 4 + 0.01) / 4)
    assert feature_scales(features) == pytest.approx([6, rms, rms, rms], rel=0.05)


def test_features_that_never_vary_are_left_as_they_are():
    assert feature_scales(np.ones((10, 3))) == pytest.approx([1, 1, 1])


def test_a_head_is_not_ruled_by_the_noise_in_the_last_components(monkeypatch):
    """256 components of falling variance, as PCA gives them, of which the first six tell the categories apart."""
    rng = np.random.default_rng(0)
    labels, falling = np.arange(300) % 3, np.arange(1, 257) ** -0.8
    vectors = rng.normal(size=(300, 256)) * falling
    vectors[:, :6] += 0.8 * rng.normal(size=(3, 6))[labels] * falling[:6]

    def accuracy() -> float:
        held_out = cross_validate(vectors, labels, np.arange(300))
        return float(np.mean(held_out.probabilities.argmax(axis=1) == labels))

    measured = accuracy()
    monkeypatch.setattr(feature_scaling, "FLOOR", 1e-6)
    assert measured > accuracy() + 0.1
