"""Reads a catalogue from a CSV file, or from a folder or ZIP of photos, one row at a time."""

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property, partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, TextIO, cast

from django.utils.text import slugify

from catalog.importing.albums import (
    DAMAGED,
    PHOTO_SUFFIXES,
    Album,
    Archive,
    DiskPhoto,
    Folder,
    Misuse,
    Nowhere,
    OutOfReach,
    PhotoFile,
    Refused,
    is_hidden,
    left_alone,
    plain,
)
from catalog.models import Product
from catalog.photos import MAX_PHOTOS, TooManyPhotos
from catalog.validators import SKU_CHARACTERS, is_storable

REQUIRED_COLUMNS = ("sku", "name", "category")
OPTIONAL_COLUMNS = ("image", "description", "price", "currency", "in_stock", "url")
# Limits for files that staff send: ten times a large shop's catalogue.
MAX_ROWS = 100_000
MAX_CSV_BYTES = 50_000_000
# Limits for one row. Without them, a quote that is not closed would take in all that follows.
MAX_ROW_LINES = 1_000
MAX_ROW_CHARACTERS = 1_000_000
# A product has 50 attributes at most (catalog.validators); a spreadsheet may have some more columns, left empty.
MAX_COLUMNS = 1_000
# The lines that an unreadable row took are read again. A file that has more such rows is no CSV file.
MAX_UNREADABLE_ROWS = 1_000
# Full-width signs are among them: Excel in Japanese takes them for the same.
FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
# The words that the API reads, too (catalog.fields.TruthField).
TRUTHS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "off", "0"), False
)


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


@dataclass(frozen=True)
class RefusedRow:
    place: str
    sku: str
    reason: str


def read(path: Path, photos: Path | None = None, zip_names: str = "") -> "Rows":
    """The rows of a CSV file, or of a folder or ZIP with one folder of photos for each category.

    `zip_names` is the code page of names in the ZIP (catalog.importing.zip_names). Raises Misuse.
    """
    is_zip = path.suffix.lower() == ".zip" and not path.is_dir()
    if zip_names and not is_zip and not (photos and photos.is_file()):
        raise Misuse("--zip-names goes with a ZIP file, and there is none.")
    if is_zip or path.is_dir():
        if photos:
            raise Misuse("--photos goes with a CSV file; a folder or a ZIP has its photos in it.")
        return read_archive(Archive(path, code_page=zip_names)) if is_zip else FolderRows(path)
    if not path.is_file():
        raise Misuse(f"{path}: no such file or folder.")
    if photos and not photos.exists():
        raise Misuse(f"{photos}: no such folder or ZIP file.")
    album = Archive(photos, code_page=zip_names) if photos and photos.is_file() else Folder(photos or path.parent)
    return CsvRows(path, album)


def read_sent(csv_file: Path | None, archive: Archive | None, label: str = "") -> "CsvRows | ArchiveRows":
    """The rows of files that staff sent: a CSV file (messages call it `label`), a ZIP, or both. Raises Misuse."""
    rows: CsvRows | ArchiveRows
    if csv_file:
        rows = CsvRows(csv_file, archive or Nowhere(), label)
    elif archive:
        if too_large := [place for place in archive.csv_files if archive.size(place) > MAX_CSV_BYTES]:
            most = MAX_CSV_BYTES // 1_000_000
            raise Misuse(f"{too_large[0]} in {archive.label} has more than {most} MB: split it.")
        rows = read_archive(archive)
    else:
        raise Misuse("There is neither a CSV file nor a ZIP of photos.")
    if isinstance(rows, CsvRows):
        rows.most = MAX_ROWS
    return rows


def read_archive(archive: Archive) -> "CsvRows | ArchiveRows":
    """The rows of the CSV file in a ZIP, or of its photos if it has no CSV file. Raises Misuse."""
    if not archive.csv_files:
        return ArchiveRows(archive)
    if len(archive.csv_files) > 1:
        first, second = archive.csv_files[:2]
        raise Misuse(f"{archive.label} has several CSV files, such as {first} and {second}: keep one.")
    [place] = archive.csv_files
    return CsvRows(archive.path, archive, f"{place} in {archive.label}", partial(archive.open, place))


