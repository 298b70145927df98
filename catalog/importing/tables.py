"""Reads a table of text (CSV, or separated by tabs): its encoding, its separator, its bad rows, its limits."""

import csv
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator
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
BREAK = re.compile(r"[\t\r\n\v\f\x85\u2028\u2029]")
# Where cells are separated by tabs. A quote counts only if another one ends its cell.
CELL = re.compile(r'"[^"]*(?:""[^"]*)*"(?=\t|[\r\n]*\Z)|[^\t]*')
QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"\s*')
# csv's own limit of a cell is 131,072, and holds for the process. A row's limit bounds its cells.
csv.field_size_limit(MAX_ROW_CHARACTERS)


class Table:
    unit = "line"
    entities_undone = False

    def __init__(
        self, file: CatalogueFile, separator: str, folded: Callable[[str], str], one_line: Collection[str] = ()
    ) -> None:
        """`folded` gives the name that the format has for a column. Raises Misuse.

        A cell of a `one_line` column that has a tab or a line break spoils its row.
        """
        self.file = file
        self.separator = separator
        self.header = first_row(file, separator)
        self.columns = [folded(name) for name in self.header]
        if twice := sorted({name for name in self.columns if name and self.columns.count(name) > 1}):
            raise Misuse(f"{file.label} has the column {', '.join(twice)} twice.")
        self.one_line = frozenset(one_line)

    def __iter__(self) -> Iterator[Record]:
        """Raises Misuse."""
        with self.file.judged():
            for line, cells in islice(rows(self.file, self.separator, self._swallows), 1, None):
                if isinstance(cells, csv.Error):
                    yield Record(line, {}, f"it cannot be read as CSV: {cells}")
                    continue
                fault, broken = "", self._broken(cells)
                if len(cells) != len(self.columns):
                    fault = f"it has {len(cells)} cells, the header has {len(self.columns)}"
                elif broken:
                    fault = f"its {broken[0]} has a tab or a line break; write one line, and close each quote"
                elif not all(is_storable(cell) for cell in cells):
                    fault = "it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”"
                values = dict(zip(self.columns, cells, strict=False)) | dict.fromkeys(broken, "")
                if fault and any("\n" in cell or "\r" in cell for cell in cells):
                    values = {}  # its lines may be those of several rows
                yield Record(line, values, fault, is_torn=len(cells) != len(self.columns))

    def _broken(self, cells: list[str]) -> list[str]:
        """The columns of one line that have a tab or a line break in these cells."""
        named = zip(self.columns, cells, strict=False)
        return [name for name, cell in named if name in self.one_line and BREAK.search(cell.strip())]

    def _swallows(self, cells: list[str], lines: list[str]) -> bool:
        """Whether a row of several lines is at fault, and one of its lines would be a row of its own."""
        if len(cells) == len(self.columns) and not self._broken(cells):
            return False
        alone = csv.reader(lines[1:], delimiter=self.separator, quoting=csv.QUOTE_NONE)
        return any(len(row) == len(self.columns) for row in alone)


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


def rows(
    file: CatalogueFile, separator: str, swallows: Callable[[list[str], list[str]], bool] = lambda cells, lines: False
) -> Iterator[tuple[str, list[str] | csv.Error]]:
    """The line that each row starts at, and its cells or why it has none. Yields the header, but no empty rows.

    `swallows` tells by the cells of a row and its lines, if these are several, whether they are rows of their own.
    """
    with file.open_text() as text:
        first = text.readline()
        again, line, unreadable = deque([first]), 1, 0
        if SEPARATOR_LINE.fullmatch(first):
            again, line = deque(), 2
        while True:
            taken: list[str] = []
            try:
                cells, used = row_of(lines(again, text, taken), taken, separator)
                if used > 1 and swallows(cells, taken[:used]):
                    raise csv.Error("it has other rows in it; is a quote not closed?")
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
            if not used:
                return
            # macOS decomposes letters, and nobody types them so: catalog.importing.albums composes its names, too.
            cells = [normalize("NFC", cell).strip() for cell in cells]
            if any(cells):
                yield str(line), cells
            again.extendleft(reversed(taken[used:]))
            line += used


def row_of(source: Iterator[str], taken: list[str], separator: str) -> tuple[list[str], int]:
    """The cells of the next row and the number of its lines, 0 at the end. `taken` has those read. Raises csv.Error."""
    if separator == "\t":
        return tabbed(source)
    # Without strict, a quote that is never closed would swallow the rest of the file as one cell.
    cells = next(csv.reader(source, delimiter=separator, strict=True), [])
    return cells, len(taken)


def tabbed(source: Iterator[str]) -> tuple[list[str], int]:
    """Like row_of: 24" and "Big" chair are texts, not quotes. A cell in quotes may have tabs, or lines without tabs."""
    cells, used = split(next(source, "")), 1
    if cells == [""]:
        return [], 0
    while is_open(cells[-1]):
        cell, looked_at, is_closed = cells[-1], 0, False
        for line in source:
            last, tab, others = line.partition("\t")
            cell, looked_at = cell + last, looked_at + 1
            is_closed = '"' in last and not is_open(cell)
            if is_closed or tab:
                break
        if not is_closed and looked_at > 1:
            raise csv.Error("a quote is not closed")
        if not is_closed:
            break
        cells[-1:] = [cell, *(split(others) if tab else [])]
        used += looked_at
    return [found[1].replace('""', '"') if (found := QUOTED.fullmatch(cell)) else cell for cell in cells], used


def split(line: str) -> list[str]:
    """The cells of a line, with their quotes."""
    if '"' not in line:
        return line.split("\t")
    cells, at = [], 0
    while found := CELL.match(line, at):
        cells.append(found[0])
        at = found.end() + 1
        if not line.startswith("\t", at - 1):
            break
    return cells


def is_open(cell: str) -> bool:
    return cell.startswith('"') and not QUOTED.fullmatch(cell)


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
