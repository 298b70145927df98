"""Exports of shop systems: what becomes of them, that nothing changes the second time, what is refused and why."""

import os
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.importing import recognition, xml_items
from catalog.importing.albums import Misuse, Refused
from catalog.importing.formats import google
from catalog.importing.importer import import_rows
from catalog.importing.rows import ProductRow, RefusedRow
from catalog.models import Product
from tests.catalog.importing.feeds import made_up_exports as made_up

EXPORTS = {
    "google.xml": (made_up.google_rss, "google", 50, 150),
    "atom.xml": (made_up.google_atom, "google", 50, 150),
    "google.txt": (made_up.google_tsv, "google", 50, 150),
    "shopify.csv": (made_up.shopify, "shopify", 100, 200),
    "woocommerce.csv": (made_up.woocommerce, "woocommerce", 50, 95),
}


def refused(rows):
    return [(row.place, row.reason) for row in rows if isinstance(row, RefusedRow)]


@pytest.mark.django_db
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_recognised_imported_and_unchanged_the_second_time(sent, name):
    make, format_name, products, photos = EXPORTS[name]
    rows = sent(make(), name)
    assert (rows.format.name, rows.count) == (format_name, products)
    assert f"{photos} photos are at web addresses. Workers fetch them once their rows are in." in rows.notes()
    assert Counter(result.outcome for result in import_rows(rows)) == {"added": products}
    assert Counter(result.outcome for result in import_rows(sent(make(), name))) == {"unchanged": products}
    assert Product.objects.count() == products


@pytest.mark.parametrize("name", EXPORTS)
def test_a_byte_order_mark_changes_nothing_and_utf_16_is_refused_or_read(sent, name):
    text = EXPORTS[name][0]()
    rows = list(sent(text, name))
    assert list(sent("\ufeff" + text, name)) == rows
    if name.endswith(".xml"):
        text = text.replace('encoding="UTF-8"', 'encoding="UTF-16"')
        assert list(sent(text.encode("utf-16"), name)) == rows
    else:
        with pytest.raises(Misuse, match=r"is not text in UTF-8\. Save it as “CSV UTF-8”"):
            sent(text.encode("utf-16"), name)


@pytest.mark.parametrize("name", ["google.xml", "atom.xml", "google.txt"])
def test_google_says_all_that_a_product_has(sent, name):
    row = list(sent(EXPORTS[name][0](), name))[5]
    assert row == ProductRow(
        "6" if name.endswith(".xml") else "7",
        "CH-5",
        "Chair & stool 5",
        "Chairs",
        fields={
            "description": "Solid oak.\n5 & 6 kg",
            "url": "https://shop.example/5",
            "in_stock": True,
            "price": Decimal("99.00"),
            "currency": "EUR",
        },
        attributes={"brand": "Oak & Sons", "color": "Red", "family": "G-2"},
        addresses=tuple(made_up.address(5, view) for view in ("front", "side", "back")),
    )


def test_shopifys_variants_are_products_with_their_own_photo_first(sent):
    red, blue = list(sent(made_up.shopify()))[2:4]
    assert red == ProductRow(
        "7",
        "10011",
        "Oak chair 1 - Red",
        "Chairs",
        fields={"description": "Solid oak.\n5 & 6 kg", "price": Decimal("129.00"), "in_stock": False},
        attributes={"brand": "Oak & Sons", "Color": "Red", "family": "oak-chair-1"},
        addresses=(made_up.address(1, "Red"), made_up.address(1, "room")),
    )
    assert (blue.sku, blue.attributes["Color"], blue.fields["in_stock"]) == ("10012", "Blue", True)
    assert blue.addresses == (made_up.address(1, "Blue"), made_up.address(1, "room"))


def test_shopifys_products_without_variants_skus_and_photos_and_its_new_columns(sent):
    text = (
        "Title,URL handle,Description,Vendor,Type,Published on online store,Status,SKU,Option1 name,Option1 value,"
        "Price,Product image URL\n"
        "Oak chair,oak-chair,,Oak,Chairs,TRUE,Active,,Title,Default Title,5,\n"
        "Old chair,old-chair,,Oak,Chairs,TRUE,Draft,,Title,Default Title,5,\n"
    )
    rows = sent(text)
    assert list(rows) == [
        ProductRow(
            "2",
            "oak-chair",
            "Oak chair",
            "Chairs",
            fields={"description": "", "price": Decimal(5)},
            attributes={"brand": "Oak", "family": ""},
        )
    ]
    assert rows.notes() == ["Left out, since they are not published: 1."]


