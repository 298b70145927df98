"""Searching with a part of the photo: the box on it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.storefront.conftest import heading, names, two_rugs, upload
from tests.storefront.shop_page import asked, region

pytestmark = pytest.mark.slow


def corner(page: Page, name: str) -> tuple[float, float]:
    """The middle of a corner of the box, in pixels of the window."""
    place = page.get_by_role("button", name=f"{name} corner of the selected part").bounding_box()
    assert place
    return place["x"] + place["width"] / 2, place["y"] + place["height"] / 2


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_a_part_of_the_photo_is_searched_with(shop):
    page = shop.page
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files({"name": "both.png", "mimeType": "image/png", "buffer": two_rugs()})
    expect(heading(page, re.compile("in your photo"))).to_be_visible()
    page.get_by_role("button", name="Select a part").click()
    expect(page.get_by_role("button", name="Selected part", exact=True)).to_be_focused()
    frame = page.locator("#frame").bounding_box()
    assert frame

    drag(page, corner(page, "Top left"), (frame["x"] + frame["width"] * 0.5, frame["y"]))
    expect(heading(page, re.compile("^(13 matches in|The 24 closest in)"))).to_be_visible()
    drag(page, corner(page, "Bottom right"), (frame["x"] + frame["width"] + 20, frame["y"] + frame["height"] + 20))
    page.wait_for_url(lambda url: sum(region(page)[2:]) > 1.4)  # Of 0.35 x 0.85 it became 0.5 x 1.
    assert names(page)[0] == "Blue dots"
    assert region(page) == pytest.approx([0.5, 0, 0.5, 1], abs=0.02)


def test_the_box_is_moved_by_keyboard_and_says_where_it_is(shop):
    page = shop.page
    page.goto(f"{page.url}?sample=two-rugs.png&region=0.5,0,0.5,1")
    expect(heading(page, "13 matches in Dots")).to_be_visible()
    mover = page.get_by_role("button", name="Selected part", exact=True)
    mover.focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#box-says")).to_have_text(
        "50% of the width and 100% of the height, 0% from the left and 0% from the top."
    )
    expect(page.locator("#grid .name").first).to_have_text("Red stripes")  # The box has settled.
    expect(mover).to_be_focused()
    assert region(page) == pytest.approx([0, 0, 0.5, 1], abs=0.02)

    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # This moves the first corner, the top left one.
    expect(page.locator("#box-says")).to_have_text(re.compile("^4[78]% of the width and .* 2% from the left"))
    page.keyboard.press("Escape")
    searches = sum(url.endswith("/search/") for url in shop.requests)
    page.wait_for_timeout(900)
    assert sum(url.endswith("/search/") for url in shop.requests) == searches
    assert region(page) == pytest.approx([0, 0, 0.5, 1], abs=0.02)


def test_a_tap_takes_the_box_that_is_offered_and_the_whole_photo_comes_back(shop):
    page = shop.page
    upload(page, two_rugs())
    expect(heading(page, re.compile("in your photo"))).to_be_visible()
    page.get_by_role("button", name="Select a part").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Selected part", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Select a part")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#whole").click()  # So does this button, and nothing is searched.
    expect(page.get_by_role("button", name="Select a part")).to_be_focused()
    assert "region" not in asked(page)
    page.keyboard.press("Enter")
    page.locator(".mover").click(position={"x": 90, "y": 6})  # A tap takes it, as Enter does.
    expect(page.locator("#grid .card").first).to_be_visible()
    assert region(page) == pytest.approx([0.15, 0.15, 0.7, 0.7], abs=0.001)
    searches = sum(url.endswith("/search/") for url in shop.requests)
    page.get_by_role("button", name="All things").click()
    expect(heading(page, re.compile("in your photo"))).to_be_visible()
    assert "region" not in asked(page)
    assert sum(url.endswith("/search/") for url in shop.requests) == searches  # The answer was there.