class CsvRows:
    """Rows of a CSV file, read twice: once to judge it as a whole and count its rows, once to import them."""

    unit = "line"
    most: int | None = None  # rows that it may have

    def __init__(self, path: Path, album: Album, label: str = "", open_bytes: Callable[[], IO[bytes]] | None = None):
        """`label` is what messages call the file. `open_bytes` opens it where it lies in a ZIP. Raises Misuse."""
        self.path = path
        self.album = album
        self.label = label or str(path)
        self._open_bytes = open_bytes or partial(path.open, "rb")
        with self._judged():
            self.columns = self._read_columns()

    @cached_property
    def count(self) -> int:
        """Raises Misuse."""
        count = 0
        with self._judged():
            for _ in islice(self._rows(), 1, None):
                count += 1
                if self.most and count > self.most:
                    raise Misuse(f"{self.label} has more than {self.most:,} rows: split it.")
        return count

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
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

    @contextmanager
    def _judged(self) -> Iterator[None]:
        """Turns errors of reading into Misuse."""
        try:
            yield
        except OSError as error:
            raise OutOfReach(f"{self.label} cannot be read: {error.strerror}.") from error
        except DAMAGED as error:
            raise Misuse(f"{self.label} is damaged. Pack it again, then send it.") from error

    def _open(self) -> TextIO:
        # Bytes that are not UTF-8 become lone surrogates. They spoil their row, but not the file.
        return io.TextIOWrapper(
            cast(BinaryIO, self._open_bytes()), encoding="utf-8-sig", errors="surrogateescape", newline=""
        )

    def _read_columns(self) -> list[str]:
        with self._open() as text:
            header = text.readline()
            self.delimiter = max(",;\t", key=header.count)
        _, columns = next(self._rows(), ("1", []))
        if isinstance(columns, csv.Error):
            raise Misuse(f"{self.label} is not a CSV file: {columns}.")
        if len(columns) > MAX_COLUMNS:
            raise Misuse(f"{self.label} has more than {MAX_COLUMNS:,} columns: remove those that are not needed.")
        if not all(is_storable(name) for name in columns):
            raise Misuse(f"{self.label} is not text in UTF-8. Save it as “CSV UTF-8”, then try again.")
        known = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
        columns = [name.lower() if name.lower() in known else name for name in columns]
        if missing := [name for name in REQUIRED_COLUMNS if name not in columns]:
            raise Misuse(f"{self.label} has no column {', '.join(missing)}; its first line has to name them.")
        if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
            raise Misuse(f"{self.label} has the column {', '.join(twice)} twice.")
        return columns

    def _rows(self) -> Iterator[tuple[str, list[str] | csv.Error]]:
        """The line that each row starts at, and its cells or why it has none. Yields the header, but no empty rows."""
        with self._open() as text:
            again: deque[str] = deque()
            line, unreadable = 1, 0
            while True:
                taken: list[str] = []
                try:
                    # Without strict, a quote that is never closed would swallow the rest of the file as one cell.
                    cells = next(csv.reader(lines(again, text, taken), delimiter=self.delimiter, strict=True), None)
                except csv.Error as error:
                    unreadable += 1
                    if unreadable > MAX_UNREADABLE_ROWS:
                        raise Misuse(
                            f"{self.label} has more than {MAX_UNREADABLE_ROWS:,} rows that cannot be read as CSV, "
                            f"such as that of line {line}: {error}."
                        ) from error
                    yield str(line), error
                    again.extendleft(reversed(taken[1:]))  # a stray quote swallowed rows of their own
                    line += 1
                    continue
                if cells is None:
                    return
                cells = [cell.strip() for cell in cells]
                if any(cells):
                    yield str(line), cells
                line += len(taken)

    def _row(self, line: str, values: dict[str, str]) -> ProductRow:
        if empty := [name for name in REQUIRED_COLUMNS if not values[name]]:
            raise Refused(f"no {', '.join(empty)}")
        names = list(filter(None, map(str.strip, values.get("image", "").split("|"))))
        if len(names) > MAX_PHOTOS:  # known before thousands of files are opened
            raise Refused(str(TooManyPhotos()))
        return ProductRow(
            place=line,
            sku=values["sku"],
            name=values["name"],
            category=values["category"],
            photos=tuple(map(self._photo, names)),
            fields={name: FIELDS[name](values[name]) for name in FIELDS if name in values},
            attributes={
                name: value
                for name, value in values.items()
                if name and name not in REQUIRED_COLUMNS + OPTIONAL_COLUMNS
            },
        )

    def _photo(self, name: str) -> PhotoFile:
        if "://" in name:
            raise Refused(f"image {name}: web addresses are not fetched, give a file")
        return self.album.find(name)


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


