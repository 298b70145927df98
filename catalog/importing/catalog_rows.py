"""The rows of a catalogue in a file: records of a table or a feed, and what their format makes of them."""

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from django.utils.text import Truncator

from catalog.importing.albums import Album, Misuse
from catalog.importing.formats.format import Format
from catalog.importing.records import Source
from catalog.importing.rows import ProductRow, RefusedRow


class CatalogRows:
    """Rows of a file, read twice: once to judge it as a whole and count its rows, once to import them."""

    most: int | None = None  # rows that it may have

    def __init__(self, path: Path, label: str, source: Source, format: Format, album: Album) -> None:
        """`label` is what messages call the file."""
        self.path = path
        self.label = label
        self.source = source
        self.format = format
        self.album = album
        self.unit = source.unit
        self._addresses = 0
        self._left_out: Counter[str] = Counter()

    @cached_property
    def count(self) -> int:
        """Raises Misuse."""
        count = 0
        # Files are not looked for twice: their rows are as many as their records.
        counted = self.source if self.format.names_files else self.format.rows(self.source, self.album, self._left_out)
        for row in counted:
            count += 1
            self._addresses += len(row.addresses) if isinstance(row, ProductRow) else 0
            if self.most and count > self.most:
                raise Misuse(f"{self.label} has more than {self.most:,} rows: split it.")
        return count

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
        yield from self.format.rows(self.source, self.album, Counter())

    def notes(self) -> list[str]:
        """Sentences on what is left out or not done. Counts the rows. Raises Misuse."""
        _ = self.count
        said = [f"{what}: {count:,}." for what, count in self._left_out.items()]
        if self._addresses == 1:
            said.append("1 photo is at a web address. A worker fetches it once its row is in.")
        elif self._addresses:
            said.append(f"{self._addresses:,} photos are at web addresses. Workers fetch them once their rows are in.")
        return said

    def understood(self) -> list[str]:
        """How the columns were understood, a line each. Raises Misuse."""
        columns = zip(self.source.header, self.source.columns, strict=True)
        pairs = [(shown(name), shown(self.format.becomes(column))) for name, column in columns]
        left_out = [name for name, meaning in pairs if name and not meaning]
        said = [f"{self.label} is read as {self.format.title}."]
        said += [f"{name} → {meaning}" for name, meaning in pairs if meaning]
        if left_out:
            said.append(f"Columns left out: {', '.join(left_out)}.")
        return [*said, self.format.hint] if self.format.hint else said


def shown(text: str) -> str:
    """The text as far as a line shows it: a column's name may be as long as a row."""
    return Truncator(text).chars(80)
