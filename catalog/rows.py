"""Reading a catalogue from a CSV file or from a folder of photos, one row at a time."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from django.utils.text import slugify

from catalog.models import Product
from catalog.validators import SKU_CHARACTERS, is_storable

REQUIRED_COLUMNS = ("sku", "name", "category")
OPTIONAL_COLUMNS = ("image", "description", "price", "currency", "in_stock", "url")
# What ml.images opens; other files of a folder are left alone.
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif"}
TRUTHS = {"true": True, "yes": True, "y": True, "1": True, "false": False, "no": False, "n": False, "0": False}


class Misuse(Exception):  # noqa: N818  it names what the caller did
    """The source as a whole cannot be imported."""


class Refused(Exception):  # noqa: N818  it names the state of the row
    """One row cannot be imported; the message says why."""


@dataclass(frozen=True)
class Row:
    """A product as the source tells it. Fields and attributes the source has no column for are not in it."""

    place: str
    sku: str
    name: str
    category: str
    photos: tuple[Path, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RefusedRow:
    place: str
    sku: str
    reason: str


def read(path: Path, photos: Path | None = None) -> "CsvRows | FolderRows":
    """The rows of a CSV file, or of a folder with one folder of photos for each category. Raises Misuse."""
    if path.is_dir():
        if photos:
            raise Misuse("--photos goes with a CSV file; a folder has its photos in it.")
        return FolderRows(path)
    if not path.is_file():
        raise Misuse(f"{path}: no such file or folder.")
    if photos and not photos.is_dir():
        raise Misuse(f"{photos}: no such folder.")
    return CsvRows(path, photos or path.parent)


class CsvRows:
    """Rows of a CSV file, read twice: once to judge it as a whole and count its rows, once to import them."""

    unit = "line"

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder.resolve()
        try:
            self.columns = self._read_columns()
            self.count = sum(1 for _ in self._rows()) - 1
        except OSError as error:
            raise Misuse(f"{path} cannot be read: {error.strerror}.") from error

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        for line, cells in islice(self._rows(), 1, None):
            if isinstance(cells, csv.Error):
                yield RefusedRow(line, "", f"it cannot be read as CSV: {cells}")
                continue
            values = dict(zip(self.columns, cells, strict=False))
            try:
                if len(cells) != len(self.columns):
                    raise Refused(f"it has {len(cells)} cells, the header has {len(self.columns)}")
                if not all(is_storable(cell) for cell in cells):
                    raise Refused("it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”")
                yield self._row(line, values)
            except Refused as refusal:
                yield RefusedRow(line, printable(values.get("sku", "")), str(refusal))

    def _open(self) -> TextIO:
        # Bytes that are no UTF-8 become lone surrogates, so that they spoil their row and not the file.
        return self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")

    def _read_columns(self) -> list[str]:
        with self._open() as text:
            header = text.readline()
            self.delimiter = max(",;\t", key=header.count)
        _, columns = next(self._rows(), ("1", []))
        if isinstance(columns, csv.Error):
            raise Misuse(f"{self.path} is not a CSV file: {columns}.")
        if not all(is_storable(name) for name in columns):
            raise Misuse(f"{self.path} is not text in UTF-8. Save it as “CSV UTF-8”, then try again.")
        known = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
        columns = [name.lower() if name.lower() in known else name for name in columns]
        if missing := [name for name in REQUIRED_COLUMNS if name not in columns]:
            raise Misuse(f"{self.path} has no column {', '.join(missing)}; its first line has to name them.")
        if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
            raise Misuse(f"{self.path} has the column {', '.join(twice)} twice.")
        return columns

    def _rows(self) -> Iterator[tuple[str, list[str] | csv.Error]]:
        """The line each row starts at, and its cells or why it has none; the header first, empty rows passed over."""
        with self._open() as text:
            again: deque[str] = deque()
            line = 1
            while True:
                taken: list[str] = []
                try:
                    # strict: a quote that is never closed would else swallow the rest of the file as one cell.
                    cells = next(csv.reader(lines(again, text, taken), delimiter=self.delimiter, strict=True), None)
                except csv.Error as error:
                    yield str(line), error
                    again.extendleft(reversed(taken[1:]))  # a stray quote takes along what are rows of their own
                    line += 1
                    continue
                if cells is None:
                    return
                cells = [cell.strip() for cell in cells]
                if any(cells):
                    yield str(line), cells
                line += len(taken)

    def _row(self, line: str, values: dict[str, str]) -> Row:
        if empty := [name for name in REQUIRED_COLUMNS if not values[name]]:
            raise Refused(f"no {', '.join(empty)}")
        names = [name.strip() for name in values.get("image", "").split("|")]
        return Row(
            place=line,
            sku=values["sku"],
            name=values["name"],
            category=values["category"],
            photos=tuple(self._photo(name) for name in names if name),
            fields={name: FIELDS[name](values[name]) for name in FIELDS if name in values},
            attributes={
                name: value
                for name, value in values.items()
                if name and name not in REQUIRED_COLUMNS + OPTIONAL_COLUMNS
            },
        )

    def _photo(self, name: str) -> Path:
        if "://" in name:
            raise Refused(f"image {name}: web addresses are not fetched, give a file")
        try:
            path = (self.folder / name.replace("\\", "/")).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
            raise Refused(f"image {name!r}: not a usable path") from error
        if not path.is_relative_to(self.folder):
            raise Refused(f"image {name}: outside the folder {self.folder}")
        return path


def lines(again: deque[str], text: TextIO, taken: list[str]) -> Iterator[str]:
    """The lines to be read again, then those of the file, each noted as taken."""
    while line := again.popleft() if again else text.readline():
        taken.append(line)
        yield line


def printable(text: str) -> str:
    """Text with bytes in it that are no UTF-8, as it can be shown."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def as_price(text: str) -> Decimal | None:
    """12.50, or 12,50 as spreadsheets of half of Europe write it."""
    if not text:
        return None
    whole, comma, cents = text.partition(",")
    try:
        price = Decimal(f"{whole}.{cents}" if comma and len(cents) < 3 and "." not in whole else text)
    except InvalidOperation as error:
        raise Refused(f"price {text}: not a number") from error
    if not price.is_finite():
        raise Refused(f"price {text}: not a number")
    return price


