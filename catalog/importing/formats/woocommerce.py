"""WooCommerce's product export: a variable product's variations name it as their parent. Each variation is a product.

Columns are those of https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema
"""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from catalog.importing.albums import Album, Refused
from catalog.importing.formats.format import Format, Rows
from catalog.importing.records import Record, Source
from catalog.importing.rows import ProductRow
from catalog.importing.values import as_price, html_as_text, last_step, web_addresses

BECOMES = {
    "id": "the sku of a product without one: woo- and the number",
    "type": "what the row is: a product, a variable product or a variation",
    "sku": "sku",
    "name": "name",
    "published": "whether it is imported",
    "short description": "description, without a longer one",
    "description": "description",
    "date sale price starts": "when the sale lasts",
    "date sale price ends": "when the sale lasts",
    "in stock?": "in_stock",
    "sale price": "price, while the sale lasts",
    "regular price": "price",
    "categories": "category: the last step of the first",
    "images": "photos",
    "parent": "attribute family",
    "brands": "attribute brand",
    "gtin, upc, ean, or isbn": "attribute gtin",
}
MEASURE = re.compile(r"(weight|length|width|height) \(.+\)")
ATTRIBUTE = re.compile(r"attribute (\d+) (name|value\(s\))")
BETWEEN = re.compile(r"(?<!\\),")
# It marks cells that a spreadsheet would take for formulas.
MARKED = re.compile(r"'(?=[=+@-])")


def folded(name: str) -> str:
    return name.lower()


def becomes(column: str) -> str:
    if MEASURE.fullmatch(column):
        return f"attribute {column}"
    if found := ATTRIBUTE.fullmatch(column):
        return f"{'name' if found[2] == 'name' else 'value'} of an attribute"
    return BECOMES.get(column, "")


def rows(source: Source, album: Album, left_out: Counter[str]) -> Rows:
    """Reads the source twice: an export has variations far from their parent. Keeps the variable products in memory."""
    parents: dict[str, Record] = {}
    named: set[str] = set()
    for record in source:
        if kind(record) == "variable" and not record.fault:
            parents[f"id:{record['id']}"] = record
            parents[record["sku"] or f"woo-{record['id']}"] = record
        elif kind(record) == "variation":
            named.add(record["parent"])
    for record in source:
        sku = own_sku(record)
        try:
            if record.fault:
                raise Refused(record.fault)
            parent = parents.get(record["parent"]) if kind(record) == "variation" else None
            if kind(record) == "variation" and parent is None:
                raise Refused(f"Parent {record['parent'] or '–'}: no such row; export variable products, too")
            if not all(is_published(each) for each in (record, parent) if each):
                left_out["Left out, since they are not published"] += 1
            elif kind(record) == "variable" and named & {f"id:{record['id']}", sku}:
                left_out["Variable products that go in as their variations"] += 1
            else:
                yield product_row(record, parent)
        except Refused as refusal:
            yield record.refused(sku, refusal)


def kind(record: Record) -> str:
    """The first of "variation, virtual"."""
    return record["type"].split(",")[0].strip().lower()


def own_sku(record: Record) -> str:
    return MARKED.sub("", record["sku"], count=1) or (record["id"] and f"woo-{record['id']}")


def is_published(record: Record) -> bool:
    return record["published"] in ("", "1")


def product_row(record: Record, parent: Record | None) -> ProductRow:
    """Raises Refused. What a variation does not say is its parent's."""

    def said(column: str) -> str:
        return MARKED.sub("", record[column] or (parent[column] if parent else ""), count=1)

    if not said("sku") and not record["id"]:
        raise Refused("no SKU and no ID")
    if not said("name"):
        raise Refused("no Name")
    if not said("categories"):
        raise Refused("no Categories; the first names the category, such as Furniture > Chairs")
    fields: dict[str, Any] = {}
    if record.values.keys() & {"description", "short description"}:
        fields["description"] = html_as_text((said("description") or said("short description")).replace("\\n", "\n"))
    if "regular price" in record.values:
        fields["price"] = price(record)
    if "in stock?" in record.values:
        fields["in_stock"] = in_stock(record["in stock?"])
    attributes = {name: said(name) for name in record.values if MEASURE.fullmatch(name)}
    for column, name in (("brands", "brand"), ("gtin, upc, ean, or isbn", "gtin")):
        if column in record.values:
            attributes[name] = html_as_text(said(column))
    return ProductRow(
        record.place,
        own_sku(record),
        html_as_text(said("name")),
        html_as_text(last_step(listed(said("categories"))[0])),
        fields=fields,
        attributes={
            **attributes,
            **(told_attributes(parent) if parent else {}),
            **told_attributes(record),
            "family": own_sku(parent) if parent else "",
        },
        addresses=web_addresses(listed(said("images"))),
    )


def told_attributes(record: Record) -> dict[str, str]:
    numbers = [found[1] for found in map(ATTRIBUTE.fullmatch, record.values) if found and found[2] == "name"]
    pairs = [(record[f"attribute {number} name"], record[f"attribute {number} value(s)"]) for number in numbers]
    return {html_as_text(name): html_as_text(", ".join(listed(value))) for name, value in pairs if name and value}


def listed(text: str) -> list[str]:
    """A list in one cell. Commas within its parts have a backslash before them."""
    return [part.replace("\\,", ",").strip() for part in BETWEEN.split(text)]


def in_stock(text: str) -> bool:
    if text.lower() not in ("", "1", "0", "backorder"):
        raise Refused(f"In stock? {text}: write 1, 0 or backorder")
    return text in ("", "1")


def price(record: Record) -> Any:
    """What a customer pays today. Raises Refused."""
    sale = as_price(record["sale price"])
    starts, ends = (day(record, f"date sale price {word}") for word in ("starts", "ends"))
    now = timezone.now()
    if sale is not None and (starts is None or starts <= now) and (ends is None or now < ends + timedelta(days=1)):
        return sale
    return as_price(record["regular price"])


def day(record: Record, column: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(record[column]) if record[column] else None
    except ValueError as error:
        raise Refused(f"{column} {record[column]}: write a date, such as 2026-11-30") from error
    return timezone.make_aware(date) if date and timezone.is_naive(date) else date


WOOCOMMERCE = Format(
    "woocommerce",
    "WooCommerce's product export",
    ("type", "sku", "name", "categories"),
    frozenset(BECOMES),
    folded,
    becomes,
    rows,
    hint="It names no currency: new products have the default, others keep theirs.",
)
