"""The product table: families read from `families/*.toml`, their variants, prices and texts."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import (
    armchairs,
    beds,
    chairs,
    desks,
    lamps,
    materials,
    modern_chairs,
    pendants,
    settees,
    sofas,
    special_beds,
    tables,
)
from .model import Model

CATEGORIES = ("chair", "lamp", "sofa", "bed", "table")
FAMILIES = Path(__file__).parent / "families"
SHOP_URL = "https://shop.example/p/"

Builder = Callable[..., Model]
BUILDERS: dict[str, Builder] = {
    builder.__name__: builder
    for builder in (
        chairs.side_chair, chairs.windsor, modern_chairs.cantilever, modern_chairs.shell_chair,
        modern_chairs.sled_chair,
        armchairs.stool, armchairs.pedestal_stool, armchairs.tub_chair, armchairs.easy_chair,
        armchairs.wing_chair, armchairs.office_chair, armchairs.director_chair,
        lamps.floor_lamp, lamps.tripod, lamps.arc_lamp, lamps.desk_lamp, lamps.table_lamp, lamps.globe_lamp,
        lamps.mushroom, lamps.lattice_lantern, pendants.reflector, pendants.drops, pendants.paper_lantern,
        pendants.wicker, pendants.ring_light, pendants.branched,
        sofas.sofa, settees.corner_sofa, settees.chesterfield, settees.framed_sofa, settees.curved_sofa,
        settees.camelback,
        beds.bed, special_beds.canopy, special_beds.bunk, special_beds.daybed, special_beds.sleigh,
        special_beds.bookcase_bed,
        tables.leg_table, tables.trestle, tables.pedestal, tables.nest, tables.tray_table, tables.c_table,
        desks.desk, tables.frame_table, tables.block_table, desks.console, desks.lift_desk,
    )
}  # fmt: skip
SILENT_SLOTS = frozenset({"pillow", "second", "duvet", "throw", "drapes"})
SLOT_NAMES = {"arm": "arms", "foot": "base", "glass": "globe", "paper": "shade", "knobs": "handles"}


@dataclass(frozen=True)
class Product:
    """One sellable variant of a family."""

    sku: str
    family: str
    noun: str
    category: str
    place: str
    color: str
    price: int
    in_stock: bool
    text: str
    build: str
    bare: bool
    params: Mapping[str, Any]
    finish: Mapping[str, str]

    def model(self) -> Model:
        """Build the geometry, in metres."""
        return BUILDERS[self.build](self.finish, **self.params)

    @property
    def name(self) -> str:
        """Family name and kind, as on a price tag."""
        return f"{self.family} {self.noun}"

    @property
    def material(self) -> str:
        """The materials a shopper would name, main one first."""
        seen = dict.fromkeys(materials.label(_plain(spec)) for _, spec in self._spoken())
        return ", ".join(seen)

    def description(self, width: int, depth: int, height: int) -> str:
        """What it is, what it is made of and how big it is, in centimetres."""
        slots: dict[str, list[str]] = {}
        for slot, spec in self._spoken():
            slots.setdefault(_phrase(spec), []).append(self._slot_name(slot))
        listed = _enumerate([f"{_enumerate(names)} in {phrase}" for phrase, names in slots.items()])
        sizes = (
            f"{width} cm wide, {depth} cm deep and {height} cm high.",
            f"Measures {width} x {depth} x {height} cm (width, depth, height).",
            f"Width {width} cm, depth {depth} cm, height {height} cm.",
        )
        return f"{self.text} {listed[0].upper()}{listed[1:]}. {random.Random(self.sku).choice(sizes)}"

    def _slot_name(self, slot: str) -> str:
        """What a finish slot is called in a text; seat cloth of a wholly upholstered piece is its cover."""
        if slot == "seat" and "legs" in self.finish:
            return "cover"
        return SLOT_NAMES.get(slot, slot)

    def _spoken(self) -> list[tuple[str, str]]:
        return [(slot, spec) for slot, spec in self.finish.items() if slot not in SILENT_SLOTS]

    def row(self) -> dict[str, str]:
        """The line of `catalog.csv`."""
        width, depth, height = (round(100 * float(edge)) for edge in self.model().size())
        return {
            "sku": self.sku, "name": self.name, "family": self.family, "category": self.category,
            "image": "|".join(f"photos/{self.sku}-{view}.webp" for view in (1, 2)),
            "description": self.description(width, depth, height), "price": f"{self.price:.2f}", "currency": "EUR",
            "in_stock": str(self.in_stock).lower(), "url": SHOP_URL + self.sku.lower(),
            "material": self.material, "color": self.color,
            "width_cm": str(width), "depth_cm": str(depth), "height_cm": str(height),
        }  # fmt: skip


def _plain(spec: str) -> str:
    return spec.removeprefix("lit ")


def _enumerate(words: list[str]) -> str:
    """Words joined as in "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _phrase(spec: str) -> str:
    """A material with its colour, as read in a sentence."""
    kind, colour = materials.split(_plain(spec))
    return f"{colour} {materials.label(kind)}".strip()


def load() -> list[Product]:
    """All products, category by category, numbered in the order of the family files."""
    return [product for category in CATEGORIES for product in _category(category)]


def _category(category: str) -> list[Product]:
    families = tomllib.loads((FAMILIES / f"{category}.toml").read_text(encoding="utf-8"))["family"]
    pairs = [(family, variant) for family in families for variant in family["variants"]]
    return [
        _product(f"{category[:3].upper()}-{number:03}", category, family, variant)
        for number, (family, variant) in enumerate(pairs, start=1)
    ]


def _product(sku: str, category: str, family: Mapping[str, Any], variant: Mapping[str, Any]) -> Product:
    return Product(
        sku=sku,
        family=family["name"],
        noun=variant.get("noun", family["noun"]),
        category=category,
        place=family.get("place", "floor"),
        color=variant["color"],
        price=variant["price"],
        in_stock=variant.get("stock", True),
        text=variant.get("text", family["text"]),
        build=family["build"],
        bare=variant.get("bare", family.get("bare", False)),
        params={**family.get("params", {}), **variant.get("params", {})},
        finish=variant["finish"],
    )
