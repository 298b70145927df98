"""Searching with a part of the photo."""

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.storefront.conftest import drawn, encoded, heading, names
from tests.storefront.shop_page import asked, region

pytestmark = pytest.mark.slow


def test_a_part_of_the_photo_is_searched_with(shop):
    page = shop.page
    both = Image.new("RGB", (320, 160))
    both.paste(drawn("red", "stripes"), (0, 0))
    both.paste(drawn("blue", "dots"), (160, 0))
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files({"name": "both.png", "mimeType": "image/png", "buffer": encoded(both)})
    page.get_by_role("button", name="Select a part").click()
    stage = page.locator("#crop-stage").bounding_box()
    assert stage

    page.mouse.move(stage["x"] + stage["width"] * 0.5, stage["y"])
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] - 1, stage["y"] + stage["height"] - 1, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Search with this part").click()
    expect(heading(page, "13 matches in Dots")).to_be_visible()
    assert names(page)[0] == "Blue dots"
    assert region(page) == pytest.approx([0.5, 0, 0.5, 1], abs=0.02)
    expect(page.locator("#marked")).to_be_visible()

    page.get_by_role("button", name="Another part").click()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")  # The selection has the focus.
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # This moves the first corner, the top left one.
    expect(page.locator("#crop-says")).to_have_text(re.compile("^4[78]% of the width and .* 2% from the left"))
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Search with this part").press("Enter")
    expect(page.locator("#grid .name").first).to_have_text("Red stripes")
    assert region(page) == pytest.approx([0, 0, 0.5, 1], abs=0.02)

    page.get_by_role("button", name="Another part").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Another part")).to_be_focused()
    page.get_by_role("button", name="Another part").click()
    page.get_by_role("button", name="Whole photo").click()
    expect(page.locator("#marked")).to_be_hidden()
    assert "region" not in asked(page)
