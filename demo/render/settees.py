"""Corner, curved and show-wood sofas, Chesterfields and camelbacks.

Builders take a finish (slot to material) and metres.
"""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .sofas import SEAM
from .soft import cushion, pillow, shell, tufts


def corner_sofa(
    finish: Finish,
    *,
    seat: float = 0.78,
    long: int = 3,
    short: int = 2,
    side: int = 1,
    back_height: float = 0.72,
    low: bool = False,
) -> Model:
    """Equal modules around a corner; slots seat, legs and pillow.  `side` 1 turns to the right as seen."""
    model = Model()
    cloth, top, bottom = finish["seat"], 0.36 if low else 0.42, 0.03 if low else 0.1
    width = long * seat

    def module(x: float, y: float, turns: tuple[float, ...]) -> None:
        model.add([part.move(x, y) for part in _module(seat, top, bottom, back_height, turns)], cloth)

    for k in range(long):
        x = (k - (long - 1) / 2) * seat
        module(x, 0.0, (0.0, -90.0 * side) if k == (long - 1 if side > 0 else 0) else (0.0,))
    for k in range(1, short):
        module(side * (width - seat) / 2, -k * seat, (-90.0 * side,))
    _corner_feet(model, finish, width, seat, short, side, bottom)
    for k, x in enumerate((-side * (width / 2 - 0.3), side * (width / 2 - 0.75))):
        model.add(
            pillow(0.48, 0.48, 0.17).turn("x", 66).turn("z", 8 - 18 * k).move(x, 0.02, top + 0.22),
            finish["pillow"],
        )
    return model


def _module(seat: float, top: float, bottom: float, back_height: float, turns: tuple[float, ...]) -> list[Mesh]:
    """One square element about the z axis, with a back for each turn (0 faces the front)."""
    edge, base = seat - SEAM, top - 0.15 - bottom
    parts = [
        shapes.box((edge, edge, base), (0, 0, bottom + base / 2), 0.02),
        cushion((edge, edge, 0.18), (0, 0, top - 0.075), 0.055, 0.025),
    ]
    tall = back_height - bottom - 0.08
    for degrees in turns:
        wall = cushion((edge, 0.13, tall), (0, seat / 2 - 0.065, bottom + tall / 2), 0.04, 0.0)
        loose = cushion((seat - 0.06, 0.42, 0.18), radius=0.07, crown=0.04).turn("x", 74)
        parts += [part.turn("z", degrees) for part in (wall, loose.move(0, seat / 2 - 0.205, top + 0.13))]
    return parts


def _corner_feet(model: Model, finish: Finish, width: float, seat: float, short: int, side: int, tall: float) -> None:
    """Block feet under the ends of both wings."""
    spots = [(-side * (width / 2 - 0.08), s * (seat / 2 - 0.08)) for s in SIDES]
    spots += [(side * (width / 2 - 0.08), seat / 2 - 0.08)]
    spots += [(side * (width / 2 - x), -(short - 0.5) * seat + 0.08) for x in (0.08, seat - 0.08)]
    model.add([shapes.box((0.06, 0.06, tall + 0.02), (x, y, (tall + 0.02) / 2)) for x, y in spots], finish["legs"])


