"""The sample catalogue as shop systems export it: a third of it each for Shopify, Google and WooCommerce.

Photos are named by their web addresses, and no file is sent with them. This serves them at http://127.0.0.1:8100:
`python -m http.server --directory demo/catalog 8100`.
"""

import argparse
import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from demo.__main__ import CATALOG

Product = Mapping[str, str]
Row = dict[str, str]

G = "http://base.google.com/ns/1.0"
SIZES = {"width_cm": "width", "depth_cm": "length", "height_cm": "height"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo.exports",
        description=__doc__,
        epilog="Example: python -m demo.exports /tmp/exports --images http://127.0.0.1:8100",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="where the files are written")
    parser.add_argument("--images", required=True, metavar="ADDRESS", help="where demo/catalog is served")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, (_, text) in exports(options.images).items():
        (options.folder / name).write_text(text)
        print(options.folder / name)


def exports(images: str) -> dict[str, tuple[list[Product], str]]:
    """By the name of the export's file: its products, and its text. `images` is the address of demo/catalog."""
    thirds = in_thirds(sample())
    return {name: (third, write(third, images)) for third, (name, write) in zip(thirds, WRITERS.items(), strict=True)}


def sample() -> list[Product]:
    with CATALOG.open(newline="") as file:
        return list(csv.DictReader(file))


def in_thirds(products: Iterable[Product]) -> list[list[Product]]:
    """Three equal parts with products of every category. Variants of one product stay together."""
    thirds: list[list[Product]] = [[], [], []]
    for variants in sorted(grouped(products), key=len, reverse=True):
        min(thirds, key=len).extend(variants)
    return thirds


def grouped(products: Iterable[Product]) -> list[list[Product]]:
    """The products by what they are variants of."""
    groups: dict[tuple[str, str], list[Product]] = {}
    for product in products:
        groups.setdefault((product["category"], product["name"]), []).append(product)
    return list(groups.values())


def addresses(product: Product, images: str) -> list[str]:
    return [f"{images}/{path}" for path in product["image"].split("|")]


def html(product: Product) -> str:
    return f"<p>{product['description'].replace('&', '&amp;')}</p>"


def choice(product: Product) -> str:
    """What tells it from the other variants."""
    return f"{product['color']} / {product['material'].replace(', ', ' + ')}"


def shopify(products: Iterable[Product], images: str) -> str:
    rows: list[Row] = []
    for variants in grouped(products):
        handle = variants[0]["sku"].lower()
        first = {
            "Title": variants[0]["name"],
            "Body (HTML)": html(variants[0]),
            "Vendor": variants[0]["family"],
            "Type": variants[0]["category"],
            "Published": "true",
            "Option1 Name": "Finish" if len(variants) > 1 else "Title",
            "Status": "active",
        }
        photos = [(product, address) for product in variants for address in addresses(product, images)[:1]]
        photos += [(product, address) for product in variants for address in addresses(product, images)[1:]]
        for place, (product, address) in enumerate(photos):
            row = {"Handle": handle, "Image Src": address, "Image Position": str(place + 1)}
            if place < len(variants):  # The rows after those of the variants hold further photos.
                row |= {
                    "Option1 Value": choice(product) if len(variants) > 1 else "Default Title",
                    "Variant SKU": product["sku"],
                    "Variant Inventory Tracker": "shopify",
                    "Variant Inventory Qty": "7" if product["in_stock"] == "true" else "0",
                    "Variant Inventory Policy": "deny",
                    "Variant Price": product["price"],
                    "Variant Image": address,
                }
            rows.append(row if place else {"Handle": handle, **first, **row})
    return table(rows)


def google(products: Iterable[Product], images: str) -> str:
    ElementTree.register_namespace("g", G)
    rss = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(rss, "channel")
    ElementTree.SubElement(channel, "title").text = "The sample shop"
    for product in products:
        item = ElementTree.SubElement(channel, "item")
        first, *others = addresses(product, images)
        values = [
            ("id", product["sku"]),
            ("title", product["name"]),
            ("description", html(product)),
            ("link", product["url"]),
            ("image_link", first),
            *[("additional_image_link", other) for other in others],
            ("availability", "in_stock" if product["in_stock"] == "true" else "out_of_stock"),
            ("price", f"{product['price']} {product['currency']}"),
            ("product_type", f"Home > Furniture > {product['category']}"),
            ("item_group_id", product["family"]),
            ("color", product["color"]),
            ("material", product["material"]),
            *[(f"product_{size}", f"{product[column]} cm") for column, size in SIZES.items() if product[column]],
        ]
        for name, value in values:
            ElementTree.SubElement(item, f"{{{G}}}{name}").text = value
    ElementTree.indent(rss)
    return ElementTree.tostring(rss, encoding="unicode", xml_declaration=True)


def woocommerce(products: Iterable[Product], images: str) -> str:
    rows: list[Row] = []
    for variants in grouped(products):
        if len(variants) == 1:
            rows.append(woocommerce_row(variants[0], "simple", images))
            continue
        parent = f"{variants[0]['sku']}-P"
        rows.append({**woocommerce_row(variants[0], "variable", images), "SKU": parent, "Regular price": ""})
        rows += [
            {**woocommerce_row(product, "variation", images), "Parent": parent, "Categories": ""}
            for product in variants
        ]
    return table([{"ID": str(number), **row} for number, row in enumerate(rows, start=1)])


def woocommerce_row(product: Product, kind: str, images: str) -> Row:
    return {
        "Type": kind,
        "SKU": product["sku"],
        "Name": product["name"],
        "Published": "1",
        "Description": html(product),
        "In stock?": "1" if product["in_stock"] == "true" else "0",
        **{f"{size.title()} (cm)": product[column] for column, size in SIZES.items()},
        "Regular price": product["price"],
        "Categories": f"Furniture > {product['category']}",
        "Images": ", ".join(addresses(product, images)),
        "Parent": "",
        "Attribute 1 name": "Finish",
        "Attribute 1 value(s)": choice(product),
    }


def table(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


WRITERS: Mapping[str, Callable[[Iterable[Product], str], str]] = {
    "shopify.csv": shopify,
    "google.xml": google,
    "woocommerce.csv": woocommerce,
}


if __name__ == "__main__":
    main()
