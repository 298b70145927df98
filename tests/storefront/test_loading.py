"""Calls to the API that fail, or that are overtaken by a newer one."""

import pytest
from playwright.sync_api import Route, expect

from tests.storefront.conftest import heading, names, picture, upload

pytestmark = pytest.mark.slow

SIMILAR = "**/api/v1/products/*/similar/*"
FACETS = "**/api/v1/products/?*"


def test_a_chip_that_fails_leaves_the_answer_and_tried_again_adds_one_step_to_the_history(shop):
    page = shop.page
    page.goto(f"{page.url}?q=rug")
    expect(heading(page, "26 results for “rug”")).to_be_visible()
    shown, address, steps = names(page), page.url, page.evaluate("history.length")
    page.route("**/api/v1/search/text/*", lambda route: route.fulfill(status=500))
    page.locator("#chips").get_by_role("button", name="Dots").click()
    expect(page.get_by_role("alert")).to_contain_text("Something broke in the shop.")
    shop.complaints.clear()  # Chromium's own note on a 500.
    expect(heading(page, "26 results for “rug”")).to_be_visible()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    assert names(page) == shown
    assert (page.url, page.evaluate("history.length")) == (address, steps)

    page.unroute("**/api/v1/search/text/*")
    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "13 results for “rug” in Dots")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_hidden()
    assert page.url == f"{address}&category=dots"
    assert page.evaluate("history.length") == steps + 1


def test_a_next_page_that_is_overtaken_is_dropped(shop):
    page = shop.page
    page.goto(f"{page.url}?q=")
    expect(heading(page, "26 products")).to_be_visible()
    held: list[Route] = []
    page.route("**/api/v1/products/?page=2&*", lambda route: held.append(route))
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("button", name="Show more")).to_be_disabled()
    with page.expect_event("requestfailed") as dropped:
        page.locator("#chips").get_by_role("button", name="Dots").click()
    assert dropped.value.failure == "net::ERR_ABORTED"
    expect(heading(page, "13 products in Dots")).to_be_visible()
    assert len(names(page)) == 13
    expect(page.get_by_role("alert")).to_be_hidden()
    page.unroute("**/api/v1/products/?page=2&*")

    page.go_back()
    expect(heading(page, "26 products")).to_be_focused()
    assert len(names(page)) == 24
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#grid .card")).to_have_count(26)


def test_the_next_photo_overtakes_the_one_under_way(shop):
    page = shop.page
    held: list[Route] = []
    page.route("**/api/v1/search/", lambda route: held.append(route))
    upload(page, picture("red", "stripes"))
    expect(heading(page, "Looking for matches…")).to_be_visible()
    page.unroute("**/api/v1/search/")
    with page.expect_event("requestfailed") as dropped:
        upload(page, picture("blue", "dots"))
    assert dropped.value.failure == "net::ERR_ABORTED"
    expect(heading(page, "13 matches in Dots")).to_be_focused()
    assert names(page)[0] == "Blue dots"
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_product_shows_without_its_look_alikes_where_those_fail(shop):
    page = shop.page
    page.route(SIMILAR, lambda route: route.fulfill(status=500))
    page.goto(f"{page.url}products/stripes-red/")
    expect(heading(page, "Red stripes")).to_be_visible()
    expect(page).to_have_title("Red stripes · Lamplight")
    expect(page.locator("#kin-none")).to_have_text("Something broke in the shop. Try again in a moment.")
    expect(page.locator("#kin .card")).to_have_count(0)
    expect(page.get_by_role("alert")).to_be_hidden()
    shop.complaints.clear()  # Chromium's own note on a 500.


def test_without_facets_a_search_by_look_offers_to_take_off_the_filters_that_are_set(shop):
    page = shop.page
    page.route(FACETS, lambda route: route.fulfill(status=500))
    with page.expect_response(FACETS):
        page.goto(f"{page.url}?sample=red-dots.png&in_stock=true&attributes=size:small")
    expect(heading(page, "7 matches in Dots")).to_be_visible()
    expect(page.get_by_role("checkbox", name="In stock only")).to_be_checked()
    assert page.locator("#filters-choices .choice").all_inner_texts() == ["In stock only", "small\n0"]
    expect(page.get_by_role("alert")).to_be_hidden()
    shop.complaints.clear()  # Chromium's own note on a 500.
    page.unroute(FACETS)
    page.get_by_role("button", name="Without Size: small").click()
    expect(heading(page, "12 matches in Dots")).to_be_focused()
    expect(page.get_by_role("checkbox", name="small 7")).not_to_be_checked()


def test_an_answer_that_cannot_be_shown_is_told_and_its_place_asked_again(shop):
    page = shop.page
    page.goto(f"{page.url}?q=rug")
    expect(heading(page, "26 results for “rug”")).to_be_visible()
    page.route("**/api/v1/search/text/*", lambda route: route.fulfill(json={"count": 1}))
    page.get_by_role("searchbox", name="Search in words").fill("red")
    page.keyboard.press("Enter")
    expect(heading(page, "This search did not work")).to_be_focused()
    expect(page.locator("#nothing-text")).to_have_text("This page could not show the answer. Reload it and try again.")
    assert [complaint.partition(":")[0] for complaint in shop.complaints] == ["TypeError"]
    shop.complaints.clear()
    page.unroute("**/api/v1/search/text/*")
    page.go_back()
    expect(heading(page, "26 results for “rug”")).to_be_focused()
    page.go_forward()
    expect(heading(page, "2 results for “red”")).to_be_focused()


BUSY = {"type": "server_error", "errors": [{"code": "busy", "detail": "Many customers search.", "attr": None}]}


@pytest.mark.parametrize("refusals", [2, 3])
def test_a_shop_that_is_busy_is_asked_twice_more_and_then_says_so(shop, refusals):
    page, asked = shop.page, []

    def answer(route: Route) -> None:
        asked.append(route)
        if len(asked) > refusals:
            route.continue_()
        else:
            route.fulfill(status=503, json=BUSY, headers={"Retry-After": "0.1"})

    page.route("**/api/v1/search/text/*", answer)
    page.goto(f"{page.url}?q=rug")
    if refusals == 2:
        expect(heading(page, "26 results for “rug”")).to_be_visible()
    else:
        expect(page.locator("#nothing-text")).to_have_text("Many customers search right now. Try again in one second.")
    assert len(asked) == 3
    shop.complaints.clear()  # Chromium's own notes on a 503.
