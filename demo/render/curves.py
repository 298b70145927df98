"""Paths and outlines: rows of points in metres, in two or three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .mesh import Array


def spline(points: ArrayLike, steps: int = 8, closed: bool = False) -> Array:
    """A Catmull-Rom curve through the points, with `steps` pieces between neighbours."""
    knots = np.asarray(points, dtype=float)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        bend = 2 * p0 - 5 * p1 + 4 * p2 - p3
        twist = 3 * p1 - p0 - 3 * p2 + p3
        pieces.append(0.5 * (2 * p1 + (p2 - p0) * t + bend * t**2 + twist * t**3))
    curve = np.concatenate(pieces)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def fillet(points: ArrayLike, radius: float, steps: int = 6, closed: bool = False) -> Array:
    """A polyline with its corners rounded to about `radius` metres."""
    corners = np.asarray(points, dtype=float)
    count = len(corners)
    out: list[Array] = []
    for i, corner in enumerate(corners):
        if not closed and i in (0, count - 1):
            out.append(corner[None])
            continue
        before, after = corners[i - 1] - corner, corners[(i + 1) % count] - corner
        reach = min(radius, 0.49 * float(np.linalg.norm(before)), 0.49 * float(np.linalg.norm(after)))
        start = corner + before / np.linalg.norm(before) * reach
        end = corner + after / np.linalg.norm(after) * reach
        t = np.linspace(0.0, 1.0, steps + 1)[:, None]
        out.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    return np.concatenate(out)


def arc(radius: float, start: float, end: float, steps: int = 24) -> Array:
    """Points of a circle about the origin in the plane, between two angles in degrees."""
    angle = np.radians(np.linspace(start, end, steps + 1))
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def ellipse(width: float, depth: float, steps: int = 48, power: float = 2.0) -> Array:
    """A closed superellipse outline, counter-clockwise; power 2 is an ellipse, 4 a rounded square."""
    angle = np.linspace(0.0, 2 * np.pi, steps, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / power) * width / 2
    y = np.sign(sine) * np.abs(sine) ** (2 / power) * depth / 2
    return np.stack([x, y], axis=1)


def rectangle(width: float, depth: float, radius: float = 0.0) -> Array:
    """A closed rectangle outline about the origin, counter-clockwise, with rounded corners."""
    x, y = width / 2, depth / 2
    corners = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
    return fillet(corners, radius, closed=True) if radius > 0 else corners


def lift(outline: ArrayLike, plane: str, offset: float = 0.0) -> Array:
    """Put a flat curve into space: plane "xy", "xz" or "yz", at `offset` on the third axis."""
    flat = np.asarray(outline, dtype=float)
    third = np.full(len(flat), offset)
    columns: dict[str, Sequence[Array]] = {
        "xy": (flat[:, 0], flat[:, 1], third),
        "xz": (flat[:, 0], third, flat[:, 1]),
        "yz": (third, flat[:, 0], flat[:, 1]),
    }
    return np.stack(columns[plane], axis=1)
