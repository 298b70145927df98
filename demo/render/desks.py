"""Desks and console tables.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .tables import top_outline


def desk(
    finish: Finish,
    *,
    width: float = 1.3,
    depth: float = 0.62,
    height: float = 0.75,
    drawers: int = 3,
    column: bool = True,
    legs: str = "square taper",
    gallery: bool = False,
) -> Model:
    """A writing desk with a drawer column or a row of drawers under the top; slots top, legs, fronts, knobs."""
    model = Model()
    under = height - 0.028
    model.add(shapes.slab(width, depth, under, 0.028, 0.005), finish["top"])
    if column:
        _drawer_column(model, finish, width / 2 - 0.23, depth, under, drawers)
        for y in SIDES:
            foot = (-width / 2 + 0.05, y * (depth / 2 - 0.06))
            model.add(joinery.leg(legs, (foot[0] + 0.01, foot[1], under), foot, 0.05), finish["legs"])
    else:
        _drawer_row(model, finish, width, depth, under, drawers)
        model.add(joinery.four_legs(legs, width - 0.12, depth - 0.12, under, 0.045, 0.01), finish["legs"])
    if gallery:
        _gallery(model, finish["top"], width, depth, height)
    return model


def _drawer_column(model: Model, finish: Finish, x: float, depth: float, under: float, drawers: int) -> None:
    """A chest of drawers on short feet below the top, centred at `x`."""
    wide, body, front = 0.4, under - 0.1, -depth / 2 + 0.02
    model.add(shapes.box((wide, depth - 0.06, body), (x, 0.01, 0.1 + body / 2)), finish["top"])
    for k in range(drawers):
        z = 0.1 + body * (k + 0.5) / drawers
        face = shapes.box((wide - 0.02, 0.02, body / drawers - 0.012), (x, front + 0.01, z), 0.003)
        model.add(face, finish.get("fronts", finish["top"]))
        model.add(joinery.knob((x, front, z)), finish["knobs"])
    feet = [(x + sx * 0.15, sy * 0.2) for sx, sy in joinery.corners(2, 2)]
    model.add([shapes.rod((*foot, 0.12), (*foot, 0), 0.018, 0.013) for foot in feet], finish["legs"])


def _drawer_row(model: Model, finish: Finish, width: float, depth: float, under: float, drawers: int) -> None:
    """Shallow drawers side by side right under the top."""
    model.add(shapes.box((width - 0.1, depth - 0.08, 0.12), (0, 0.005, under - 0.06)), finish["top"])
    span = (width - 0.12) / drawers
    for k in range(drawers):
        x = (k - (drawers - 1) / 2) * span
        face = shapes.box((span - 0.012, 0.016, 0.1), (x, -depth / 2 + 0.038, under - 0.06), 0.003)
        model.add(face, finish.get("fronts", finish["top"]))
        model.add(joinery.handle((x, -depth / 2 + 0.03, under - 0.06), 0.1), finish["knobs"])


def _gallery(model: Model, wood: str, width: float, depth: float, height: float) -> None:
    """A shelf with pigeonholes along the back of the top."""
    z, back = height + 0.11, depth / 2 - 0.12
    model.add(
        [
            shapes.box((width, 0.22, 0.018), (0, back, z + 0.1)),
            shapes.box((width, 0.015, 0.2), (0, depth / 2 - 0.01, z)),
        ],
        wood,
    )
    model.add([shapes.box((0.018, 0.22, 0.2), (x * width / 2, back, z)) for x in (-0.98, -0.33, 0.33, 0.98)], wood)


def console(
    finish: Finish, *, width: float = 1.2, depth: float = 0.32, height: float = 0.8, style: str = "arch"
) -> Model:
    """A narrow hall table; slots top and legs, and knobs where it has a drawer."""
    model = Model()
    model.add(shapes.slab(width, depth, height - 0.03, 0.03), finish["top"])
    under = height - 0.03
    if style == "arch":
        for side in SIDES:
            bow = curves.lift(curves.arc(0.14, 180, 0), "xz") + np.array([side * (width / 2 - 0.2), 0.0, under - 0.15])
            line = np.array([bow[0] * [1, 1, 0], *bow, bow[-1] * [1, 1, 0]])
            for y in (-depth / 2 + 0.04, depth / 2 - 0.04):
                model.add(shapes.tube(line + np.array([0.0, y, 0.0]), 0.011), finish["legs"])
    elif style == "hairpin":
        model.add(joinery.four_legs("hairpin", width - 0.16, depth - 0.08, under, 0.012, 0.01), finish["legs"])
        model.add(shapes.box((width - 0.02, depth - 0.02, 0.12), (0, 0, under - 0.06)), finish["top"])
        for k in SIDES:
            model.add(
                shapes.box((width / 2 - 0.03, 0.014, 0.1), (k * width / 4, -depth / 2 + 0.006, under - 0.06), 0.003),
                finish["top"],
            )
            model.add(joinery.knob((k * width / 4, -depth / 2, under - 0.06)), finish["knobs"])
    else:
        model.add(joinery.four_legs("baluster", width - 0.12, depth - 0.1, under, 0.06), finish["legs"])
        model.add(joinery.apron(width - 0.12, depth - 0.1, under, 0.1), finish["legs"])
        model.add(shapes.slab(width - 0.06, depth - 0.04, 0.14, 0.022), finish["legs"])
    return model


def lift_desk(finish: Finish, *, width: float = 1.4, depth: float = 0.75, height: float = 0.92) -> Model:
    """A sit-stand desk on two telescopic columns; slots top and legs."""
    model = Model()
    model.add(shapes.plate(top_outline("rectangle", width, depth), height - 0.026, 0.026, 0.006), finish["top"])
    for side in SIDES:
        x = side * (width / 2 - 0.26)
        column: list[Mesh] = [
            shapes.box((0.08, 0.06, height * 0.55), (x, 0, height * 0.3)),
            shapes.box((0.065, 0.045, height * 0.5), (x, 0, height * 0.72)),
        ]
        column += [
            shapes.box((0.075, depth - 0.08, 0.03), (x, 0, 0.02), 0.008),
            shapes.box((0.05, depth - 0.16, 0.03), (x, 0, height - 0.042)),
        ]
        model.add(column, finish["legs"])
    model.add(shapes.box((width - 0.5, 0.05, 0.04), (0, 0, height - 0.05)), finish["legs"])
    return model
