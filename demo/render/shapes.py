"""Hard primitives: rounded boxes, lathed, swept and extruded solids.  All lengths are metres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .curves import ellipse, spline
from .mesh import Array, Axis, Mesh, from_faces, grid, merge

Point = tuple[float, float, float]


def box(size: Point, at: Point = (0.0, 0.0, 0.0), radius: float = 0.004, grain: Axis | None = None) -> Mesh:
    """A box with rounded edges, centred at `at`; the grain follows the longest side by default."""
    longest = "xyz"[int(np.argmax(size))]
    mesh = rounded_grid(size, radius, grain=grain or longest)
    return mesh.move(*at)


def slab(width: float, depth: float, bottom: float, thickness: float, radius: float = 0.004) -> Mesh:
    """A horizontal board centred on the z axis, resting at the height `bottom`."""
    return box((width, depth, thickness), (0.0, 0.0, bottom + thickness / 2), radius)


def rounded_grid(size: Point, radius: float, grain: Axis = "x") -> Mesh:
    """A rounded box about the origin."""
    vertices, faces = rounded_grid_faces(size, radius)
    return from_faces(vertices, faces, grain=grain)


def rounded_grid_faces(size: Point, radius: float, inner: tuple[int, int, int] = (0, 0, 0)) -> tuple[Array, Array]:
    """Vertices and triangles of a rounded box, for shapes that go on to bend it.

    `inner` says how many grid lines its flats carry besides the edges, axis by axis.
    """
    half = np.asarray(size, dtype=float) / 2
    edge = min(radius, 0.999 * float(half.min()))
    bevel = edge * np.tan(np.linspace(np.pi / 4, 0.0, 4))
    lines = []
    for reach, count in zip(half, inner, strict=True):
        core = reach - edge
        flat = np.linspace(-1.0, 1.0, count + 2)[1:-1]
        lines.append(np.concatenate([-core - bevel, flat * core, core + bevel[::-1]]))
    vertices: list[Array] = []
    faces: list[Array] = []
    start = 0
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        a, b = np.meshgrid(lines[first], lines[second], indexing="ij")
        for sign in (-1.0, 1.0):
            points = np.empty((a.size, 3))
            points[:, first], points[:, second], points[:, axis] = a.ravel(), b.ravel(), sign * half[axis]
            vertices.append(points)
            quads = _quads(*a.shape) + start
            faces.append(quads if sign > 0 else quads[:, ::-1])
            start += a.size
    surface = np.concatenate(vertices)
    core_points = np.clip(surface, -(half - edge), half - edge)
    away = surface - core_points
    away *= edge / np.linalg.norm(away, axis=1, keepdims=True)
    return core_points + away, np.concatenate(faces)


def _quads(rows: int, columns: int) -> Array:
    """Triangle indices of a (rows, columns) grid, facing the cross product of its axes."""
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = i * columns + j
    return np.stack([a, a + columns, a + columns + 1, a, a + columns + 1, a + 1], axis=-1).reshape(-1, 3)


def lathe(profile: ArrayLike, at: Point = (0.0, 0.0, 0.0), segments: int = 40, smooth: bool = False) -> Mesh:
    """Turn (radius, height) points about the z axis; list them from the bottom of the outside up."""
    rim = np.asarray(profile, dtype=float)
    if smooth:
        rim = spline(rim, 6)
    angle = np.linspace(0.0, 2 * np.pi, segments + 1)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    radii = np.maximum(rim[:, 0], 0.0)[:, None, None]
    around = radii * ring[None]
    heights = np.broadcast_to(rim[:, 1][:, None, None], (*around.shape[:2], 1))
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(rim, axis=0), axis=1))])
    u, v = np.meshgrid(along, angle * float(rim[:, 0].max()), indexing="ij")
    mesh = grid(np.concatenate([around, heights], axis=2), uv=np.stack([u, v], axis=-1))
    return mesh.move(*at)


def cylinder(radius: float, bottom: float, top: float, at: tuple[float, float] = (0.0, 0.0)) -> Mesh:
    """An upright solid cylinder with softened rims."""
    rim = min(0.003, radius / 4, (top - bottom) / 4)
    profile = [(0, bottom), (radius - rim, bottom), (radius, bottom + rim)]
    profile += [(radius, top - rim), (radius - rim, top), (0, top)]
    return lathe(profile, (*at, 0.0))


def ball(radius: float, at: Point, squash: float = 1.0) -> Mesh:
    """A sphere, or with `squash` other than one an upright ellipsoid."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 21)
    profile = np.stack([radius * np.cos(angle), radius * squash * np.sin(angle)], axis=1)
    return lathe(profile, at)


def tube(path: ArrayLike, radius: float | ArrayLike, closed: bool = False, sides: int = 14) -> Mesh:
    """A round bar along a path; `radius` may be one number or one per path point."""
    return sweep(path, ellipse(2.0, 2.0, sides), closed=closed, scale=radius)


