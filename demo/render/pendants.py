"""Hanging lamps, built with their lowest point at z = 0 and a cord that runs out of the picture."""

from __future__ import annotations

import numpy as np

from . import curves, shapes
from .mesh import Array, Mesh
from .model import Finish, Model

CORD = 4.0
PROFILES = {  # (share of radius, share of height) from the rim up
    "dome": [(1, 0), (0.99, 0.12), (0.93, 0.34), (0.8, 0.56), (0.58, 0.75),
             (0.3, 0.87), (0.12, 0.9), (0.11, 1), (0, 1)],
    "cone": [(1, 0), (0.16, 0.82), (0.12, 0.84), (0.12, 1), (0, 1)],
    "bell": [(1, 0), (0.9, 0.08), (0.72, 0.22), (0.6, 0.45), (0.48, 0.7), (0.25, 0.86), (0.1, 0.9), (0.09, 1), (0, 1)],
    "barn": [(1, 0), (0.98, 0.06), (0.8, 0.24), (0.42, 0.4), (0.3, 0.46), (0.28, 0.74), (0.2, 0.8), (0.1, 1), (0, 1)],
    "tube": [(1, 0), (1, 0.94), (0.9, 1), (0, 1)],
}  # fmt: skip


def _cord(model: Model, top: float, x: float = 0.0, material: str = "cord black") -> None:
    model.add(shapes.rod((x, 0, top - 0.01), (x, 0, CORD), 0.0035), material, frame=False)


def reflector(finish: Finish, *, profile: str = "dome", radius: float = 0.22, height: float = 0.26) -> Model:
    """A spun metal pendant, bright inside; slot shade, and collar where it differs."""
    model = Model()
    line = np.array(PROFILES[profile]) * (radius, height)
    model.add(
        shapes.lathe(line if profile in ("cone", "barn", "tube") else curves.spline(line, 4), segments=64),
        finish["shade"],
    )
    inside = line[: max(2, len(line) - 3)] * (0.985, 1.0) - (0, 0.0005)
    model.add(shapes.lathe(inside[::-1], segments=48), "lit paper opal")
    model.add(shapes.ball(min(0.05, radius * 0.4), (0, 0, height * 0.3)), "lit bulb opal")
    model.add(shapes.cylinder(0.02, height - 0.005, height + 0.045), finish.get("collar", finish["shade"]))
    _cord(model, height + 0.04)
    return model


def drops(finish: Finish, *, radii: tuple[float, ...] = (0.13,), spread: float = 0.2) -> Model:
    """Glass balls on cords of unequal length under one rail; slots glass and collar."""
    model = Model()
    count = len(radii)
    for index, radius in enumerate(radii):
        x = (index - (count - 1) / 2) * spread
        z = radius + (0.16 * ((index * 2) % 3) if count > 1 else 0.0)
        model.add(shapes.ball(radius, (x, 0, z)), finish["glass"])
        if not finish["glass"].startswith("lit"):
            model.add(shapes.ball(radius * 0.3, (x, 0, z)), "lit bulb opal")
            model.add(shapes.cylinder(radius * 0.16, z + radius * 0.25, z + radius, (x, 0)), finish["collar"])
        model.add(shapes.cylinder(radius * 0.28, z + radius * 0.95, z + radius * 1.3, (x, 0)), finish["collar"])
        _cord(model, z + radius * 1.3, x)
    return model


def paper_lantern(finish: Finish, *, width: float = 0.45, height: float = 0.42, ribs: int = 18) -> Model:
    """A ribbed rice-paper lantern; slots paper and ribs."""
    model = Model()
    t = np.linspace(-0.93, 0.93, ribs * 4 + 1)
    bulge = width / 2 * np.sqrt(1 - np.abs(t) ** 2.2) * (1 - 0.022 * np.cos(np.pi * ribs * (t / 0.93 + 1)) ** 2)
    model.add(shapes.lathe(np.stack([bulge, height / 2 * (1 + t / 0.93)], 1), segments=64), finish["paper"])
    for z in np.linspace(-0.93, 0.93, ribs + 1)[1:-1]:
        ring = width / 2 * np.sqrt(1 - abs(z) ** 2.2) * 0.995
        circle = curves.lift(curves.arc(ring, 0, 360, 48)[:-1], "xy", height / 2 * (1 + z / 0.93))
        model.add(shapes.tube(circle, 0.0016, closed=True, sides=6), finish["ribs"])
    _cord(model, height)
    return model


