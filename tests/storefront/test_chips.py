"""The chips: which categories the gate looked in, and looking elsewhere."""

import re

import pytest
from playwright.sync_api import expect

from tests.storefront.conftest import heading, picture, upload
from tests.storefront.shop_page import asked, chip, events

pytestmark = pytest.mark.slow


def test_the_gate_shows_where_it_looked_and_a_chip_looks_elsewhere(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    likeliest = page.locator("#chips .chip").nth(1)
    expect(likeliest).to_have_text(re.compile(r"^Stripes>?\d+%$"))
    expect(likeliest).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text(re.compile(r"^Most likely Stripes, >?\d+% sure\.$"))).to_be_visible()

    page.get_by_role("button", name=re.compile("^Dots")).click()
    expect(heading(page, "13 matches in Dots")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Dots"))).to_have_attribute("aria-pressed", "true")
    assert asked(page) == {"by": ["photo"], "category": ["dots"]}
    assert events("wrong_category")[0] == ("", None, "dots")

    chip(page, "All").click()
    expect(heading(page, "The 24 closest in 2 categories")).to_be_visible()
    expect(page.get_by_text("You chose where to look.")).to_be_visible()
    page.get_by_role("button", name="Automatic").click()
    expect(heading(page, "13 matches in Stripes")).to_be_focused()
    page.go_back()
    expect(heading(page, "The 24 closest in 2 categories")).to_be_visible()
    assert len(events("wrong_category")) == 1
