"""Which products stand together in which room.  Needs neither the renderer nor the product table."""

from __future__ import annotations

import random
from dataclasses import dataclass

ROLES = {  # the products that can play a part, by the numbers of their SKUs
    "sofa": "SOF 1 4 5 6 7 8 9 11 13 16 17 18 20 21 23 25 26 29 30",
    "loveseat": "SOF 2 3 10 12 14 15 19 22 24 27 28",
    "bed": "BED 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 24 25 26 27 28 29 30",
    "bunk": "BED 18 19 20",
    "daybed": "BED 21 22 23",
    "dining table": "TAB 1 2 3 4 5 6 7 8 9",
    "coffee table": "TAB 10 11 12 13 14 25 26 27",
    "side table": "TAB 15 16 17 18 19",
    "desk": "TAB 20 21 22 23 24",
    "console": "TAB 28 29 30",
    "chair": "CHA 1 2 3 4 5 6 9 10 11 12 13 17 18 30",
    "easy chair": "CHA 7 8 23 24 25 26 27 28 29",
    "office chair": "CHA 14 15 16",
    "stool": "CHA 19 20 21 22",
    "floor lamp": "LAM 1 2 3 4 5 6 7 28",
    "desk lamp": "LAM 8 9 10",
    "table lamp": "LAM 11 12 13 14 15 16 17 18",
    "pendant": "LAM 19 20 21 22 23 24 25 26 27 29",  # not 30: a ring seen from its side is a line
}
COMPOSITIONS = (
    ("living", "sofa", "coffee table", "floor lamp", "easy chair"),
    ("bedroom", "bed", "side table", "table lamp", "easy chair"),
    ("dining", "dining table", "chair", "chair", "pendant"),
    ("living", "sofa", "coffee table", "floor lamp", "loveseat"),
    ("bedroom", "bed", "side table", "table lamp", "floor lamp"),
    ("study", "desk", "desk lamp", "office chair", "floor lamp"),
    ("living", "sofa", "coffee table", "pendant", "easy chair"),
    ("bedroom", "bed", "side table", "table lamp", "chair"),
    ("dining", "dining table", "chair", "chair", "chair", "pendant"),
    ("kitchen", "stool", "stool", "stool", "pendant"),
    ("living", "sofa", "coffee table", "side table", "table lamp", "easy chair"),
    ("bedroom", "bed", "desk", "table lamp", "chair"),
    ("hall", "console", "table lamp", "easy chair"),
    ("living", "daybed", "coffee table", "floor lamp", "easy chair"),
    ("bedroom", "bed", "side table", "table lamp", "loveseat"),
    ("dining", "dining table", "chair", "chair", "chair", "floor lamp"),
    ("study", "desk", "desk lamp", "chair", "loveseat"),
    ("living", "sofa", "coffee table", "pendant", "loveseat"),
    ("bedroom", "bunk", "desk", "desk lamp", "office chair"),
    ("dining", "dining table", "chair", "chair", "console", "table lamp"),
)
ROUNDS = 2


@dataclass(frozen=True)
class Plan:
    """One room: its name, its kind, and the part and SKU of each product."""

    name: str
    kind: str
    cast: tuple[tuple[str, str], ...]


def load() -> list[Plan]:
    """All rooms.  Every role deals out its products in shuffled order, and starts over when all had a turn."""
    decks: dict[str, list[str]] = {role: [] for role in ROLES}
    plans = []
    for number, (kind, *roles) in enumerate(COMPOSITIONS * ROUNDS, start=1):
        name = f"ROOM-{number:03}"
        cast: list[tuple[str, str]] = []
        for role in roles:
            if not decks[role]:
                decks[role] = _shuffled(role, name)
            taken = [sku for _, sku in cast]
            sku = next(sku for sku in decks[role] if sku not in taken)
            decks[role].remove(sku)
            cast.append((role, sku))
        plans.append(Plan(name, kind, tuple(cast)))
    return plans


def _shuffled(role: str, name: str) -> list[str]:
    category, *numbers = ROLES[role].split()
    skus = [f"{category}-{int(number):03}" for number in numbers]
    random.Random(f"{role}/{name}").shuffle(skus)
    return skus
