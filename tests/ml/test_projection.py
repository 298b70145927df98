"""PCA of a space's vectors, held against the definition."""

import numpy as np
import pytest
from safetensors import SafetensorError

from ml.projection import FittedProjection, TooFewVectors, fit_projection, sha256_of


@pytest.fixture
def vectors():
    """400 vectors of 20 dimensions whose variance falls from dimension to dimension, turned at random."""
    random = np.random.default_rng(0)
    turned, _ = np.linalg.qr(random.normal(size=(20, 20)))
    return ((random.normal(size=(400, 20)) / np.arange(1, 21)) @ turned + 3).astype(np.float32)


def test_the_components_are_the_largest_eigenvectors_of_the_covariance(vectors):
    projection = fit_projection(vectors, 5)
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    overlap = np.abs(axes[:, ::-1][:, :5].T @ projection.components)
    assert overlap == pytest.approx(np.eye(5), abs=1e-3)
    assert projection.explained_variance == pytest.approx(values[::-1][:5].sum() / values.sum(), abs=1e-5)


def test_fewer_vectors_than_dimensions_are_fitted_as_well(vectors):
    few = vectors[:12]
    projection = fit_projection(few, 11)
    assert projection.explained_variance == pytest.approx(1, abs=1e-5)
    distances = np.linalg.norm(few[:, None] - few, axis=2)
    projected = projection.apply(few, normalize=False)
    assert np.linalg.norm(projected[:, None] - projected, axis=2) == pytest.approx(distances, abs=1e-3)


def test_whitened_components_have_equal_variance(vectors):
    projected = fit_projection(vectors, 8, whiten=True).apply(vectors, normalize=False)
    assert projected.std(axis=0, ddof=1) == pytest.approx(np.ones(8), abs=1e-3)


def test_whitening_does_not_blow_up_a_direction_without_variance():
    flat = np.zeros((50, 4), np.float32)
    flat[:, :2] = np.random.default_rng(0).normal(size=(50, 2))
    projected = fit_projection(flat, 3, whiten=True).apply(flat + 1e-6, normalize=False)
    assert np.abs(projected[:, 2]).max() < 0.01


def test_normalised_projections_have_length_one(vectors):
    projected = fit_projection(vectors, 5).apply(vectors, normalize=True)
    assert np.linalg.norm(projected, axis=1) == pytest.approx(np.ones(400), abs=1e-5)


def test_more_components_than_the_vectors_span_are_refused(vectors):
    with pytest.raises(TooFewVectors, match="10 vectors hold at most 9 components, 10 are wanted"):
        fit_projection(vectors[:10], 10)
    with pytest.raises(ValueError, match="PCA to 20 components makes no vector of 20 dimensions smaller"):
        fit_projection(vectors, 20)


def test_a_projection_survives_its_bytes(vectors):
    projection = fit_projection(vectors, 5, whiten=True)
    data = projection.to_bytes()
    again = FittedProjection.from_bytes(data)
    assert np.array_equal(again.apply(vectors, True), projection.apply(vectors, True))
    assert again.explained_variance == pytest.approx(projection.explained_variance, abs=1e-6)
    assert sha256_of(data) == sha256_of(again.to_bytes())
    with pytest.raises(SafetensorError):
        FittedProjection.from_bytes(b"something else")