def printable(text: str) -> str:
    """The text made fit to show and store: NULs and bytes that are not UTF-8 become replacement characters."""
    return text.encode(errors="surrogateescape").decode(errors="replace").replace("\x00", "\ufffd")


def as_text(cell: str) -> str:
    """The cell, quoted if a spreadsheet would take it for a formula: its content came from elsewhere."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


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
    """One row for each photo. Its folder names the category, its file the product, and both make the sku.

    The folder may lie in others: train/chair/oak.jpg is in the category chair. Names are in composed letters.
    """

    unit = "file"

    def __init__(self, path: Path) -> None:
        """Raises Misuse."""
        self.path = path
        self.count = 0
        self.left_out: list[str] = []
        in_folders = 0
        try:
            for file in files_below(path):
                if is_photo(file):
                    self.count += 1
                    in_folders += file.parent != path
                else:
                    self.left_out.append(printable(self._place(file)))
        except OSError as error:
            raise OutOfReach(f"{path} cannot be read: {error.strerror}.") from error
        if not in_folders:
            raise Misuse(f"{path} has no photos in folders named after their category, such as chair/oak.jpg.")

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
        for file in filter(is_photo, files_below(self.path)):
            yield photo_row(self._place(file), DiskPhoto(file))

    def left_alone(self) -> str:
        """A sentence on the files that are no photos; empty if there are none."""
        return left_alone(str(self.path), self.left_out)

    def _place(self, file: Path) -> str:
        return plain(file.relative_to(self.path).as_posix())


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The files in a folder and in all folders below it, in order, without hidden ones. Raises OSError.

    Links are followed, but not into a folder that they lie in.
    """
    above = (*above, folder.resolve())
    for entry in sorted(folder.iterdir()):
        if is_hidden(entry.name):
            continue
        if not entry.is_dir():
            yield entry
        elif entry.resolve() not in above:
            yield from files_below(entry, above)


def is_photo(file: Path) -> bool:
    return file.suffix.lower() in PHOTO_SUFFIXES


class ArchiveRows:
    """Like FolderRows, for a ZIP. Its folders may lie in others, since packing a folder of folders puts them there."""

    unit = "file"

    def __init__(self, archive: Archive) -> None:
        """Raises Misuse."""
        self.path = archive.path
        self.album = archive
        self.count = len(archive.photos)
        if not any("/" in place for place in archive.photos):
            raise Misuse(f"{archive.label} has no photos in folders named after their category, such as chair/oak.jpg.")

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
        for place in self.album.photos:
            yield photo_row(place, self.album.find(place))


def photo_row(place: str, photo: PhotoFile) -> ProductRow | RefusedRow:
    """The product made of the photo at `place`, a path that should end in category/name."""
    if not is_storable(place):  # Python makes surrogates of a name in another encoding
        return RefusedRow(printable(place), "", "its name is not in UTF-8")
    path = PurePosixPath(place)
    category = path.parent.name
    if not category:
        return RefusedRow(place, "", "it lies in no folder; the folder's name is the category")
    # Files of one name in two folders are two products.
    sku = f"{slugify(category, allow_unicode=True)}-{path.stem}"
    sku = re.sub(rf"[^{SKU_CHARACTERS}]+", "-", sku).strip("-")
    name = " ".join(path.stem.replace("_", " ").replace("-", " ").split())
    return ProductRow(place, sku, name or sku, category, (photo,))


Rows = CsvRows | FolderRows | ArchiveRows


def files_of(rows: Rows) -> Archive | FolderRows | None:
    """Where the photos of rows lie, if some of the files there may be left out."""
    if isinstance(rows, FolderRows):
        return rows
    return rows.album if isinstance(rows.album, Archive) else None
