"""Shopify's product export: the rows of one handle are a product's variants and photos. Each variant is a product.

Columns are those of https://help.shopify.com/en/manual/products/import-export/using-csv, old names and new.
"""

import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any

from catalog.importing.albums import Album, Refused
from catalog.importing.formats.format import Format, Rows, costs_its_row
from catalog.importing.records import Record, Source
from catalog.importing.rows import ProductRow
from catalog.importing.values import as_price, first_addresses, html_as_text, last_step
from catalog.validators import SKU_CHARACTERS, SKU_LENGTH

# New names, by which the old ones go.
OLD_NAMES = {
    "url handle": "handle",
    "description": "body (html)",
    "published on online store": "published",
    "sku": "variant sku",
    "barcode": "variant barcode",
    "price": "variant price",
    "inventory tracker": "variant inventory tracker",
    "inventory quantity": "variant inventory qty",
    "continue selling when out of stock": "variant inventory policy",
    "product image url": "image src",
    "variant image url": "variant image",
}
BECOMES = {
    "handle": "attribute family, and the sku of a variant without one",
    "title": "name",
    "body (html)": "description",
    "vendor": "attribute brand",
    "type": "category",
    "product category": "category, without a type",
    "published": "whether it is imported",
    "status": "whether it is imported",
    "variant sku": "sku",
    "variant barcode": "attribute gtin",
    "variant price": "price",
    "variant inventory tracker": "in_stock",
    "variant inventory qty": "in_stock",
    "variant inventory policy": "in_stock",
    "image src": "photos",
    "image position": "order of the photos",
    "variant image": "photos, first of its variant",
    **{f"option{number} name": "name of an attribute" for number in (1, 2, 3)},
    **{f"option{number} value": "value of that attribute, and in the name" for number in (1, 2, 3)},
}
# Shopify allows 2,048 variants and 250 photos a product.
MAX_HANDLE_ROWS = 5_000
# Python makes no integers of texts with more than 4,300 digits.
WHOLE = re.compile(r"-?[0-9]{1,20}")


def folded(name: str) -> str:
    return OLD_NAMES.get(name.lower(), name.lower())


def becomes(column: str) -> str:
    return BECOMES.get(column, "")


def rows(source: Source, album: Album, left_out: Counter[str]) -> Rows:
    met: set[str] = set()
    for handle, group in groupby(by_handle(source), itemgetter(0)):
        if not handle:
            yield from (record.refused(record["variant sku"], record.fault or "no Handle") for _, record in group)
            continue
        records: list[Record] = []
        for _, record in group:
            if len(records) < MAX_HANDLE_ROWS:
                records.append(record)
            else:
                reason = f"Handle {handle} has more than {MAX_HANDLE_ROWS:,} rows"
                yield record.refused(record["variant sku"], record.fault or reason)
        readable = [record for record in records if not record.fault]
        if handle in met:
            reason = f"Handle {handle} came before, with other rows in between: sort the rows"
            yield from (record.refused(record["variant sku"], record.fault or reason) for record in records)
        elif not is_published(readable[0]):
            left_out["Left out, since they are not published"] += 1
            yield from (record.refused(record["variant sku"], record.fault) for record in records if record.fault)
        else:
            yield from products(records, readable, left_out)
        met.add(handle)


def by_handle(source: Source) -> Iterator[tuple[str, Record]]:
    """Each record with its handle. One that cannot be read goes with those before it, whatever it seems to say."""
    handle = ""
    for record in source:
        handle = handle if record.fault else record["handle"]
        yield handle, record


def is_published(first: Record) -> bool:
    return first["published"].lower() != "false" and first["status"].lower() in ("", "active")