def chesterfield(finish: Finish, *, seats: int = 3, width: float = 2.1, depth: float = 0.9) -> Model:
    """Arms and back of one height, rolled and deep buttoned; slots seat and legs."""
    model = Model()
    cloth, top, bottom = finish["seat"], 0.72, 0.12
    inner = width - 0.44
    model.add(shapes.box((width - 0.12, depth - 0.06, 0.18), (0, 0, bottom + 0.09), 0.02), cloth)
    for k in range(seats):
        x = (k - (seats - 1) / 2) * inner / seats
        model.add(cushion((inner / seats - SEAM, depth - 0.24, 0.17), (x, -0.11, 0.375), 0.05, 0.02), cloth)
    button = tufts(0.15, 0.13, 0.035)
    rise = top - bottom - 0.06
    panel = cushion((inner + 0.24, rise, 0.15), radius=0.05, crown=0.0, dent=button).turn("x", 86)
    model.add(panel.move(0, depth / 2 - 0.17, bottom + rise / 2), cloth)
    for side in SIDES:
        wall = (
            cushion((depth - 0.14, rise, 0.15), radius=0.05, crown=0.0, dent=button).turn("x", 88).turn("z", -90 * side)
        )
        model.add(wall.move(side * (width / 2 - 0.17), -0.02, bottom + rise / 2), cloth)
    x, y, z = width / 2 - 0.12, depth / 2 - 0.1, top - 0.08
    line = curves.fillet([(-x, -depth / 2, z), (-x, y, z), (x, y, z), (x, -depth / 2, z)], 0.1, 8)
    model.add(shapes.tube(line, 0.105, sides=28), cloth)
    for side in SIDES:
        model.add(cushion((0.15, 0.06, rise), (side * x, -depth / 2 + 0.03, bottom + rise / 2), 0.02, 0.0), cloth)
        model.add(
            shapes.lathe([(0, 0), (0.09, 0), (0.09, 0.012), (0, 0.014)])
            .turn("x", 90)
            .move(side * x, -depth / 2 + 0.002, z),
            cloth,
        )
    model.add(joinery.four_legs("turned", width - 0.22, depth - 0.2, bottom + 0.02, 0.075), finish["legs"])
    return model


def framed_sofa(
    finish: Finish,
    *,
    seats: int = 2,
    seat_width: float = 0.66,
    spindles: bool = True,
    depth: float = 0.8,
    cane: bool = False,
) -> Model:
    """A show-wood settee with loose cushions; slots frame, seat and, with cane sides, sides."""
    model = Model()
    wood, width = finish["frame"], seats * seat_width + 0.1
    x, front, rear = width / 2, -depth / 2 + 0.04, depth / 2 - 0.04
    model.add(shapes.box((width, 0.03, 0.085), (0, front, 0.27)), wood)
    model.add([shapes.box((width, 0.03, h), (0, rear, z)) for z, h in ((0.27, 0.085), (0.76, 0.05))], wood)
    for side in SIDES:
        model.add(
            [shapes.rod((side * x, y, 0), (side * x, y, z), 0.018, 0.022) for y, z in ((front, 0.6), (rear, 0.78))],
            wood,
        )
        model.add(shapes.box((0.028, depth - 0.06, 0.07), (side * x, 0, 0.27)), wood)
        model.add(
            shapes.bar(
                curves.spline([(side * x, front - 0.05, 0.6), (side * x, 0, 0.615), (side * x, rear, 0.59)]),
                0.065,
                0.024,
            ),
            wood,
        )
        if cane:
            model.add(shapes.box((0.004, depth - 0.1, 0.3), (side * x, 0, 0.45), 0.001), finish["sides"])
        else:
            model.add(
                [shapes.rod((side * x, y, 0.28), (side * x, y, 0.6), 0.008) for y in np.linspace(front, rear, 7)[1:-1]],
                wood,
            )
    places = np.linspace(-x, x, 9 * seats)[1:-1]
    if spindles:
        model.add([shapes.rod((p, rear, 0.28), (p, rear, 0.75), 0.008) for p in places], wood)
    elif cane:
        model.add(shapes.box((width, 0.004, 0.46), (0, rear, 0.53), 0.001), finish["sides"])
    else:
        model.add([shapes.box((width, 0.016, 0.05), (0, rear, z)) for z in (0.42, 0.53, 0.64)], wood)
    for k in range(seats):
        at = (k - (seats - 1) / 2) * seat_width
        model.add(cushion((seat_width - SEAM, depth - 0.1, 0.14), (at, -0.02, 0.38), 0.05, 0.022), finish["seat"])
        rest = cushion((seat_width - SEAM, 0.42, 0.15), radius=0.06, crown=0.03).turn("x", 76)
        model.add(rest.move(at, rear - 0.13, 0.62), finish["seat"])
    return model


