"""The page in a real browser, against the real API: a photo or words go in, chips, filters and products come out."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from catalog.models import Category, Product
from catalog.photos import add_photo
from search.indexing import index_batch
from search.models import Event, Space, Threshold
from tests.storefront.conftest import COLOURS, drawn, encoded, heading, in_thread, names, picture, upload

pytestmark = pytest.mark.slow

SEARCH = "**/api/v1/search/"
REFUSED = "the server responded with a status of 400"  # Chromium's own note on every refused request

GIVE = """([event, bytes]) => {
    const data = new DataTransfer();
    if (bytes) data.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
    document.body.dispatchEvent(
        event === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
}"""

GIVE_WORDS = """() => {
    const data = new DataTransfer();
    data.setData("text/plain", "oak chair");
    data.items.add(new File(["x"], "words.png", { type: "image/png" })); // As office programs add one.
    const words = new DataTransfer();
    words.setData("text/plain", "oak chair");
    const field = document.getElementById("words");
    return [
        field.dispatchEvent(new DragEvent("drop", { dataTransfer: words, bubbles: true, cancelable: true })),
        field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })),
    ];
}"""

# How the API may fail (status, headers, body), and what the page makes of it. With status 0 the connection breaks.
FAILURES = [
    (0, {}, "", "The shop cannot be reached."),
    (413, {}, "<html>", "That photo is too large. Save it smaller and try again."),
    (429, {"Retry-After": "20"}, "{}", "a lot of searches in a short time. Try again in 20 seconds."),
    (500, {}, "<html>", "Something broke in the shop. Try again in a moment."),
    (200, {}, "<html>", "The shop gave an answer that this page does not understand."),
    (200, {}, "{}", "This page could not show the answer."),
    (
        503,
        {},
        '{"errors": [{"detail": "Run manage.py"}]}',
        "Searching is not possible right now. Try again in a moment.",
    ),
]


def chip(page: Page, name: str):
    return page.locator("#chips").get_by_role("button", name=name, exact=True)


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the address."""
    return parse_qs(urlsplit(page.url).query)


def events(kind: str) -> list[tuple[str, int | None, str | None]]:
    """The events of this kind that the shop has stored, the newest first."""
    rows = Event.objects.filter(kind=kind).order_by("-pk").values_list("sku", "position", "category__slug")
    return in_thread(lambda: list(rows))


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
        re.compile(r"^Found in [\d.]+ m?s \(decode \d+, encode \d+, gate \d+, search \d+\)$")
    )
    page.locator(".card").last.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#grid img')].every((picture) => picture.naturalWidth > 0)"
    )


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


def region(page: Page) -> list[float]:
    return [float(part) for part in asked(page)["region"][0].split(",")]


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


def test_filters_narrow_the_answer_without_a_page_load_and_back_widens_it(shop):
    page = shop.page
    page.evaluate("window.sameDocument = true")
    page.get_by_role("link", name="Dots").click()
    expect(heading(page, "13 products in Dots")).to_be_visible()
    small = page.get_by_role("checkbox", name="small 7")
    small.check()
    expect(heading(page, "7 products in Dots")).to_be_visible()
    expect(small).to_be_focused()
    expect(page.get_by_role("checkbox", name="large 6")).to_be_visible()  # Ticking it would leave or add 6.
    page.get_by_label("From", exact=True).fill("800")
    page.get_by_label("To", exact=True).focus()
    expect(heading(page, "3 products in Dots")).to_be_visible()
    page.get_by_label("To", exact=True).fill("400")  # The wrong way round.
    page.get_by_label("To", exact=True).press("Enter")
    expect(heading(page, "2 products in Dots")).to_be_visible()
    assert sorted(names(page)) == ["Purple dots", "Silver dots"]
    page.get_by_role("checkbox", name="In stock only").check()
    expect(page.locator("#filters-set")).to_have_text("3")
    assert asked(page) == {
        "category": ["dots"],
        "price_min": ["400"],
        "price_max": ["800"],
        "in_stock": ["true"],
        "attributes": ["size:small"],
    }

    page.get_by_role("button", name="Without Price 400 to 800").click()
    expect(heading(page, "7 products in Dots")).to_be_visible()
    page.go_back()
    expect(heading(page, "2 products in Dots")).to_be_visible()
    expect(page.get_by_role("checkbox", name="In stock only")).to_be_checked()
    for _ in range(4):
        page.go_back()
    expect(heading(page, "13 products in Dots")).to_be_visible()
    expect(page.get_by_role("checkbox", name="small")).not_to_be_checked()
    assert page.evaluate("window.sameDocument")