def products(records: list[Record], readable: list[Record], left_out: Counter[str]) -> Rows:
    """A product for each variant of a handle. `readable` are those of its records that are not at fault."""
    first = readable[0]
    variants = [record for record in readable if is_variant(record)] or [first]
    pictured = sorted((record for record in readable if record["image src"]), key=position)
    own = {record["variant image"] for record in variants}
    # A photo that is another variant's own shows another colour.
    shared = [record["image src"] for record in pictured if record["image src"] not in own]
    # One that cannot be read may be another variant.
    only = len(variants) == 1 and not any(
        record.fault and record["handle"] in ("", first["handle"]) for record in records
    )
    going_in = {id(record) for record in variants}
    for record in records:
        if record.fault:
            yield record.refused(record["variant sku"], record.fault)
        elif id(record) in going_in:
            try:
                yield variant(first, record, shared, only, left_out)
            except Refused as refusal:
                yield record.refused(sku(record, options(first, record)), refusal)


def is_variant(record: Record) -> bool:
    """Rows of photos alone have a handle and a photo, and nothing of a variant."""
    return any(record[name] for name in ("variant sku", "variant price", "option1 value"))


def position(record: Record) -> int:
    return int(record["image position"]) if WHOLE.fullmatch(record["image position"]) else 0


@costs_its_row
def variant(first: Record, record: Record, shared: list[str], only: bool, left_out: Counter[str]) -> ProductRow:
    """Raises Refused."""
    if not first["title"]:
        raise Refused("no Title; the first row of a handle has to name it")
    category = first["type"] or last_step(first["product category"])
    if not category:
        raise Refused("no Type; it names the category, such as Chair")
    chosen = options(first, record)
    name = " - ".join(filter(None, [first["title"], " / ".join(chosen.values())]))
    attributes = {"brand": first["vendor"], **chosen} if "vendor" in first.values else chosen
    if "variant barcode" in record.values:
        attributes = {**attributes, "gtin": record["variant barcode"].removeprefix("'")}
    fields: dict[str, Any] = {}
    if "body (html)" in first.values:
        fields["description"] = html_as_text(first["body (html)"])
    if "variant price" in record.values:
        fields["price"] = as_price(record["variant price"], "Variant Price")
    if "variant inventory qty" in record.values:
        fields["in_stock"] = in_stock(record)
    return ProductRow(
        record.place,
        sku(record, chosen),
        name,
        category,
        fields=fields,
        attributes={**attributes, "family": "" if only else first["handle"]},
        addresses=first_addresses([record["variant image"], *shared], left_out),
    )


def options(first: Record, record: Record) -> dict[str, str]:
    """Its choices by name, such as Color: Red. The names stand in the first row alone."""
    pairs = [(first[f"option{number} name"], record[f"option{number} value"]) for number in (1, 2, 3)]
    return {name: value for name, value in pairs if name and value and value != "Default Title"}


def sku(record: Record, chosen: dict[str, str]) -> str:
    """The variant's own, or one made of the handle and what is chosen."""
    if own := record["variant sku"].removeprefix("'"):  # Shopify keeps spreadsheets from rounding numbers
        return own
    said = "-".join([record["handle"], *chosen.values()])
    made = re.sub(rf"[^{SKU_CHARACTERS}]+", "-", said).strip("-")
    if made == said and len(made) <= SKU_LENGTH:
        return made
    # "1/2" and "1 2" are two sizes.
    return f"{made[: SKU_LENGTH - 7]}-{sha256(said.encode()).hexdigest()[:6]}".strip("-")


def in_stock(record: Record) -> bool:
    """Nobody counts a variant without a tracker."""
    if not record["variant inventory tracker"] and "variant inventory tracker" in record.values:
        return True
    if record["variant inventory policy"].lower() in ("continue", "true"):
        return True
    quantity = record["variant inventory qty"].removeprefix("'") or "0"
    if not WHOLE.fullmatch(quantity):
        raise Refused(f"Variant Inventory Qty {quantity}: not a whole number")
    return int(quantity) > 0


SHOPIFY = Format(
    "shopify",
    "Shopify's product export",
    ("handle", "title"),
    frozenset(BECOMES),
    folded,
    becomes,
    rows,
    one_line=frozenset(BECOMES) - {"body (html)"},
    hint="It names no currency: new products have the default, others keep theirs.",
)
