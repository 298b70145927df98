"""The page for everyone: by screen reader, on narrow and wide screens, light and dark, and without a jump."""

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from catalog.models import Product
from tests.storefront.conftest import in_thread, picture, upload
from tests.storefront.shop_page import SEEN

pytestmark = pytest.mark.slow

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# web.dev calls a layout shift of 0.1 good; a page that reserves its room needs none.
CALM = 0.01
RING = 6  # Pixels that the focus ring reaches beyond its element.
SHIFTS = """() => new Promise((resolve) => {
    const sum = (list) => list.filter((one) => !one.hadRecentInput).reduce((total, one) => total + one.value, 0);
    const observer = new PerformanceObserver((list) => resolve(sum(list.getEntries())));
    observer.observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve(0), 300);
})"""


def searched(page: Page) -> None:
    upload(page, picture("red", "stripes"))
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")


def chosen(page: Page) -> None:
    page.locator("#dot-1").click()
    page.get_by_label("Budget for one of each").fill("5000")
    page.get_by_role("button", name="Choose for me").click()
    expect(page.locator(".card.chosen").first).to_be_visible()


def explained(page: Page) -> None:
    page.locator(".ask:visible").first.click()
    expect(page.locator("#reason-how")).to_be_visible()


def refused(page: Page) -> None:
    page.locator("#photo").evaluate("(input) => { input.dataset.maxBytes = 100; }")
    upload(page, picture("red", "dots"))


def filtered(page: Page) -> None:
    page.locator("#filters").evaluate("(filters) => { filters.open = true; }")
    page.get_by_role("checkbox", name="small").check()
    expect(page.locator("#set")).to_be_visible()


def nothing(page: Page) -> None:
    """Leave the page as it is."""


VIEWS: list[tuple[str, Callable[[Page], None]]] = [
    ("/", nothing),
    ("/", searched),
    ("/?sample=red-dots.png&region=0,0,0.5,0.5", nothing),
    ("/?sample=red-dots.png&words=not+large,+free,+under+10,+80+cm", nothing),
    ("/?sample=two-rugs.png", chosen),
    ("/?sample=two-rugs.png", explained),
    ("/?q=rug", filtered),
    ("/?q=nothingofthekind", refused),
    ("/products/stripes-red/", nothing),
]


