"""WooCommerce's product export: a variable product's variations name it as their parent. Each variation is a product.

Columns are those of https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema
"""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from catalog.importing.albums import Album, Refused
from catalog.importing.formats.format import Format, Rows, costs_its_row
from catalog.importing.records import Record, Source
from catalog.importing.rows import ProductRow
from catalog.importing.values import as_price, first_addresses, html_as_text, last_step, on_one_line

BECOMES = {
    "id": "the sku of a product without one: woo- and the number",
    "type": "what the row is: a product, a variable product or a variation",
    "sku": "sku",
    "name": "name",
    "published": "whether it is imported",
    "visibility in catalog": "whether it is imported",
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
# The types of the extension Subscriptions, by what they are here.
SUBSCRIPTIONS = {"variable-subscription": "variable", "subscription_variation": "variation"}
# Where the shop shows a product, and what is counted if it is left out: a search shows what the shop's own search may.
VISIBILITY = {
    "visible": "",
    "search": "",
    "catalog": "Left out, since the shop's search does not show them",
    "hidden": "Left out, since they are hidden",
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
                raise Refused(
                    f"Parent {record['parent'] or '–'}: no such row that can be read; export variable products, too"
                )
            if reason := (unseen(parent) if parent else "") or unseen(record):
                left_out[reason] += 1
            elif kind(record) == "variable" and named & {f"id:{record['id']}", sku}:
                left_out["Variable products that go in as their variations"] += 1
            else:
                yield product_row(record, parent, left_out)
        except Refused as refusal:
            yield record.refused(sku, refusal)


def kind(record: Record) -> str:
    """The first of "variation, virtual"."""
    first = record["type"].split(",")[0].strip().lower()
    return SUBSCRIPTIONS.get(first, first)


def own_sku(record: Record) -> str:
    return MARKED.sub("", record["sku"], count=1) or (record["id"] and f"woo-{record['id']}")


def unseen(record: Record) -> str:
    """Why customers do not see it; empty if they do. Raises Refused."""
    if record["published"] not in ("", "1"):
        return "Left out, since they are not published"
    visibility = record["visibility in catalog"].lower() or "visible"
    if visibility not in VISIBILITY:
        raise Refused(f"Visibility in catalog {visibility}: write {', '.join(VISIBILITY)}")
    return VISIBILITY[visibility]


@costs_its_row
def product_row(record: Record, parent: Record | None, left_out: Counter[str]) -> ProductRow:
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
        on_one_line(html_as_text(said("name"))),
        html_as_text(last_step(listed(said("categories"))[0])),
        fields=fields,
        attributes={
            **attributes,
            **told_attributes(record, parent),
            "family": own_sku(parent) if parent else "",
        },
        addresses=first_addresses(listed(said("images")), left_out),
    )


def told_attributes(record: Record, parent: Record | None) -> dict[str, str]:
    """Its attributes, and where it says nothing its parent's. An empty one removes what the product had before."""
    told: dict[str, str] = {}
    for each in filter(None, (parent, record)):
        numbers = [found[1] for found in map(ATTRIBUTE.fullmatch, each.values) if found and found[2] == "name"]
        for number in numbers:
            name = html_as_text(each[f"attribute {number} name"])
            value = html_as_text(", ".join(listed(each[f"attribute {number} value(s)"])))
            if name:
                told[name] = value or told.get(name, "")
    return told


def listed(text: str) -> list[str]:
    """A list in one cell. Commas within its parts have a backslash before them."""
    return [part.replace("\\,", ",").strip() for part in BETWEEN.split(text)]


def in_stock(text: str) -> bool:
    if text.lower() not in ("", "1", "0", "backorder"):
        raise Refused(f"In stock? {text}: write 1, 0 or backorder")
    return text in ("", "1")


def price(record: Record) -> Any:
    """What a customer pays today. Raises Refused."""
    sale = as_price(record["sale price"], "Sale price")
    starts, ends = (day(record, f"date sale price {word}") for word in ("starts", "ends"))
    now = timezone.now()
    if sale is not None and (starts is None or starts <= now) and (ends is None or now - timedelta(days=1) < ends):
        return sale
    return as_price(record["regular price"], "Regular price")


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
    one_line=frozenset(BECOMES) - {"description", "short description", "images"},
    hint="It names no currency: new products have the default, others keep theirs.",
)
