"""The page in a real browser, against the real API: a photo goes in, chips and matches come out."""

import io
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Route, expect

from catalog.models import Category, Product
from catalog.photos import add_photo
from ml.recipes import make_recipe
from search.indexing import index_batch
from search.models import Space, Threshold
from search.spaces import ensure_live
from tests.storefront.conftest import Watched

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

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

# How the API may fail (status, headers, body), and what the page makes of it. Status 0: the connection breaks.
FAILURES = [
    (0, {}, "", "The shop cannot be reached."),
    (413, {}, "<html>", "That photo is too large. Save it smaller and try again."),
    (429, {"Retry-After": "20"}, "{}", "a lot of searches in a short time. Try again in 20 seconds."),
    (500, {}, "<html>", "Something broke in the shop (error 500)."),
    (200, {}, "<html>", "The shop gave an answer that this page does not understand (200)."),
    (200, {}, "{}", "This page could not show the answer."),
    (503, {}, '{"errors": [{"detail": "The model is loading."}]}', "The model is loading."),
]


def picture(colour: str, pattern: str, kind: str = "PNG") -> bytes:
    """Stripes or dots on white."""
    image = Image.new("RGB", (160, 160), "white")
    draw = ImageDraw.Draw(image)
    for step in range(0, 160, 32):
        if pattern == "stripes":
            draw.rectangle((step, 0, step + 15, 160), fill=colour)
        else:
            for row in range(0, 160, 32):
                draw.ellipse((step, row, step + 20, row + 20), fill=colour)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


