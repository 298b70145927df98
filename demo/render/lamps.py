"""Floor, table and desk lamps.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Mesh, grid
from .model import Finish, Model
from .shapes import Point

BASES = {  # (share of radius, share of height) of turned lamp feet
    "gourd": [(0, 0), (0.55, 0), (0.6, 0.03), (0.95, 0.2), (1, 0.32), (0.8, 0.5),
              (0.45, 0.6), (0.5, 0.7), (0.55, 0.78), (0.3, 0.92), (0.2, 1)],
    "bottle": [(0, 0), (0.9, 0), (1, 0.04), (1, 0.5), (0.85, 0.62), (0.35, 0.75), (0.28, 0.95), (0.3, 1)],
    "urn": [(0, 0), (0.7, 0), (0.7, 0.05), (0.3, 0.1), (0.3, 0.14), (0.75, 0.35),
            (1, 0.62), (0.85, 0.85), (0.4, 0.93), (0.25, 1)],
    "ball": [(0, 0), (0.45, 0), (0.45, 0.03), (0.8, 0.15), (1, 0.45), (0.8, 0.76), (0.3, 0.92), (0.2, 1)],
    "column": [(0, 0), (1, 0), (1, 0.05), (0.5, 0.08), (0.5, 0.9), (0.62, 0.94), (0.4, 1)],
    "spindle": [(0, 0), (1, 0), (1, 0.05), (0.35, 0.09), (0.6, 0.2), (0.3, 0.32),
                (0.65, 0.5), (0.3, 0.66), (0.5, 0.8), (0.2, 0.92), (0.2, 1)],
}  # fmt: skip


def shade(low: float, high: float, height: float, bottom: float, pleats: int = 0) -> Mesh:
    """A lamp shade open above and below, from radius `low` to `high`; pleats ripple its side."""
    thick = 0.003
    profile = [
        (low - thick, bottom),
        (low, bottom),
        (high, bottom + height),
        (high - thick, bottom + height),
        (low - thick, bottom),
    ]
    if not pleats:
        return shapes.lathe(profile, segments=64)
    angle = np.linspace(0, 2 * np.pi, pleats * 6 + 1)
    ripple = 1 + 0.025 * np.cos(pleats * angle)
    rows = [
        np.stack([r * ripple * np.cos(angle), r * ripple * np.sin(angle), np.full_like(angle, z)], 1)
        for r, z in profile
    ]
    return grid(np.stack(rows))


def _bulb(at: Point, radius: float = 0.032) -> Mesh:
    return shapes.ball(radius, at)


def floor_lamp(
    finish: Finish,
    *,
    height: float = 1.55,
    low: float = 0.22,
    high: float = 0.2,
    tall: float = 0.27,
    table: bool = False,
) -> Model:
    """A straight stem with a shade; slots shade, stem and foot; `table` adds a shelf half way up."""
    model = Model()
    bottom = height - tall
    model.add(shade(low, high, tall, bottom), finish["shade"])
    model.add(_bulb((0, 0, bottom + tall * 0.45)), "lit bulb opal")
    model.add(shapes.cylinder(0.011, 0.01, bottom + tall * 0.35), finish["stem"])
    spider = [
        shapes.rod((0, 0, bottom + tall - 0.02), (high * np.cos(a), high * np.sin(a), bottom + tall - 0.01), 0.003)
        for a in (0, 2.1, 4.2)
    ]
    model.add([*spider, shapes.cylinder(0.003, bottom + tall * 0.3, bottom + tall)], finish["stem"])
    disc = [(0, 0), (0.145, 0), (0.145, 0.014), (0.13, 0.02), (0.03, 0.026), (0, 0.03)]
    model.add(shapes.lathe(disc), finish["foot"])
    if table:
        model.add(shapes.plate(curves.ellipse(0.4, 0.4, 48), 0.52, 0.02), finish["foot"])
    return model


def tripod(
    finish: Finish,
    *,
    height: float = 1.45,
    low: float = 0.25,
    high: float = 0.22,
    tall: float = 0.28,
    spread: float = 0.32,
) -> Model:
    """Three splayed legs under a drum shade; slots shade, legs and fittings."""
    model = Model()
    bottom = height - tall
    model.add(shade(low, high, tall, bottom), finish["shade"])
    model.add(_bulb((0, 0, bottom + tall * 0.4)), "lit bulb opal")
    hub = bottom - 0.03
    for k in range(3):
        model.add(shapes.rod((0.035, 0, hub), (spread, 0, 0), 0.017, 0.011).turn("z", 120 * k + 80), finish["legs"])
        a, b = np.radians(120 * k + 80), np.radians(120 * k + 200)
        reach, level = 0.035 + (spread - 0.035) * 0.55, hub * 0.45
        model.add(
            shapes.rod(
                (reach * np.cos(a), reach * np.sin(a), level),
                (reach * np.cos(b), reach * np.sin(b), level),
                0.005,
            ),
            finish["fittings"],
        )
    model.add(
        [shapes.cylinder(0.05, hub - 0.03, hub + 0.012), shapes.cylinder(0.012, hub, bottom + tall * 0.3)],
        finish["fittings"],
    )
    return model


def arc_lamp(finish: Finish, *, reach: float = 1.05, height: float = 1.9, head: float = 0.19) -> Model:
    """A bow over a heavy foot with a dome hanging from its end; slots dome, stem and foot."""
    model = Model()
    x = -reach / 2
    foot = (
        shapes.box((0.26, 0.26, 0.1), (x, 0, 0.05), 0.006)
        if finish["foot"] != finish["stem"]
        else shapes.cylinder(0.17, 0, 0.03, (x, 0))
    )
    model.add(foot, finish["foot"])
    path = [(x, 0, 0.02), (x, 0, height * 0.5), (x + reach * 0.16, 0, height * 0.82), (x + reach * 0.52, 0, height),
            (x + reach * 0.88, 0, height * 0.9), (x + reach, 0, height * 0.78)]  # fmt: skip
    model.add(shapes.tube(curves.spline(path, 10), 0.013), finish["stem"])
    top = height * 0.78
    angle = np.radians(np.linspace(0, 88, 12))
    outer = np.stack([head * np.cos(angle), top - head + head * np.sin(angle)], 1)
    model.add(shapes.lathe(outer, (x + reach, 0, 0)), finish["dome"])
    inner = np.stack([(head - 0.004) * np.cos(angle), top - head + (head - 0.004) * np.sin(angle)], 1)
    model.add(shapes.lathe(inner[::-1], (x + reach, 0, 0)), "lit paper opal")
    model.add(_bulb((x + reach, 0, top - head * 0.8), 0.04), "lit bulb opal")
    return model


def desk_lamp(
    finish: Finish, *, lower: float = 0.38, upper: float = 0.36, head: str = "cone", foot: str = "disc"
) -> Model:
    """A jointed arm lamp; slots head, arm and foot."""
    model = Model()
    if foot == "disc":
        model.add(
            shapes.lathe([(0, 0), (0.095, 0), (0.095, 0.018), (0.085, 0.026), (0, 0.028)], (-0.12, 0, 0)),
            finish["foot"],
        )
    else:
        model.add(shapes.box((0.17, 0.13, 0.03), (-0.12, 0, 0.015), 0.008), finish["foot"])
    hip = np.array([-0.12, 0.0, 0.04])
    elbow = hip + lower * np.array([-0.34, 0, 0.94])
    wrist = elbow + upper * np.array([0.86, 0, 0.5])
    for y in (-0.012, 0.012):
        shift = np.array([0.0, y, 0.0])
        model.add(shapes.rod(hip + shift, elbow + shift, 0.0055), finish["arm"])
        model.add(shapes.rod(elbow + shift, wrist + shift, 0.0055), finish["arm"])
    joints = [shapes.cylinder(0.017, -0.02, 0.02).turn("x", 90).move(*spot) for spot in (hip, elbow, wrist)]
    model.add(joints, finish["arm"])
    if head == "bar":
        model.add(shapes.box((0.34, 0.045, 0.02), (wrist[0] + 0.1, 0, wrist[2] - 0.02), 0.008), finish["head"])
        model.add(shapes.box((0.31, 0.03, 0.004), (wrist[0] + 0.1, 0, wrist[2] - 0.032), 0.001), "lit bulb opal")
        return model
    profile = (
        [(0.075, 0), (0.04, 0.11), (0.03, 0.135), (0.03, 0.17), (0, 0.18)]
        if head == "cone"
        else [(0.09, 0), (0.085, 0.04), (0.06, 0.08), (0.025, 0.1), (0.02, 0.13), (0, 0.135)]
    )
    tilt, drop = 28.0, np.array([0.02, 0.0, -0.1])
    spot = wrist + drop
    model.add(shapes.lathe(profile).turn("y", -tilt).move(*spot), finish["head"])
    inside = [(r * 0.97, z - 0.001) for r, z in profile[::-1]]
    model.add(shapes.lathe(inside).turn("y", -tilt).move(*spot), "lit paper opal")
    model.add(_bulb((0, 0, 0.035), 0.028).turn("y", -tilt).move(*spot), "lit bulb opal")
    return model


def table_lamp(
    finish: Finish,
    *,
    base: str = "gourd",
    radius: float = 0.1,
    height: float = 0.3,
    low: float = 0.17,
    high: float = 0.12,
    tall: float = 0.2,
    pleats: int = 0,
) -> Model:
    """A turned foot with a fabric shade; slots shade, base and fittings."""
    model = Model()
    profile = np.array(BASES[base]) * (radius, height)
    model.add(shapes.lathe(profile if base == "column" else curves.spline(profile, 5)), finish["base"])
    bottom = height + 0.03
    model.add(shapes.cylinder(0.01, height - 0.01, bottom + tall * 0.5), finish["fittings"])
    model.add(shade(low, high, tall, bottom, pleats), finish["shade"])
    model.add(_bulb((0, 0, bottom + tall * 0.55), 0.03), "lit bulb opal")
    model.add(
        [
            shapes.rod(
                (0, 0, bottom + tall - 0.01),
                (high * np.cos(a), high * np.sin(a), bottom + tall - 0.004),
                0.0025,
            )
            for a in (0, 2.1, 4.2)
        ],
        finish["fittings"],
    )
    return model


def globe_lamp(
    finish: Finish, *, radius: float = 0.12, stem: float = 0.06, foot: float = 0.075, pair: bool = False
) -> Model:
    """An opal ball on a foot, or two on stems of unequal height; slots globe and foot."""
    model = Model()
    heights = ((0.0, stem),) if not pair else ((-0.09, stem + 0.2), (0.1, stem))
    plinth = shapes.cylinder(foot, 0, 0.025) if not pair else shapes.box((0.32, 0.13, 0.03), (0, 0, 0.015), 0.01)
    model.add(plinth, finish["foot"])
    for x, top in heights:
        size = radius if not pair else radius * 0.8
        model.add(shapes.cylinder(0.014, 0.02, top + 0.02, (x, 0)), finish["foot"])
        model.add(
            shapes.lathe([(0, top - 0.004), (size * 0.42, top), (size * 0.5, top + 0.02), (0, top + 0.022)], (x, 0, 0)),
            finish["foot"],
        )
        model.add(shapes.ball(size, (x, 0, top + size * 0.97)), finish["globe"])
    return model


def mushroom(finish: Finish, *, radius: float = 0.17, height: float = 0.34, stem: float = 0.06) -> Model:
    """A domed cap on a waisted stem; slots cap and stem."""
    model = Model()
    rim = height - radius * 0.62
    trunk = [
        (0, 0),
        (stem * 1.5, 0),
        (stem * 1.45, 0.015),
        (stem, 0.06),
        (stem * 0.75, rim * 0.7),
        (stem, rim + 0.05),
    ]
    model.add(shapes.lathe(curves.spline(trunk, 6)), finish["stem"])
    angle = np.radians(np.linspace(-14, 90, 20))
    cap = np.stack([radius * np.cos(angle), rim + 0.03 + radius * 0.6 * np.sin(angle)], 1)
    model.add(shapes.lathe(cap), finish["cap"])
    model.add(shapes.lathe([(0.02, rim + 0.05), (radius * 0.93, rim + 0.022)]), "lit paper opal")
    return model


def lattice_lantern(finish: Finish, *, width: float = 0.3, height: float = 0.9, rows: int = 5) -> Model:
    """A paper box in a wooden lattice; slots paper and frame."""
    model = Model()
    model.add(
        shapes.box((width - 0.02, width - 0.02, height - 0.06), (0, 0, height / 2 + 0.02), 0.003),
        finish["paper"],
    )
    posts = [shapes.box((0.018, 0.018, height), (x, y, height / 2), 0.002) for x, y in joinery.corners(width, width)]
    model.add(posts, finish["frame"])
    for z in np.linspace(0.06, height - 0.01, rows + 1):
        for side in SIDES:
            model.add(shapes.box((width, 0.012, 0.012), (0, side * width / 2, z), 0.002), finish["frame"])
            model.add(shapes.box((0.012, width, 0.012), (side * width / 2, 0, z), 0.002), finish["frame"])
    for side in SIDES:
        model.add(
            shapes.box((0.01, 0.012, height - 0.06), (0, side * width / 2, height / 2 + 0.03), 0.002),
            finish["frame"],
        )
        model.add(
            shapes.box((0.012, 0.01, height - 0.06), (side * width / 2, 0, height / 2 + 0.03), 0.002),
            finish["frame"],
        )
    return model
