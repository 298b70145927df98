"""What an answer shows, and what it says where there is little to show."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Route, expect

from catalog.models import Category, Product
from catalog.photos import add_photo
from search.indexing import index_batch
from search.models import Space, Threshold
from tests.storefront.conftest import heading, in_thread, names, picture, upload

pytestmark = pytest.mark.slow

SEARCH = "**/api/v1/search/"


def bare() -> None:
    Category.objects.create(slug="empty", name="Empty")
    Product.objects.create(sku="bare", name="Bare rug", category=Category.objects.get(slug="dots"))


def no_longer_bare() -> None:
    Product.objects.get(sku="bare").delete()
    Category.objects.get(slug="empty").delete()


@pytest.fixture
def bare_places(running_shop) -> Iterator[None]:
    """A category without products, and a product without a photo."""
    in_thread(bare)
    yield
    in_thread(no_longer_bare)


def test_empty_places_say_what_they_lack(bare_places, shop):
    page = shop.page
    start = page.url
    page.goto(f"{start}?q=&category=empty")
    expect(page.locator("#nothing-text")).to_contain_text("The shop has no products here yet.")
    page.goto(f"{start}products/bare/")
    expect(page.locator("#kin-none")).to_have_text("This product has no photo, so nothing can be compared with it.")
    expect(page.locator("#product-gallery")).to_have_text("No picture")
    page.goto(f"{start}?like=bare")
    expect(page.locator("#nothing-text")).to_have_text("This product has no photo, so nothing can be compared with it.")


def copy_red_stripes() -> None:
    """Add two products with the picture of the red stripes."""
    for name in ("Crimson stripes", "Ruby stripes"):
        product = Product.objects.create(sku=name, name=name, category=Category.objects.get(slug="stripes"))
        add_photo(product, picture("red", "stripes", "WEBP"))
    assert index_batch(Space.objects.get()) == 2


@pytest.fixture
def copies(running_shop) -> Iterator[None]:
    in_thread(copy_red_stripes)
    yield
    in_thread(Product.objects.filter(sku__in=("Crimson stripes", "Ruby stripes")).delete)


def test_products_with_the_same_picture_are_named_under_the_first(copies, shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    best, *others = page.locator("#grid .card").all()
    shown = {best.locator(".name").inner_text(), *best.locator(".also a").all_inner_texts()}
    assert shown == {"Red stripes", "Crimson stripes", "Ruby stripes"}
    assert re.fullmatch(r"Also as [A-Z]\w+ stripes, [A-Z]\w+ stripes", best.locator(".also").inner_text())
    assert not any(other.locator(".also").is_visible() for other in others)
    other = best.locator(".also a").first.inner_text()
    best.locator(".also a").first.click()
    expect(heading(page, other)).to_be_visible()


def only_the_same() -> None:
    for category in Category.objects.all():
        Threshold.objects.create(space=Space.objects.get(), category=category, min_similarity=1.0)


@pytest.fixture
def strict(running_shop) -> Iterator[None]:
    """The shop shows only matches that are as good as the same."""
    in_thread(only_the_same)
    yield
    in_thread(Threshold.objects.all().delete)


def test_an_empty_answer_says_why_and_how_to_see_the_matches_anyway(strict, shop):
    page = shop.page
    upload(page, picture("turquoise", "dots"))
    expect(heading(page, re.compile("^No match in "))).to_be_visible()
    expect(page.locator("#nothing-text")).to_have_text(
        re.compile(r"^Nothing is similar enough\. The closest has a similarity of 0\.9\d+; the shop asks for 1\.$")
    )
    page.get_by_role("button", name="Show them anyway").click()
    expect(heading(page, re.compile(r"^\d+ matches in "))).to_be_focused()
    expect(page.get_by_role("button", name="Show them anyway")).to_be_hidden()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("unknown", "This looks like nothing the shop sells, so all categories were searched."),
        ("classifier", "This does not look much like what the shop sells. Most likely Dots, 41% sure."),
        ("override", "You chose where to look. This does not look much like what the shop sells."),
    ],
)
def test_the_page_says_that_a_photo_is_strange_to_the_shop(shop, mode, said):
    def answer(route: Route) -> None:
        body = route.fetch().json()
        body["gate"] |= {"mode": mode, "confidence": 0.41, "low_confidence": True}
        route.fulfill(json=body)

    shop.page.route(SEARCH, answer)
    upload(shop.page, picture("red", "dots"))
    expect(shop.page.get_by_text(said, exact=True)).to_be_visible()
    assert len(names(shop.page)) == 13


def test_similarities_are_said_in_words_where_words_mean_something(shop):
    words = {"metric": "cosine", "weights": "imagenet"}

    def answer(route: Route) -> None:
        body = route.fetch().json() | words
        for place, hit in enumerate(body["results"]):
            hit["similarity"] = (0.8 if words["metric"] == "cosine" else 0.014085) / (place + 1)
        route.fulfill(json=body)

    shop.page.route(SEARCH, answer)
    likeness = shop.page.locator(".likeness")
    upload(shop.page, picture("red", "dots"))
    expect(likeness.nth(0)).to_have_text("0.80the closestWhy?")
    expect(likeness.nth(1)).to_have_text("0.40far offWhy?")
    words["metric"] = "l2"
    upload(shop.page, picture("red", "dots"))
    expect(likeness.nth(0)).to_have_text("0.0141similarityWhy?")
    expect(likeness.nth(1)).to_have_text("0.00704similarityWhy?")
