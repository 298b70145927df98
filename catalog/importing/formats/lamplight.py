"""Lamplight's own CSV. Its photos are files or at web addresses, and a column that is no field is an attribute."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from catalog.importing.albums import Album, Refused
from catalog.importing.formats.format import Format, Rows, costs_its_row
from catalog.importing.records import Record, Source
from catalog.importing.rows import ProductRow
from catalog.importing.values import as_currency, as_price, as_truth, web_addresses
from catalog.photos import MAX_PHOTOS, TooManyPhotos

REQUIRED_COLUMNS = ("sku", "name", "category")
FIELDS: dict[str, Callable[[str], Any]] = {
    "description": str,
    "price": as_price,
    "currency": as_currency,
    "in_stock": as_truth,
    "url": str,
}
KNOWN = frozenset({*REQUIRED_COLUMNS, "image", *FIELDS})


def folded(name: str) -> str:
    return name.lower() if name.lower() in KNOWN else name


def becomes(column: str) -> str:
    if column == "image":
        return "photos"
    return column if column in KNOWN else column and f"attribute {column}"


def rows(source: Source, album: Album, left_out: Counter[str]) -> Rows:
    for record in source:
        try:
            if record.fault:
                raise Refused(record.fault)
            yield product_row(record, album)
        except Refused as refusal:
            yield record.refused(record["sku"], refusal)


@costs_its_row
def product_row(record: Record, album: Album) -> ProductRow:
    """Raises Refused."""
    if empty := [name for name in REQUIRED_COLUMNS if not record[name]]:
        raise Refused(f"no {', '.join(empty)}")
    names = list(filter(None, map(str.strip, record["image"].split("|"))))
    if len(names) > MAX_PHOTOS:  # known before thousands of files are opened
        raise Refused(str(TooManyPhotos()))
    return ProductRow(
        place=record.place,
        sku=record["sku"],
        name=record["name"],
        category=record["category"],
        photos=tuple(album.find(name) for name in names if "://" not in name),
        addresses=web_addresses(name for name in names if "://" in name),
        fields={name: meaning(record[name]) for name, meaning in FIELDS.items() if name in record.values},
        attributes={name: value for name, value in record.values.items() if name and name not in KNOWN},
    )


LAMPLIGHT = Format(
    "lamplight",
    "Lamplight's own CSV",
    REQUIRED_COLUMNS,
    KNOWN,
    folded,
    becomes,
    rows,
    one_line=KNOWN - {"description", "image"},
    names_files=True,
)
