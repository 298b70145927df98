"""The page of a shop that cannot be searched yet."""

import pytest
from playwright.sync_api import expect

from catalog.models import Category, Product
from ml.recipes import make_recipe
from search.spaces import ensure_live
from tests.storefront.conftest import in_thread, picture, upload

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def waiting(photo) -> None:
    """One photo, and a live space that does not hold it yet."""
    photo("red")
    ensure_live(make_recipe("random"))


def test_the_page_says_that_nothing_is_indexed_yet(waiting, live_server, watched):
    watched.page.goto(live_server.url)
    expect(watched.page.get_by_text("Nothing is indexed yet.")).to_be_visible()
    expect(watched.page.get_by_text("Indexing is running: 0 of 1 photo so far")).to_be_visible()


NOT_READY = "Searching is not possible right now. Try again in 5 seconds."


@pytest.fixture
def unindexed(photo) -> None:
    """One photo, and no space at all."""
    photo("red", name="Red lamp")


def test_the_page_says_that_there_is_no_index_and_shows_products_all_the_same(unindexed, live_server, watched):
    page = watched.page
    page.goto(f"{live_server.url}/products/lamp-1/")
    expect(page.locator("#kin-none")).to_have_text(NOT_READY)
    expect(page.get_by_role("heading", name="Red lamp")).to_be_visible()
    upload(page, picture("red", "dots"))
    expect(page.locator("#nothing-text")).to_have_text(NOT_READY)


@pytest.fixture
def empty(settings, tmp_path) -> None:
    """No product at all, but a sample photo."""
    settings.STOREFRONT_SAMPLES = [tmp_path]
    (tmp_path / "red.png").write_bytes(picture("red", "dots"))
    ensure_live(make_recipe("random"))


def add_lamp() -> None:
    Product.objects.create(sku="lamp-1", name="Lamp", category=Category.objects.create(slug="lamp", name="Lamp"))


def test_an_empty_shop_offers_nothing_until_it_has_something(empty, live_server, watched):
    page = watched.page
    page.clock.install()
    page.goto(live_server.url)
    expect(page.get_by_text("The catalogue is empty.")).to_be_visible()
    expect(page.get_by_role("heading", name="Or look around")).to_be_hidden()
    expect(page.locator(".sample")).to_be_hidden()
    expect(page.locator("#coverage")).to_have_text("")
    in_thread(add_lamp)
    page.clock.run_for(6000)
    expect(page.get_by_role("link", name="Lamp1")).to_be_visible()