def rod(start: ArrayLike, end: ArrayLike, radius: float, end_radius: float | None = None) -> Mesh:
    """A straight round bar between two points, tapering to `end_radius` if that is given."""
    ends = (radius, radius if end_radius is None else end_radius)
    steps = np.linspace(0.0, 1.0, 5)[:, None]
    path = np.asarray(start) * (1 - steps) + np.asarray(end) * steps
    return tube(path, np.interp(steps[:, 0], [0, 1], ends))


def beam(start: Point, end: Point, width: float, height: float) -> Mesh:
    """A straight bar of rectangular section; `height` is measured as near to vertical as can be."""
    outline = _soft_rectangle(width, height, min(width, height) * 0.2)
    return sweep(np.array([start, end], dtype=float), outline)


def bar(path: ArrayLike, width: float, height: float, closed: bool = False) -> Mesh:
    """A bent bar of rectangular section along a path, `height` as near to vertical as can be."""
    return sweep(path, _soft_rectangle(width, height, min(width, height) * 0.2), closed=closed)


def _soft_rectangle(width: float, height: float, radius: float) -> Array:
    """A rectangle outline with two-step rounded corners."""
    x, y = width / 2, height / 2
    quarter = radius * np.stack([np.cos(np.linspace(0, np.pi / 2, 4)), np.sin(np.linspace(0, np.pi / 2, 4))], 1)
    turns = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    corners = []
    for k, (sx, sy) in enumerate(turns):
        angle = k * np.pi / 2
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        corners.append(quarter @ matrix.T + np.array([sx * (x - radius), sy * (y - radius)]))
    return np.concatenate(corners)


def sweep(path: ArrayLike, section: Array, closed: bool = False, scale: float | ArrayLike = 1.0) -> Mesh:
    """Carry a closed flat section along a path; its second coordinate keeps as upright as possible."""
    line = np.asarray(path, dtype=float)
    tangent = _tangents(line, closed)
    side, up = _frames(tangent)
    factor = np.broadcast_to(np.asarray(scale, dtype=float), len(line))[:, None, None]
    rings = line[:, None] + factor * (section[None, :, :1] * side[:, None] + section[None, :, 1:] * up[:, None])
    if closed:
        rings = np.concatenate([rings, rings[:1]])
    wrapped = np.concatenate([rings, rings[:, :1]], axis=1)
    body = grid(wrapped[:, ::-1])
    if closed:
        return body
    return merge([body, _cap(rings[0], -tangent[0]), _cap(rings[-1], tangent[-1])])


def _tangents(line: Array, closed: bool) -> Array:
    """Unit directions along a path."""
    around = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    tangent = around if closed else np.gradient(line, axis=0)
    return np.asarray(tangent / np.linalg.norm(tangent, axis=1, keepdims=True))


def _frames(tangent: Array) -> tuple[Array, Array]:
    """Side and up vectors along a path; where part of it is upright, up is the normal of its plane."""
    upright = np.abs(tangent[:, 2]) > 0.95
    reference = np.array([0.0, 0.0, 1.0]) if not upright.all() else np.array([0.0, 1.0, 0.0])
    if upright.any() and not upright.all():
        reference = np.linalg.svd(tangent)[2][2]
    side = np.cross(tangent, reference)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    return side, np.cross(side, tangent)


def _cap(ring: Array, normal: Array) -> Mesh:
    """A flat fan closing the end of a sweep."""
    count = len(ring)
    vertices = np.concatenate([ring, ring.mean(axis=0, keepdims=True)])
    index = np.arange(count)
    faces = np.stack([index, (index + 1) % count, np.full(count, count)], axis=1)
    facing = np.cross(ring[1] - ring[0], vertices[-1] - ring[0]) @ normal
    return from_faces(vertices, faces if facing > 0 else faces[:, ::-1])


def plate(outline: ArrayLike, bottom: float, thickness: float, bevel: float = 0.003, grain: Axis = "x") -> Mesh:
    """A horizontal board cut to an outline that is star-shaped about its centre."""
    rim = np.asarray(outline, dtype=float)
    ahead, behind = np.roll(rim, -1, axis=0) - rim, rim - np.roll(rim, 1, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-12
    behind /= np.linalg.norm(behind, axis=1, keepdims=True) + 1e-12
    outward = np.stack([(ahead + behind)[:, 1], -(ahead + behind)[:, 0]], axis=1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-12
    inset = rim - outward * bevel
    centre = np.broadcast_to(rim.mean(axis=0), rim.shape)
    top = bottom + thickness
    levels = [(centre, bottom), (inset, bottom), (rim, bottom + bevel)]
    levels += [(rim, top - bevel), (inset, top), (centre, top)]
    rings = np.stack([np.column_stack([flat, np.full(len(flat), z)]) for flat, z in levels])
    rows, columns = rings.shape[:2]
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    faces = np.stack([a, b, b + columns, a, b + columns, a + columns], axis=-1).reshape(-1, 3)
    return from_faces(rings.reshape(-1, 3), faces, grain=grain)
