"""Material specifications such as "oak", "velvet emerald" or "painted sage" and their shading.

A specification is a kind, optionally followed by a colour name from `COLOURS`.  Kinds that need no
colour (woods, metals, marble) name their own.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import mitsuba as mi
import numpy as np

from . import textures
from .mesh import Array

COLOURS = {
    "white": "e4e1da", "cream": "e6dac2", "sand": "d3c0a0", "beige": "c5b39a", "oatmeal": "cfc4b0",
    "taupe": "94867a", "grey": "9b9b98", "light grey": "c4c4c0", "charcoal": "45474a", "black": "1d1d1f",
    "navy": "25355a", "blue": "3f6ea3", "sky": "9dbdd3", "teal": "1f6a70", "emerald": "14604a",
    "forest": "2f4a38", "sage": "9aab8c", "olive": "6f6f3f", "mustard": "cf9a2b", "yellow": "edc23c",
    "ochre": "b97f35", "terracotta": "b9603f", "rust": "a2472a", "red": "b32a2b", "burgundy": "6b1f2e",
    "blush": "dcb2a6", "pink": "d98a9a", "plum": "5d3350", "lilac": "b0a0c4", "cognac": "9a5a2c",
    "brown": "5a3a28", "chocolate": "3c271d", "orange": "d9702b", "mint": "a9cdb9", "clear": "f4f8f7",
    "smoke": "8b8784", "amber": "d99a45", "opal": "fff1dc", "natural": "c9a36b",
}  # fmt: skip

WOODS = {  # pale colour, ring colour, rings per tile, contrast
    "oak": ("cfa877", "a4794a", 9, 0.85),
    "white oak": ("dcc6a3", "bd9f76", 9, 0.75),
    "walnut": ("7d5638", "482c1a", 8, 0.9),
    "pine": ("e3bf86", "c08a4b", 6, 0.8),
    "beech": ("d9ac7e", "c49062", 12, 0.5),
    "ash": ("ddcbaa", "b69b73", 8, 0.85),
    "teak": ("a96f3d", "77461f", 9, 0.8),
    "mahogany": ("71321f", "47190f", 8, 0.7),
    "birch": ("ead6b3", "d4b98d", 8, 0.5),
    "black ash": ("2b2927", "161514", 10, 0.7),
    "bamboo": ("d8b877", "b58c48", 16, 0.6),
    "acacia": ("a5703f", "5e3819", 6, 0.95),
}

METALS = {  # sRGB reflectance, roughness
    "brass": ("d6ad60", 0.24), "chrome": ("dcdee0", 0.08), "steel": ("b4b5b6", 0.3),
    "copper": ("cf8660", 0.22), "bronze": ("7c5f40", 0.35), "nickel": ("c3bcb0", 0.2),
}  # fmt: skip

MARBLES = {
    "white marble": ("ecebe8", "8d8f94"), "black marble": ("1b1c1e", "b9b4a8"),
    "green marble": ("24483a", "a9c0ae"), "travertine": ("d6c3a5", "b19872"), "terrazzo": ("dcd6cc", "9c7a66"),
}  # fmt: skip

LABELS = {"metal": "powder-coated steel", "painted": "painted wood", "shade": "fabric", "cane": "cane",
          "rope": "paper cord", "plastic": "polypropylene", "sheet": "cotton"}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """Parameters of one principled surface; an empty `colour` stands for the specification's own."""

    colour: str
    roughness: float
    metallic: float = 0.0
    sheen: float = 0.0
    clearcoat: float = 0.0


LOOKS = {
    "painted": Look("", 0.42), "metal": Look("", 0.42), "plastic": Look("", 0.38),
    "ceramic": Look("", 0.18, clearcoat=0.6), "leather": Look("", 0.36),
    "velvet": Look("", 0.85, sheen=1.0), "linen": Look("", 0.95, sheen=0.3),
    "wool": Look("", 0.95, sheen=0.4), "boucle": Look("", 0.95, sheen=0.5),
    "sheet": Look("", 0.95, sheen=0.2), "shade": Look("", 0.9),
    "paper": Look("", 0.9), "rope": Look("", 0.85), "wall": Look("", 0.9),
    "concrete": Look("", 0.75), "leaf": Look("", 0.45), "cord": Look("", 0.7),
    "rug": Look("", 0.97), "rattan": Look("", 0.5), "cane": Look("", 0.55),
}  # fmt: skip


def split(spec: str) -> tuple[str, str]:
    """A specification's kind and colour name; the colour is empty for woods, metals and stone."""
    if spec in WOODS or spec in METALS or spec in MARBLES:
        return spec, ""
    kind, _, colour = spec.partition(" ")
    return kind, colour