def test_woocommerces_variations_are_products_that_have_the_rest_of_their_parent(sent):
    rows = sent(made_up.woocommerce())
    simple, *_, red, blue = rows
    assert simple == ProductRow(
        "2",
        "W-0",
        "Chair & stool 0",
        "Chairs & stools",
        fields={"description": "Solid oak.\n5 & 6 kg", "price": Decimal(99), "in_stock": True},
        attributes={"weight (kg)": "5", "Color": "Red, Blue", "family": ""},
        addresses=("https://shop.example/0/a,1.jpg", "https://shop.example/0/b.jpg"),
    )
    assert (red.sku, red.name, red.category) == ("W-44-Red", "Chair & stool 44 - Red", "Chairs & stools")
    assert red.attributes == {"weight (kg)": "5", "Color": "Red", "family": "W-44"}
    assert red.addresses == ("https://shop.example/44/Red.jpg",)
    assert blue.addresses == ("https://shop.example/44/a,1.jpg", "https://shop.example/44/b.jpg")
    assert blue.fields == {"description": "Solid oak.\n5 & 6 kg", "price": Decimal(139), "in_stock": False}
    assert "Variable products that go in as their variations: 5." in rows.notes()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"id": ""}, "no id"),
        ({"title": ""}, "no title"),
        ({"price": "129.00"}, "price 129.00: write a number and a currency, such as 129.00 EUR"),
        ({"price": "129.00 Euro"}, "price 129.00 Euro: write a number and a currency, such as 129.00 EUR"),
        (
            {"price": "1,299 EUR"},
            "price 1,299: with three digits after one sign it is unclear; write 1299.00, if so meant",
        ),
        ({"availability": "soon"}, "availability soon: write in_stock, out_of_stock, preorder, backorder"),
        ({"product_type": ""}, "no product_type; it names the category, such as Furniture > Chairs"),
        (
            {"product_type": "", "google_product_category": "436"},
            "google_product_category 436 is a number; add a product_type, such as Furniture > Chairs",
        ),
        ({"image_link": "a.jpg"}, "image a.jpg: not a web address, write one that starts with https://"),
        (
            {"sale_price": "9 EUR", "sale_price_effective_date": "soon"},
            "sale_price_effective_date soon: write two dates, such as 2026-11-01T00:00Z/2026-12-01T00:00Z",
        ),
    ],
)
def test_an_item_that_google_would_refuse_is_refused_with_its_number_and_the_cure(sent, changed, reason):
    rows = sent(made_up.google_rss([made_up.google(0), {**made_up.google(1), **changed}, made_up.google(2)]), "g.xml")
    assert (rows.unit, refused(rows), rows.count) == ("item", [("2", reason)], 3)


@pytest.mark.parametrize(
    ("period", "price"),
    [("2020-01-01T00:00Z/2099-01-01T00:00+01:00", "9"), ("2020-01-01T00:00Z/2021-01-01T00:00Z", "129"), ("", "9")],
)
def test_a_sale_counts_while_it_lasts(sent, period, price):
    item = {**made_up.google(1), "sale_price": "9 EUR", "sale_price_effective_date": period}
    assert next(iter(sent(made_up.google_rss([item]), "g.xml"))).fields["price"] == Decimal(price)


def test_entities_are_undone_once_in_xml_and_in_tables(sent):
    item = {**made_up.google(1), "title": "Tom &amp; Jerry", "description": "5 &lt; 6"}
    [row] = sent(made_up.google_rss([item]), "g.xml")
    assert (row.name, row.fields["description"]) == ("Tom &amp; Jerry", "5 &lt; 6")
    [row] = sent("id\ttitle\tdescription\tlink\tproduct_type\n1\tTom &amp; Jerry\t5 &lt; 6\t\tToys &amp; Games\n")
    assert (row.name, row.fields["description"], row.category) == ("Tom & Jerry", "5 < 6", "Toys & Games")


BOMB = (
    '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<rss><channel><item><id>&b;</id></item></channel></rss>"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "has a DOCTYPE, which feeds never need: remove it"),
        ('<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss><channel/></rss>', "has a DOCTYPE"),
        ("<html><body>Not found</body></html>", "is XML, but neither RSS nor Atom: its outermost element is html"),
        ("<rss><channel><item><id>1</id></rss>", "is not well-formed XML: .* line 1.* Export it again"),
        ("<rss><channel><item>" + "<a/>" * 2_000 + "</item></channel></rss>", "item 1 has more than 1,000 elements"),
        ("<rss><channel><item>" + "<a>" * 100, "item 1 has more than 1,000 elements, or too deep ones"),
        ("<", "is not well-formed XML"),
        (
            "<rss><channel>"
            + "".join(f"<item>{''.join(f'<x{n}y{m}/>' for m in range(500))}</item>" for n in range(3))
            + "</channel></rss>",
            "elements have more than 1,000 names by item 3",
        ),
    ],
)
def test_xml_that_is_no_feed_is_refused_whole(sent, text, reason):
    with pytest.raises(Misuse, match=reason):
        _ = sent(text, "feed.xml").count


