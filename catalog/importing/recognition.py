"""Finds out what a file or folder is, and reads its rows."""

from functools import partial
from pathlib import Path

from catalog.importing.albums import Album, Archive, Folder, Misuse, Nowhere
from catalog.importing.catalog_rows import CatalogRows
from catalog.importing.catalogue_file import CatalogueFile
from catalog.importing.folder_rows import ArchiveRows, FolderRows
from catalog.importing.formats.format import Format
from catalog.importing.formats.google import GOOGLE, SEVERAL, SINGLE
from catalog.importing.formats.lamplight import LAMPLIGHT
from catalog.importing.formats.shopify import SHOPIFY
from catalog.importing.formats.woocommerce import WOOCOMMERCE
from catalog.importing.records import Source
from catalog.importing.tables import Table, first_rows
from catalog.importing.xml_items import XmlItems

# If a file has the columns of several, the first one counts.
FORMATS = {format.name: format for format in (LAMPLIGHT, GOOGLE, SHOPIFY, WOOCOMMERCE)}
# Limits for files that staff send: ten times a large shop's catalogue.
MAX_ROWS = 100_000
MAX_CSV_BYTES = 50_000_000

# A file that lacks a column of a format is still taken for it with this many others. It is refused with what it lacks.
TELLING = 5
COMPLETE = 1_000  # above any number of known columns

Rows = CatalogRows | FolderRows | ArchiveRows


def read(path: Path, photos: Path | None = None, format_name: str = "", zip_names: str = "") -> Rows:
    """The rows of a CSV or XML file, or of a folder or ZIP with one folder of photos for each category. Raises Misuse.

    `format_name` is one of FORMATS, or empty: the format is then recognised by the file's content. `zip_names` is the
    code page of names in the ZIP (catalog.importing.zip_names).
    """
    is_zip = path.suffix.lower() == ".zip" and not path.is_dir()
    if zip_names and not is_zip and not (photos and photos.is_file()):
        raise Misuse("--zip-names goes with a ZIP file, and there is none.")
    if is_zip or path.is_dir():
        if photos:
            raise Misuse("--photos goes with a CSV file; a folder or a ZIP has its photos in it.")
        if path.is_dir() and format_name:
            raise Misuse("--format goes with a CSV or XML file; a folder of photos has none.")
        return read_archive(Archive(path, code_page=zip_names), format_name) if is_zip else FolderRows(path)
    if not path.is_file():
        raise Misuse(f"{path}: no such file or folder.")
    if photos and not photos.exists():
        raise Misuse(f"{photos}: no such folder or ZIP file.")
    album = Archive(photos, code_page=zip_names) if photos and photos.is_file() else Folder(photos or path.parent)
    return read_file(CatalogueFile(path), album, format_name)


def read_sent(
    csv_file: Path | None, archive: Archive | None, label: str = "", format_name: str = ""
) -> CatalogRows | ArchiveRows:
    """The rows of files that staff sent: a catalogue (messages call it `label`), a ZIP, or both. Raises Misuse."""
    rows: CatalogRows | ArchiveRows
    if csv_file:
        rows = read_file(CatalogueFile(csv_file, label), archive or Nowhere(), format_name)
    elif archive:
        if too_large := [place for place in archive.csv_files if archive.size(place) > MAX_CSV_BYTES]:
            most = MAX_CSV_BYTES // 1_000_000
            raise Misuse(f"{too_large[0]} in {archive.label} has more than {most} MB: split it.")
        rows = read_archive(archive, format_name)
    else:
        raise Misuse("There is neither a CSV file nor a ZIP of photos.")
    if isinstance(rows, CatalogRows):
        rows.most = MAX_ROWS
    return rows


def read_archive(archive: Archive, format_name: str = "") -> CatalogRows | ArchiveRows:
    """The rows of the catalogue in a ZIP, or of its photos if it has no CSV or XML file. Raises Misuse."""
    if not archive.csv_files:
        if format_name:
            raise Misuse(f"{archive.label} has no CSV or XML file that could be in the format {format_name}.")
        return ArchiveRows(archive)
    if len(archive.csv_files) > 1:
        first, second = archive.csv_files[:2]
        raise Misuse(f"{archive.label} has several CSV files, such as {first} and {second}: keep one.")
    [place] = archive.csv_files
    file = CatalogueFile(archive.path, f"{place} in {archive.label}", partial(archive.open, place))
    return read_file(file, archive, format_name)


def files_of(rows: Rows) -> Archive | FolderRows | None:
    """Where the photos of rows lie, if some of the files there may be left out."""
    if isinstance(rows, FolderRows):
        return rows
    return rows.album if isinstance(rows.album, Archive) else None


def read_file(file: CatalogueFile, album: Album, format_name: str = "") -> CatalogRows:
    """Raises Misuse."""
    format, source = recognised(file, format_name)
    return CatalogRows(file.path, file.label, source, format, album)


def recognised(file: CatalogueFile, format_name: str) -> tuple[Format, Source]:
    """The file's format and its records. Raises Misuse."""
    if file.is_xml():
        if format_name not in ("", GOOGLE.name):
            raise Misuse(f"{file.label} is XML, but {FORMATS[format_name].title} is a CSV file.")
        return GOOGLE, XmlItems(file, GOOGLE.folded, SINGLE, SEVERAL)
    format, separator = recognised_table(file, [FORMATS[format_name]] if format_name else list(FORMATS.values()))
    return format, Table(file, separator, format.folded, format.one_line)


def recognised_table(file: CatalogueFile, formats: list[Format]) -> tuple[Format, str]:
    """The format whose columns the first row has, and the separator under which it has them. Raises Misuse."""
    headers = first_rows(file)
    best: tuple[int, Format, str] | None = None
    for format in formats:
        for separator, header in headers.items():
            columns = {format.folded(name) for name in header}
            known = len(columns & format.known)
            score = known + COMPLETE * columns.issuperset(format.required)
            if score < TELLING and format is not LAMPLIGHT and len(formats) > 1:
                score = 0  # a column or two may be anybody's
            # A complete format comes before the formats after it, whatever columns these would know.
            if best is None or (score > best[0] and (best[0] < COMPLETE or format is best[1])):
                best = score, format, separator
    assert best  # there is a format, and a header
    _, format, separator = best
    columns = {format.folded(name) for name in headers[separator]}
    if missing := [name for name in format.required if name not in columns]:
        told = "" if format is LAMPLIGHT else f", read as {format.title},"
        raise Misuse(f"{file.label}{told} has no column {', '.join(missing)}; its first line has to name them.")
    return format, separator
