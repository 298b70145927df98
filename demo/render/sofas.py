"""Straight and chaise sofas with loose or tight backs.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .soft import Dent, channels, cushion, pillow, squares, tufts

SEAM = 0.004


def sofa(
    finish: Finish,
    *,
    seats: int = 3,
    seat_width: float = 0.66,
    depth: float = 0.92,
    height: float = 0.82,
    seat_height: float = 0.44,
    arms: str = "track",
    arm_width: float = 0.16,
    arm_height: float = 0.6,
    legs: str = "round",
    leg_height: float = 0.15,
    back: str = "cushions",
    bench: bool = False,
    chaise: str = "",
    pillows: int = 0,
) -> Model:
    """An upholstered sofa; slots seat, legs and pillow.  `chaise` is "", "left" or "right" as seen."""
    model = Model()
    cloth, inner = finish["seat"], seats * seat_width
    side = arm_width if arms != "none" else 0.0
    total = inner + 2 * side
    base = seat_height - leg_height - 0.15
    _plinth(model, cloth, total, depth, leg_height, base)
    _legs(model, finish, legs, total, depth, leg_height, chaise)
    for x in SIDES if arms != "none" else ():
        model.add(
            [piece.move(x=x * (inner + side) / 2) for piece in _arm(arms, side, depth, leg_height, arm_height)],
            cloth,
        )
    _seats(model, cloth, seats, seat_width, depth, seat_height, bench)
    _back(model, cloth, back, seats, seat_width, depth, height, seat_height, leg_height)
    if chaise:
        _chaise(model, finish, chaise, inner, seat_width, depth, seat_height, leg_height)
    for k in range(pillows):
        x = (-1) ** k * (inner / 2 - 0.22)
        soft = pillow(0.46, 0.46, 0.17).turn("x", 68).turn("z", (-1) ** k * -12)
        model.add(soft.move(x, depth / 2 - 0.44, seat_height + 0.22), finish["pillow"])
    return model


def _plinth(model: Model, cloth: str, total: float, depth: float, bottom: float, tall: float) -> None:
    """The upholstered frame under the seat cushions."""
    model.add(shapes.box((total - 0.02, depth - 0.04, tall), (0, 0, bottom + tall / 2), 0.02), cloth)


def _legs(model: Model, finish: Finish, style: str, total: float, depth: float, tall: float, chaise: str) -> None:
    if style == "plinth":
        model.add(shapes.box((total - 0.08, depth - 0.12, tall), (0, 0, tall / 2)), finish["legs"])
        return
    if style == "sled":
        for x in SIDES:
            loop = np.array([(x * (total / 2 - 0.1), y, z) for y, z in ((-1, 1), (-1, 0), (1, 0), (1, 1))])
            loop *= [1, depth / 2 - 0.06, tall]
            model.add(shapes.bar(curves.fillet(loop + np.array([0.0, 0.0, 0.006]), 0.02), 0.012, 0.035), finish["legs"])
        return
    thick = 0.075 if style == "square" and tall < 0.1 else 0.042
    model.add(joinery.four_legs(style, total - 0.16, depth - 0.16, tall + 0.02, thick, 0.02), finish["legs"])
    if total > 2.0 and not chaise:
        model.add(
            joinery.leg(style, (0, -depth / 2 + 0.08, tall + 0.02), (0, -depth / 2 + 0.07), thick),
            finish["legs"],
        )


def _arm(style: str, wide: float, depth: float, bottom: float, top: float) -> list[Mesh]:
    """One arm centred on x = 0, from the underside of the frame up to `top`."""
    tall = top - bottom
    middle = (bottom + top) / 2
    if style == "rolled":
        radius = wide * 0.62
        body = cushion((wide * 0.8, depth - 0.03, tall - radius), (0, 0, bottom + (tall - radius) / 2), 0.03, 0.0)
        roll = shapes.tube(
            [
                (0, -depth / 2 - 0.005, top - radius),
                (0, -depth / 2 + 0.01, top - radius),
                (0, depth / 2, top - radius),
            ],
            [radius * 0.9, radius, radius],
            sides=28,
        )
        return [body, roll]
    if style == "round":
        return [cushion((wide, depth + 0.02, tall), (0, -0.01, middle), wide * 0.49, 0.0)]
    if style == "pillow":
        frame = cushion((wide * 0.5, depth - 0.02, tall - 0.08), (0, 0, middle - 0.04), 0.03, 0.0)
        pad = cushion((wide * 1.25, depth - 0.1, 0.14), (0, -0.03, top - 0.03), 0.065, 0.02)
        return [frame, pad]
    return [cushion((wide, depth, tall), (0, 0, middle), 0.028, 0.004)]


def _seats(model: Model, cloth: str, seats: int, wide: float, depth: float, top: float, bench: bool) -> None:
    """Loose seat cushions, or one long one."""
    count = 1 if bench else seats
    span = seats * wide / count
    deep = depth - 0.2
    for k in range(count):
        x = (k - (count - 1) / 2) * span
        model.add(cushion((span - SEAM, deep, 0.17), (x, -0.1, top - 0.075), 0.05, 0.022), cloth)


def _back(
    model: Model,
    cloth: str,
    style: str,
    seats: int,
    wide: float,
    depth: float,
    top: float,
    seat: float,
    bottom: float,
) -> None:
    """A frame behind and, by style, loose cushions or a tight, tufted, channelled or quilted front."""
    inner = seats * wide
    frame_top = top - (0.1 if style == "cushions" else 0.02)
    tall = frame_top - bottom
    model.add(cushion((inner + 0.02, 0.17, tall), (0, depth / 2 - 0.09, bottom + tall / 2), 0.04, 0.0), cloth)
    rise = top - seat + 0.08
    y, z = depth / 2 - 0.22, seat + rise / 2 - 0.05
    if style == "cushions":
        for k in range(seats):
            x = (k - (seats - 1) / 2) * wide
            model.add(
                cushion((wide - SEAM, rise, 0.19), radius=0.07, crown=0.035).turn("x", 76).move(x, y, z),
                cloth,
            )
        return
    if style == "scatter":
        for k in range(seats * 2):
            x = (k - (seats * 2 - 1) / 2) * wide / 2
            model.add(
                pillow(0.56, 0.52, 0.22).turn("x", 70).turn("z", (-1) ** k * 4).move(x, y - 0.01, seat + 0.24),
                cloth,
            )
        return
    dents: dict[str, Dent] = {
        "tufted": tufts(0.16, 0.16, 0.03),
        "channels": channels(0.13, 0.024),
        "quilted": squares(0.2, 0.022),
    }
    panel = cushion((inner - SEAM, rise, 0.13), radius=0.05, crown=0.012, dent=dents.get(style))
    model.add(panel.turn("x", 80).move(0, y + 0.02, z), cloth)


def _chaise(
    model: Model,
    finish: Finish,
    where: str,
    inner: float,
    wide: float,
    depth: float,
    top: float,
    bottom: float,
) -> None:
    """A long seat in front of the outermost place."""
    side = -1 if where == "left" else 1
    x = side * (inner - wide) / 2
    reach = 0.66
    tall = top - 0.15 - bottom
    y = -depth / 2 - reach / 2 + 0.02
    model.add(shapes.box((wide, reach + 0.06, tall), (x, y, bottom + tall / 2), 0.02), finish["seat"])
    model.add(cushion((wide - SEAM, reach + 0.05, 0.17), (x, y - 0.03, top - 0.075), 0.05, 0.022), finish["seat"])
    for foot in SIDES:
        spot = (x + foot * (wide / 2 - 0.08), y - reach / 2 + 0.08)
        model.add(joinery.leg("round", (*spot, bottom + 0.02), spot, 0.042), finish["legs"])
