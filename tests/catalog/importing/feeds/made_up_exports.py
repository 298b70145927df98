"""Exports of 50 products as shop systems write them, after the formats they publish."""

import csv
import io
from html import escape

PRODUCTS = 50
COLOURS = ("Red", "Blue")
NAMESPACE = 'xmlns:g="http://base.google.com/ns/1.0"'


def address(number, name="front"):
    return f"https://cdn.shop.example/{number}/{name}.jpg?v=1,2"


def table(rows, delimiter=","):
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def google(number):
    """What Google's feeds say of a product, by attribute."""
    return {
        "id": f"CH-{number}",
        "title": f"Chair & stool {number}",
        "description": "<p>Solid oak.</p><ul><li>5 &amp; 6 kg</li></ul>",
        "link": f"https://shop.example/{number}",
        "image_link": address(number),
        "additional_image_link": [address(number, "side"), address(number, "back")],
        "availability": "in_stock" if number % 2 else "out of stock",
        "price": "129.00 EUR",
        "sale_price": "99.00 EUR" if number % 5 == 0 else "",
        "product_type": "Home > Furniture > Chairs",
        "brand": "Oak & Sons",
        "color": "Red",
        "item_group_id": f"G-{number // 2}",
        "shipping_label": "heavy",
    }


def google_rss(items=None):
    return feed_of(items, f'<rss version="2.0" {NAMESPACE}><channel><title>Shop</title>', "item", "</channel></rss>")


def google_atom(items=None):
    start = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" {NAMESPACE}><title>Shop</title><link href="https://shop.example"/>'
    )
    return feed_of(items, start, "entry", "</feed>")


def feed_of(items, start, name, end):
    written = "".join(f"<{name}>{elements(item)}</{name}>\n" for item in items or map(google, range(PRODUCTS)))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{start}{written}{end}\n'


def elements(item):
    shipping = "<g:shipping><g:country>DE</g:country><g:price>5 EUR</g:price></g:shipping>"
    pairs = [
        (name, value) for name, values in item.items() for value in ([values] if isinstance(values, str) else values)
    ]
    return "".join(f"<g:{name}>{escape(value)}</g:{name}>" for name, value in pairs if value) + shipping


def google_tsv():
    rows = [google(number) for number in range(PRODUCTS)]
    return table([{**row, "additional_image_link": ",".join(row["additional_image_link"])} for row in rows], "\t")


def shopify():
    """50 products with two variants and two photos each, in three rows."""
    rows = []
    for number in range(PRODUCTS):
        handle = f"oak-chair-{number}"
        for position, colour in enumerate(COLOURS, 1):
            rows.append(
                {
                    "Handle": handle,
                    "Option1 Value": colour,
                    "Variant SKU": f"'10{number:02}{position}",
                    "Variant Inventory Tracker": "shopify",
                    "Variant Inventory Qty": str(position - 1),
                    "Variant Inventory Policy": "deny",
                    "Variant Price": "129.00",
                    "Image Src": address(number, colour),
                    "Image Position": str(position),
                    "Variant Image": address(number, colour),
                    "Cost per item": "20.00",
                }
            )
        rows[-2] |= {
            "Title": f"Oak chair {number}",
            "Body (HTML)": "<p>Solid\noak.</p>\n<p>5 &amp; 6 kg</p>",
            "Vendor": "Oak & Sons",
            "Type": "Chairs",
            "Published": "true",
            "Option1 Name": "Color",
            "Status": "active",
        }
        rows.append({"Handle": handle, "Image Src": address(number, "room"), "Image Position": "3"})
    return table(rows)


def woocommerce():
    """40 simple products, and 5 variable ones with two variations each, which stand at the end."""
    rows = []
    for number in range(PRODUCTS - 5):
        variable = number >= PRODUCTS - 10
        rows.append(
            {
                "ID": str(number + 1),
                "Type": "variable" if variable else "simple",
                "SKU": f"W-{number}",
                "Name": f"Chair &amp; stool {number}",
                "Published": "1",
                "Short description": "",
                "Description": "<p>Solid oak.</p>\\n<p>5 &amp; 6 kg</p>",
                "Date sale price starts": "",
                "Date sale price ends": "",
                "In stock?": "1",
                "Weight (kg)": "5",
                "Sale price": "" if variable else "99",
                "Regular price": "" if variable else "129",
                "Categories": "Furniture > Chairs &amp; stools, Sale",
                "Images": f"https://shop.example/{number}/a\\,1.jpg, https://shop.example/{number}/b.jpg",
                "Parent": "",
                "Attribute 1 name": "Color",
                "Attribute 1 value(s)": "Red, Blue",
            }
        )
    for parent in range(PRODUCTS - 10, PRODUCTS - 5):
        for colour in COLOURS:
            rows.append(
                {
                    "ID": f"{1000 + parent}{len(colour)}",
                    "Type": "variation",
                    "SKU": f"W-{parent}-{colour}",
                    "Name": f"Chair &amp; stool {parent} - {colour}",
                    "Published": "1",
                    "In stock?": "0",
                    "Regular price": "139",
                    "Images": f"https://shop.example/{parent}/{colour}.jpg" if colour == "Red" else "",
                    "Parent": f"W-{parent}" if parent % 2 else f"id:{parent + 1}",
                    "Attribute 1 name": "Color",
                    "Attribute 1 value(s)": colour,
                }
            )
    return table(rows)
