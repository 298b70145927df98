"""Filters with counts, in words and beside a photo."""

import pytest
from playwright.sync_api import expect

from tests.storefront.conftest import heading, names, picture, upload
from tests.storefront.shop_page import asked

pytestmark = pytest.mark.slow


def test_filters_narrow_the_answer_without_a_page_load_and_back_widens_it(shop):
    page = shop.page
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Dots").click()
    expect(heading(page, "13 products in Dots")).to_be_visible()
    small = page.get_by_role("checkbox", name="small 7")
    small.check()
    expect(heading(page, "7 products in Dots")).to_be_visible()
    expect(small).to_be_focused()
    expect(page.get_by_role("checkbox", name="large 6")).to_be_visible()  # Ticking it would leave or add 6.
    page.get_by_label("From", exact=True).fill("800")
    page.get_by_label("To", exact=True).focus()
    expect(heading(page, "3 products in Dots")).to_be_visible()
    page.get_by_label("To", exact=True).fill("400")  # The wrong way round.
    page.get_by_label("To", exact=True).press("Enter")
    expect(heading(page, "2 products in Dots")).to_be_visible()
    assert sorted(names(page)) == ["Purple dots", "Silver dots"]
    page.get_by_role("checkbox", name="In stock only").check()
    expect(page.locator("#filters-set")).to_have_text("3")
    assert asked(page) == {
        "category": ["dots"],
        "price_min": ["400"],
        "price_max": ["800"],
        "in_stock": ["true"],
        "attributes": ["size:small"],
    }

    page.get_by_role("button", name="Without Price 400 to 800").click()
    expect(heading(page, "7 products in Dots")).to_be_visible()
    page.go_back()
    expect(heading(page, "2 products in Dots")).to_be_visible()
    expect(page.get_by_role("checkbox", name="In stock only")).to_be_checked()
    for _ in range(4):
        page.go_back()
    expect(heading(page, "13 products in Dots")).to_be_visible()
    expect(page.get_by_role("checkbox", name="small")).not_to_be_checked()
    assert page.evaluate("window.sameDocument")


def test_filters_of_a_photo_search_are_those_of_where_it_looked(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_role("checkbox", name="green 1").check()
    expect(heading(page, "1 match in Stripes")).to_be_visible()
    assert names(page) == ["Green stripes"]
    page.get_by_role("checkbox", name="In stock only").check()
    expect(heading(page, "No match in Stripes")).to_be_visible()
    expect(page.get_by_text("Nothing here passes the filters that are set.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(heading(page, "13 matches in Stripes")).to_be_focused()
    assert asked(page) == {"by": ["photo"]}
