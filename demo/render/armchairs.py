"""Stools, office, lounge and wing chairs.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Mesh
from .model import Finish, Model
from .soft import channels, cushion, shell, tufts


def stool(
    finish: Finish,
    *,
    height: float = 0.65,
    seat: str = "round",
    legs: str = "round",
    back: float = 0.0,
    spread: float = 0.1,
) -> Model:
    """A stool or bar chair with a foot ring; slots frame and seat."""
    model = Model()
    if seat == "pad":
        model.add(cushion((0.42, 0.4, 0.07), (0, 0, height), 0.03, 0.015), finish["seat"])
    elif seat == "saddle":
        u, v = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 13), indexing="ij")
        dip = 0.028 * (u**2 - 0.5)
        model.add(shell(np.stack([u * 0.21, v * 0.14, height + dip], axis=-1), 0.03), finish["seat"])
    else:
        model.add(shapes.plate(curves.ellipse(0.36, 0.36, 48), height - 0.035, 0.036, 0.01), finish["seat"])
    model.add(joinery.four_legs(legs, 0.2, 0.2, height - 0.028, 0.034, spread), finish["frame"])
    rest = 0.32 * height + 0.02
    reach = 0.1 + spread * (1 - rest / height)
    rungs = [((-reach, y * reach, rest), (reach, y * reach, rest)) for y in SIDES]
    rungs += [((x * reach, -reach, rest + 0.05), (x * reach, reach, rest + 0.05)) for x in SIDES]
    model.add([shapes.rod(start, end, 0.01) for start, end in rungs], finish["frame"])
    if back:
        hoop = [(-0.19, 0.1, height - 0.02), (-0.2, 0.2, height + back * 0.6), (-0.15, 0.23, height + back),
                (0.15, 0.23, height + back),
                (0.2, 0.2, height + back * 0.6), (0.19, 0.1, height - 0.02)]  # fmt: skip
        model.add(shapes.tube(curves.spline(hoop, 8), 0.011), finish["frame"])
        pad = cushion((0.36, back * 0.55, 0.035), radius=0.016, crown=0.008).turn("x", 80)
        model.add(pad.move(0, 0.2, height + back * 0.7), finish["seat"])
    return model


def pedestal_stool(finish: Finish, *, height: float = 0.72, back: bool = True) -> Model:
    """A bar chair on a round foot with a lift column; slots frame and seat."""
    model = Model()
    foot = [
        (0, 0),
        (0.2, 0),
        (0.2, 0.008),
        (0.06, 0.022),
        (0.03, 0.05),
        (0.028, height * 0.55),
        (0.02, height * 0.55),
        (0.02, height - 0.02),
    ]
    model.add(shapes.lathe(foot), finish["frame"])
    ring = curves.lift(curves.arc(0.13, 0, 360, 32)[:-1], "xy", 0.27)
    model.add(shapes.tube(ring + np.array([0.0, -0.1, 0.0]), 0.009, closed=True), finish["frame"])
    model.add(cushion((0.42, 0.4, 0.08), (0, 0, height + 0.02), 0.038, 0.012), finish["seat"])
    if back:
        wrap = _wrap(0.2, 0.19, height + 0.05, 0.2, 165)
        model.add(shell(wrap, 0.045), finish["seat"])
    return model


def _wrap(half_width: float, depth: float, bottom: float, rise: float, sweep: float) -> np.ndarray:
    """A curved back rising from `bottom`, open to the front, bent over `sweep` degrees."""
    angle = np.radians(np.linspace(90 - sweep / 2, 90 + sweep / 2, 33))
    t = np.linspace(0.0, 1.0, 11)
    fall = 1 - 0.45 * np.abs(np.linspace(-1, 1, 33)) ** 3
    x = (1 + 0.06 * t)[:, None] * half_width * np.cos(angle)[None]
    y = (1 + 0.1 * t)[:, None] * depth * np.sin(angle)[None]
    return np.stack([x, y, bottom + rise * t[:, None] * fall[None]], axis=-1)


def tub_chair(
    finish: Finish,
    *,
    width: float = 0.62,
    rise: float = 0.36,
    legs: str = "round",
    fluted: bool = False,
    seat: float = 0.42,
    swivel: bool = False,
) -> Model:
    """A round-backed armchair whose back wraps into the arms; slots seat and legs."""
    model = Model()
    half = width / 2 - 0.05
    if fluted:
        model.add(_flutes(half, seat, rise), finish["seat"])
    else:
        model.add(shell(_wrap(half, half * 1.02, seat - 0.2, rise + 0.2, 225), 0.07), finish["seat"])
    model.add(shapes.plate(curves.ellipse(2 * half, 2 * half, 64, 2.4), seat - 0.2, 0.1, 0.02), finish["seat"])
    pad = shapes.plate(curves.ellipse(2 * half - 0.02, 2 * half - 0.01, 64, 2.6), seat - 0.1, 0.12, 0.045)
    model.add(pad.move(y=-0.02), finish["seat"])
    if swivel:
        model.add(
            shapes.lathe([(0, 0), (0.24, 0), (0.24, 0.012), (0.05, 0.03), (0.05, seat - 0.18), (0, seat - 0.18)]),
            finish["legs"],
        )
    else:
        model.add(joinery.four_legs(legs, 0.34, 0.34, seat - 0.19, 0.036, 0.03), finish["legs"])
    return model


def _flutes(half: float, seat: float, rise: float) -> list[Mesh]:
    """Upright padded rolls side by side around the back."""
    rolls = []
    for angle in np.radians(np.linspace(-18, 198, 15)):
        x, y = half * np.cos(angle), half * 1.02 * np.sin(angle)
        top = seat + rise * (1 - 0.35 * abs(np.cos(angle)) ** 3)
        path = np.array([(x, y, seat - 0.2), (x, y, seat), (x * 1.05, y * 1.07, top - 0.03), (x * 1.05, y * 1.07, top)])
        line = curves.spline(path, 6)
        width = np.interp(np.linspace(0, 1, len(line)), [0, 0.8, 0.92, 1], [1, 1, 0.75, 0.12]) * 0.055
        rolls.append(shapes.tube(line, width, sides=16))
    return rolls


def easy_chair(finish: Finish, *, arms: str = "flat", width: float = 0.68, slatted: bool = False) -> Model:
    """A low wooden lounge chair with two loose cushions; slots frame and seat."""
    model = Model()
    x, wood = width / 2 - 0.03, finish["frame"]
    for side in SIDES:
        front, rear = (side * x, -0.32), (side * x, 0.36)
        model.add(shapes.rod((*front, 0.0), (side * x, -0.29, 0.56), 0.016, 0.021), wood)
        model.add(shapes.rod((*rear, 0.0), (side * x, 0.24, 0.54), 0.016, 0.021), wood)
        if arms == "flat":
            model.add(shapes.box((0.075, 0.66, 0.024), (side * x, -0.03, 0.565)), wood)
        else:
            line = [
                (side * x, -0.4, 0.55),
                (side * x, -0.2, 0.585),
                (side * x, 0.1, 0.55),
                (side * x, 0.32, 0.5),
            ]
            model.add(shapes.bar(curves.spline(line, 8), 0.055, 0.024), wood)
        model.add(shapes.beam((side * x, -0.3, 0.3), (side * x, 0.33, 0.22), 0.022, 0.05), wood)
        model.add(shapes.beam((side * (x - 0.04), 0.2, 0.26), (side * (x - 0.04), 0.5, 0.86), 0.022, 0.04), wood)
    model.add(shapes.box((2 * x, 0.022, 0.06), (0, -0.3, 0.31)), wood)
    rails = np.linspace(0.15, 1.0, 7 if slatted else 4)
    model.add([shapes.box((2 * x - 0.08, 0.016, 0.035), (0, 0.2 + 0.3 * t, 0.26 + 0.6 * t)) for t in rails], wood)
    seat = cushion((width - 0.1, 0.6, 0.12), radius=0.045, crown=0.025).turn("x", -7).move(0, -0.03, 0.37)
    back = cushion((width - 0.1, 0.56, 0.12), radius=0.045, crown=0.03).turn("x", 63).move(0, 0.3, 0.66)
    model.add([seat, back], finish["seat"])
    return model


def wing_chair(finish: Finish, *, tufted: bool = False, legs: str = "turned", height: float = 1.06) -> Model:
    """A tall fireside chair with wings and rolled arms; slots seat and legs."""
    model = Model()
    cloth = finish["seat"]
    model.add(cushion((0.6, 0.6, 0.16), (0, -0.02, 0.25), 0.03, 0.0), cloth)
    model.add(cushion((0.52, 0.56, 0.14), (0, -0.06, 0.39), 0.05, 0.025), cloth)
    dent = tufts(0.15, 0.15, 0.022) if tufted else None
    rise = height - 0.38
    back = cushion((0.6, rise, 0.14), radius=0.06, crown=0.025, dent=dent).turn("x", 80)
    model.add(back.move(0, 0.27, 0.36 + rise / 2), cloth)
    for side in SIDES:
        model.add(cushion((0.1, 0.58, 0.3), (side * 0.32, -0.02, 0.33), 0.035, 0.005), cloth)
        roll = shapes.tube(
            [(side * 0.335, -0.34, 0.56), (side * 0.335, -0.32, 0.56), (side * 0.335, 0.28, 0.56)],
            [0.05, 0.07, 0.07],
        )
        model.add(roll, cloth)
        wing = (
            cushion((rise * 0.62, 0.25, 0.075), radius=0.036, crown=0.012)
            .turn("y", 90)
            .turn("z", side * -14)
            .turn("x", -8)
        )
        model.add(wing.move(side * 0.32, 0.16, height - 0.24), cloth)
    model.add(joinery.four_legs(legs, 0.5, 0.48, 0.19, 0.045, 0.02), finish["legs"])
    return model


def office_chair(
    finish: Finish, *, mesh_back: bool = False, headrest: bool = False, arms: bool = True, tall: float = 0.52
) -> Model:
    """A swivel task chair with gas lift and castors; slots frame, seat and back."""
    model = Model()
    seat = 0.47
    metal, wheels = joinery.star_base(0.31, 5, seat - 0.04, castors=True)
    model.add(metal, finish["frame"])
    if wheels is not None:
        model.add(wheels, "plastic black")
    model.add(shapes.box((0.24, 0.26, 0.035), (0, 0.02, seat - 0.035), 0.01), "plastic black")
    model.add(cushion((0.5, 0.48, 0.085), (0, -0.02, seat + 0.03), 0.04, 0.02), finish["seat"])
    dent = None if mesh_back else channels(0.5, 0.012)
    thick = 0.03 if mesh_back else 0.075
    back = cushion((0.46, tall, thick), radius=thick * 0.48, crown=0.02, dent=dent).turn("x", 80)
    model.add(back.move(0, 0.27, seat + 0.14 + tall / 2), finish["back"])
    spine = [(0, 0.06, seat - 0.03), (0, 0.3, seat - 0.02), (0, 0.34, seat + 0.2), (0, 0.35, seat + 0.36)]
    model.add(shapes.bar(curves.fillet(spine, 0.08), 0.018, 0.06), "plastic black")
    if headrest:
        model.add(
            cushion((0.28, 0.15, 0.06), radius=0.028, crown=0.01).turn("x", 82).move(0, 0.32, seat + 0.26 + tall),
            finish["back"],
        )
        model.add(shapes.rod((0, 0.34, seat + 0.1 + tall), (0, 0.355, seat + 0.28 + tall), 0.012), "plastic black")
    for side in SIDES if arms else ():
        path = [
            (side * 0.14, 0.04, seat - 0.03),
            (side * 0.29, 0.04, seat - 0.02),
            (side * 0.3, 0.03, seat + 0.2),
        ]
        model.add(shapes.bar(curves.fillet(path, 0.05), 0.045, 0.02), finish["frame"])
        model.add(shapes.box((0.075, 0.26, 0.028), (side * 0.3, -0.01, seat + 0.21), 0.012), "plastic black")
    return model


def director_chair(finish: Finish) -> Model:
    """A folding chair with crossed legs and canvas seat and back; slots frame and seat."""
    model = Model()
    wood = finish["frame"]
    for y in (-0.2, 0.2):
        for side, offset in ((-1, -0.012), (1, 0.012)):
            model.add(
                shapes.beam((side * 0.26, y + offset, 0.03), (-side * 0.25, y + offset, 0.45), 0.022, 0.036),
                wood,
            )
    for side in SIDES:
        model.add(shapes.box((0.03, 0.5, 0.03), (side * 0.27, 0, 0.016)), wood)
        model.add(shapes.box((0.03, 0.46, 0.03), (side * 0.26, 0, 0.45)), wood)
        model.add([shapes.box((0.028, 0.03, 0.2), (side * 0.28, y, 0.55)) for y in (-0.18, 0.18)], wood)
        model.add(shapes.box((0.06, 0.5, 0.022), (side * 0.28, 0, 0.66)), wood)
        model.add(shapes.box((0.026, 0.03, 0.26), (side * 0.28, 0.2, 0.78)), wood)
    u, v = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(-1, 1, 5), indexing="ij")
    sag = 0.03 * (1 - u**2)
    model.add(shell(np.stack([u * 0.255, v * 0.19, 0.468 - sag], axis=-1), 0.004), finish["seat"])
    bow = 0.025 * (1 - u**2)
    model.add(shell(np.stack([u * 0.29, 0.19 + bow, 0.82 + v * 0.085], axis=-1), 0.004), finish["seat"])
    return model
