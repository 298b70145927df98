"""A product's own page."""

import pytest
from playwright.sync_api import Route, expect

from tests.storefront.conftest import heading
from tests.storefront.shop_page import asked, chip

pytestmark = pytest.mark.slow


def test_a_product_on_its_way_is_told(shop):
    page = shop.page
    held: list[Route] = []
    page.goto(f"{page.url}?q=red+stripes")
    page.route("**/api/v1/products/stripes-red/", lambda route: held.append(route))
    page.get_by_role("link", name="Red stripes", exact=True).click()
    expect(page.locator("#spoken")).to_have_text("Opening the product…")
    expect(page).to_have_title("Opening the product… · Lamplight")
    held[0].abort()
    expect(heading(page, "This product did not open")).to_be_focused()
    shop.complaints.clear()
    page.unroute("**/api/v1/products/stripes-red/")
    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "Red stripes")).to_be_focused()


def test_a_product_has_a_page_of_its_own(shop):
    page = shop.page
    start = page.url
    page.goto(f"{start}products/stripes-red/")
    expect(heading(page, "Red stripes")).to_be_visible()
    expect(page.get_by_text("A rug of wool with red stripes all over.")).to_be_visible()
    expect(page.get_by_role("link", name="Buy in the shop")).to_have_attribute("href", "https://shop.example/red")
    assert "\n".join(page.locator("dl > div").all_inner_texts()).split("\n") == [
        "Size", "small", "Color", "red", "Width (cm)", "80", "Article number", "stripes-red",
    ]  # fmt: skip
    first = page.locator("#product-photo").get_attribute("src")
    page.get_by_role("button", name="Photo 2 of 2").click()
    expect(page.locator("#product-photo")).not_to_have_attribute("src", first)
    second = page.locator("#product-photo").get_attribute("src")

    page.get_by_role("link", name="Find more like this photo").click()
    expect(heading(page, "12 products similar to Red stripes")).to_be_focused()
    chip(page, "All").click()
    expect(heading(page, "The 24 closest to Red stripes")).to_be_visible()
    expect(page.locator("#query-photo")).to_have_attribute("src", second)
    assert asked(page)["like"] == ["stripes-red"]
    shared = page.url

    page.goto(shared)
    expect(heading(page, "The 24 closest to Red stripes")).to_be_visible()
    page.get_by_role("link", name="See this product").click()
    expect(heading(page, "Red stripes")).to_be_visible()
    page.get_by_role("link", name="Stripes", exact=True).click()
    expect(heading(page, "13 products in Stripes")).to_be_visible()

    page.goto(f"{start}products/no-such/")
    expect(heading(page, "No such product")).to_be_visible()
    expect(page).to_have_title("No such product · Lamplight")
    expect(page.get_by_role("alert")).to_be_hidden()
    shop.complaints.clear()  # Chromium's own note on a 404.