def wicker(
    finish: Finish, *, width: float = 0.46, height: float = 0.36, form: str = "bowl", strands: int = 44
) -> Model:
    """A basket of rods over hoops with a bulb glowing through; slot shade."""
    model = Model()
    outline = _basket(form, width, height)
    for k in range(strands):
        rib = np.column_stack([outline[:, 0], np.zeros(len(outline)), outline[:, 1]])
        model.add(shapes.tube(rib, 0.0035, sides=6).turn("z", 360 * k / strands), finish["shade"])
    for radius, z in outline[:: max(1, len(outline) // 9)]:
        circle = curves.lift(curves.arc(max(radius, 0.02) + 0.002, 0, 360, 48)[:-1], "xy", z)
        model.add(shapes.tube(circle, 0.0045, closed=True, sides=8), finish["shade"])
    model.add(shapes.ball(0.045, (0, 0, height * 0.45)), "lit bulb opal")
    model.add(shapes.cylinder(0.012, height * 0.55, height + 0.02), "metal black")
    _cord(model, height)
    return model


def _basket(form: str, width: float, height: float) -> Array:
    """Side view of a wicker shade as (radius, height) from the rim up."""
    knots = {
        "bowl": [(1, 0), (0.96, 0.3), (0.8, 0.62), (0.5, 0.88), (0.12, 1)],
        "hive": [(0.55, 0), (0.95, 0.3), (0.9, 0.62), (0.55, 0.88), (0.12, 1)],
        "flare": [(1, 0), (0.62, 0.2), (0.42, 0.5), (0.3, 0.8), (0.12, 1)],
    }[form]
    return curves.spline(np.array(knots) * (width / 2, height), 7)


def ring_light(finish: Finish, *, diameters: tuple[float, ...] = (0.7,)) -> Model:
    """Glowing hoops hung one below the other; slot ring."""
    model = Model()
    for level, diameter in enumerate(diameters):
        z = 0.02 + 0.22 * (len(diameters) - 1 - level)
        circle = curves.lift(curves.arc(diameter / 2, 0, 360, 72)[:-1], "xy", z)
        model.add(shapes.bar(circle, 0.014, 0.04, closed=True), finish["ring"])
        inner = curves.lift(curves.arc(diameter / 2 - 0.012, 0, 360, 72)[:-1], "xy", z)
        model.add(shapes.bar(inner, 0.012, 0.032, closed=True), "lit paper opal")
        for angle in (90, 210, 330):
            a = np.radians(angle)
            spot = (diameter / 2 * np.cos(a), diameter / 2 * np.sin(a), z + 0.02)
            model.add(shapes.rod(spot, (0, 0, 0.22 * len(diameters) + 0.5), 0.0015), "metal black", frame=False)
    _cord(model, 0.22 * len(diameters) + 0.5)
    return model


def branched(
    finish: Finish, *, arms: int = 6, reach: float = 0.36, globes: float = 0.06, stacked: bool = True
) -> Model:
    """A chandelier of straight arms that end in small opal globes; slots stem and globe."""
    model = Model()
    middle = 0.32
    for k in range(arms):
        angle = 360 * k / arms + 15
        z = middle + (0.1 * (k % 2) - 0.05 if stacked else 0.0)
        tip = (reach, 0.0, z + (0.12 if k % 2 else -0.08) * (1 if stacked else 0))
        pieces: list[Mesh] = [
            shapes.rod((0, 0, z), tip, 0.007),
            shapes.cylinder(0.018, tip[2] - 0.01, tip[2] + 0.025, (reach, 0)),
        ]
        model.add([piece.turn("z", angle) for piece in pieces], finish["stem"])
        model.add(shapes.ball(globes, (tip[0], 0, tip[2] + globes + 0.015)).turn("z", angle), finish["globe"])
    model.add([shapes.ball(0.04, (0, 0, middle)), shapes.cylinder(0.009, middle, middle + 0.42)], finish["stem"])
    _cord(model, middle + 0.4)
    return model
