"""WooCommerce's export: sales, products that its search does not show, subscriptions, attributes without a value."""

import pytest

from catalog.importing.rows import ProductRow, RefusedRow

HEADER = (
    "ID,Type,SKU,Name,Categories,Regular price,Sale price,Date sale price ends,Parent,Visibility in catalog,"
    "Attribute 1 name,Attribute 1 value(s)\n"
)


@pytest.fixture
def rows(sent):
    return lambda *lines: sent(HEADER + "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(("ends", "price"), [("9999-12-31", 8), ("0001-01-01", 10), ("", 8)])
def test_a_sale_may_end_at_any_time(rows, ends, price):
    [row] = rows(f"1,simple,A,N,C,10,8,{ends},,,,")
    assert row.fields["price"] == price


def test_products_that_the_shops_search_does_not_show_are_left_out_and_counted(rows):
    found = rows(
        *("1,simple,A,N,C,1,,,,hidden,,", "2,simple,B,N,C,1,,,,catalog,,", "3,simple,C,N,C,1,,,,Search,,"),
        *("4,variable,D,N,C,,,,,hidden,,", "5,variation,E,N,,1,,,D,visible,,", "6,simple,F,N,C,1,,,,secret,,"),
    )
    assert [row.sku for row in found if isinstance(row, ProductRow)] == ["C"]
    assert [(row.place, row.reason) for row in found if isinstance(row, RefusedRow)] == [
        ("7", "Visibility in catalog secret: write visible, search, catalog, hidden")
    ]
    assert found.notes() == [
        "Left out, since they are hidden: 3.",
        "Left out, since the shop's search does not show them: 1.",
    ]


def test_subscriptions_have_variations_too(rows):
    found = rows(
        '1,"variable-subscription, virtual",A,N,C,,,,,,Size,"S, M"', "2,subscription_variation,B,N,,1,,,A,,Size,S"
    )
    [row] = found
    assert (row.sku, row.attributes) == ("B", {"Size": "S", "family": "A"})
    assert found.notes() == ["Variable products that go in as their variations: 1."]


def test_an_attribute_without_a_value_is_the_parents_or_removed(rows):
    found = rows('1,variable,A,N,C,,,,,,Size,"S, M"', "2,variation,B,N,,1,,,A,,Size,", "3,simple,D,N,C,1,,,,,Size,")
    assert [row.attributes["Size"] for row in found] == ["S, M", ""]
