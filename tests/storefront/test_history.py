"""The browser's history: each search is an entry of it, and Back shows what an entry showed."""

import pytest
from playwright.sync_api import Route, expect

from tests.storefront.conftest import heading, names, picture, upload

pytestmark = pytest.mark.slow

WORDS = "**/api/v1/search/text/*"


def test_back_from_a_failed_search_returns_to_the_photo_its_answer_and_its_filters(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_role("checkbox", name="small 7").check()
    expect(heading(page, "7 matches in Stripes")).to_be_visible()
    page.get_by_role("searchbox", name="What shall differ from the photo").fill("rug")
    page.keyboard.press("Enter")
    alone = page.get_by_role("link", name="Search these words alone")
    expect(alone).to_be_visible()
    matches = names(page)
    searches = sum(url.endswith("/search/") for url in shop.requests)
    page.route(WORDS, lambda route: route.abort())
    page.evaluate("scrollTo(0, 300)")
    alone.evaluate("(link) => link.click()")  # A pointer would scroll to it.
    expect(heading(page, "This search did not work")).to_be_focused()
    assert page.evaluate("scrollY") == 0
    shop.complaints.clear()  # Chromium's own note on a broken connection.

    page.go_back()
    expect(heading(page, "7 matches in Stripes")).to_be_focused()
    assert page.evaluate("scrollY") == 300
    assert names(page) == matches
    expect(page.get_by_role("checkbox", name="small 7")).to_be_checked()
    expect(page.get_by_alt_text("Your photo")).to_be_visible()
    expect(page.get_by_role("searchbox", name="What shall differ from the photo")).to_have_value("rug")
    assert sum(url.endswith("/search/") for url in shop.requests) == searches

    page.unroute(WORDS)
    page.go_forward()  # This asks again: the entry has no answer.
    expect(heading(page, "26 results for “rug”")).to_be_focused()


def test_back_overtakes_a_search_under_way_and_forward_asks_again(shop):
    page = shop.page
    page.goto(f"{page.url}?q=rug")
    expect(heading(page, "26 results for “rug”")).to_be_visible()
    shown = names(page)
    held: list[Route] = []
    page.route(WORDS, lambda route: held.append(route))
    page.get_by_role("searchbox", name="Search in words").fill("red")
    page.keyboard.press("Enter")
    expect(heading(page, "Looking for “red”…")).to_be_visible()
    expect(page.locator(".card.blank")).to_have_count(8)
    with page.expect_event("requestfailed") as dropped:
        page.go_back()
    assert dropped.value.failure == "net::ERR_ABORTED"
    expect(heading(page, "26 results for “rug”")).to_be_focused()
    assert names(page) == shown
    expect(page.get_by_role("alert")).to_be_hidden()

    page.unroute(WORDS)
    page.go_forward()
    expect(heading(page, "2 results for “red”")).to_be_focused()
    assert sorted(names(page)) == ["Red dots", "Red stripes"]


def test_the_pages_shown_are_asked_for_again_where_the_memory_is_gone(shop):
    page = shop.page
    page.goto(f"{page.url}?q=")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#grid .card")).to_have_count(26)
    page.get_by_role("searchbox", name="Search in words").fill("red")
    page.evaluate("scrollTo(0, 500)")
    page.keyboard.press("Enter")
    expect(heading(page, "2 results for “red”")).to_be_focused()
    page.reload()
    expect(heading(page, "2 results for “red”")).to_be_visible()
    asked = len(shop.requests)
    page.go_back()
    expect(heading(page, "26 products")).to_be_focused()
    expect(page.locator("#grid .card")).to_have_count(26)
    assert page.evaluate("scrollY") == 500
    products = [url.partition("page=")[2][:1] for url in shop.requests[asked:] if "/products/?page=" in url]
    assert products == ["1", "2"]


def test_a_place_in_the_history_without_a_key_is_searched_by_its_address(shop):
    page = shop.page
    page.goto(f"{page.url}?q=red")
    expect(heading(page, "2 results for “red”")).to_be_visible()
    page.evaluate("history.pushState(null, '', '/?q=rug')")
    page.evaluate("history.pushState(null, '', '/?q=teal')")
    page.go_back()
    expect(heading(page, "26 results for “rug”")).to_be_focused()
    page.go_back()
    expect(heading(page, "2 results for “red”")).to_be_focused()


def test_a_reload_keeps_the_place_the_pages_and_the_way_back(shop):
    page = shop.page
    page.goto(f"{page.url}?q=")
    page.get_by_role("button", name="Show more").click()
    last = page.locator("#grid .name a").nth(25)
    last.scroll_into_view_if_needed()
    page.reload()
    expect(page.locator("#grid .card")).to_have_count(26)
    expect(last).to_be_in_viewport()
    last.click()
    page.reload()
    page.get_by_role("link", name="Back to the search").click()
    expect(heading(page, "26 products")).to_be_visible()
    page.go_forward()
    expect(page.locator("#product-name")).to_be_focused()


def test_back_returns_to_the_answer_of_a_photo_as_it_was_left(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    matches = names(page)
    page.get_by_role("link", name=matches[8], exact=True).click()
    expect(heading(page, matches[8])).to_be_visible()
    expect(page.locator("#kin .card")).to_have_count(12)
    page.locator("#kin .name a").first.click()
    expect(page.locator("#product-name")).not_to_have_text(matches[8])
    searches = sum(url.endswith("/search/") for url in shop.requests)

    page.get_by_role("link", name="Back to the search").click()
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    assert names(page) == matches
    expect(page.get_by_role("link", name=matches[8], exact=True)).to_be_focused()
    expect(page.get_by_role("link", name=matches[8], exact=True)).to_be_in_viewport()
    expect(page.get_by_alt_text("Your photo")).to_be_visible()
    page.go_forward()
    expect(heading(page, matches[8])).to_be_visible()
    assert sum(url.endswith("/search/") for url in shop.requests) == searches

    page.go_back()
    page.go_back()
    expect(heading(page, "Find it from a photo")).to_be_focused()
    page.go_forward()
    page.reload()
    expect(heading(page, "This search was made with a photo")).to_be_visible()
    with page.expect_file_chooser():
        page.locator("#rechoose").click()