def label(spec: str) -> str:
    """What a shopper reads: "oak", "velvet", "powder-coated steel"."""
    kind, _ = split(spec)
    return LABELS.get(kind, kind)


def _seed(text: str) -> int:
    return zlib.crc32(text.encode()) % 100_000


@cache
def texture(spec: str) -> tuple[Array | None, float]:
    """The colour tile of a material and its edge in metres, or nothing where the colour is plain."""
    kind, colour = split(spec)
    seed = _seed(spec)
    if kind in WOODS:
        pale, dark, rings, contrast = WOODS[kind]
        return textures.wood(textures.linear(pale), textures.linear(dark), rings, contrast, seed), 0.55
    if kind in MARBLES:
        ground, vein = (textures.linear(shade) for shade in MARBLES[kind])
        return textures.marble(ground, vein, seed), 0.9
    if kind in METALS or colour not in COLOURS:
        return None, 1.0
    base = textures.linear(COLOURS[colour])
    return _cloth(kind, base, seed)


def _cloth(kind: str, base: Array, seed: int) -> tuple[Array | None, float]:
    """Colour tiles of the kinds that take any colour."""
    if kind in ("linen", "shade", "sheet"):
        contrast = {"linen": 0.13, "shade": 0.08, "sheet": 0.05}[kind]
        return textures.weave(base, 64, contrast, seed), 0.45
    if kind in ("wool", "rug"):
        return textures.weave(base, 40, 0.18, seed), 0.5
    if kind == "rope":
        return textures.weave(base, 32, 0.24, seed), 0.32
    if kind == "rattan":
        return textures.weave(base, 12, 0.5, seed), 0.3
    mottles = {"boucle": (3.0, 0.13), "leather": (6.0, 0.1), "velvet": (9.0, 0.07), "concrete": (14.0, 0.08),
               "paper": (8.0, 0.04), "leaf": (20.0, 0.12)}  # fmt: skip
    if kind in mottles:
        grain, contrast = mottles[kind]
        return textures.mottle(base, grain, contrast, seed), 0.4
    return None, 1.0


def bitmap(tile: Array, edge: float) -> dict[str, Any]:
    """A repeating texture `edge` metres wide, given linear RGB."""
    scale = mi.ScalarTransform4f().scale([1 / edge, 1 / edge, 1])
    return {"type": "bitmap", "bitmap": mi.Bitmap(tile.astype(np.float32)), "raw": True, "to_uv": scale}


def bsdf(spec: str) -> dict[str, Any]:
    """The shading of a material specification as a scene dictionary."""
    kind, colour = split(spec)
    if kind == "glass":
        return _glass(colour)
    tile, edge = texture(spec)
    return principled(kind, colour, tile, edge)


def principled(kind: str, colour: str, tile: Array | None, edge: float) -> dict[str, Any]:
    """A two-sided principled surface, textured where a tile is given.

    Every surface takes the same branches of the shading model (always a bitmap, no weight quite 0 or 1),
    so that scenes share their compiled kernels; compiling took longer than rendering otherwise.
    """
    look = _look(kind)
    plain = textures.linear(look.colour or COLOURS.get(colour, "b0b0b0"))
    surface: dict[str, Any] = {
        "type": "principled",
        "base_color": bitmap(np.full((4, 4, 3), plain) if tile is None else tile, edge),
        "roughness": look.roughness,
        "metallic": _between(look.metallic),
        "specular": 0.5,
        "sheen": _between(look.sheen),
        "sheen_tint": 0.6,
        "clearcoat": _between(look.clearcoat),
        "clearcoat_gloss": 0.9,
    }
    if kind == "cane":
        opacity = np.repeat(textures.lattice(16)[..., None], 3, axis=2)
        return {
            "type": "mask",
            "opacity": bitmap(opacity, 0.28),
            "nested": {"type": "twosided", "nested": surface},
        }
    return {"type": "twosided", "nested": surface}


def _between(weight: float) -> float:
    """A weight kept just off zero and one."""
    return float(np.clip(weight, 0.002, 0.98))


def _look(kind: str) -> Look:
    if kind in METALS:
        colour, roughness = METALS[kind]
        return Look(colour, roughness, metallic=1.0)
    if kind in WOODS:
        return Look("", 0.48)
    if kind in MARBLES:
        return Look("", 0.16)
    return LOOKS[kind]


def _glass(colour: str) -> dict[str, Any]:
    """A thin sheet of clear or tinted glass."""
    tint = textures.linear(COLOURS[colour or "clear"]).tolist()
    transmittance = {"type": "rgb", "value": tint}
    return {"type": "thindielectric", "specular_transmittance": transmittance}