@pytest.fixture
def catalogue(tmp_path, settings) -> None:
    """Two categories of three products, without an index."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STOREFRONT_SAMPLES = tmp_path / "samples"
    settings.STOREFRONT_SAMPLES.mkdir()
    (settings.STOREFRONT_SAMPLES / "red-dots.png").write_bytes(picture("red", "dots"))
    for slug in ("stripes", "dots"):
        category = Category.objects.create(slug=slug, name=slug.title())
        for colour in ("red", "green", "blue"):
            product = Product.objects.create(
                sku=f"{slug}-{colour}",
                name=f"{colour.title()} {slug}",
                category=category,
                price=None if colour == "blue" else "1249.50",
                in_stock=colour != "green",
                url="https://shop.example/red" if colour == "red" else "",
            )
            add_photo(product, picture(colour, slug))


@pytest.fixture
def waiting(catalogue) -> Space:
    """The catalogue, with a live space that holds none of it yet."""
    return ensure_live(make_recipe("random"))


@pytest.fixture
def indexed(waiting) -> None:
    assert index_batch(waiting) == 6


@pytest.fixture
def shop(indexed, live_server, watched) -> Iterator[Watched]:
    """The page, opened; afterwards it must not have complained, nor have asked any other host."""
    watched.page.goto(live_server.url)
    yield watched
    hosts = {urlsplit(url).netloc for url in watched.requests if not url.startswith("blob:")}
    assert hosts == {urlsplit(live_server.url).netloc}
    assert watched.complaints == []


def upload(page: Page, data: bytes, name: str = "mine.png", mime: str = "image/png") -> None:
    page.get_by_label("Choose a photo").or_(page.get_by_label("Another photo")).set_input_files(
        {"name": name, "mimeType": mime, "buffer": data}
    )


def names(page: Page) -> list[str]:
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    return page.locator(".card .name").all_inner_texts()


def test_a_photo_finds_its_product_and_the_page_says_how(shop):
    page = shop.page
    expect(page.get_by_text("6 photos in 2 categories")).to_be_visible()
    expect(page.get_by_text("The cure: manage.py create_space")).to_be_visible()

    upload(page, picture("red", "stripes"))

    expect(page.get_by_role("heading", name="6 matches in 2 categories")).to_be_visible()
    expect(page.get_by_alt_text("Your photo")).to_be_visible()
    assert names(page)[0] == "Red stripes"
    best, *_, last = page.locator(".card").all()
    expect(best).to_contain_text("€1,249.50")
    expect(best).to_contain_text("In stock")
    expect(best.locator(".number")).to_have_text(re.compile(r"^(1\.00|0\.9\d)$"))  # Stored as JPEG, sent as PNG.
    expect(best.get_by_role("link", name="Red stripes")).to_have_attribute("href", "https://shop.example/red")
    expect(page.locator(".card", has_text="Green dots")).to_contain_text("Sold out")
    expect(page.locator(".card", has_text="Blue dots").locator(".price")).to_have_text("")
    expect(page.locator("#time")).to_have_text(
        re.compile(r"^Found in [\d.]+ m?s \(decode \d+, encode \d+, gate \d+, search \d+\)$")
    )
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    last.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.tile img')].every((picture) => picture.naturalWidth > 0)")


def test_a_chip_searches_its_category_and_automatic_goes_back(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_role("button", name="Dots", exact=True).click()
    expect(page.get_by_role("heading", name="3 matches in Dots")).to_be_visible()
    assert sorted(names(page)) == ["Blue dots", "Green dots", "Red dots"]
    expect(page.get_by_role("button", name="Dots", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "false")

    page.get_by_role("button", name="All", exact=True).click()
    expect(page.get_by_role("heading", name="6 matches in 2 categories")).to_be_visible()
    expect(page.get_by_text("Where you chose to look.")).to_be_visible()
    page.get_by_role("button", name="Automatic").click()
    expect(page.get_by_text("has not learned to tell its categories apart yet")).to_be_visible()


def test_similar_products_are_shown_and_back_returns_to_the_matches(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    matches = names(page)
    page.get_by_role("button", name="Products similar to Blue dots").click()
    expect(page.get_by_role("heading", name="2 products similar to Blue dots")).to_be_focused()
    assert sorted(names(page)) == ["Green dots", "Red dots"]

    page.get_by_role("button", name="Back").click()
    assert names(page) == matches
    expect(page.get_by_role("button", name="Products similar to Blue dots")).to_be_focused()


@pytest.fixture
def copies(indexed, waiting) -> None:
    """Two products more with the picture of the red stripes."""
    for name in ("Crimson stripes", "Ruby stripes"):
        fields = {"category": Category.objects.get(slug="dots"), "url": "https://shop.example/copy"}
        add_photo(Product.objects.create(sku=name, name=name, **fields), picture("red", "stripes", "WEBP"))
    assert index_batch(waiting) == 2


def test_products_with_the_same_picture_are_named_under_the_first(copies, shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    expect(page.get_by_role("heading", name="6 matches in 2 categories")).to_be_visible()
    best, *others = page.locator(".card").all()
    shown = {best.locator(".name").inner_text(), *best.locator(".also a").all_inner_texts()}
    assert shown == {"Red stripes", "Crimson stripes", "Ruby stripes"}
    assert re.fullmatch(r"Also as [A-Z]\w+ stripes, [A-Z]\w+ stripes", best.locator(".also").inner_text())
    assert not any(other.locator(".also").is_visible() for other in others)


@pytest.fixture
def strict(indexed, waiting) -> None:
    """The shop shows only what is as good as the same."""
    for category in Category.objects.all():
        Threshold.objects.create(space=waiting, category=category, min_similarity=1.0)


def test_an_empty_answer_says_why_and_how_to_see_the_matches_anyway(strict, shop):
    page = shop.page
    upload(page, picture("purple", "dots"))
    expect(page.get_by_role("heading", name="No match in 2 categories")).to_be_visible()
    expect(page.locator("#left-out-text")).to_have_text(
        re.compile(r"^Nothing is similar enough\. The closest comes to 0\.9\d+; the shop shows what comes to 1\.$")
    )
    page.get_by_role("button", name="Show them anyway").click()
    expect(page.get_by_role("heading", name="6 matches in 2 categories")).to_be_focused()
    expect(page.get_by_role("button", name="Show them anyway")).to_be_hidden()

    page.get_by_role("button", name="Products similar to Red dots").click()
    expect(page.get_by_role("heading", name="No product similar to Red dots")).to_be_focused()
    page.get_by_role("button", name="Show them anyway").click()
    expect(page.get_by_role("heading", name="2 products similar to Red dots")).to_be_focused()
    page.get_by_role("button", name="Back").click()
    assert len(names(page)) == 6


@pytest.fixture
def strict_on_dots(strict) -> None:
    Threshold.objects.filter(category__slug="stripes").delete()


def test_the_page_says_that_less_similar_products_are_not_shown(strict_on_dots, shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    expect(page.get_by_role("heading", name="3 matches in 2 categories")).to_be_visible()
    expect(page.get_by_text("Less similar products are not shown.")).to_be_visible()
    page.get_by_role("button", name="Dots", exact=True).click()
    expect(page.get_by_role("heading", name="No match in Dots")).to_be_visible()
    page.get_by_role("button", name="Show them anyway").click()
    expect(page.get_by_role("heading", name="3 matches in Dots")).to_be_visible()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("unknown", "This looks like nothing the shop sells: all of it was searched for the nearest."),
        ("classifier", "This does not look much like what the shop sells. Most likely Dots, 41% sure."),
        ("override", "Where you chose to look. This does not look much like what the shop sells."),
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
    assert len(names(shop.page)) == 6


def test_similarities_by_distance_are_shown_by_their_leading_digits_and_without_a_word(shop):
    def answer(route: Route) -> None:
        body = route.fetch().json() | {"metric": "l2", "weights": "imagenet"}
        for place, hit in enumerate(body["results"]):
            hit["similarity"] = 0.014085 / (place + 1)
        route.fulfill(json=body)

    shop.page.route(SEARCH, answer)
    upload(shop.page, picture("red", "dots"))
    likeness = shop.page.locator(".likeness")
    expect(likeness.nth(0)).to_have_text("0.0141similarity")
    expect(likeness.nth(1)).to_have_text("0.00704similarity")


def test_a_sample_is_searched_with_by_keyboard(shop):
    page = shop.page
    page.get_by_role("button", name="Sample photo 1").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="6 matches in 2 categories")).to_be_visible()
    assert names(page)[0] == "Red dots"


def test_a_sample_that_comes_late_does_not_replace_a_photo_chosen_after_it(shop):
    page = shop.page
    held: list[Route] = []
    page.route("**/samples/*", lambda route: held.append(route))
    with page.expect_request("**/samples/*"):
        page.get_by_role("button", name="Sample photo 1").click()
    upload(page, picture("blue", "stripes"))
    expect(page.get_by_role("heading", name="6 matches in 2 categories")).to_be_visible()
    for route in held:
        route.fulfill(body=picture("red", "dots"), content_type="image/png")
    page.wait_for_timeout(300)
    assert names(page)[0] == "Blue stripes"
    assert sum(url.endswith("/search/") for url in shop.requests) == 1


def test_a_photo_may_be_dropped_or_pasted(shop):
    page = shop.page
    page.evaluate(GIVE, ["drop", list(picture("blue", "dots"))])
    expect(page.locator(".card .name").first).to_have_text("Blue dots")
    page.evaluate(GIVE, ["paste", list(picture("green", "stripes"))])
    expect(page.locator(".card .name").first).to_have_text("Green stripes")
    page.evaluate(GIVE, ["paste", None])
    expect(page.get_by_role("alert")).to_have_text(re.compile("There was no photo file in that"))
    assert names(page)[0] == "Green stripes"


def test_a_file_that_is_no_photo_is_refused_in_plain_words(shop):
    page = shop.page
    upload(page, picture("red", "stripes"))
    page.get_by_role("button", name="Products similar to Red stripes").click()
    expect(page.get_by_role("button", name="Back")).to_be_enabled()

    upload(page, b"not a photo", "notes.txt", "text/plain")
    expect(page.get_by_role("alert")).to_have_text(re.compile("This is not a photo we can read"))
    expect(page.get_by_role("button", name="Back")).to_be_hidden()
    assert names(page) == []
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    [note] = shop.complaints
    assert REFUSED in note
    shop.complaints.clear()

    upload(page, picture("red", "stripes"))
    assert names(page)[0] == "Red stripes"
    expect(page.locator("#failure")).to_be_hidden()


def test_a_file_too_large_to_send_is_not_sent(shop):
    page = shop.page
    page.locator("#photo").evaluate("(input) => { input.dataset.maxBytes = 100; }")
    upload(page, picture("red", "stripes"))
    expect(page.get_by_role("alert")).to_have_text(re.compile("more than the shop takes"))
    assert not any(url.endswith("/search/") for url in shop.requests)


def test_every_failure_is_told_and_the_next_try_may_work(indexed, live_server, watched):
    page = watched.page
    page.goto(live_server.url)
    for status, headers, body, said in FAILURES:
        fail(page, status, headers, body)
        upload(page, picture("red", "stripes"))
        expect(page.get_by_role("alert")).to_contain_text(said)

    page.unroute(SEARCH)
    page.get_by_role("button", name="Try again").click()
    assert names(page)[0] == "Red stripes"
    expect(page.locator("#failure")).to_be_hidden()

    fail(page, 0, {}, "")
    page.get_by_role("button", name="Dots", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The shop cannot be reached.")
    assert names(page)[0] == "Red stripes"


def fail(page: Page, status: int, headers: dict[str, str], body: str) -> None:
    """From now on searches end like this."""

    def answer(route: Route) -> None:
        if status:
            route.fulfill(status=status, headers=headers, body=body)
        else:
            route.abort()

    page.unroute(SEARCH)
    page.route(SEARCH, answer)


def test_the_page_says_that_nothing_is_indexed_yet(waiting, live_server, watched):
    watched.page.goto(live_server.url)
    expect(watched.page.get_by_text("Nothing is indexed yet.")).to_be_visible()
    expect(watched.page.get_by_text("Indexing is running: 0 of 6 photos so far")).to_be_visible()


def test_the_page_says_that_there_is_no_index(db, live_server, watched):
    watched.page.goto(live_server.url)
    expect(watched.page.get_by_text("There is no index yet")).to_be_visible()
