"""Wooden chairs: four-legged side chairs and windsors.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .shapes import Point
from .soft import cushion


def side_chair(
    finish: Finish,
    *,
    width: float = 0.45,
    depth: float = 0.44,
    seat_height: float = 0.45,
    back_height: float = 0.4,
    legs: str = "round",
    back: str = "slats",
    seat: str = "board",
    count: int = 5,
    stretchers: bool = False,
) -> Model:
    """A four-legged chair; slots frame and, for a woven seat, seat."""
    model = Model()
    wood, x, y = finish["frame"], width / 2 - 0.025, depth / 2 - 0.025
    thick = 0.036
    for side in SIDES:
        model.add(
            joinery.leg(legs, (side * x, -y, seat_height - 0.03), (side * (x + 0.015), -y - 0.02), thick),
            wood,
        )
        post = [
            (side * x, y + 0.06, 0),
            (side * x, y, seat_height),
            _back_point(side * x, y, seat_height, back_height),
        ]
        model.add(shapes.tube(curves.spline(post, 10), thick * 0.45), wood)
    model.add(joinery.apron(2 * x, 2 * y, seat_height - 0.02, 0.055), wood)
    if stretchers:
        model.add([shapes.rod((s * x, -y - 0.01, 0.17), (s * x, y + 0.035, 0.17), 0.011) for s in SIDES], wood)
        model.add(shapes.rod((-x, 0, 0.17), (x, 0, 0.17), 0.011), wood)
    _seat(model, finish, seat, width, depth, seat_height)
    _back(model, wood, back, x, y, seat_height, back_height, count)
    return model


def _back_point(x: float, y: float, seat: float, rise: float) -> Point:
    """Where a reclined back is at `rise` above the seat."""
    return (x * 0.97, y + 0.02 + 0.2 * rise, seat + rise)


def _seat(model: Model, finish: Finish, style: str, width: float, depth: float, height: float) -> None:
    """A board or a woven seat whose top is near `height`."""
    if style == "board":
        outline = curves.ellipse(width + 0.01, depth + 0.01, 64, 7.0)
        model.add(shapes.plate(outline, height - 0.022, 0.024, 0.006), finish["frame"])
    else:
        model.add(
            cushion((width - 0.01, depth - 0.01, 0.026), (0, 0, height - 0.012), 0.012, -0.006),
            finish["seat"],
        )


def _back(model: Model, wood: str, style: str, x: float, y: float, seat: float, rise: float, count: int) -> None:
    """The rungs or slats between the back posts."""

    def rail(height: float, tall: float, bow: float = 0.03) -> Mesh:
        ends = [_back_point(side * x, y, seat, height) for side in SIDES]
        middle = (0.0, ends[0][1] + bow, ends[0][2])
        return shapes.bar(curves.spline([ends[0], middle, ends[1]], 8), 0.018, tall)

    def slat(u: float) -> Mesh:
        lift = 0.03 * (1 - u**2)
        ends = [_back_point(u * x / 0.97, y + lift, seat, h) for h in (0.1, rise - 0.05)]
        return shapes.beam(ends[0], ends[1], 0.036, 0.01)

    if style == "ladder":
        model.add([rail(h, 0.05) for h in np.linspace(0.14, rise - 0.035, count)], wood)
        return
    model.add([rail(rise - 0.035, 0.065), rail(0.1, 0.035)], wood)
    model.add([slat(u) for u in np.linspace(-0.78, 0.78, count)], wood)


def windsor(
    finish: Finish,
    *,
    seat_height: float = 0.44,
    back_height: float = 0.5,
    arms: bool = False,
    rockers: bool = False,
) -> Model:
    """A bow-backed chair with a saddled seat and splayed turned legs; slot frame."""
    model = Model()
    wood, lift = finish["frame"], 0.05 if rockers else 0.0
    seat_height -= 0.03 if rockers else 0.0
    outline = curves.ellipse(0.45, 0.43, 64, 3.0)
    model.add(shapes.plate(outline, seat_height - 0.035, 0.036, 0.012), wood)
    for x, y in joinery.corners(0.28, 0.28):
        foot = (x * 1.42, y * 1.4)
        model.add(joinery.leg("turned", (x, y, seat_height - 0.02), foot, 0.04), wood)
    for side in SIDES:
        model.add(shapes.rod((side * 0.17, -0.18, 0.18), (side * 0.17, 0.18, 0.18), 0.011), wood)
    model.add(shapes.rod((-0.17, 0, 0.18), (0.17, 0, 0.18), 0.011), wood)
    _bow(model, wood, seat_height, back_height, arms)
    if not rockers:
        return model
    raised = model.move(z=lift)
    for side in SIDES:
        sag = [(side * 0.199, y, 0.018 + 0.055 * (y / 0.38) ** 2) for y in np.linspace(-0.36, 0.46, 17)]
        raised.add(shapes.bar(sag, 0.03, 0.036), wood)
        raised.add(
            [shapes.rod((side * 0.197, y, 0.03), (side * 0.197, y, 0.08), 0.012) for y in (-0.196, 0.196)],
            wood,
        )
    return raised


def _bow(model: Model, wood: str, seat: float, rise: float, arms: bool) -> None:
    """The bent hoop of a windsor back with its spindles, and an arm bow if asked for."""

    def lean(x: float, z: float) -> Point:
        return (x, 0.17 + 0.28 * (z - seat) - 0.25 * x**2, z)

    angles = np.radians(np.linspace(-12, 192, 33))
    hoop = [lean(0.205 * np.cos(a), seat + rise - 0.2 + 0.2 * np.sin(a)) for a in angles]
    path = [lean(0.17, seat - 0.01), *hoop, lean(-0.17, seat - 0.01)]
    model.add(shapes.tube(path, 0.0125), wood)
    for u in np.linspace(-0.78, 0.78, 7):
        top = seat + rise - 0.2 + 0.2 * np.sqrt(1 - u**2) * 0.98
        model.add(shapes.rod(lean(u * 0.17, seat - 0.005), lean(u * 0.2, top), 0.007, 0.005), wood)
    if arms:
        bow = [(0.27, -0.12, seat + 0.21), (0.25, 0.14, seat + 0.22), (0.0, 0.255, seat + 0.23)]
        bow += [(-0.25, 0.14, seat + 0.22), (-0.27, -0.12, seat + 0.21)]
        model.add(shapes.bar(curves.spline(bow, 10), 0.045, 0.02), wood)
        for side in SIDES:
            for y in (-0.1, 0.02):
                model.add(
                    shapes.rod((side * 0.265, y, seat + 0.21), (side * 0.2, y * 0.8, seat - 0.01), 0.008),
                    wood,
                )
