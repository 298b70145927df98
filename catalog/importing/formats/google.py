"""Google Merchant Center's feeds: RSS 2.0, Atom and the form separated by tabs.

Names and values are those of https://support.google.com/merchants/answer/7052112
"""

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from catalog.importing.albums import Album, Refused
from catalog.importing.formats.format import Format, Rows, costs_its_row
from catalog.importing.records import Record, Source
from catalog.importing.rows import ProductRow
from catalog.importing.values import as_price, first_addresses, html_as_text, last_step, on_one_line, tags_as_text

FIELDS = {
    "id": "sku",
    "title": "name",
    "description": "description",
    "product_type": "category",
    "google_product_category": "category, without a product_type",
    "price": "price and currency",
    "sale_price": "price, while the sale lasts",
    "sale_price_effective_date": "when the sale lasts",
    "availability": "in_stock",
    "link": "url",
    "image_link": "photos",
    "additional_image_link": "photos",
    "item_group_id": "attribute family",
}
# What tells one product from another. The rest speaks of shipping, taxes and campaigns.
ATTRIBUTES = (
    *("brand", "color", "material", "pattern", "size", "size_type", "gender", "age_group", "condition", "gtin", "mpn"),
    *("product_length", "product_width", "product_height", "product_weight"),
)
AVAILABILITY = {"in_stock": True, "out_of_stock": False, "preorder": False, "backorder": False}
# An item may have several of these, and this between them in a cell. Of other fields it has one.
SEVERAL = {"product_type": "\n", "additional_image_link": "\n", **dict.fromkeys(ATTRIBUTES, ", ")}
SINGLE = frozenset(FIELDS) - SEVERAL.keys()
SIGNS = {"€": "EUR", "$": "USD", "£": "GBP"}
NUMBER, CURRENCY = r"[0-9](?:[0-9.,'’\s]*[0-9.,])?", rf"[A-Za-z]{{3}}|[{''.join(SIGNS)}]"
PRICE = re.compile(rf"({NUMBER})\s*({CURRENCY})|({CURRENCY})\s*({NUMBER})")
# An address may have a comma in it, but no blank.
BETWEEN_ADDRESSES = re.compile(r",? (?=https?://)|,(?=https?://)")


def folded(name: str) -> str:
    return name.lower().removeprefix("g:").strip().replace(" ", "_")


def becomes(column: str) -> str:
    return f"attribute {column}" if column in ATTRIBUTES else FIELDS.get(column, "")


def rows(source: Source, album: Album, left_out: Counter[str]) -> Rows:
    for record in source:
        try:
            if record.fault:
                raise Refused(record.fault)
            yield product_row(record, tags_as_text if source.entities_undone else html_as_text, left_out)
        except Refused as refusal:
            yield record.refused(record["id"], refusal)


@costs_its_row
def product_row(record: Record, plain: Callable[[str], str], left_out: Counter[str]) -> ProductRow:
    """`plain` makes text of HTML. Raises Refused."""
    if empty := [name for name in ("id", "title") if not record[name]]:
        raise Refused(f"no {', '.join(empty)}")
    told: dict[str, Any] = {}
    if "description" in record.values:
        told["description"] = plain(record["description"])
    if "link" in record.values:
        told["url"] = record["link"]
    if "availability" in record.values:
        told["in_stock"] = in_stock(record["availability"])
    if "price" in record.values:
        told |= price(record)
    attributes = {name: on_one_line(plain(record[name])) for name in ATTRIBUTES if name in record.values}
    if "item_group_id" in record.values:
        attributes["family"] = record["item_group_id"]
    return ProductRow(
        record.place,
        record["id"],
        on_one_line(plain(record["title"])),
        plain(category(record)),
        fields=told,
        attributes=attributes,
        addresses=first_addresses(
            [record["image_link"], *BETWEEN_ADDRESSES.split(on_one_line(record["additional_image_link"]))], left_out
        ),
    )


def category(record: Record) -> str:
    """The last step of the shop's own path, or of Google's. Raises Refused."""
    own = re.split(r"\n|,(?=[^,]*>)", record["product_type"])[0].strip()
    path = own or record["google_product_category"]
    if not path:
        raise Refused("no product_type; it names the category, such as Furniture > Chairs")
    if path.isdecimal() and not own:
        raise Refused(f"google_product_category {path} is a number; add a product_type, such as Furniture > Chairs")
    return last_step(path)


def in_stock(text: str) -> bool:
    known = text.lower().replace(" ", "_")
    if text and known not in AVAILABILITY:
        raise Refused(f"availability {text}: write {', '.join(AVAILABILITY)}")
    return AVAILABILITY.get(known, True)


def price(record: Record) -> dict[str, Decimal | str | None]:
    """What a customer pays today: the price, or the sale's. Raises Refused."""
    usual, sale = (amount(name, record[name]) for name in ("price", "sale_price"))
    if sale and lasts(record["sale_price_effective_date"], timezone.now()):
        return sale
    return usual or {"price": None}


def amount(name: str, text: str) -> dict[str, Decimal | str | None]:
    if not text:
        return {}
    found = PRICE.fullmatch(text)
    if not found:
        raise Refused(f"{name} {text}: write a number and a currency, such as 129.00 EUR")
    number, currency = found[1] or found[4], found[2] or found[3]
    return {"price": as_price(number, name), "currency": SIGNS.get(currency, currency.upper())}


def lasts(period: str, now: datetime) -> bool:
    """Whether `now` is within 2026-11-01T00:00+01:00/2026-12-01T00:00+01:00. A sale without dates lasts."""
    if not period:
        return True
    try:
        first, last = (datetime.fromisoformat(date.strip()) for date in period.split("/"))
        aware = [timezone.make_aware(date) if timezone.is_naive(date) else date for date in (first, last)]
    except ValueError as error:
        raise Refused(
            f"sale_price_effective_date {period}: write two dates, such as 2026-11-01T00:00Z/2026-12-01T00:00Z"
        ) from error
    return aware[0] <= now < aware[1]


GOOGLE = Format(
    "google",
    "a Google Merchant Center feed",
    ("id", "title"),
    frozenset(FIELDS),
    folded,
    becomes,
    rows,
    one_line=frozenset(FIELDS) - {"description", "additional_image_link"},
)
