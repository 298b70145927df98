"""Rows: the products of a catalogue as its source describes them, and the rows that cannot become one."""

from dataclasses import dataclass, field
from typing import Any

from catalog.importing.albums import PhotoFile

# Full-width signs are among them: Excel in Japanese takes them for the same.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


@dataclass(frozen=True)
class ProductRow:
    """A product as the source describes it, without fields and attributes that the source has no column for."""

    place: str
    sku: str
    name: str
    category: str
    photos: tuple[PhotoFile, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    """Web addresses of photos, in the source's order; empty where it says nothing of them. Workers fetch them."""


@dataclass(frozen=True)
class RefusedRow:
    place: str
    sku: str
    reason: str


def printable(text: str) -> str:
    """The text made fit to show and store: NULs and bytes that are not UTF-8 become replacement characters."""
    return text.encode(errors="surrogateescape").decode(errors="replace").replace("\x00", "\ufffd")


def as_text(cell: str) -> str:
    """The cell, quoted if a spreadsheet would take it for a formula: its content came from elsewhere."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