def test_filters_of_a_photo_search_are_those_of_where_it_looked(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_role("checkbox", name="green 1").check()
    expect(heading(page, "1 match in Stripes")).to_be_visible()
    assert names(page) == ["Green stripes"]
    page.get_by_role("checkbox", name="In stock only").check()
    expect(heading(page, "No match in Stripes")).to_be_visible()
    expect(page.get_by_text("Nothing here passes the filters that are set.")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(heading(page, "13 matches in Stripes")).to_be_focused()
    assert asked(page) == {"by": ["photo"]}


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


def test_a_product_on_its_way_is_told(shop):
    page = shop.page
    held: list[Route] = []
    page.goto(f"{page.url}?q=red+stripes")
    page.route("**/api/v1/products/stripes-red/", lambda route: held.append(route))
    page.get_by_role("link", name="Red stripes", exact=True).click()
    expect(page.locator("#spoken")).to_have_text("Opening the product…")
    expect(page).to_have_title("Opening the product… · Lamplight")
    held[0].abort()
    expect(heading(page, "This product did not open")).to_be_focused()
    shop.complaints.clear()
    page.unroute("**/api/v1/products/stripes-red/")
    page.get_by_role("button", name="Try again").click()
    expect(heading(page, "Red stripes")).to_be_focused()


def test_the_search_bar_works_before_the_scripts_do(running_shop, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(running_shop)
    page.get_by_role("searchbox").fill("oak chair")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=oak+chair")
    context.close()


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


def test_a_product_has_a_page_of_its_own(shop):
    page = shop.page
    start = page.url
    page.goto(f"{start}products/stripes-red/")
    expect(heading(page, "Red stripes")).to_be_visible()
    expect(page.get_by_text("A rug of wool with red stripes all over.")).to_be_visible()
    expect(page.get_by_role("link", name="Buy in the shop")).to_have_attribute("href", "https://shop.example/red")
    assert "\n".join(page.locator("dl > div").all_inner_texts()).split("\n") == [
        "Size", "small", "Color", "red", "Width (cm)", "80", "Article number", "stripes-red",
    ]  # fmt: skip
    first = page.locator("#product-photo").get_attribute("src")
    page.get_by_role("button", name="Photo 2 of 2").click()
    expect(page.locator("#product-photo")).not_to_have_attribute("src", first)
    second = page.locator("#product-photo").get_attribute("src")

    page.get_by_role("link", name="Find more like this photo").click()
    expect(heading(page, "12 products similar to Red stripes")).to_be_focused()
    chip(page, "All").click()
    expect(heading(page, "The 24 closest to Red stripes")).to_be_visible()
    expect(page.locator("#query-photo")).to_have_attribute("src", second)
    assert asked(page)["like"] == ["stripes-red"]
    shared = page.url

    page.goto(shared)
    expect(heading(page, "The 24 closest to Red stripes")).to_be_visible()
    page.get_by_role("link", name="See this product").click()
    expect(heading(page, "Red stripes")).to_be_visible()
    page.get_by_role("link", name="Stripes", exact=True).click()
    expect(heading(page, "13 products in Stripes")).to_be_visible()

    page.goto(f"{start}products/no-such/")
    expect(heading(page, "No such product")).to_be_visible()
    expect(page).to_have_title("No such product · Lamplight")
    expect(page.get_by_role("alert")).to_be_hidden()
    shop.complaints.clear()  # Chromium's own note on a 404.


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
    expect(page.locator("#marked")).to_be_visible()

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
    expect(likeness.nth(0)).to_have_text("0.80the closest")
    expect(likeness.nth(1)).to_have_text("0.40far off")
    words["metric"] = "l2"
    upload(shop.page, picture("red", "dots"))
    expect(likeness.nth(0)).to_have_text("0.0141similarity")
    expect(likeness.nth(1)).to_have_text("0.00704similarity")


def test_a_sample_that_comes_late_does_not_replace_a_photo_chosen_after_it(shop):
    page = shop.page
    held: list[Route] = []
    page.get_by_role("link", name="Sample photo 1").wait_for()
    page.route("**/samples/*", lambda route: held.append(route))
    page.get_by_role("link", name="Sample photo 1").click()
    upload(page, picture("blue", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    for route in held:
        route.fulfill(body=picture("red", "dots"), content_type="image/png")
    page.wait_for_timeout(300)
    assert names(page)[0] == "Blue stripes"
    assert sum(url.endswith("/search/") for url in shop.requests) == 1


def test_a_photo_may_be_dropped_or_pasted(shop):
    page = shop.page
    page.evaluate(GIVE, ["drop", list(picture("blue", "dots"))])
    expect(page.locator(".card .name").first).to_have_text("Blue dots")
    page.get_by_role("button", name="Select a part").click()
    page.evaluate(GIVE, ["paste", list(picture("green", "stripes"))])
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".card .name").first).to_have_text("Green stripes")
    page.evaluate(GIVE, ["paste", None])
    expect(page.get_by_role("alert")).to_contain_text("There was no photo file in that")
    assert names(page)[0] == "Green stripes"
    page.get_by_role("button", name="Dismiss").click()
    assert page.evaluate(GIVE_WORDS) == [True, True]  # The search field takes these words.
    expect(page.get_by_role("alert")).to_be_hidden()
    assert names(page)[0] == "Green stripes"


def test_a_large_photo_is_sent_smaller(shop):
    upload(shop.page, encoded(Image.effect_noise((3200, 800), 90), "JPEG"))
    expect(shop.page.locator("#grid .name").first).to_be_visible()
    assert shop.page.locator("#query-photo").evaluate("(photo) => [photo.naturalWidth, photo.naturalHeight]") == [
        1600,
        400,
    ]


def test_a_file_that_is_no_photo_or_too_large_is_refused_in_plain_words(shop):
    page = shop.page
    upload(page, b"not a photo", "notes.txt", "text/plain")
    expect(heading(page, "This search did not work")).to_be_focused()
    expect(page.locator("#nothing-text")).to_contain_text("This is not a photo we can read")
    expect(page.get_by_text("Your browser cannot show this file.")).to_be_visible()
    assert names(page) == []
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    [note] = shop.complaints
    assert REFUSED in note
    shop.complaints.clear()

    upload(page, picture("red", "stripes"))
    assert names(page)[0] == "Red stripes"
    expect(page.locator("#failure")).to_be_hidden()

    searches = sum(url.endswith("/search/") for url in shop.requests)
    page.locator("#photo").evaluate("(input) => { input.dataset.maxBytes = 100; }")
    upload(page, picture("red", "dots"))
    expect(page.get_by_role("alert")).to_contain_text("more than the shop takes")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#failure")).to_be_hidden()
    assert sum(url.endswith("/search/") for url in shop.requests) == searches


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


def fail(page: Page, status: int, headers: dict[str, str], body: str) -> None:
    """Have searches end like this from now on."""

    def answer(route: Route) -> None:
        if status:
            route.fulfill(status=status, headers=headers, body=body)
        else:
            route.abort()

    page.unroute(SEARCH)
    page.route(SEARCH, answer)
