"""Words beside a photo: they say what shall differ, and the page says what they were taken for."""

import re

import pytest
from django.core.cache import cache
from playwright.sync_api import Locator, Page, Route, expect

from catalog import vocabulary
from catalog.models import AttributeValue, VocabularyWord
from search import attribute_readings
from tests.storefront.conftest import heading, in_thread, names, picture, two_rugs, upload
from tests.storefront.shop_page import SEARCH, asked, fail

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def known_values(running_shop):
    """The values of the shop's attributes are collected, as a worker does it."""

    def forget() -> None:
        attribute_readings.shop_values.cache_clear()

    def collect() -> None:
        vocabulary.refresh()
        forget()

    def empty() -> None:
        AttributeValue.objects.all().delete()
        VocabularyWord.objects.all().delete()
        cache.delete(vocabulary.MADE_OF)
        forget()

    in_thread(collect)
    yield
    in_thread(empty)


def field(page: Page) -> Locator:
    return page.get_by_role("searchbox", name="What shall differ from the photo")


def say(page: Page, words: str) -> None:
    field(page).fill(words)
    page.keyboard.press("Enter")


def taken(page: Page, text: str) -> Locator:
    return page.locator("#understood-chips").get_by_role("button", name=re.compile(f"^Take off “{re.escape(text)}”"))


