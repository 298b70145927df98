"""Framed and padded beds with their bedding.

Builders take a finish (slot to material) and metres; the head is at +y.
"""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .bedding import dress
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .soft import Dent, channels, cushion, squares, tufts

PADS: dict[str, Dent] = {
    "tufted": tufts(0.17, 0.17, 0.028),
    "channels": channels(0.16, 0.026),
    "quilted": squares(0.24, 0.024),
}
POSTED = frozenset({"panel", "slats", "cane", "metal"})  # ends whose posts reach the floor


def bed(
    finish: Finish,
    *,
    width: float = 1.6,
    length: float = 2.0,
    rail: float = 0.34,
    rail_tall: float = 0.16,
    head: str = "panel",
    head_height: float = 0.95,
    foot: str = "low",
    legs: str = "square",
    pillows: int = 2,
    throw: bool = False,
    drawers: int = 0,
    seed: int = 1,
) -> Model:
    """A bed; slots frame, headboard (where padded or cane), duvet, pillow, throw and second."""
    model = Model()
    wood, outer = finish["frame"], width + 0.07
    low = rail - rail_tall
    for side in SIDES:
        model.add(shapes.box((0.03, length + 0.04, rail_tall), (side * outer / 2, 0, rail - rail_tall / 2)), wood)
    model.add(shapes.box((outer, 0.03, rail_tall), (0, -length / 2 - 0.03, rail - rail_tall / 2)), wood)
    model.add(shapes.box((width, length, 0.03), (0, 0, rail - 0.07)), wood)
    _headboard(model, finish, head, outer, length / 2 + 0.04, low, head_height)
    _footboard(model, finish, foot, outer, -length / 2 - 0.03, rail)
    if legs == "plinth":
        inset = 0.01 if drawers else 0.15
        model.add(shapes.box((outer - inset, length + 0.06 - inset, low), (0, -0.01, low / 2)), wood)
    elif low > 0.01:
        feet = [end for end, style in ((1, head), (-1, foot)) if style not in POSTED]
        spots = [(x * (outer / 2 - 0.04), y * (length / 2 - 0.03)) for x in SIDES for y in feet]
        model.add([joinery.leg(legs, (*spot, low + 0.05), spot, 0.06) for spot in spots], finish.get("legs", wood))
    for side in SIDES if drawers else ():
        for k in range(drawers):
            y = (k - (drawers - 1) / 2) * (length - 0.1) / drawers
            face = shapes.box(
                (0.02, (length - 0.1) / drawers - 0.02, low + 0.06),
                (side * (outer / 2 + 0.012), y, low / 2 + 0.04),
                0.003,
            )
            model.add(face, wood)
            model.add(shapes.ball(0.016, (side * (outer / 2 + 0.034), y, low / 2 + 0.06)), finish.get("knobs", wood))
    dress(model, finish, width, length, rail - 0.05, pillows=pillows, throw=throw, seed=seed)
    return model


def _headboard(model: Model, finish: Finish, style: str, wide: float, y: float, low: float, top: float) -> None:
    """The head end, from the height `low` (posts from the floor) up to `top`."""
    middle, tall = (low + top) / 2, top - low
    if style in PADS:
        pad = cushion((wide + 0.04, tall, 0.12), radius=0.045, crown=0.0, dent=PADS[style]).turn("x", 88)
        model.add(pad.move(0, y + 0.04, middle), finish["headboard"])
    elif style == "winged":
        pad = cushion((wide + 0.04, tall, 0.1), radius=0.04, crown=0.0, dent=tufts(0.18, 0.18, 0.026)).turn("x", 90)
        model.add(pad.move(0, y + 0.05, middle), finish["headboard"])
        spots = [(side * (wide / 2 + 0.05), y - 0.06, middle) for side in SIDES]
        model.add([cushion((0.09, 0.3, tall + 0.01), spot, 0.035, 0.0) for spot in spots], finish["headboard"])
    elif style == "arch":
        model.add(_arch(wide, tall).move(0, y + 0.04, low), finish["headboard"])
    elif style == "metal":
        _metal_end(model, finish["frame"], wide, y, top, arched=True)
    elif style != "none":
        _wooden_head(model, finish, style, wide, y, low, top)


