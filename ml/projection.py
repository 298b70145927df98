"""PCA: a space's vectors in fewer dimensions, fitted on the vectors themselves."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from ml.arrays import Floats
from ml.feature_scaling import unit

# The least deviation that whitening divides by, as a share of the first component's: less would blow up noise.
SMALLEST_DEVIATION = 1e-3


class TooFewVectors(Exception):  # noqa: N818  it names the state of the catalogue
    """n vectors span at most n - 1 dimensions around their mean."""


@dataclass(frozen=True, eq=False)
class FittedProjection:
    """An affine map: subtract the mean, project on the first principal components, scale them when whitened.

    A learned one (ml.learned_projection) turns the components as well.
    """

    mean: NDArray[np.float32]
    """(dimensions,)"""
    components: NDArray[np.float32]
    """(dimensions, components): orthonormal columns, each divided by its standard deviation when whitened.

    The deviation is that of all vectors or, where the map is learned, about that of the members of a family.
    """
    explained_variance: float
    """The share of the variance that the components hold, 0 to 1."""
    whiten: bool

    def apply(self, vectors: Floats, normalize: bool) -> NDArray[np.float32]:
        """(n, dimensions) -> (n, components), of length 1 when `normalize` (Jégou and Chum 2012)."""
        projected = (vectors - self.mean) @ self.components
        return (unit(projected) if normalize else projected).astype(np.float32)

    def to_bytes(self) -> bytes:
        """safetensors."""
        facts: NDArray[np.generic] = np.array([self.explained_variance, self.whiten], np.float32)
        return save({"mean": self.mean, "components": self.components, "facts": facts})

    @classmethod
    def from_bytes(cls, data: bytes) -> "FittedProjection":
        """The inverse of `to_bytes`. Raises safetensors.SafetensorError on other bytes."""
        tensors = load(data)
        explained_variance, whiten = tensors["facts"].tolist()
        return cls(tensors["mean"], tensors["components"], explained_variance, bool(whiten))


def fit_projection(vectors: Floats, components: int, whiten: bool = False) -> FittedProjection:
    """Fit PCA on (n, dimensions) vectors.

    Raises TooFewVectors unless n > components, ValueError unless 0 < components < dimensions.
    """
    from sklearn.decomposition import PCA

    count, dimensions = vectors.shape
    if not 0 < components < dimensions:
        raise ValueError(f"PCA to {components} components makes no vector of {dimensions} dimensions smaller")
    if count <= components:
        raise TooFewVectors(f"{count} vectors hold at most {max(0, count - 1)} components, {components} are wanted")
    # The covariance matrix is the smaller problem for 20,000 vectors, the SVD for 400.
    solver = "covariance_eigh" if count > dimensions else "full"
    # Single precision would lose the differences of vectors that lie close together and far from the origin.
    model = PCA(components, svd_solver=solver).fit(vectors.astype(np.float64))
    axes = model.components_.T
    if whiten:
        deviations = np.sqrt(model.explained_variance_)
        axes = axes / np.maximum(deviations, SMALLEST_DEVIATION * deviations[0])
    return FittedProjection(
        model.mean_.astype(np.float32),
        np.ascontiguousarray(axes, np.float32),
        float(model.explained_variance_ratio_.sum()),
        whiten,
    )


def fit_coarse(vectors: Floats, components: int) -> FittedProjection:
    """Fit the projection of (n, dimensions) vectors that best keeps their products, distances and cosines.

    It projects onto the first right singular vectors (Eckart and Young 1936). PCA would subtract the mean first, which
    changes cosines. Raises TooFewVectors unless n > components.
    """
    from sklearn.decomposition import TruncatedSVD

    count, dimensions = vectors.shape
    if count <= components:
        raise TooFewVectors(f"{count} vectors are too few to find {components} directions")
    model = TruncatedSVD(components, random_state=0).fit(vectors.astype(np.float32))
    return FittedProjection(
        mean=np.zeros(dimensions, np.float32),
        components=np.ascontiguousarray(model.components_.T, np.float32),
        explained_variance=float(model.explained_variance_ratio_.sum()),
        whiten=False,
    )


def sha256_of(data: bytes) -> str:
    """The hash of a stored projection, 64 hex digits; a recipe knows it by this."""
    return hashlib.sha256(data).hexdigest()
