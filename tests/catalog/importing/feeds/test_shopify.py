"""Shopify's export: handles with rows at fault, variants without a sku, odd quantities, many photos."""

import pytest

from catalog.importing.rows import ProductRow, RefusedRow

HEADER = (
    "Handle,Title,Type,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Tracker,"
    "Variant Inventory Qty,Image Src\n"
)


@pytest.fixture
def rows(sent):
    return lambda *lines: sent(HEADER + "".join(f"{line}\n" for line in lines))


def refused(rows):
    return [(row.place, row.reason) for row in rows if isinstance(row, RefusedRow)]


def families(rows):
    return [(row.sku, row.attributes["family"]) for row in rows if isinstance(row, ProductRow)]


def test_a_row_that_cannot_be_read_parts_no_variants(rows):
    found = rows("q,Q,C,V,Color,Red,R,1,,,", "q,short", "q,,,,,Blue,B,1,,,", "p,P,C,V,,,P,1,,,")
    assert refused(found) == [("3", "it has 2 cells, the header has 11")]
    assert families(found) == [("R", "q"), ("B", "q"), ("P", "")]
    assert families(rows("q,Q,C,V,Color,Red,R,1,,,", "q,short")) == [("R", "q")]
    assert families(rows("q,Q,C,V,Color,Red,R,1,,,", "p,short")) == [("R", "")]


def test_rows_at_fault_are_refused_wherever_they_stand(rows):
    fault = "it has 2 cells, the header has 11"
    found = rows(
        "a,short", "b,B,C,V,,,B,1,,,", "a,A,C,V,,,A,1,,,", "b,,,,,,B2,1,,,", "b,short", ",D,C,V,,,D,1,,,", "d,short"
    )
    assert refused(found) == [
        ("2", fault),
        ("5", "Handle b came before, with other rows in between: sort the rows"),
        ("6", fault),
        ("7", "no Handle"),
        ("8", fault),
    ]


def test_variants_without_a_sku_have_one_each(rows):
    sizes = ("12", "1/2", "1 2", "x" * 70)
    skus = [row.sku for row in rows("q,Q,C,V,Size,12,,1,,,", *(f"q,,,,,{size},,1,,," for size in sizes[1:]))]
    assert skus[0] == "q-12"
    assert [sku[:6] for sku in skus[1:]] == ["q-1-2-", "q-1-2-", "q-xxxx"]
    assert (len(set(skus)), max(map(len, skus))) == (4, 64)


@pytest.mark.parametrize("quantity", ["--5", "-", "²", "1.5", "9" * 5_000])
def test_a_quantity_that_is_no_whole_number_costs_its_row(rows, quantity):
    first, second = rows(f"a,A,C,V,,,A,1,shopify,{quantity},", "b,B,C,V,,,B,1,shopify,-5,")
    assert first.reason == f"Variant Inventory Qty {quantity}: not a whole number"
    assert second.fields["in_stock"] is False


def test_of_many_photos_the_first_go_in_and_the_rest_are_told(rows):
    found = rows("a,A,C,V,,,A,1,,,https://a/0.jpg", *(f"a,,,,,,,,,,https://a/{number}.jpg" for number in range(1, 60)))
    [row] = found
    assert row.addresses == tuple(f"https://a/{number}.jpg" for number in range(50))
    assert "Photos left out, since a product has at most 50: 10." in found.notes()
