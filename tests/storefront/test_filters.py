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


def widths(page):
    return page.locator("#slider-width_cm-min"), page.locator("#slider-width_cm-max")


def test_what_is_measured_is_narrowed_by_two_thumbs_and_by_a_box_to_fit_into(shop):
    page = shop.page
    page.get_by_role("link", name="Dots").click()
    expect(heading(page, "13 products in Dots")).to_be_visible()
    lowest, highest = widths(page)
    expect(page.get_by_role("slider", name="Width, at most")).to_have_value("92")
    highest.focus()
    highest.press("ArrowLeft")
    expect(heading(page, "12 products in Dots")).to_be_visible()
    expect(page.locator("output").first).to_have_text("80 to 91 cm")
    expect(highest).to_be_focused()
    assert asked(page) == {"category": ["dots"], "width_cm_max": ["91"]}

    fits = page.get_by_label("Width", exact=True)
    expect(fits).to_have_value("91")
    fits.fill("82")
    fits.press("Enter")
    expect(heading(page, "3 products in Dots")).to_be_visible()
    expect(highest).to_have_value("82")
    near = page.get_by_role("region", name="Nearly fits")
    expect(near.get_by_role("listitem")).to_have_count(5)
    expect(near).to_contain_text("1 cm too wide")
    expect(page.get_by_label("Depth", exact=True)).to_be_hidden()  # No rug has one.

    lowest.focus()
    lowest.press("ArrowRight")
    lowest.press("End")  # It pushes the other thumb, and does not pass it.
    assert float(lowest.input_value()) <= float(highest.input_value())


def test_a_bound_is_taken_off_by_its_chip_and_back_sets_it_again(shop):
    page = shop.page
    page.goto(f"{page.url}?q=&category=dots&width_cm_min=85&width_cm_max=90")
    expect(heading(page, "6 products in Dots")).to_be_visible()
    expect(page.locator("#filters-set")).to_have_text("2")
    page.get_by_role("button", name="Without Width (cm) 85 to 90").click()
    expect(heading(page, "13 products in Dots")).to_be_visible()
    page.go_back()
    expect(heading(page, "6 products in Dots")).to_be_visible()
    assert [one.input_value() for one in widths(page)] == ["85", "90"]


def test_a_photo_search_tells_what_nearly_fits(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_label("Width", exact=True).fill("81")
    page.get_by_label("Width", exact=True).press("Enter")
    expect(heading(page, "2 matches in Stripes")).to_be_visible()
    near = page.get_by_role("region", name="Nearly fits")
    expect(near.get_by_role("listitem")).to_have_count(5)
    expect(near).to_contain_text("1 cm too wide")
