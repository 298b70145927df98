"""The page in a real browser, against the real API: photos and words go in, products come out."""

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Route, expect

from catalog import vocabulary
from catalog.models import VocabularyWord
from search.models import TextEmbedding
from tests.storefront.conftest import COLOURS, heading, in_thread, names, picture, upload
from tests.storefront.shop_page import asked, chip, events, fail
from tests.text_index import index_texts

pytestmark = pytest.mark.slow

SEARCH = "**/api/v1/search/"


# How the API may fail (status, headers, body), and what the page makes of it. With status 0 the connection breaks.
FAILURES = [
    (0, {}, "", "The shop cannot be reached."),
    (413, {}, "<html>", "That photo is too large. Save it smaller and try again."),
    (429, {"Retry-After": "20"}, "{}", "a lot of searches in a short time. Try again in 20 seconds."),
    (500, {}, "<html>", "Something broke in the shop. Try again in a moment."),
    (
        500,
        {"X-Request-ID": "45e6d1e1adc74fa0"},
        "{}",
        "Try again in a moment. If it stays so, tell the shop this number: 45e6d1e1adc74fa0",
    ),
    (200, {}, "<html>", "The shop gave an answer that this page does not understand."),
    (200, {}, "{}", "This page could not show the answer."),
    (
        503,
        {},
        '{"errors": [{"detail": "Run manage.py"}]}',
        "Searching is not possible right now. Try again in a moment.",
    ),
]


def test_a_photo_finds_its_product_and_the_page_says_how(shop):
    page = shop.page
    expect(page.get_by_text("27 photos in 2 categories")).to_be_visible()
    expect(page.get_by_text("Whoever runs the shop can activate a trained one.")).to_be_visible()
    held: list[Route] = []
    page.route(SEARCH, lambda route: held.append(route))

    upload(page, picture("red", "stripes"))

    expect(page.get_by_alt_text("Your photo")).to_be_visible()  # Before the shop has answered.
    expect(heading(page, "Looking for matches…")).to_be_visible()
    expect(page.get_by_role("progressbar", name="Sending the photo")).to_be_visible()
    expect(page.get_by_text("Sending your photo, 0%")).to_be_visible()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".card.blank")).to_have_count(8)
    held[0].continue_()
    expect(heading(page, "13 matches in Stripes")).to_be_focused()
    assert names(page)[0] == "Red stripes"
    best = page.locator(".card").first
    expect(best).to_contain_text("€100.50")
    expect(best).to_contain_text("In stock")
    expect(best.locator(".number")).to_have_text(re.compile(r"^(1\.00|0\.9\d)$"))  # Stored as JPEG, sent as PNG.
    expect(best.get_by_role("link", name="Red stripes", exact=True)).to_have_attribute("href", "/products/stripes-red/")
    expect(page.locator(".card", has_text="Green stripes")).to_contain_text("Sold out")
    expect(page.locator(".card", has_text="Blue stripes").locator(".price")).to_have_text("")
    expect(page.locator("#time")).to_have_text(
        re.compile(r"^Found in [\d.]+ m?s \(decode \d+, encode \d+, gate \d+, objects \d+, search \d+\)$")
    )
    page.locator(".card").last.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#grid img')].every((picture) => picture.naturalWidth > 0)"
    )


def test_words_are_found_by_keyboard_and_highlighted(shop):
    page = shop.page
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox", name="Search in words")).to_be_focused()
    page.keyboard.type("red str")
    page.keyboard.press("Enter")
    expect(heading(page, "1 result for “red str”")).to_be_focused()
    assert names(page) == ["Red stripes"]
    assert page.locator(".name mark").all_inner_texts() == ["Red", "stripes"]
    assert asked(page) == {"q": ["red str"]}
    expect(page.locator("#time")).to_have_text(re.compile(r"^Found in [\d.]+ m?s"))
    expect(page).to_have_title("1 result for “red str” · Lamplight")

    page.get_by_role("link", name="Red stripes", exact=True).focus()
    page.keyboard.press("Enter")
    expect(heading(page, "Red stripes")).to_be_focused()
    assert events("click")[0] == ("stripes-red", 1, None)

    page.goto(f"{page.url.partition('/products')[0]}/?q=nothingofthekind")
    expect(heading(page, "No result for “nothingofthekind”")).to_be_visible()
    expect(page.get_by_text("Try fewer or other words")).to_be_visible()


@pytest.fixture
def meaning(running_shop):
    """The texts of the shop's products are indexed, and its vocabulary collected, as a worker does it."""

    def index() -> None:
        index_texts()
        vocabulary.refresh()
        vocabulary._known.cache_clear()

    def forget() -> None:
        TextEmbedding.objects.all().delete()
        VocabularyWord.objects.all().delete()
        cache.delete(vocabulary.MADE_OF)

    in_thread(index)
    yield
    in_thread(forget)


def test_what_words_mean_is_found_below_what_has_them(shop, meaning):
    page = shop.page
    page.goto(f"{page.url}?q=carpet")
    expect(heading(page, re.compile(r"^\d+ results for “carpet”$"))).to_be_visible()
    assert len(names(page)) > 1
    expect(page.locator(".card .word").first).to_have_text("similar in meaning")
    expect(page.locator(".name mark")).to_have_count(0)

    page.goto(f"{page.url.partition('?')[0]}?q=red+stripes")
    assert names(page)[0] == "Red stripes"
    expect(page.locator(".card").first.locator(".word")).to_have_text("")
    expect(page.locator(".card").nth(1).locator(".word")).to_have_text("similar in meaning")