def resident():
    """Bytes of memory that this process holds; libxml2's are not Python's."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_a_feed_is_read_in_bounded_memory(sent):
    """What items and other elements leave behind would add up to 200 MB."""
    filling = "<x>" + "y" * 10_000 + "</x>"
    item = f"<item>{filling}</item>"
    rows = sent("<rss><channel>" + (filling + item) * 4_000 + "</channel></rss>", "feed.xml")
    before = resident()
    assert max(resident() - before for _ in rows) < 30_000_000
    assert rows.count == 4_000


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (
            "Handle,Title,Type,Vendor,Variant SKU,Variant Price\na,,Chairs,Oak,A,5\n",
            [("2", "no Title; the first row of a handle has to name it")],
        ),
        (
            "Handle,Title,Type,Vendor,Variant SKU,Variant Price\na,A,,Oak,A,5\nb,B,Chairs,Oak,B,cheap\n"
            ",C,Chairs,Oak,C,5\n",
            [
                ("2", "no Type; it names the category, such as Chair"),
                ("3", "Variant Price cheap: not a number, write it like 1299.00"),
                ("4", "no Handle"),
            ],
        ),
        (
            "Handle,Title,Type,Vendor,Variant SKU,Variant Price\na,A,Chairs,Oak,A,5\nb,B,Chairs,Oak,B,5\na,,,,A2,5\n",
            [("4", "Handle a came before, with other rows in between: sort the rows")],
        ),
        (
            "ID,Type,SKU,Name,Categories,Parent,In stock?\n1,variation,A,A,,id:7,1\n2,simple,B,,Chairs,,1\n"
            "3,simple,,C,Chairs,,maybe\n4,simple,D,D,,,1\n",
            [
                ("2", "Parent id:7: no such row that can be read; export variable products, too"),
                ("3", "no Name"),
                ("4", "In stock? maybe: write 1, 0 or backorder"),
                ("5", "no Categories; the first names the category, such as Furniture > Chairs"),
            ],
        ),
    ],
)
def test_a_row_that_cannot_become_a_product_is_refused_with_its_line_and_the_cure(sent, text, reasons):
    assert refused(sent(text)) == reasons


def test_an_error_that_nobody_foresaw_costs_its_row_and_is_named(sent, monkeypatch):
    def surprised(record):
        raise IndexError("surprise") if record["id"] == "CH-1" else Refused("no price")

    monkeypatch.setattr(google, "price", surprised)
    reason = "it cannot be read (IndexError: surprise); please report it"
    assert refused(sent(made_up.google_tsv()))[:3] == [("2", "no price"), ("3", reason), ("4", "no price")]
    monkeypatch.setattr(xml_items, "text_of", lambda element: element.no_such_thing)
    with pytest.raises(Misuse, match=r"cannot be read \(AttributeError: .*\)\. Please report it with the file\."):
        sent(made_up.google_rss(), "g.xml")


@pytest.mark.parametrize(("text", "price"), [("1.299,00", "1299"), ("1 299.50", "1299.50")])
def test_every_format_reads_prices_alike(sent, text, price):
    for export in (
        f'ID,Type,SKU,Name,Categories,Regular price\n1,simple,A,N,C,"{text}"\n',
        f'Handle,Title,Type,Vendor,Variant SKU,Variant Price\na,A,C,V,A,"{text}"\n',
        f'sku,name,category,price\na,A,C,"{text}"\n',
        f"id\ttitle\tproduct_type\tlink\tprice\na\tA\tC\t\t{text} EUR\n",
    ):
        assert next(iter(sent(export))).fields["price"] == Decimal(price)


def test_a_format_may_be_named(sent):
    text = "Handle,Title,sku,name,category\na,A,a,A,Chairs\n"
    assert [sent(text, format_name=name).format.name for name in ("", "lamplight")] == ["lamplight", "lamplight"]
    with pytest.raises(Misuse, match="read as WooCommerce's product export, has no column type, categories"):
        sent(text, format_name="woocommerce")
    with pytest.raises(Misuse, match="is XML, but Shopify's product export is a CSV file"):
        sent(made_up.google_rss(), "g.xml", format_name="shopify")
    with pytest.raises(Misuse, match="read as Shopify's product export, has no column handle"):
        sent(made_up.shopify().replace("Handle", "Griff", 1))


def test_a_dry_run_tells_what_became_of_the_columns(sent, tmp_path):
    assert sent(made_up.google_rss(), "g.xml").understood() == [
        f"{tmp_path / 'g.xml'} is read as a Google Merchant Center feed.",
        *("id → sku", "title → name", "description → description", "link → url", "image_link → photos"),
        *("additional_image_link → photos", "availability → in_stock", "price → price and currency"),
        *("sale_price → price, while the sale lasts", "product_type → category", "brand → attribute brand"),
        *("color → attribute color", "item_group_id → attribute family"),
        "Columns left out: shipping_label, shipping.",
    ]
    said = sent(made_up.shopify()).understood()
    assert "Columns left out: Cost per item." in said
    assert said[-1] == "It names no currency: new products have the default, others keep theirs."


def test_files_that_staff_send_have_at_most_so_many_products(sent, tmp_path, monkeypatch):
    monkeypatch.setattr(recognition, "MAX_ROWS", 10)
    sent(made_up.google_rss(), "g.xml")
    with pytest.raises(Misuse, match="has more than 10 rows: split it"):
        _ = recognition.read_sent(tmp_path / "g.xml", None, "g.xml").count