def curved_sofa(
    finish: Finish, *, width: float = 2.2, bend: float = 100.0, fluted: bool = False, height: float = 0.72
) -> Model:
    """A crescent seat with a back that follows it; slots seat and legs."""
    model = Model()
    half = np.radians(bend / 2)
    radius = width / 2 / np.sin(half)
    angles = np.linspace(90 - bend / 2, 90 + bend / 2, 41)
    deep = 0.66

    def ribbon(offset: float, wide: float, bottom: float, tall: float, round_edge: float) -> Mesh:
        path = curves.lift(
            np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], 1) * (radius - offset),
            "xy",
            bottom + tall / 2,
        )
        section = curves.rectangle(wide, tall, round_edge)
        taper = np.interp(
            np.linspace(0, 1, len(angles)), [0, 0.012, 0.035, 0.965, 0.988, 1], [0.8, 0.94, 1, 1, 0.94, 0.8]
        )
        return shapes.sweep(path, section, scale=taper)

    body = [ribbon(deep / 2, deep, 0.1, 0.2, 0.05), ribbon(deep / 2 + 0.03, deep - 0.02, 0.27, 0.17, 0.07)]
    if not fluted:
        body.append(ribbon(0.09, 0.2, 0.12, height - 0.12, 0.09))
    else:
        body.append(ribbon(0.05, 0.1, 0.12, height - 0.16, 0.04))
        for a in np.radians(np.linspace(angles[0] + 1.5, angles[-1] - 1.5, 25)):
            x, y = np.cos(a) * (radius - 0.12), np.sin(a) * (radius - 0.12)
            body.append(
                shapes.tube(
                    [(x, y, 0.3), (x, y, 0.45), (x, y, height - 0.03), (x, y, height)],
                    [0.06, 0.06, 0.055, 0.02],
                    sides=16,
                )
            )
    model.add(body, finish["seat"])
    for a in np.radians(np.linspace(angles[0] + 6, angles[-1] - 6, 4)):
        for offset in (0.1, deep - 0.08):
            spot = (np.cos(a) * (radius - offset), np.sin(a) * (radius - offset))
            model.add(shapes.rod((*spot, 0.12), (*spot, 0.0), 0.02, 0.014), finish["legs"])
    low = model.outline()[:, 1]
    return model.move(y=-float(low.min() + low.max()) / 2)


def camelback(finish: Finish, *, width: float = 1.75, depth: float = 0.8) -> Model:
    """A settee with a humped back, scrolled arms and turned legs; slots seat and legs."""
    model = Model()
    cloth = finish["seat"]
    model.add(cushion((width - 0.12, depth - 0.08, 0.2), (0, 0, 0.3), 0.03, 0.0), cloth)
    model.add(cushion((width - 0.3, depth - 0.2, 0.14), (0, -0.08, 0.42), 0.05, 0.03), cloth)
    u, v = np.meshgrid(np.linspace(0, 1, 13), np.linspace(-1, 1, 49), indexing="ij")
    crest = 0.42 + 0.16 * np.exp(-((v / 0.5) ** 2)) - 0.02 * np.cos(np.pi * v)
    surface = np.stack([v * (width / 2 - 0.1), depth / 2 - 0.17 + 0.1 * u, 0.3 + crest * u + 0.06 * u], axis=-1)
    model.add(shell(surface[:, ::-1], 0.1), cloth)
    for side in SIDES:
        x = side * (width / 2 - 0.1)
        model.add(cushion((0.11, depth - 0.1, 0.36), (x, 0, 0.4), 0.03, 0.0), cloth)
        roll = [
            (x + side * 0.02, -depth / 2 + 0.03, 0.59),
            (x + side * 0.02, -depth / 2 + 0.05, 0.59),
            (x + side * 0.02, 0.1, 0.61),
            (x, depth / 2 - 0.08, 0.68),
        ]
        model.add(shapes.tube(curves.spline(roll, 6), 0.075, sides=24), cloth)
    model.add(joinery.four_legs("turned", width - 0.26, depth - 0.2, 0.21, 0.05, 0.015), finish["legs"])
    return model
