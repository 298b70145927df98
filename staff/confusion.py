"""Which categories a head mistakes for which, as a table that fits on a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Rows and columns that fit on a page. If there are more categories, those mistaken most often are shown.
SIDE = 12


@dataclass(frozen=True)
class Cell:
    photos: int
    share: float
    """Share of the photos of the row's category, 0 to 1."""
    is_right: bool

    @property
    def percent(self) -> str:
        return f"{self.share:.0%}"


@dataclass(frozen=True)
class ConfusionRow:
    category: str
    photos: int
    right: float
    """Share of the photos that are put in the right category, 0 to 1."""
    cells: tuple[Cell, ...]
    others: int
    """Photos taken for categories that have no column."""


@dataclass(frozen=True)
class Confusion:
    columns: tuple[str, ...]
    rows: tuple[ConfusionRow, ...]
    categories: int
    """Number of categories that the head tells apart. If there are fewer rows, they are the most mistaken ones."""


def of(metrics: Mapping[str, Any], names: Mapping[int, str]) -> Confusion | None:
    """The table of a stored head's metrics and the categories' names; None if the head stored no confusions."""
    if not metrics.get("confusion"):
        return None
    counts = {int(true): {int(c): n for c, n in taken.items()} for true, taken in metrics["confusion"].items()}
    known = [category for category in counts if category in names]
    shown = sorted(_most_mistaken(counts, known), key=names.__getitem__)
    rows = tuple(_row(category, counts[category], shown, names) for category in shown)
    return Confusion(tuple(names[category] for category in shown), rows, len(counts))


def _most_mistaken(counts: Mapping[int, Mapping[int, int]], known: list[int]) -> list[int]:
    mistakes = dict.fromkeys(known, 0)
    for true, taken in counts.items():
        for likeliest, photos in taken.items():
            if likeliest != true:
                for category in {true, likeliest} & mistakes.keys():
                    mistakes[category] += photos
    return sorted(known, key=lambda category: -mistakes[category])[:SIDE]


def _row(category: int, taken: Mapping[int, int], shown: list[int], names: Mapping[int, str]) -> ConfusionRow:
    photos = sum(taken.values())
    cells = tuple(
        Cell(taken.get(column, 0), taken.get(column, 0) / max(1, photos), column == category) for column in shown
    )
    others = photos - sum(cell.photos for cell in cells)
    return ConfusionRow(names[category], photos, taken.get(category, 0) / max(1, photos), cells, others)
