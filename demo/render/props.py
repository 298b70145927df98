"""Small things that furnish a room around the product.  All lengths are metres."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import curves, shapes
from .mesh import Mesh, merge
from .model import Model
from .shapes import Point
from .soft import shell


def leaf(length: float, width: float, droop: float) -> Mesh:
    """A leaf growing from the origin along +y and bending down."""
    t = np.linspace(0.0, 1.0, 9)
    s = np.linspace(-1.0, 1.0, 5)
    half = width / 2 * np.sin(np.pi * t**0.75) ** 0.8
    x = s[None, :] * half[:, None]
    y = np.broadcast_to((length * t)[:, None], x.shape)
    z = -droop * (t**2)[:, None] + 0.25 * np.abs(x)
    return shell(np.stack([x, y, z], axis=-1), 0.002)


def plant(rng: Generator, height: float) -> Model:
    """A leafy plant in a round pot."""
    model = Model()
    pot = height * 0.3
    wide = pot * rng.uniform(0.38, 0.5)
    profile = [
        (0, 0),
        (wide * 0.75, 0),
        (wide, pot),
        (wide * 0.9, pot),
        (wide * 0.85, pot * 0.9),
        (0, pot * 0.9),
    ]
    shades = ["white", "terracotta", "charcoal", "sand", "navy"]
    model.add(shapes.lathe(profile), f"ceramic {rng.choice(shades)}")
    leaves = []
    slim = rng.uniform(0.16, 0.42)
    for _ in range(int(rng.integers(18, 30))):
        reach = height * rng.uniform(0.3, 0.48)
        rise = rng.uniform(20, 78)
        blade = leaf(reach, reach * slim, reach * rng.uniform(0.1, 0.45))
        stem = pot + (height - pot) * rng.uniform(0.0, 0.45)
        leaves.append(blade.turn("x", rise).turn("z", rng.uniform(0, 360)).move(z=stem))
    model.add(leaves, f"leaf {rng.choice(['forest', 'olive', 'emerald'])}")
    model.add(shapes.rod((0, 0, pot * 0.8), (0, 0, pot + (height - pot) * 0.5), 0.012), "leaf olive")
    return model


def picture(rng: Generator, width: float, height: float) -> Model:
    """A framed abstract print, hanging in the xz plane about the origin and facing -y."""
    model = Model()
    wood = str(rng.choice(["oak", "black ash", "painted white", "walnut"]))
    rail = 0.025
    for side in (-1, 1):
        model.add(shapes.box((rail, 0.025, height), (side * width / 2, 0, 0)), wood)
        model.add(shapes.box((width + rail, 0.025, rail), (0, 0, side * height / 2)), wood)
    model.add(shapes.box((width, 0.006, height), (0, 0.004, 0)), "paper white")
    shades = ["terracotta", "mustard", "navy", "sage", "blush", "teal", "charcoal", "ochre"]
    for step in range(int(rng.integers(2, 5))):
        spot = rng.uniform(-0.18, 0.18, 2) * (width, height)
        blob = curves.ellipse(width * rng.uniform(0.2, 0.5), height * rng.uniform(0.15, 0.45), power=rng.uniform(2, 5))
        disc = shapes.plate(blob, 0.0, 0.002, bevel=0.0005).turn("x", 90)
        model.add(disc.move(spot[0], -0.002 - 0.001 * step, spot[1]), f"paper {rng.choice(shades)}")
    return model


def books(rng: Generator) -> Model:
    """A short lying stack of books."""
    model = Model()
    height = 0.0
    for shade in rng.choice(["navy", "cream", "terracotta", "forest", "charcoal", "mustard", "white"], 4, False):
        thick = rng.uniform(0.018, 0.035)
        size = (rng.uniform(0.15, 0.2), rng.uniform(0.2, 0.26), thick)
        turn = rng.uniform(-14, 14)
        model.add(shapes.box(size, radius=0.002).turn("z", turn).move(z=height + thick / 2), f"painted {shade}")
        pages = (size[0] - 0.004, size[1] + 0.001, thick - 0.007)
        model.add(shapes.box(pages, radius=0.001).turn("z", turn).move(x=0.004, z=height + thick / 2), "paper cream")
        height += thick
    return model


def vase(rng: Generator, height: float = 0.24) -> Model:
    """A ceramic vase with a few bare twigs."""
    model = Model()
    waist = rng.uniform(0.25, 0.5)
    belly = height * rng.uniform(0.22, 0.34)
    profile = [
        (0, 0),
        (belly * 0.6, 0),
        (belly, height * waist),
        (belly * 0.35, height * 0.85),
        (belly * 0.45, height),
    ]
    shade = rng.choice(["white", "sage", "terracotta", "charcoal", "blush", "blue"])
    model.add(shapes.lathe(curves.spline(profile, 6)), f"ceramic {shade}")
    twigs = []
    for _ in range(5):
        lean, angle = rng.uniform(0.03, 0.13), rng.uniform(0, 2 * np.pi)
        tip: Point = (lean * np.cos(angle), lean * np.sin(angle), height * rng.uniform(1.6, 2.1))
        twigs.append(shapes.rod((0, 0, height * 0.7), tip, 0.0022, 0.001))
        twigs.extend(
            leaf(0.055, 0.02, 0.01).turn("x", 40).turn("z", turn).move(tip[0] * f, tip[1] * f, height * (0.7 + 1.1 * f))
            for f, turn in ((0.6, 40), (0.75, 200), (0.9, 310), (1.0, 100))
        )
    model.add(twigs, "leaf olive")
    return model


def rug(rng: Generator, width: float, depth: float) -> Model:
    """A flat rug with a plain border, round or rectangular."""
    model = Model()
    ground, border = rng.choice(["cream", "grey", "navy", "rust", "sage", "mustard", "charcoal", "blush"], 2, False)
    power = 2.0 if rng.random() < 0.3 else 24.0
    model.add(shapes.plate(curves.ellipse(width, depth, 96, power), 0.0, 0.010), f"rug {border}")
    inner = curves.ellipse(width - 0.22, depth - 0.22, 96, power)
    model.add(shapes.plate(inner, 0.002, 0.0095), f"rug {ground}")
    return model


def sideboard(width: float, depth: float, height: float, material: str) -> Model:
    """A plain chest for lamps to stand on."""
    model = Model()
    legs = 0.14
    model.add(shapes.box((width, depth, height - legs), (0, 0, legs + (height - legs) / 2), 0.006, "x"), material)
    doors = 3
    for door in range(doors):
        x = (door - (doors - 1) / 2) * width / doors
        face = (width / doors - 0.012, 0.018, height - legs - 0.05)
        model.add(shapes.box(face, (x, -depth / 2 - 0.006, legs + (height - legs) / 2), 0.003, "x"), material)
    for sx in (-1, 1):
        for sy in (-1, 1):
            foot = (sx * (width / 2 - 0.08), sy * (depth / 2 - 0.06))
            model.add(shapes.rod((*foot, 0.0), (*foot, legs), 0.014, 0.02), material)
    return model


def counter(width: float, depth: float, height: float, material: str) -> Model:
    """A free-standing kitchen counter: a chest under a worktop."""
    model = sideboard(width, depth, height - 0.04, material)
    model.add(shapes.slab(width + 0.08, depth + 0.1, height - 0.04, 0.04), "concrete grey")
    return model


def window_bars(width: float, height: float, panes: tuple[int, int]) -> Mesh:
    """A blocker in the xz plane with a barred opening about the origin, for sunlight to fall through."""
    reach, bar = 9.0, 0.05
    pieces = []
    for side in (-1, 1):
        pieces.append(shapes.box((reach, 0.02, 2 * reach), (side * (width / 2 + reach / 2), 0, 0)))
        pieces.append(shapes.box((width, 0.02, reach), (0, 0, side * (height / 2 + reach / 2))))
    for column in range(1, panes[0]):
        pieces.append(shapes.box((bar, 0.02, height), (width * (column / panes[0] - 0.5), 0, 0)))
    for row in range(1, panes[1]):
        pieces.append(shapes.box((width, 0.02, bar), (0, 0, height * (row / panes[1] - 0.5))))
    return merge(pieces)
