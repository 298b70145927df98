"""Triangle soup with smooth shading, the common currency of every shape here.

All lengths are metres.  The z axis points up, the floor lies at z = 0 and the front of a product
faces the negative y axis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Axis = str

AXES = {"x": 0, "y": 1, "z": 2}
CREASE_DEGREES = 38.0


@dataclass(frozen=True)
class Mesh:
    """Triangles with their own corners: `points` and `normals` are (n, 3, 3), `uv` is (n, 3, 2).

    Texture coordinates are metres as well; u runs along the grain of wood or the warp of cloth.
    """

    points: Array
    normals: Array
    uv: Array

    def move(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        """The mesh shifted by the given metres."""
        return Mesh(self.points + np.array([x, y, z]), self.normals, self.uv)

    def turn(self, axis: Axis, degrees: float, about: ArrayLike = (0.0, 0.0, 0.0)) -> Mesh:
        """The mesh turned about a line parallel to `axis` through the point `about`."""
        matrix = rotation(axis, degrees)
        pivot = np.asarray(about, dtype=float)
        return Mesh((self.points - pivot) @ matrix.T + pivot, self.normals @ matrix.T, self.uv)

    @property
    def low(self) -> Array:
        """The lowest coordinates of the bounding box."""
        return np.asarray(self.points.reshape(-1, 3).min(axis=0))

    @property
    def high(self) -> Array:
        """The highest coordinates of the bounding box."""
        return np.asarray(self.points.reshape(-1, 3).max(axis=0))


def rotation(axis: Axis, degrees: float) -> Array:
    """The 3 by 3 matrix of a right-handed turn about a coordinate axis."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[second, first], matrix[first, second] = sine, -sine
    return matrix


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh holding the triangles of all."""
    parts = list(meshes)
    return Mesh(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.uv for part in parts]),
    )


def from_faces(vertices: ArrayLike, faces: ArrayLike, uv: ArrayLike | None = None, grain: Axis = "x") -> Mesh:
    """A mesh from shared vertices; without `uv` it is box-projected with the grain along `grain`."""
    points = np.asarray(vertices, dtype=float)
    index = np.asarray(faces, dtype=int)
    corners = points[index]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keep = np.linalg.norm(cross, axis=1) > 1e-11
    index, corners, cross = index[keep], corners[keep], cross[keep]
    normals = _crease_normals(corners, cross)
    mapped = _box_uv(corners, cross, grain) if uv is None else np.asarray(uv, dtype=float)[index]
    return Mesh(corners, normals, mapped)


def grid(points: Array, close_rows: bool = False, uv: Array | None = None) -> Mesh:
    """A quad grid (rows, columns, 3); `close_rows` says the last column meets the first again."""
    rows, columns = points.shape[:2]
    across = columns if close_rows else columns - 1
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(across), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    c, d = b + columns, a + columns
    quads = np.stack([a, b, c, a, c, d], axis=-1).reshape(-1, 3)
    flat_uv = _grid_uv(points) if uv is None else uv
    return from_faces(points.reshape(-1, 3), quads, flat_uv.reshape(-1, 2))


def _grid_uv(points: Array) -> Array:
    """Arc length along the columns (u) and rows (v) of a grid."""
    along = np.linalg.norm(np.diff(points, axis=0), axis=-1).mean(axis=1)
    across = np.linalg.norm(np.diff(points, axis=1), axis=-1).mean(axis=0)
    u = np.concatenate([[0.0], np.cumsum(along)])
    v = np.concatenate([[0.0], np.cumsum(across)])
    return np.stack(np.meshgrid(u, v, indexing="ij"), axis=-1)


def _crease_normals(corners: Array, cross: Array) -> Array:
    """Area-weighted corner normals, averaged only over neighbours within the crease angle."""
    unit = cross / np.linalg.norm(cross, axis=1, keepdims=True)
    keys = np.round(corners.reshape(-1, 3) * 2e4).astype(np.int64)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    counts = np.bincount(group.ravel())
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sizes = counts[group.ravel()]
    here = np.repeat(np.arange(len(keys)), sizes)
    step = np.arange(len(here)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    there = order[np.repeat(starts[group.ravel()], sizes) + step]
    near = (unit[here // 3] * unit[there // 3]).sum(axis=1) > np.cos(np.radians(CREASE_DEGREES))
    total = np.zeros((len(keys), 3))
    np.add.at(total, here[near], cross[there[near] // 3])
    total /= np.linalg.norm(total, axis=1, keepdims=True)
    return total.reshape(-1, 3, 3)


def _box_uv(corners: Array, cross: Array, grain: Axis) -> Array:
    """Planar texture coordinates per triangle, u along the grain wherever the face allows it."""
    facing = np.abs(cross).argmax(axis=1)
    u_axis = np.full(len(facing), AXES[grain])
    u_axis[facing == AXES[grain]] = (AXES[grain] + 1) % 3
    v_axis = 3 - facing - u_axis
    rows = np.arange(len(facing))
    uv = np.stack([corners[rows, :, u_axis], corners[rows, :, v_axis]], axis=-1)
    return np.asarray(uv)
