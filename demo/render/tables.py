"""Dining, coffee and side tables.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Array, Mesh
from .model import Finish, Model


def top_outline(form: str, width: float, depth: float) -> Array:
    """The outline of a table top: rectangle, soft, round, oval, boat or kidney."""
    if form == "kidney":
        knots = np.array(
            [
                (-0.5, 0.05),
                (-0.34, -0.4),
                (0.05, -0.36),
                (0.36, -0.48),
                (0.5, -0.1),
                (0.3, 0.32),
                (0.0, 0.2),
                (-0.3, 0.44),
            ]
        )
        return curves.spline(knots * (width, depth), 8, closed=True)
    power = {"rectangle": 40.0, "soft": 6.0, "round": 2.0, "oval": 2.0, "boat": 3.2}[form]
    return curves.ellipse(width, depth, 120, power)


def leg_table(
    finish: Finish,
    *,
    width: float = 1.6,
    depth: float = 0.9,
    height: float = 0.75,
    form: str = "rectangle",
    legs: str = "square",
    thick: float = 0.03,
    leg: float = 0.07,
    inset: float = 0.06,
    splay: float = 0.0,
    apron: float = 0.09,
    shelf: float = 0.0,
) -> Model:
    """A top on four legs, with an optional apron and lower shelf; slots top and legs."""
    model = Model()
    model.add(
        shapes.plate(top_outline(form, width, depth), height - thick, thick, min(0.006, thick / 4)),
        finish["top"],
    )
    reach = 0.72 if form in ("round", "oval", "boat") else 1.0
    wide, deep = width * reach - 2 * inset, depth * reach - 2 * inset
    model.add(joinery.four_legs(legs, wide, deep, height - thick, leg, splay), finish["legs"])
    if apron:
        model.add(joinery.apron(wide, deep, height - thick, apron), finish["legs"])
    if shelf:
        share = 1 + 2 * splay * (1 - shelf / height) / wide
        model.add(
            shapes.plate(top_outline("soft", wide * share + 0.02, deep * share + 0.02), shelf, 0.018),
            finish.get("shelf", finish["top"]),
        )
    return model


def trestle(
    finish: Finish, *, width: float = 1.9, depth: float = 0.9, height: float = 0.75, style: str = "cross"
) -> Model:
    """A long top on two end frames joined by a rail; slots top and legs."""
    model = Model()
    wood, x, under = finish["legs"], width / 2 - 0.3, height - 0.045
    model.add(shapes.slab(width, depth, under, 0.045, 0.008), finish["top"])
    for side in SIDES:
        at = side * x
        if style == "cross":
            for sign in SIDES:
                model.add(
                    shapes.beam(
                        (at + sign * 0.001, sign * depth * 0.38, 0.03),
                        (at, -sign * depth * 0.34, under),
                        0.06,
                        0.085,
                    ),
                    wood,
                )
            model.add(shapes.box((0.07, depth * 0.8, 0.05), (at, 0, under - 0.025)), wood)
        else:
            model.add([shapes.box((0.06, depth * 0.84, 0.03), (at, 0, z)) for z in (0.015, under - 0.015)], wood)
            model.add([shapes.box((0.06, 0.03, under), (at, s * depth * 0.41, under / 2)) for s in SIDES], wood)
    if style == "cross":
        model.add(shapes.box((2 * x, 0.035, 0.1), (0, 0, 0.36)), wood)
    return model


def pedestal(
    finish: Finish,
    *,
    width: float = 1.1,
    depth: float = 0.0,
    height: float = 0.74,
    foot: str = "trumpet",
    thick: float = 0.03,
) -> Model:
    """A round or oval top on one central foot: a trumpet, claws or a fluted drum; slots top and foot."""
    model = Model()
    depth = depth or width
    model.add(shapes.plate(top_outline("round", width, depth), height - thick, thick, thick * 0.3), finish["top"])
    build = {"trumpet": _trumpet, "claw": _claws, "drum": _drum}[foot]
    model.add(build(min(width, depth) * 0.3, height - thick), finish["foot"])
    return model


def _trumpet(reach: float, under: float) -> list[Mesh]:
    """A slender foot that widens towards the floor."""
    profile = [
        (reach, 0),
        (reach * 0.98, 0.012),
        (reach * 0.5, 0.05),
        (0.06, 0.2),
        (0.045, 0.42),
        (0.07, 0.6),
        (0.17, under),
    ]
    return [shapes.lathe(curves.spline(profile, 6))]


def _claws(reach: float, under: float) -> list[Mesh]:
    """A turned post on four curved feet."""
    post = [(0.9, 0), (0.9, 0.04), (0.5, 0.12), (1, 0.24), (0.7, 0.34), (0.42, 0.6), (0.55, 0.86), (0.9, 1)]
    low = 0.16
    path = [(0.03, 0, 0.24), (reach * 0.5, 0, 0.2), (reach * 1.0, 0, 0.05), (reach * 1.2, 0, 0.022)]
    claw = shapes.tube(curves.spline(path), np.linspace(0.034, 0.02, 25))
    turned = shapes.lathe([(r * 0.085, low + z * (under - low)) for r, z in post])
    return [turned, *(claw.turn("z", 90 * k + 45) for k in range(4))]


def _drum(reach: float, under: float) -> list[Mesh]:
    """A drum of half-round staves."""
    core = shapes.lathe([(0, 0), (reach * 0.95, 0), (reach * 0.95, under), (0, under)], segments=64)
    angles = np.linspace(0, 2 * np.pi, 37)[:-1]
    spots = [(reach * np.cos(a), reach * np.sin(a)) for a in angles]
    return [core, *(shapes.cylinder(reach * 0.09, 0.001, under, spot) for spot in spots)]


def nest(finish: Finish, *, form: str = "soft", count: int = 2, width: float = 0.6, hairpins: bool = False) -> Model:
    """Tables of falling size standing partly under one another; slots top, second and legs."""
    model = Model()
    for k in range(count):
        size, height = width * (1 - 0.2 * k), 0.48 - 0.085 * k
        piece = leg_table(
            {"top": finish["second"] if k % 2 else finish["top"], "legs": finish["legs"]},
            width=size, depth=size if form == "round" else size * 0.72, height=height, form=form,
            legs="hairpin" if hairpins else "tube", leg=0.012 if hairpins else 0.018, inset=0.03,
            splay=0.02, apron=0.0, thick=0.022,
        )  # fmt: skip
        model.extend(piece.move(0.3 * k * width / 0.6, -0.19 * k * width / 0.6))
    return model


def tray_table(finish: Finish, *, diameter: float = 0.45, height: float = 0.5, legs: int = 3) -> Model:
    """A round tray with a raised rim on splayed or crossed legs; slots top and legs."""
    model = Model()
    r = diameter / 2
    profile = [
        (0, height - 0.05),
        (r - 0.01, height - 0.05),
        (r, height - 0.04),
        (r, height),
        (r - 0.006, height),
        (r - 0.008, height - 0.036),
        (0, height - 0.036),
    ]
    model.add(shapes.lathe(profile, segments=64), finish["top"])
    for k in range(legs):
        path = [(r * 0.62, 0, height - 0.05), (r * 0.95, 0, 0.0)]
        model.add(shapes.rod(path[0], path[1], 0.014, 0.009).turn("z", 360 * k / legs + 20), finish["legs"])
    ring = curves.lift(curves.arc(r * 0.74, 0, 360, 40)[:-1], "xy", height * 0.58)
    model.add(shapes.tube(ring, 0.006, closed=True), finish["legs"])
    return model


def c_table(finish: Finish, *, width: float = 0.5, depth: float = 0.32, height: float = 0.62) -> Model:
    """A side table whose foot slides under a sofa; slots top and legs."""
    model = Model()
    model.add(shapes.plate(top_outline("rectangle", width, depth), height - 0.022, 0.022), finish["top"])
    x, y = width / 2 - 0.03, depth / 2 - 0.03
    for side in SIDES:
        path = [
            (x, side * y, height - 0.03),
            (-x, side * y, height - 0.03),
            (-x, side * y, 0.011),
            (x, side * y, 0.011),
        ]
        model.add(shapes.bar(curves.fillet(path, 0.012), 0.02, 0.02), finish["legs"])
    for px, z in ((-x, 0.011), (x, height - 0.033), (-x, height - 0.033)):
        model.add(shapes.box((0.02, 2 * y, 0.02), (px, 0, z)), finish["legs"])
    return model


def frame_table(
    finish: Finish,
    *,
    width: float = 1.1,
    depth: float = 0.6,
    height: float = 0.42,
    bar: float = 0.022,
    shelf: bool = False,
    braced: bool = False,
) -> Model:
    """A sheet of glass, stone or wood in an edge frame of metal; slots top, frame and shelf."""
    model = Model()
    metal, x, y = finish["frame"], width / 2 - bar / 2, depth / 2 - bar / 2
    model.add(
        [shapes.box((bar, bar, height), (px, py, height / 2), 0.002) for px, py in joinery.corners(2 * x, 2 * y)],
        metal,
    )
    for z in (height - bar / 2, bar / 2 + (0.1 if shelf else 0.0)):
        model.add([shapes.box((2 * x, bar, bar), (0, s * y, z), 0.002) for s in SIDES], metal)
        model.add([shapes.box((bar, 2 * y, bar), (s * x, 0, z), 0.002) for s in SIDES], metal)
    if braced:
        for s in SIDES:
            model.add(
                [
                    shapes.rod((-x, s * y, a), (x, s * y, b), bar * 0.35)
                    for a, b in ((bar, height - bar), (height - bar, bar))
                ],
                metal,
            )
    model.add(shapes.box((width - bar, depth - bar, 0.012), (0, 0, height + 0.004), 0.003), finish["top"])
    if shelf:
        model.add(shapes.box((width - bar, depth - bar, 0.012), (0, 0, 0.122), 0.003), finish["shelf"])
    return model


def block_table(
    finish: Finish, *, width: float = 1.2, depth: float = 0.65, height: float = 0.38, style: str = "waterfall"
) -> Model:
    """Coffee tables made of broad boards or solids; slots top, and knobs or second."""
    model = Model()
    top = finish["top"]
    if style == "waterfall":
        model.add(shapes.slab(width, depth, height - 0.04, 0.04, 0.006), top)
        model.add(
            [
                shapes.box(
                    (0.04, depth, height - 0.04),
                    (s * (width / 2 - 0.02), 0, height / 2 - 0.02),
                    0.006,
                    grain="z",
                )
                for s in SIDES
            ],
            top,
        )
        model.add(shapes.slab(width - 0.08, depth - 0.04, 0.12, 0.02), finish.get("second", top))
    elif style == "plinth":
        model.add(shapes.box((width, depth, height), (0, 0, height / 2), 0.012), top)
    elif style == "chest":
        body = height - 0.1
        model.add(shapes.box((width, depth, body), (0, 0, 0.1 + body / 2), 0.006), top)
        for k in SIDES:
            model.add(
                shapes.box(
                    (width / 2 - 0.03, 0.018, body - 0.05),
                    (k * width / 4, -depth / 2 - 0.004, 0.1 + body / 2),
                    0.003,
                ),
                top,
            )
            model.add(joinery.knob((k * width / 4, -depth / 2 - 0.013, 0.1 + body / 2), 0.015), finish["knobs"])
        model.add(joinery.four_legs("round", width - 0.14, depth - 0.12, 0.12, 0.05, 0.015), top)
    else:
        model.add(shapes.cylinder(width / 2, 0, height), top)
    return model
