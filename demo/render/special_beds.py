"""Four-posters, bunks, day beds, sleigh and storage beds.

Builders take a finish (slot to material) and metres; the head is at +y.
"""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .bedding import dress
from .beds import bed
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .soft import cushion, pillow, shell


def canopy(
    finish: Finish,
    *,
    width: float = 1.6,
    length: float = 2.0,
    height: float = 2.05,
    metal: bool = False,
    drapes: bool = False,
    throw: bool = True,
    seed: int = 3,
) -> Model:
    """A four-poster; slots frame, duvet, pillow, throw and, with drapes, drapes."""
    model = bed(
        finish,
        width=width,
        length=length,
        head="slats" if not metal else "none",
        head_height=0.95,
        throw=throw,
        seed=seed,
        legs="square",
    )
    x, y, thick = width / 2 + 0.035, length / 2 + 0.02, 0.03 if metal else 0.06
    frame = [
        shapes.box((thick, thick, height), (px, py, height / 2), 0.004) for px, py in joinery.corners(2 * x, 2 * y)
    ]
    frame += [shapes.box((2 * x, thick, thick), (0, side * y, height - thick / 2), 0.004) for side in SIDES]
    frame += [shapes.box((thick, 2 * y, thick), (side * x, 0, height - thick / 2), 0.004) for side in SIDES]
    model.add(frame, finish["frame"])
    if drapes:
        model.add([_drape(side, x, y, height) for side in SIDES], finish["drapes"])
    return model


def _drape(side: int, x: float, y: float, height: float) -> Mesh:
    """A gathered curtain hanging at one side of the head."""
    t = np.linspace(0.0, 1.0, 60)
    wave = 0.025 * np.sin(t * 44)
    rows = []
    for k in (0.0, 0.35, 0.7, 1.0):
        across = side * x + wave * (0.6 + 0.4 * k)
        rows.append(
            np.stack([across, y - 0.05 - 0.34 * t * (1 - 0.25 * k), np.full_like(t, height - 0.04 - 1.95 * k)], 1)
        )
    return shell(np.stack(rows), 0.003)


def bunk(finish: Finish, *, width: float = 0.9, length: float = 2.0, height: float = 1.65, loft: bool = False) -> Model:
    """Two beds one above the other with a ladder, or with `loft` one high bed over a desk board."""
    model = Model()
    wood, x, y = finish["frame"], width / 2 + 0.04, length / 2 + 0.03
    model.add(
        [shapes.box((0.065, 0.065, height), (px, py, height / 2), 0.006) for px, py in joinery.corners(2 * x, 2 * y)],
        wood,
    )
    for base in (1.22,) if loft else (0.3, 1.22):
        model.add([shapes.box((0.028, 2 * y, 0.13), (s * x, 0, base)) for s in SIDES], wood)
        model.add([shapes.box((2 * x, 0.028, 0.13), (0, s * y, base)) for s in SIDES], wood)
        layer = Model()
        dress(layer, finish, width, length, base - 0.03, pillows=1, mattress=0.14, seed=int(base * 10))
        model.extend(layer)
    for z in (height - 0.04, height - 0.17):
        model.add(
            [
                shapes.box((0.022, 2 * y, 0.08), (x, 0, z)),
                shapes.box((0.022, 2 * y * 0.72, 0.08), (-x, y * 0.28, z)),
            ],
            wood,
        )
        model.add([shapes.box((2 * x, 0.022, 0.08), (0, s * y, z)) for s in SIDES], wood)
    model.add(shapes.box((0.04, 0.045, 0.3), (-x, -y * 0.44, height - 0.14)), wood)
    for py in (-y * 0.9, -y * 0.52):
        model.add(shapes.beam((-x - 0.24, py, 0.0), (-x - 0.02, py, height - 0.1), 0.035, 0.06), wood)
    for z in np.arange(0.25, height - 0.2, 0.25):
        px = -x - 0.24 + 0.22 * z / (height - 0.1)
        model.add(shapes.box((0.07, y * 0.38, 0.025), (px, -y * 0.71, z)), wood)
    if loft:
        model.add(shapes.box((0.5, 2 * y - 0.1, 0.028), (x - 0.25, 0, 0.73)), wood)
    return model.turn(90)


def daybed(
    finish: Finish, *, width: float = 0.9, length: float = 2.0, metal: bool = False, cane: bool = False
) -> Model:
    """A single bed with a back and two equal ends, used as a sofa by day; its long side faces front."""
    model = Model()
    frame = finish["frame"]
    x, y, rail = length / 2 + 0.03, width / 2 + 0.03, 0.34
    if metal:
        _tube_ends(model, frame, x, y, rail)
    else:
        _post_ends(model, finish, x, y, cane)
    model.add(
        [shapes.box((2 * x, 0.03, 0.12), (0, s * y, rail - 0.03)) for s in SIDES]
        + [shapes.box((0.03, 2 * y, 0.12), (s * x, 0, rail - 0.03)) for s in SIDES],
        frame,
    )
    model.add(cushion((length, width, 0.18), (0, 0, rail + 0.08), 0.05, 0.012, crumple=0.004), finish["duvet"])
    for k, (px, tilt) in enumerate(((-0.7, 0), (-0.25, 4), (0.25, -5), (0.7, 0))):
        from_slot = finish["pillow"] if k % 2 == 0 else finish.get("second", finish["pillow"])
        model.add(_lean(px * length * 0.6, y - 0.14, rail + 0.36, tilt), from_slot)
    return model


