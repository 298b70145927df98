"""Furniture parts shared by several categories: legs, stretchers, castors.  All lengths are metres."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from . import curves, shapes
from .mesh import Mesh, merge
from .shapes import Point

SIDES = (-1, 1)

TURNED = ((0, 0.75), (0.06, 0.8), (0.1, 1.15), (0.13, 0.8), (0.2, 0.95), (0.34, 1.2), (0.46, 1.0), (0.5, 0.7),
          (0.53, 1.1), (0.56, 0.7), (0.64, 0.95), (0.78, 0.75), (0.88, 0.55), (0.92, 0.85), (0.96, 0.6),
          (1, 0.5))  # fmt: skip
BALUSTER = ((0, 1.25), (0.16, 1.25), (0.17, 0.8), (0.2, 1.2), (0.24, 0.75), (0.34, 1.15), (0.5, 1.05), (0.72, 0.7),
            (0.8, 0.65), (0.83, 1.05), (0.87, 0.7), (0.93, 0.95), (1, 0.6))  # fmt: skip


def leg(style: str, top: Point, foot: tuple[float, float], thick: float) -> Mesh:
    """One leg from `top` down to `foot` on the floor; `thick` is its diameter or side at the top."""
    end = (*foot, 0.0)
    if style == "square":
        return shapes.beam(top, end, thick, thick)
    if style == "square taper":
        steps = np.linspace(0.0, 1.0, 4)[:, None]
        path = np.asarray(top) * (1 - steps) + np.asarray(end) * steps
        outline = curves.rectangle(thick, thick, thick * 0.12)
        return shapes.sweep(path, outline, scale=np.interp(steps[:, 0], [0, 1], [1.0, 0.55]))
    if style in ("turned", "baluster"):
        return turned_post(TURNED if style == "turned" else BALUSTER, top, end, thick / 2)
    if style == "tube":
        return shapes.rod(top, end, thick / 2)
    if style == "hairpin":
        return hairpin(top, end, thick)
    return shapes.rod(top, end, thick / 2, thick / 2 * 0.6)


def turned_post(profile: Iterable[tuple[float, float]], top: Point, end: Point, radius: float) -> Mesh:
    """A lathe-turned post along a straight line; the profile lists (share of length, share of radius)."""
    shape = np.array(list(profile))
    t = np.linspace(0.0, 1.0, 70)
    path = np.asarray(top) * (1 - t[:, None]) + np.asarray(end) * t[:, None]
    return shapes.tube(path, radius * np.interp(t, shape[:, 0], shape[:, 1]), sides=18)


def hairpin(top: Point, end: Point, wire: float) -> Mesh:
    """A bent wire leg: two prongs meeting at the floor in a narrow bend."""
    spread = np.array([0.055, 0.0, 0.0])
    head, toe = np.asarray(top), np.asarray(end) + np.array([0, 0, wire / 2])
    narrow = spread * 0.25
    path = [head - spread, toe - narrow + [0, 0, 0.03], toe, toe + narrow + [0, 0, 0.03], head + spread]
    return shapes.tube(curves.fillet(path, 0.02), wire / 2, sides=10)


def corners(width: float, depth: float) -> Iterator[tuple[float, float]]:
    """The four corners of a rectangle about the origin."""
    for x in SIDES:
        for y in SIDES:
            yield x * width / 2, y * depth / 2


def four_legs(style: str, width: float, depth: float, height: float, thick: float, splay: float = 0.0) -> list[Mesh]:
    """Legs under the corners of a `width` by `depth` rectangle; feet stand `splay` further out."""
    return [
        leg(style, (x, y, height), (x + np.sign(x) * splay, y + np.sign(y) * splay), thick)
        for x, y in corners(width, depth)
    ]


def apron(width: float, depth: float, top: float, height: float, thick: float = 0.022) -> list[Mesh]:
    """Four rails under a seat or table top."""
    z = top - height / 2
    rails = [shapes.box((width, thick, height), (0, y * depth / 2, z)) for y in SIDES]
    return rails + [shapes.box((thick, depth, height), (x * width / 2, 0, z)) for x in SIDES]


def star_base(radius: float, arms: int, hub: float, castors: bool) -> tuple[Mesh, Mesh | None]:
    """A swivel foot with a column up to `hub`; the castors come as a mesh of their own."""
    drop = 0.055 if castors else 0.0
    metal = [shapes.cylinder(0.026, drop + 0.04, hub * 0.7), shapes.cylinder(0.017, drop + 0.05, hub)]
    metal.append(shapes.cylinder(0.04, drop + 0.03, drop + 0.11))
    wheels = []
    for k in range(arms):
        angle = 360 * k / arms + 27
        spoke = shapes.beam((0.02, 0, drop + 0.07), (radius, 0, drop + 0.018), 0.04, 0.028)
        metal.append(spoke.turn("z", angle))
        if castors:
            wheel = shapes.cylinder(0.027, -0.02, 0.02).turn("x", 90).move(radius - 0.02, 0, 0.028)
            wheels.append(wheel.turn("z", angle))
        else:
            metal.append(shapes.cylinder(0.018, 0, 0.02, (radius - 0.02, 0)).turn("z", angle))
    return merge(metal), merge(wheels) if wheels else None


def knob(at: Point, radius: float = 0.012) -> Mesh:
    """A drawer knob whose stem points towards -y."""
    stem = shapes.cylinder(radius * 0.45, 0.0, radius * 1.6).turn("x", 90).move(*at)
    return merge([stem, shapes.ball(radius, (at[0], at[1] - radius * 2, at[2]))])


def handle(at: Point, width: float) -> Mesh:
    """A bow handle on a front facing -y."""
    x, y, z = at
    path = [
        (x - width / 2, y, z),
        (x - width / 2, y - 0.025, z),
        (x + width / 2, y - 0.025, z),
        (x + width / 2, y, z),
    ]
    return shapes.tube(curves.fillet(path, 0.012), 0.005, sides=8)