def _wooden_head(model: Model, finish: Finish, style: str, wide: float, y: float, low: float, top: float) -> None:
    """Two posts with planks, slats or cane between them."""
    wood, tall = finish["frame"], top - low
    model.add([shapes.box((0.06, 0.05, top), (side * (wide / 2 - 0.01), y, top / 2), 0.005) for side in SIDES], wood)
    if style == "panel":
        model.add([shapes.box((wide - 0.06, 0.026, 0.2), (0, y, top - 0.11 - 0.205 * k)) for k in range(3)], wood)
        return
    model.add([shapes.box((wide, 0.035, 0.07), (0, y, z)) for z in (top - 0.035, low + 0.24)], wood)
    filling = tall - 0.28
    z = low + 0.24 + filling / 2
    if style == "cane":
        model.add(shapes.box((wide - 0.06, 0.004, filling), (0, y, z), 0.001), finish["headboard"])
        model.add([shapes.box((0.035, 0.03, filling), (x * wide / 6, y, z)) for x in SIDES], wood)
    else:
        spots = np.linspace(-wide / 2, wide / 2, int(wide / 0.1) + 2)[1:-1]
        model.add([shapes.box((0.045, 0.016, filling), (x, y, z)) for x in spots], wood)


def _arch(wide: float, tall: float) -> Mesh:
    """A padded board with a half-round top, standing at y = 0."""
    rise = min(tall * 0.55, wide / 2)
    t = np.radians(np.linspace(0, 180, 48))
    crown = np.stack([wide / 2 * np.cos(t), tall - rise + rise * np.sin(t)], 1)
    outline = np.concatenate([[[-wide / 2, 0.0], [wide / 2, 0.0]], crown[1:-1]])
    return shapes.plate(outline, -0.045, 0.09, 0.03).turn("x", 90)


def _metal_end(model: Model, metal: str, wide: float, y: float, top: float, arched: bool) -> None:
    """Tube posts with a bowed top rail and thin uprights."""
    x = wide / 2 + 0.01
    rise = 0.2 if arched else 0.0
    line = [(-x, y, 0.0), (-x, y, top - rise)]
    line += [(px, y, top - rise + rise * (1 - (px / x) ** 2)) for px in np.linspace(-x, x, 15)[1:-1]]
    line += [(x, y, top - rise), (x, y, 0.0)]
    model.add(shapes.tube(curves.fillet(line, 0.05) if not arched else line, 0.017), metal)
    low = 0.34 if top > 0.6 else 0.3
    model.add(shapes.rod((-x, y, low), (x, y, low), 0.011), metal)
    for px in np.linspace(-x, x, 11)[1:-1]:
        model.add(shapes.rod((px, y, low), (px, y, top - rise + rise * (1 - (px / x) ** 2)), 0.0075), metal)
    model.add([shapes.ball(0.026, (side * x, y, top - rise)) for side in SIDES], metal)


def _footboard(model: Model, finish: Finish, style: str, wide: float, y: float, rail: float) -> None:
    """The foot end: nothing above the rail, a panel, slats, padding or tubes."""
    wood = finish["frame"]
    if style == "panel":
        model.add(
            [shapes.box((0.06, 0.05, rail + 0.3), (s * (wide / 2 - 0.01), y, (rail + 0.3) / 2), 0.005) for s in SIDES],
            wood,
        )
        model.add(shapes.box((wide - 0.06, 0.026, 0.4), (0, y, rail + 0.08)), wood)
    elif style == "slats":
        model.add(
            [
                shapes.box((0.06, 0.05, rail + 0.26), (s * (wide / 2 - 0.01), y, (rail + 0.26) / 2), 0.005)
                for s in SIDES
            ],
            wood,
        )
        model.add(shapes.box((wide, 0.035, 0.06), (0, y, rail + 0.23)), wood)
        spots = np.linspace(-wide / 2, wide / 2, int(wide / 0.1) + 2)[1:-1]
        model.add([shapes.rod((x, y, rail), (x, y, rail + 0.22), 0.011) for x in spots], wood)
    elif style == "padded":
        model.add(
            cushion((wide + 0.04, 0.09, rail - 0.04), (0, y - 0.02, rail / 2 + 0.05), 0.035, 0.0),
            finish["headboard"],
        )
        for side in SIDES:
            model.add(
                cushion((0.07, -2 * y, rail - 0.14), (side * wide / 2, 0, rail / 2 + 0.1), 0.025, 0.0),
                finish["headboard"],
            )
    elif style == "metal":
        _metal_end(model, wood, wide, y, rail + 0.26, arched=False)
