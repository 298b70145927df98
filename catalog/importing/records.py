"""Records: what a table has in a line and a feed in an item, before a format makes products of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from catalog.importing.albums import Refused
from catalog.importing.rows import RefusedRow, printable


@dataclass(frozen=True)
class Record:
    place: str
    values: dict[str, str]
    """Text by column, composed (NFC) and without blanks around it; empty where the record says nothing"""
    fault: str = ""
    """Why it cannot be read; empty if it can"""
    is_torn: bool = False
    """Whether cells but the first may stand in other columns than their own"""

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    def refused(self, sku: str, reason: Refused | str) -> RefusedRow:
        # A feed takes a product for gone that no row names. So a row must not name another one's.
        is_own = not self.is_torn or sku == next(iter(self.values.values()), "")
        return RefusedRow(self.place, printable(sku) if is_own else "", str(reason))


class Source(Protocol):
    """A file of records. It can be read again and again."""

    unit: str
    """What a record is: a line or an item"""
    entities_undone: bool
    """Whether reading it has made & of &amp; already"""

    @property
    def header(self) -> list[str]:
        """The columns as the file writes them. Raises Misuse."""

    @property
    def columns(self) -> list[str]:
        """The columns as the format calls them, in the order of `header`. Raises Misuse."""

    def __iter__(self) -> Iterator[Record]:
        """Raises Misuse."""
