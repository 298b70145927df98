"""What furniture is made of: which kind a material is of, and how dark it usually is.

ml/materials.csv is Lamplight's own: common materials, their kind, and a typical colour where they have one.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ml.arrays import Floats
from ml.colour_names import hex_lab, named

# What customers say for a kind of material.
KINDS: Mapping[str, str] = {
    "wood": "wood", "wooden": "wood", "timber": "wood",
    "metal": "metal", "metallic": "metal",
    "stone": "stone",
    "fabric": "fabric", "cloth": "fabric", "textile": "fabric",
    "leather": "leather",
    "plastic": "plastic",
    "glass": "glass",
    "ceramic": "ceramic", "ceramics": "ceramic",
    "wickerwork": "wickerwork", "woven": "wickerwork",
}  # fmt: skip
# Lightness below which a thing is dark, and above which it is light. Of the woods, walnut has 31, teak 49, oak 67 and
# ash 78.
DARK, LIGHT = 50.0, 60.0


@dataclass(frozen=True, eq=False)
class Material:
    name: str
    kind: str
    colour: Floats | None
    """Its usual Lab, (3,); None where it comes in any."""


@cache
def materials() -> Mapping[str, Material]:
    """By name."""
    with Path(__file__).with_name("materials.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {
        row["name"]: Material(row["name"], row["kind"], hex_lab(row["rgb"]) if row["rgb"] else None) for row in rows
    }


def materials_in(text: str) -> list[Material]:
    """The materials that a text names, or the kinds of material, in its order: "black ash, paper cord" names two."""
    return [materials().get(name) or Material(name, KINDS[name], None) for name in _named().findall(text.lower())]


def lightness(value: str) -> float | None:
    """How light a thing is whose colour or material is told so, L from 0 to 100; None where the words do not tell.

    A colour counts before the material that has it: "black ash" is black.
    """
    words = value.lower().split()
    for size in range(len(words), 0, -1):
        if (colour := named(" ".join(words[:size]))) is not None:
            return float(colour[0])
    return next((float(found.colour[0]) for found in materials_in(value) if found.colour is not None), None)


@cache
def _named() -> re.Pattern[str]:
    longest_first = sorted({*materials(), *KINDS}, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