def _tube_ends(model: Model, metal: str, x: float, y: float, rail: float) -> None:
    """Round-cornered ends and a bowed back of steel tube with thin bars."""
    for side in SIDES:
        loop = [(side * x, -y, 0), (side * x, -y, 0.7), (side * x, y, 0.7), (side * x, y, 0)]
        model.add(shapes.tube(curves.fillet(loop, 0.12, 8), 0.016), metal)
        bars = np.linspace(-y, y, 8)[1:-1]
        model.add([shapes.rod((side * x, bar, rail), (side * x, bar, 0.7), 0.008) for bar in bars], metal)
    line = curves.spline([(-x, y, 0.68), (-x * 0.6, y, 0.78), (0, y, 0.86), (x * 0.6, y, 0.78), (x, y, 0.68)])
    model.add(shapes.tube(line, 0.014), metal)
    for bar in np.linspace(-x, x, 21)[1:-1]:
        top = float(np.interp(bar, line[:, 0], line[:, 2]))
        model.add(shapes.rod((bar, y, rail), (bar, y, top), 0.007), metal)


def _post_ends(model: Model, finish: Finish, x: float, y: float, cane: bool) -> None:
    """Square posts and rails filled with slats or cane on three sides."""
    wood, z = finish["frame"], 0.555
    model.add([shapes.box((0.05, 0.05, 0.72), (*spot, 0.36)) for spot in joinery.corners(2 * x, 2 * y)], wood)
    for level in (0.695, 0.42):
        model.add([shapes.box((0.035, 2 * y, 0.06), (side * x, 0, level)) for side in SIDES], wood)
        model.add(shapes.box((2 * x, 0.035, 0.06), (0, y, level)), wood)
    if cane:
        model.add([shapes.box((0.004, 2 * y, 0.24), (side * x, 0, z), 0.001) for side in SIDES], finish["headboard"])
        model.add(shapes.box((2 * x, 0.004, 0.24), (0, y, z), 0.001), finish["headboard"])
        return
    for side in SIDES:
        spots = np.linspace(-y, y, 8)[1:-1]
        model.add([shapes.box((0.016, 0.04, 0.24), (side * x, spot, z)) for spot in spots], wood)
    model.add([shapes.box((0.04, 0.016, 0.24), (spot, y, z)) for spot in np.linspace(-x, x, 17)[1:-1]], wood)


def _lean(x: float, y: float, z: float, tilt: float) -> Mesh:
    """A square cushion leaning against the back."""
    return pillow(0.5, 0.5, 0.18).turn("x", 70).turn("z", tilt).move(x, y, z)


def sleigh(
    finish: Finish,
    *,
    width: float = 1.6,
    length: float = 2.0,
    head: float = 1.1,
    foot: float = 0.72,
    throw: bool = False,
    seed: int = 4,
) -> Model:
    """A bed whose ends curl outwards like a sleigh; slots frame, duvet, pillow and throw."""
    model = Model()
    wood, half = finish["frame"], width / 2 + 0.05
    for sign, top in ((1, head), (-1, foot)):
        y = sign * (length / 2 + 0.04)
        curl = [
            (y, 0.016),
            (y - sign * 0.015, 0.3),
            (y, top * 0.6),
            (y + sign * 0.07, top * 0.85),
            (y + sign * 0.17, top * 0.98),
            (y + sign * 0.235, top * 0.95),
        ]
        line = curves.spline(curl, 7)
        surface = np.stack([np.column_stack([np.full(len(line), x), line]) for x in np.linspace(-half, half, 5)])
        model.add(shell(surface if sign > 0 else surface[::-1], 0.045), wood)
        model.add(
            shapes.tube(
                [(-half - 0.01, line[-1][0], line[-1][1]), (half + 0.01, line[-1][0], line[-1][1])],
                0.035,
                sides=20,
            ),
            wood,
        )
    model.add([shapes.box((0.04, length + 0.08, 0.22), (s * half, 0, 0.24)) for s in SIDES], wood)
    model.add(shapes.box((width, length, 0.03), (0, 0, 0.26)), wood)
    dress(model, finish, width, length, 0.28, pillows=4, throw=throw, seed=seed)
    return model


def bookcase_bed(finish: Finish, *, width: float = 1.4, length: float = 2.0, drawers: int = 2) -> Model:
    """A storage bed whose headboard is a shelf; slots frame, duvet, pillow and knobs."""
    model = bed(
        finish,
        width=width,
        length=length,
        rail=0.4,
        rail_tall=0.12,
        head="none",
        drawers=drawers,
        legs="plinth",
        seed=6,
    )
    outer, y, deep = width + 0.07, length / 2 + 0.16, 0.24
    wood = finish["frame"]
    model.add([shapes.box((outer, deep, 0.025), (0, y, z)) for z in (0.6, 0.98)], wood)
    model.add(shapes.box((outer, 0.018, 1.0), (0, y + deep / 2 - 0.01, 0.5)), wood)
    model.add([shapes.box((0.025, deep, 1.0), (k * outer / 2, y, 0.5)) for k in SIDES], wood)
    model.add([shapes.box((0.02, deep, 0.36), (k * outer / 6, y, 0.79)) for k in SIDES], wood)
    rng = np.random.default_rng(2)
    for k, shade in enumerate(("navy", "terracotta", "cream", "forest", "mustard", "charcoal", "white", "blush")):
        tall = rng.uniform(0.18, 0.26)
        model.add(
            shapes.box((0.03, 0.16, tall), (-outer / 2 + 0.07 + 0.036 * k, y, 0.613 + tall / 2), 0.002),
            f"painted {shade}",
        )
    return model
