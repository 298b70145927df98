"""Soft primitives: cushions, pillows, padded shells and cloth.  All lengths are metres."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .mesh import Array, Mesh, from_faces, grid, merge
from .shapes import Point, rounded_grid_faces

Dent = Callable[[Array, Array], Array]


def folds(points: Array, wavelength: float, seed: int) -> Array:
    """Smooth irregular waves between about -1 and 1, one value per point."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(9, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rates = 2 * np.pi / (wavelength * rng.uniform(0.6, 1.8, 9))
    phases = rng.uniform(0, 2 * np.pi, 9)
    waves = np.sin(points @ directions.T * rates + phases)
    return np.asarray(waves.mean(axis=1) * 2.0)


def cushion(
    size: Point,
    at: Point = (0.0, 0.0, 0.0),
    radius: float = 0.04,
    crown: float = 0.02,
    dent: Dent | None = None,
    crumple: float = 0.0015,
) -> Mesh:
    """A padded block whose broad faces swell by `crown`; `dent` sinks the upper face by metres at (x, y)."""
    vertices, faces = rounded_grid_faces(size, radius, _density(size, dent is not None))
    half = np.asarray(size) / 2
    u, v, w = (vertices / half).T
    swell = np.clip(1 - u**2, 0, 1) ** 0.6 * np.clip(1 - v**2, 0, 1) ** 0.6
    bent = vertices.copy()
    bent[:, 2] += np.sign(w) * np.abs(w) ** 0.8 * crown * swell
    bent[:, 0] += 0.35 * crown * np.sign(u) * np.abs(u) ** 3 * np.clip(1 - v**2, 0, 1) * (1 - w**2)
    bent[:, 1] += 0.35 * crown * np.sign(v) * np.abs(v) ** 3 * np.clip(1 - u**2, 0, 1) * (1 - w**2)
    if dent is not None:
        bent[:, 2] -= np.where(w > 0.5, dent(vertices[:, 0], vertices[:, 1]), 0.0)
    if crumple:
        bent[:, 2] += crumple * folds(vertices + np.asarray(at), 0.16, 7) * np.clip(w + 0.3, 0, 1)
    return from_faces(bent, faces).move(*at)


def _density(size: Point, dented: bool) -> tuple[int, int, int]:
    """Grid lines for a cushion: a dented face needs one about every two centimetres."""
    if not dented:
        return (12, 12, 3)
    return (min(90, int(size[0] / 0.018)), min(60, int(size[1] / 0.018)), 2)


def pillow(width: float, height: float, thickness: float) -> Mesh:
    """A plump pillow lying flat about the origin, thin at the seam and pulled in between its corners."""
    rows = np.linspace(-1.0, 1.0, 25)
    s, t = np.meshgrid(rows, rows, indexing="ij")
    waist = 0.07
    x = s * (1 - waist * (1 - t**2)) * width / 2
    y = t * (1 - waist * (1 - s**2)) * height / 2
    rise = (np.clip(1 - s**2, 0, 1) * np.clip(1 - t**2, 0, 1)) ** 0.42 * thickness / 2
    flat = np.stack([x, y, np.zeros_like(x)], axis=-1)
    wave = 0.05 * thickness * folds(flat.reshape(-1, 3), 0.2, 3).reshape(x.shape) * (rise > 0)
    top = np.stack([x, y, rise + wave], axis=-1)
    under = np.stack([x, y, -rise], axis=-1)[:, ::-1]
    return merge([grid(top), grid(under)])


def shell(surface: ArrayLike, thickness: float) -> Mesh:
    """A curved sheet (rows, columns, 3) given thickness to the back, with closed rims."""
    front = np.asarray(surface, dtype=float)
    along, across = np.gradient(front, axis=0), np.gradient(front, axis=1)
    normal = np.cross(along, across)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12
    back = front - thickness * normal
    rim = _border(front), _border(back)
    bulge = (rim[0] + rim[1]) / 2
    out = bulge - bulge.mean(axis=0)
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-12
    middle = bulge + out * thickness * 0.35
    edge = np.stack([rim[0], middle, rim[1]])
    return merge([grid(front), grid(back[:, ::-1]), grid(edge[::-1], close_rows=False)])


def _border(surface: Array) -> Array:
    """The closed outer loop of a grid, first point repeated."""
    loop = [surface[:-1, 0], surface[-1, :-1], surface[:0:-1, -1], surface[0, ::-1]]
    return np.concatenate(loop)


def tufts(pitch_x: float, pitch_y: float, depth: float) -> Dent:
    """Diamond tufting: button dents in staggered rows with creases between them."""

    def dent(x: Array, y: Array) -> Array:
        a, b = x / pitch_x + y / pitch_y, x / pitch_x - y / pitch_y
        crease = np.minimum(np.abs(np.sin(np.pi * a / 2)), np.abs(np.sin(np.pi * b / 2)))
        knot = np.maximum(np.abs(np.sin(np.pi * a / 2)), np.abs(np.sin(np.pi * b / 2)))
        return np.asarray(depth * (0.45 * (1 - crease) ** 4 + 0.55 * (1 - knot) ** 2))

    return dent


def channels(pitch: float, depth: float) -> Dent:
    """Straight stitched channels running along y."""

    def dent(x: Array, _y: Array) -> Array:
        return np.asarray(depth * (1 - np.abs(np.sin(np.pi * x / pitch))) ** 2.5)

    return dent


def squares(pitch: float, depth: float) -> Dent:
    """Square biscuit stitching with seams both ways."""

    def dent(x: Array, y: Array) -> Array:
        across = (1 - np.abs(np.sin(np.pi * x / pitch))) ** 4
        along = (1 - np.abs(np.sin(np.pi * y / pitch))) ** 4
        return np.asarray(depth * np.maximum(across, along))

    return dent