@pytest.mark.parametrize(("screen", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_no_view_has_a_serious_barrier_or_is_wider_than_the_screen(running_shop, browser, screen, scheme):
    context = browser.new_context(viewport=screen, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page = context.new_page()
    found = []
    for address, act in VIEWS:
        page.goto(running_shop + address)
        page.wait_for_load_state("networkidle")
        act(page)
        violations = Axe().run(page).response["violations"]
        found += [
            (address, act.__name__, one["id"], one["nodes"][0]["html"], one["nodes"][0]["failureSummary"])
            for one in violations
            if one["impact"] in ("serious", "critical")
        ]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    context.close()
    assert found == []


@pytest.fixture(scope="module")
def long_name(running_shop) -> Iterator[None]:
    product = Product.objects.filter(sku="dots-teal")
    name = "Teal dots of Saint-Germain-des-Prés, hand-tufted, with a fringe that is knotted twice on either end"
    in_thread(lambda: product.update(name=name))
    yield
    in_thread(lambda: product.update(name="Teal dots"))


LOADED = [
    "/",
    "/?q=rug",
    "/?q=rug&in_stock=true",
    "/?sample=red-dots.png",
    "/?sample=red-dots.png&words=in+green",
    "/?sample=two-rugs.png&thing=1&words=in+green",
    "/?sample=two-rugs.png&thing=1",
    "/?sample=nope.webp",
    "/?by=photo",
    "/?like=stripes-red",
    "/?like=dots-teal",
    "/products/stripes-red/",
    "/products/dots-teal/",
    "/products/NOPE/",
]


@pytest.mark.usefixtures("long_name")
@pytest.mark.parametrize("screen", [WIDE, NARROW])
@pytest.mark.parametrize("address", LOADED)
def test_nothing_moves_while_a_page_loads(running_shop, browser, address, screen):
    context = browser.new_context(viewport=screen)
    page = context.new_page()
    page.goto(running_shop + address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SHIFTS) < CALM
    context.close()


@pytest.mark.usefixtures("long_name")
@pytest.mark.parametrize("screen", [WIDE, NARROW])
@pytest.mark.parametrize("address", ["/?sample=red-dots.png&words=in+green", "/?like=dots-teal"])
def test_nothing_moves_however_long_a_search_took(running_shop, browser, address, screen):
    def slow(route: Route) -> None:
        response = route.fetch()
        answer = response.json()
        route.fulfill(response=response, json=answer | {"timings_ms": dict.fromkeys(answer["timings_ms"], 98_765.4)})

    context = browser.new_context(viewport=screen)
    page = context.new_page()
    page.route(re.compile(r"/api/v1/(search|products/[^/]+/similar)/"), slow)
    page.goto(running_shop + address)
    page.wait_for_load_state("networkidle")
    expect(page.locator("#time")).to_contain_text("Found in 98.8 s")
    assert page.evaluate(SHIFTS) < CALM
    context.close()


def test_nothing_moves_when_an_answer_comes(running_shop, browser):
    context = browser.new_context(viewport=NARROW)
    page = context.new_page()
    page.goto(running_shop)
    page.wait_for_load_state("networkidle")
    # Shifts within half a second of an input do not count, so the answer comes later.
    page.route("**/api/v1/search/", lambda route: (page.wait_for_timeout(700), route.continue_()))
    searched(page)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SHIFTS) < CALM
    context.close()


@pytest.mark.parametrize("screen", [WIDE, NARROW])
def test_what_has_the_focus_is_seen_whole(running_shop, browser, screen):
    context = browser.new_context(viewport=screen)
    page = context.new_page()
    page.goto(f"{running_shop}/?q=rug")
    page.wait_for_load_state("networkidle")
    links = page.locator(".name a").all()
    for link in [*links, *reversed(links)]:
        link.focus()
        assert link.evaluate(SEEN), link.inner_text()
    if screen is WIDE:  # The filters scroll by themselves here, and what scrolls is cut off at its edge.
        edge, field = (page.locator(piece).bounding_box() for piece in (".side", "#filter-price_min"))
        assert edge
        assert field
        assert field["x"] - edge["x"] >= RING
    context.close()


def test_a_failure_is_seen_by_whoever_has_scrolled(shop):
    page = shop.page
    page.goto(f"{page.url}?q=rug")
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    page.locator(".card").last.scroll_into_view_if_needed()
    refused(page)
    page.get_by_role("button", name="Dismiss").click(trial=True)
    place = page.locator("#failure").bounding_box()
    assert place
    assert (place["y"] >= 73, place["y"] + place["height"] < 250, place["x"] > 15) == (True, True, True)


def test_categories_that_are_not_learned_wait_behind_the_others(shop):
    def answer(route: Route) -> None:
        body = route.fetch().json()
        body["gate"]["categories"] += [
            {"slug": f"more-{number}", "name": f"More {number}", "probability": None, "searched": True}
            for number in range(30)
        ]
        route.fulfill(json=body)

    page = shop.page
    page.route("**/api/v1/search/", answer)
    page.route("**/api/v1/products/?*", lambda route: route.fulfill(json={"facets": None}))
    searched(page)
    expect(page.get_by_role("heading", level=1, name="13 matches in Stripes")).to_be_visible()
    expect(page.locator("#chips .chip:visible")).to_have_count(4)
    expect(page.locator("#why")).to_contain_text("Also searched: 30 categories not learned yet.")
    page.get_by_role("button", name="30 more").click()
    expect(page.get_by_role("button", name="More 29")).to_have_attribute("aria-pressed", "true")


def test_a_price_is_typed_while_the_filters_arrive_and_says_its_currency(shop):
    page = shop.page
    held: list[Route] = []
    page.route("**/api/v1/products/?*", lambda route: held.append(route))
    searched(page)
    lowest = page.get_by_label("From", exact=True)
    lowest.press_sequentially("80")
    held[0].continue_()
    expect(page.get_by_role("checkbox", name="small")).to_be_visible()
    lowest.press_sequentially("0")
    expect(lowest).to_have_value("800")
    assert "price_min" not in page.url
    expect(page.get_by_role("group", name="Price (EUR)")).to_be_visible()
    lowest.press("Enter")
    expect(page.get_by_role("button", name="Without Price from 800 EUR")).to_be_visible()


def test_prices_in_several_currencies_are_no_filter(shop):
    def answer(route: Route) -> None:
        body = route.fetch().json()
        body["results"][0]["product"] |= {"price": "9.00", "currency": "SEK"}
        route.fulfill(json=body)

    page = shop.page
    page.route("**/api/v1/search/", answer)
    searched(page)
    expect(page.get_by_role("checkbox", name="small")).to_be_visible()
    expect(page.get_by_label("From", exact=True)).to_be_hidden()
