"""Mattress, duvet, pillows and throw, shared by all beds.  All lengths are metres."""

from __future__ import annotations

import numpy as np

from .mesh import Mesh, from_faces
from .model import Finish, Model
from .shapes import rounded_grid_faces
from .soft import cushion, folds, pillow


def duvet(width: float, length: float, hang: float, top: float, seed: int) -> Mesh:
    """A quilt over a mattress, falling down both sides and the foot end, softly creased."""
    vertices, faces = rounded_grid_faces((width, length, hang), 0.075, (22, 22, 6))
    half = np.array([width, length, hang]) / 2
    u, v, w = (vertices / half).T
    bent = vertices.copy()
    bent[:, 2] += 0.02 * (1 - u**2) * (1 - v**4) * (w > 0.3)
    bent[:, 2] += 0.011 * folds(vertices, 0.42, seed) * np.clip(w, 0, 1)
    wave = folds(vertices * [1, 1, 0.15], 0.26, seed + 1)
    bent[:, 0] += 0.014 * wave * np.sign(u) * (np.abs(u) > 0.9) * np.clip(0.6 - w, 0, 1.5)
    bent[:, 1] += 0.014 * wave * np.sign(v) * (np.abs(v) > 0.95) * np.clip(0.6 - w, 0, 1.5)
    return from_faces(bent, faces).move(z=top - hang / 2)


def dress(
    model: Model,
    finish: Finish,
    width: float,
    length: float,
    base: float,
    *,
    pillows: int = 2,
    throw: bool = False,
    seed: int = 1,
    mattress: float = 0.2,
    turned_down: bool = True,
) -> None:
    """Lay mattress and bedding on slats whose upper side is at `base`; the head is at +y.

    Slots duvet, pillow and optionally throw and second (a smaller pair of cushions).
    """
    model.add(cushion((width, length, mattress), (0, 0, base + mattress / 2), 0.05, 0.006), "sheet white")
    top = base + mattress
    covered = length * (0.66 if turned_down else 0.74)
    foot = -length / 2 - 0.03
    model.add(
        duvet(width + 0.07, covered, mattress * 0.86 + 0.06, top + 0.055, seed).move(y=foot + covered / 2),
        finish["duvet"],
    )
    if turned_down:
        fold = cushion((width + 0.09, 0.3, 0.075), (0, foot + covered - 0.1, top + 0.05), 0.036, 0.008, crumple=0.006)
        model.add(fold, finish["pillow"])
    if throw:
        model.add(
            duvet(width + 0.11, 0.55, mattress * 0.9 + 0.07, top + 0.085, seed + 5).move(y=foot + 0.42),
            finish["throw"],
        )
    _pillows(model, finish, width, length / 2, top, pillows)


def _pillows(model: Model, finish: Finish, width: float, head: float, top: float, count: int) -> None:
    """Sleeping pillows leaning on the headboard, with accent cushions in front of them."""
    rows = max(1, count // 2) if width > 1.1 else count
    across = 2 if width > 1.1 else 1
    wide = min(0.74, width / across - 0.06)
    for row in range(min(rows, 2)):
        for k in range(across):
            x = (k - (across - 1) / 2) * width / across
            soft = pillow(wide, 0.5, 0.19).turn("x", 52 - 22 * row).turn("z", 2 - 4 * k)
            model.add(soft.move(x, head - 0.17 - 0.19 * row, top + 0.19 - 0.06 * row), finish["pillow"])
    if "second" in finish:
        for k in range(across):
            x = (k - (across - 1) / 2) * 0.46
            model.add(
                pillow(0.44, 0.44, 0.16).turn("x", 48).turn("z", 8 - 16 * k).move(x, head - 0.46, top + 0.2),
                finish["second"],
            )