def test_a_slip_is_answered_with_what_was_meant(shop, meaning):
    page = shop.page
    page.goto(f"{page.url}?q=strpes")
    expect(page.get_by_text("Did you mean stripes?")).to_be_visible()
    page.get_by_role("link", name="stripes", exact=True).click()
    expect(heading(page, re.compile(r"results for “stripes”$"))).to_be_visible()
    expect(page.locator("#meant")).to_be_hidden()
    assert asked(page) == {"q": ["stripes"]}


def test_more_products_are_shown_below_the_first(shop):
    page = shop.page
    page.goto(f"{page.url}?q=")
    expect(heading(page, "26 products")).to_be_visible()
    assert len(names(page)) == 24
    page.route("**/api/v1/products/?page=2&*", lambda route: route.abort())
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached.")
    expect(page.get_by_role("button", name="Show more")).to_be_focused()
    shop.complaints.clear()  # Chromium's own note on a broken connection.
    page.locator(".name a").first.click()
    expect(page.locator("#product-name")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_hidden()
    page.go_back()
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("alert")).to_be_visible()
    shop.complaints.clear()
    page.unroute("**/api/v1/products/?page=2&*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator("#grid .card")).to_have_count(26)
    expect(page.get_by_role("link", name="Teal dots", exact=True).or_(page.locator(".name a").nth(24))).to_be_focused()
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    assert sorted(names(page)) == sorted(
        f"{colour.title()} {kind}" for colour in COLOURS for kind in ("dots", "stripes")
    )


def test_a_change_during_a_search_adds_to_what_is_looked_for(shop):
    page = shop.page
    page.goto(f"{page.url}?q=rug")
    expect(heading(page, "26 results for “rug”")).to_be_visible()
    held: list[Route] = []
    page.route("**/api/v1/search/text/*", lambda route: held.append(route))
    page.get_by_role("button", name="Dots").click()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    page.get_by_role("checkbox", name="In stock only").check()
    while len(held) < 2:
        page.wait_for_timeout(20)
    held[1].continue_()
    expect(heading(page, "12 results for “rug” in Dots")).to_be_visible()
    page.unroute("**/api/v1/search/text/*")
    page.get_by_role("button", name="Without In stock").click()
    expect(heading(page, "13 results for “rug” in Dots")).to_be_focused()


def test_the_search_bar_works_before_the_scripts_do(running_shop, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(running_shop)
    page.get_by_role("searchbox").fill("oak chair")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=oak+chair")
    context.close()


def test_addresses_may_be_shared(shop):
    page = shop.page
    start = page.url
    page.goto(f"{start}?q=rug&category=dots&attributes=size:small&attributes=size:large&price_max=300")
    expect(heading(page, "2 results for “rug” in Dots")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search in words")).to_have_value("rug")
    expect(page.get_by_role("checkbox", name="small")).to_be_checked()

    page.goto(f"{start}?sample=red-dots.png&region=0,0,0.5,0.5&category=all")
    expect(heading(page, "The 24 closest in 2 categories")).to_be_visible()
    assert names(page)[0].endswith("dots")
    expect(page.get_by_role("button", name="Selected part", exact=True)).to_be_visible()

    page.goto(f"{start}?q=rug&price_max=cheap")
    expect(heading(page, "This search did not work")).to_be_visible()
    expect(page.locator("#nothing-text")).to_have_text("This link asks for something the shop does not have.")
    page.get_by_role("button", name="Search without it").click()
    expect(heading(page, "26 results for “rug”")).to_be_focused()

    page.goto(f"{start}?sample=no-such.png")
    expect(page).to_have_title("This search did not work · Lamplight")
    expect(page.locator("#nothing-text")).to_contain_text("That sample photo cannot be loaded.")

    page.goto(f"{start}products/%E0%A4%A/")
    expect(heading(page, "No such product")).to_be_visible()
    assert not any("URI" in complaint for complaint in shop.complaints)
    shop.complaints.clear()  # Chromium's own notes on 400 and 404.


def test_every_failure_is_told_and_the_next_try_may_work(running_shop, watched):
    page = watched.page
    page.goto(running_shop)
    for status, headers, body, said in FAILURES:
        fail(page, status, headers, body)
        upload(page, picture("red", "stripes"))
        expect(page.locator("#nothing-text")).to_contain_text(said)
    expect(page).to_have_title("This search did not work · Lamplight")

    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "This search did not work")).to_be_focused()
    page.unroute(SEARCH)
    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "13 matches in Stripes")).to_be_focused()
    assert names(page)[0] == "Red stripes"
    expect(page.locator("#failure")).to_be_hidden()

    fail(page, 0, {}, "")
    address = page.url
    chip(page, "All").click()
    expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached.")
    page.locator("#grid .card").last.scroll_into_view_if_needed()
    expect(page.get_by_role("alert")).to_be_in_viewport()
    assert names(page)[0] == "Red stripes"
    assert page.url == address  # The address still says what is shown.
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
