"""Steel-framed and moulded chairs.  Builders take a finish (slot to material) and metres."""

from __future__ import annotations

import numpy as np

from . import curves, joinery, shapes
from .joinery import SIDES
from .mesh import Array
from .model import Finish, Model
from .soft import channels, cushion, shell, tufts


def cantilever(finish: Finish, *, filling: str = "pad", arms: bool = False, width: float = 0.46) -> Model:
    """A springy tube frame without back legs; slots frame, seat and, for cane, rim."""
    model = Model()
    x, front, back, seat, pipe = width / 2, -0.24, 0.2, 0.44, 0.0125
    half = [(x, back + 0.1, 0.86), (x, back, seat + 0.06), (x, back - 0.08, seat), (x, front, seat),
            (x, front, pipe), (x, back + 0.06, pipe)]  # fmt: skip
    path = np.array(half + [(-px, py, pz) for px, py, pz in half[::-1]])
    model.add(shapes.tube(curves.fillet(path, 0.07, 8), pipe), finish["frame"])
    lean = 12.0
    back_at = (0.0, back + 0.062, 0.71)
    if filling == "cane":
        for size, turn, at in (
            ((width - 0.02, 0.42), 0.0, (0, -0.04, seat + 0.012)),
            ((width - 0.02, 0.26), 90 - lean, back_at),
        ):
            ring = curves.lift(curves.rectangle(size[0] - 0.05, size[1] - 0.05, 0.03), "xy")
            model.add(shapes.bar(ring, 0.05, 0.022, closed=True).turn("x", turn).move(*at), finish["rim"])
            sheet = shapes.box((size[0] - 0.06, size[1] - 0.06, 0.003), radius=0.001)
            model.add(sheet.turn("x", turn).move(*at), finish["seat"])
    else:
        dent = channels(0.09, 0.007) if filling == "channels" else None
        model.add(cushion((width - 0.01, 0.44, 0.05), (0, -0.04, seat + 0.025), 0.02, 0.01, dent), finish["seat"])
        pad = cushion((width - 0.01, 0.36, 0.045), radius=0.02, crown=0.01, dent=dent)
        model.add(pad.turn("x", 90 - lean).move(0, back_at[1] - 0.015, 0.68), finish["seat"])
    if arms:
        for side in SIDES:
            loop = [(side * x, back + 0.05, 0.66), (side * (x + 0.03), back - 0.1, 0.66),
                    (side * (x + 0.03), front + 0.04, 0.66),
                    (side * x, front, 0.6), (side * x, front, seat)]  # fmt: skip
            model.add(shapes.tube(curves.fillet(loop, 0.05), pipe), finish["frame"])
            model.add(
                shapes.box((0.035, 0.24, 0.018), (side * (x + 0.03), -0.06, 0.677)),
                finish.get("rim", finish["seat"]),
            )
    return model


def bucket(width: float, seat: float, rise: float, wrap: float) -> Array:
    """A moulded seat-and-back surface; `wrap` lifts its sides into low arms."""
    line = [(-0.25, seat - 0.02), (-0.22, seat + 0.012), (-0.05, seat - 0.012), (0.12, seat - 0.01),
            (0.19, seat + 0.05), (0.225, seat + 0.17), (0.25, seat + 0.3), (0.275, seat + rise)]  # fmt: skip
    spine = curves.spline(line, 5)
    t = np.linspace(0.0, 1.0, len(spine))
    s = np.linspace(-1.0, 1.0, 21)
    half = (
        width
        / 2
        * np.interp(t, [0, 0.04, 0.1, 0.3, 0.55, 0.78, 0.9, 0.96, 1], [0.72, 0.85, 0.94, 1, 1, 0.95, 0.87, 0.75, 0.55])
    )
    x = s[None, :] * half[:, None]
    curl = np.abs(s[None, :]) ** 2.6
    middle = np.exp(-(((t - 0.55) / 0.22) ** 2))[:, None]
    y = spine[:, 0][:, None] - curl * (0.03 + wrap * 0.8 * middle) * np.clip((t - 0.35) * 3, 0, 1)[:, None]
    z = spine[:, 1][:, None] + curl * (0.03 * np.sin(np.pi * t)[:, None] + wrap * middle)
    return np.stack([x, y, z], axis=-1)


def shell_chair(
    finish: Finish,
    *,
    base: str = "dowel",
    wrap: float = 0.0,
    width: float = 0.47,
    seat_height: float = 0.45,
    back_height: float = 0.38,
    pad: bool = False,
) -> Model:
    """A moulded shell on dowel, wire or star legs; slots shell, base and, with a pad, seat."""
    model = Model()
    model.add(shell(bucket(width, seat_height, back_height, wrap), 0.009), finish["shell"])
    if pad:
        model.add(cushion((width - 0.09, 0.36, 0.03), (0, -0.03, seat_height + 0.014), 0.014, 0.006), finish["seat"])
    under = seat_height - 0.024
    if base == "star":
        metal, wheels = joinery.star_base(0.29, 5, under, castors=True)
        model.add(metal, finish["base"])
        if wheels is not None:
            model.add(wheels, "plastic black")
        return model
    if base == "dowel":
        model.add(joinery.four_legs("round", 0.2, 0.2, under, 0.03, 0.105), finish["base"])
        model.add([shapes.rod((-0.16, y, 0.24), (0.16, -y, 0.24), 0.005) for y in (-0.16, 0.16)], "metal black")
        model.add(shapes.box((0.24, 0.24, 0.016), (0, 0, under)), "metal black")
        return model
    for side in SIDES:
        loop = [
            (side * 0.1, -0.17, under),
            (side * 0.22, -0.24, 0.008),
            (side * 0.22, 0.24, 0.008),
            (side * 0.1, 0.12, under),
        ]
        model.add(shapes.tube(curves.fillet(loop, 0.04), 0.007), finish["base"])
    model.add([shapes.rod((-0.1, y, under), (0.1, y, under), 0.007) for y in (-0.17, 0.12)], finish["base"])
    return model


def sled_chair(finish: Finish, *, width: float = 0.48, back_height: float = 0.42, quilted: bool = False) -> Model:
    """A padded seat and back on two closed steel runners; slots frame and seat."""
    model = Model()
    x, seat = width / 2 - 0.03, 0.44
    for side in SIDES:
        loop = np.array(
            [
                (side * x, -0.22, seat),
                (side * (x + 0.02), -0.24, 0.012),
                (side * (x + 0.02), 0.25, 0.012),
                (side * x, 0.2, seat),
            ]
        )
        model.add(shapes.tube(curves.fillet(loop, 0.05, closed=True), 0.011, closed=True), finish["frame"])
    dent = tufts(0.12, 0.12, 0.014) if quilted else None
    model.add(cushion((width, 0.47, 0.085), (0, -0.02, seat + 0.05), 0.04, 0.015), finish["seat"])
    pad = cushion((width, back_height, 0.065), radius=0.032, crown=0.014, dent=dent).turn("x", 78)
    model.add(pad.move(0, 0.235, seat + 0.08 + back_height / 2), finish["seat"])
    brace = [(0.0, 0.1, seat), (0.0, 0.24, seat + 0.02), (0.0, 0.28, seat + 0.2)]
    model.add(shapes.bar(curves.fillet(brace, 0.05), 0.008, 0.05), finish["frame"])
    return model
