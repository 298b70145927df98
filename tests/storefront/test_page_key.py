"""The shop's page, and the example, where the API answers nobody without a key."""

import re

import pytest
from django.test import override_settings
from playwright.sync_api import expect

from access.models import Key
from tests.storefront.conftest import heading, in_thread, names, picture, upload
from tests.storefront.shop_of_somebody import make_key
from tests.storefront.shop_page import chip, events

pytestmark = pytest.mark.slow


@pytest.fixture
def closed_shop(running_shop):
    """The address of a shop that answers nobody without a key, and gives its page one."""
    secret = make_key(running_shop, scopes=("search", "read", "events"))
    with override_settings(ANONYMOUS_API=False, STOREFRONT_KEY=secret, STOREFRONT_EXAMPLE="stripes-red"):
        yield running_shop
    in_thread(lambda: Key.objects.all().delete())


def test_the_page_asks_with_its_key(closed_shop, watched):
    page = watched.page
    page.goto(closed_shop)
    expect(page.locator("#rooms").get_by_role("link")).to_have_count(2)
    upload(page, picture("blue", "dots"))
    assert names(page)[0] == "Blue dots"
    expect(page.locator("#filters-form").get_by_role("checkbox", name="large")).to_be_attached()
    chip(page, "All").click()
    expect(chip(page, "All")).to_have_attribute("aria-pressed", "true")
    page.locator(".ask").first.click()
    expect(page.locator("#reason-how")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    page.locator("#grid .name a").first.click()
    expect(heading(page, "Blue dots")).to_be_visible()
    expect(page.locator("#kin .card").first).to_be_visible()
    assert events("click")[0][:2] == ("dots-blue", 1)
    assert watched.complaints == []
    assert not any(url.endswith("/index/") for url in watched.requests)  # No publishable key may ask for it.


def test_a_page_without_a_key_says_that_it_may_not_ask(closed_shop, watched):
    page = watched.page
    with override_settings(STOREFRONT_KEY=""):
        page.goto(closed_shop)
        upload(page, picture("blue", "dots"))
        expect(page.locator("#nothing-text")).to_contain_text("has to give the page a key that it may use")
        expect(page.locator("#notices")).to_be_empty()


def test_the_example_has_the_widget_beside_its_search_field_and_below_its_product(closed_shop, watched):
    page = watched.page
    page.goto(f"{closed_shop}/example/")
    expect(heading(page, "Red stripes")).to_be_visible()
    row = page.locator("lamplight-similar")
    expect(row.get_by_role("heading", name="You may also like")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Search with a photo").click()
        page.get_by_role("button", name="Choose a photo").click()
    chooser.value.set_files({"name": "mine.png", "mimeType": "image/png", "buffer": picture("blue", "dots")})
    page.locator(".results").get_by_role("link", name="Blue dots").click()
    page.wait_for_url(re.compile(r"/example/\?sku=dots-blue$"))
    expect(heading(page, "Blue dots")).to_be_visible()
    assert [told for told in watched.complaints if not told.startswith("chosen")] == []