def test_words_refine_the_photo_and_show_as_chips_that_can_be_taken_off(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    expect(page.locator("#understood")).to_be_hidden()

    say(page, "the same, but small and under 700")
    expect(heading(page, "2 matches in Stripes")).to_be_visible()
    assert names(page) == ["Red stripes", "Purple stripes"]
    expect(page.locator("#understood-chips button")).to_have_text(["small✕", "under 700✕"])
    expect(page.locator("#understood-says")).to_contain_text("2 products fit.")
    expect(page.get_by_alt_text("Your photo")).to_be_visible()
    assert asked(page) == {"by": ["photo"], "words": ["the same, but small and under 700"]}
    expect(page.locator("#time")).to_contain_text("words")

    taken(page, "under 700").focus()
    page.keyboard.press("Enter")
    expect(heading(page, "7 matches in Stripes")).to_be_focused()
    expect(field(page)).to_have_value("the same, but small")
    expect(taken(page, "under 700")).to_have_count(0)

    taken(page, "small").click()
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    expect(field(page)).to_have_value("")
    expect(page.locator("#understood")).to_be_hidden()
    assert asked(page) == {"by": ["photo"]}


def test_back_and_forward_bring_the_words_and_ask_nobody(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    say(page, "in green")
    expect(heading(page, "1 match in Stripes")).to_be_visible()
    searches = sum(url.endswith("/search/") for url in shop.requests)
    page.go_back()
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    expect(field(page)).to_have_value("")
    expect(page.locator("#understood")).to_be_hidden()
    page.go_forward()
    expect(heading(page, "1 match in Stripes")).to_be_visible()
    expect(field(page)).to_have_value("in green")
    expect(taken(page, "green")).to_be_visible()
    assert sum(url.endswith("/search/") for url in shop.requests) == searches


def test_what_a_phrase_stands_for_is_told_and_what_was_not_understood(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    say(page, "dark blue, 80 cm")
    expect(taken(page, "dark blue")).to_have_text("dark blueblue, navy✕")
    expect(page.locator("#understood-says")).to_contain_text("Not understood: “80 cm”.")
    assert sorted(names(page)) == ["Blue stripes", "Navy stripes"]


def test_what_leaves_nothing_is_shown_without(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    say(page, "in red, in green, small")  # Nothing has two colours.
    loosened = page.locator("#understood-chips .loosened")
    expect(loosened).to_have_count(1)
    expect(loosened).to_have_accessible_name("Take off “green”, nothing found, shown without")
    expect(page.locator("#understood-says")).to_contain_text("Nothing fits “green” as well, so it is shown without.")
    assert names(page) == ["Red stripes"]


def test_a_category_in_the_words_says_where_to_look(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    say(page, "but dots, please")
    expect(heading(page, "13 matches in Dots")).to_be_visible()
    expect(page.get_by_text("Your words say where to look.")).to_be_visible()
    expect(page.get_by_role("button", name="Automatic")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Stripes")).click()
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    expect(page.locator("#understood-says")).to_contain_text("Not understood: “dots”.")


def test_words_and_filters_hold_together(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_role("checkbox", name="small 7").check()
    expect(heading(page, "7 matches in Stripes")).to_be_visible()
    say(page, "not red")
    expect(heading(page, "6 matches in Stripes")).to_be_visible()
    page.get_by_role("button", name="Without Size: small").click()
    expect(heading(page, "12 matches in Stripes")).to_be_visible()
    expect(field(page)).to_have_value("not red")


def test_the_things_in_a_photo_keep_their_dots(shop):
    page = shop.page
    upload(page, two_rugs())
    expect(page.locator("#dots button").first).to_be_visible()
    things = page.locator("#dots button").count()
    say(page, "small")
    expect(taken(page, "small")).to_be_visible()
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#dots button")).to_have_count(things)
    say(page, "in green")
    expect(taken(page, "green")).to_be_visible()
    shown = page.locator("#groups .card .name").all_inner_texts()
    assert set(shown) <= {"Green stripes", "Green dots"}


def test_words_that_are_typed_count_beside_the_photo_that_is_chosen_then(shop):
    page = shop.page
    page.get_by_role("searchbox", name="Search in words").fill("in green")
    upload(page, picture("red", "stripes"))
    expect(heading(page, "1 match in Stripes")).to_be_visible()
    expect(field(page)).to_have_value("in green")
    upload(page, picture("red", "dots"))  # Another photo, the same words.
    expect(heading(page, "1 match in Dots")).to_be_visible()


def test_a_search_in_words_that_was_made_does_not_narrow_a_photo(shop):
    page = shop.page
    page.goto(f"{page.url}?q=green")
    expect(heading(page, "2 results for “green”")).to_be_visible()
    upload(page, picture("red", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    expect(field(page)).to_have_value("")


def test_the_words_alone_are_a_link_away(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    say(page, "green")
    page.get_by_role("link", name="Search these words alone").click()
    expect(heading(page, "2 results for “green”")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Search in words")).to_have_value("green")
    expect(page.locator("#understood")).to_be_hidden()


def test_an_address_holds_the_words_of_a_sample_and_a_lost_photo_keeps_its_own(shop):
    page = shop.page
    start = page.url
    page.goto(f"{start}?sample=red-dots.png&words=in+green")
    expect(taken(page, "green")).to_be_visible()
    assert names(page) == ["Green dots"]

    page.goto(f"{start}?by=photo&words=in+green")
    expect(heading(page, "This search was made with a photo")).to_be_visible()
    upload(page, picture("red", "stripes"))
    expect(heading(page, "1 match in Stripes")).to_be_visible()
    assert asked(page) == {"by": ["photo"], "words": ["in green"]}


def test_words_that_fail_leave_what_is_shown(running_shop, watched):
    page = watched.page
    page.goto(running_shop)
    upload(page, picture("red", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    fail(page, 503, {}, "{}")
    say(page, "in green")
    expect(page.get_by_role("alert")).to_contain_text("Searching is not possible right now.")
    assert len(names(page)) == 13
    page.unroute(SEARCH)
    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "1 match in Stripes")).to_be_visible()


def test_nothing_jumps_when_the_words_are_understood(shop):
    page = shop.page
    start = page.url
    held: list[Route] = []
    page.route(SEARCH, lambda route: held.append(route))
    page.goto(f"{start}?sample=red-dots.png&words=in+green")
    page.wait_for_timeout(700)
    before = page.locator("#grid").bounding_box()
    held[0].continue_()
    expect(taken(page, "green")).to_be_visible()
    after = page.locator("#grid").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 1


def test_where_nothing_fits_the_page_says_that_the_words_are_why(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    page.get_by_label("From", exact=True).fill("5000")
    page.get_by_label("From", exact=True).press("Enter")
    expect(heading(page, "No match in Stripes")).to_be_visible()
    say(page, "small")
    expect(page.get_by_text("Nothing here fits what you asked for.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(heading(page, "7 matches in Stripes")).to_be_visible()