def as_truth(text: str) -> bool:
    if not text:
        return True
    if text.lower() not in TRUTHS:
        raise Refused(f"in_stock {text}: write true or false")
    return TRUTHS[text.lower()]


def as_currency(text: str) -> str:
    return text.upper() or Product._meta.get_field("currency").get_default()


FIELDS: dict[str, Callable[[str], Any]] = {
    "description": str,
    "price": as_price,
    "currency": as_currency,
    "in_stock": as_truth,
    "url": str,
}


class FolderRows:
    """One row a photo: the category is the name of its folder, the name that of the file, the sku both."""

    unit = "file"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.count = sum(1 for _ in self._files())
        except OSError as error:
            raise Misuse(f"{path} cannot be read: {error.strerror}.") from error
        if not self.count:
            raise Misuse(f"{path} has no photos in folders named after their category, such as chair/oak.jpg.")

    def __iter__(self) -> Iterator[Row | RefusedRow]:
        for file in self._files():
            category = file.parent.name
            # Files of one name in two folders are two products.
            sku = f"{slugify(category, allow_unicode=True)}-{file.stem}"
            sku = re.sub(rf"[^{SKU_CHARACTERS}]+", "-", sku).strip("-")
            name = " ".join(file.stem.replace("_", " ").replace("-", " ").split())
            place = file.relative_to(self.path).as_posix()
            if is_storable(place):
                yield Row(place, sku, name or sku, category, (file,))
            else:  # a name in another encoding, as Python hands it on
                yield RefusedRow(printable(place), "", "its name is not in UTF-8")

    def _files(self) -> Iterator[Path]:
        for folder in sorted(entry for entry in self.path.iterdir() if entry.is_dir()):
            if not folder.name.startswith("."):
                yield from sorted(
                    file
                    for file in folder.iterdir()
                    if file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".")
                )
