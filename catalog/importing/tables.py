"""Reads a table of text (CSV, or separated by tabs): its encoding, its separator, its bad rows, its limits."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TextIO
from unicodedata import normalize

from catalog.importing.albums import Misuse
from catalog.importing.catalogue_file import CatalogueFile
from catalog.importing.records import Record
from catalog.validators import is_storable

SEPARATORS = ",;\t"
# Limits for one row. Without them, a quote that is not closed would take in all that follows.
MAX_ROW_LINES = 1_000
MAX_ROW_CHARACTERS = 1_000_000
# A product has 50 attributes at most (catalog.validators); a spreadsheet may have some more columns, left empty.
MAX_COLUMNS = 1_000
# The lines that an unreadable row took are read again. A file that has more such rows is no CSV file.
MAX_UNREADABLE_ROWS = 1_000
# Excel writes and reads this first line. It names the separator and is no row.
SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?\s*', re.IGNORECASE)
# csv's own limit of a cell is 131,072, and holds for the process. A row's limit bounds its cells.
csv.field_size_limit(MAX_ROW_CHARACTERS)


class Table:
    unit = "line"
    entities_undone = False

    def __init__(self, file: CatalogueFile, separator: str, folded: Callable[[str], str]) -> None:
        """`folded` gives the name that the format has for a column. Raises Misuse."""
        self.file = file
        self.separator = separator
        self.header = first_row(file, separator)
        self.columns = [folded(name) for name in self.header]
        if twice := sorted({name for name in self.columns if name and self.columns.count(name) > 1}):
            raise Misuse(f"{file.label} has the column {', '.join(twice)} twice.")

    def __iter__(self) -> Iterator[Record]:
        """Raises Misuse."""
        with self.file.judged():
            for line, cells in islice(rows(self.file, self.separator), 1, None):
                if isinstance(cells, csv.Error):
                    yield Record(line, {}, f"it cannot be read as CSV: {cells}")
                    continue
                fault = ""
                if len(cells) != len(self.columns):
                    fault = f"it has {len(cells)} cells, the header has {len(self.columns)}"
                elif not all(is_storable(cell) for cell in cells):
                    fault = "it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”"
                yield Record(line, dict(zip(self.columns, cells, strict=False)), fault)


def first_rows(file: CatalogueFile) -> dict[str, list[str]]:
    """The first row by each separator that gives one. Raises Misuse if none gives two cells, and one goes wrong."""
    found: dict[str, list[str]] = {}
    trouble: Misuse | None = None
    for separator in SEPARATORS:
        try:
            found[separator] = first_row(file, separator)
        except Misuse as error:
            trouble = trouble or error
    if trouble and max(map(len, found.values()), default=0) < 2:
        raise trouble
    return found


def first_row(file: CatalogueFile, separator: str) -> list[str]:
    """The first row that is not empty, or none. Raises Misuse."""
    with file.judged():
        _, cells = next(rows(file, separator), ("1", []))
    if isinstance(cells, csv.Error):
        raise Misuse(f"{file.label} is not a CSV file: {cells}.")
    if len(cells) > MAX_COLUMNS:
        raise Misuse(f"{file.label} has more than {MAX_COLUMNS:,} columns: remove those that are not needed.")
    if not all(is_storable(name) for name in cells):
        raise Misuse(f"{file.label} is not text in UTF-8. Save it as “CSV UTF-8”, then try again.")
    return cells


def rows(file: CatalogueFile, separator: str) -> Iterator[tuple[str, list[str] | csv.Error]]:
    """The line that each row starts at, and its cells or why it has none. Yields the header, but no empty rows."""
    with file.open_text() as text:
        first = text.readline()
        again, line, unreadable = deque([first]), 1, 0
        if SEPARATOR_LINE.fullmatch(first):
            again, line = deque(), 2
        while True:
            taken: list[str] = []
            try:
                # Without strict, a quote that is never closed would swallow the rest of the file as one cell.
                cells = next(csv.reader(lines(again, text, taken), delimiter=separator, strict=True), None)
            except csv.Error as error:
                unreadable += 1
                if unreadable > MAX_UNREADABLE_ROWS:
                    raise Misuse(
                        f"{file.label} has more than {MAX_UNREADABLE_ROWS:,} rows that cannot be read as CSV, "
                        f"such as that of line {line}: {error}."
                    ) from error
                yield str(line), error
                again.extendleft(reversed(taken[1:]))  # a stray quote swallowed rows of their own
                line += 1
                continue
            if cells is None:
                return
            # macOS decomposes letters, and nobody types them so: catalog.importing.albums composes its names, too.
            cells = [normalize("NFC", cell).strip() for cell in cells]
            if any(cells):
                yield str(line), cells
            line += len(taken)


def lines(again: deque[str], text: TextIO, taken: list[str]) -> Iterator[str]:
    """The lines of `again`, then those of the file. Adds each to `taken`. Raises csv.Error if a row takes too many."""
    characters = 0
    while line := again.popleft() if again else text.readline():
        taken.append(line)
        characters += len(line)
        if len(taken) > MAX_ROW_LINES or characters > MAX_ROW_CHARACTERS:
            raise csv.Error(
                f"it has more than {MAX_ROW_LINES:,} lines or {MAX_ROW_CHARACTERS:,} characters; is a quote not closed?"
            )
        yield line
