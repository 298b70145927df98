"""A photo of several things: dots, groups, tabs, a basket and why a product matches."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.storefront.conftest import heading, two_rugs, upload
from tests.storefront.shop_page import SEEN, asked, events

pytestmark = pytest.mark.slow

SEARCH, EXPLAIN, BASKETS = "**/api/v1/search/", "**/api/v1/search/explain/", "**/api/v1/baskets/"
PHONE = {"width": 390, "height": 844}
BOXES = [[0.0, 0.0, 0.45, 0.9], [0.55, 0.0, 0.45, 1.0], [0.4, 0.4, 0.2, 0.2]]
CONFIDENCE = [0.9, 0.8, 0.05]


def three_things(page: Page, change: Callable[[Any], None] = lambda objects: None) -> None:
    """Have searches find stripes, dots, and one thing that is unlikely. The matches of each are the shop's own."""

    def answer(route: Route) -> None:
        body = route.fetch().json()
        if len(body.get("objects", ())) > 1:
            del body["objects"][3:]
            for one, box, confidence in zip(body["objects"], BOXES, CONFIDENCE, strict=True):
                one |= {"box": box, "confidence": confidence, "category": "stripes" if box[0] == 0 else "dots"}
            change(body["objects"])
        route.fulfill(json=body)

    page.route(SEARCH, answer)


@pytest.fixture
def scene(shop) -> Page:
    """The page after a search with a photo that shows three things."""
    three_things(shop.page)
    upload(shop.page, two_rugs())
    expect(heading(shop.page, "2 things in your photo")).to_be_focused()
    page: Page = shop.page
    return page


BUDGET = "Budget for one of each"
PIXELS = "(canvas) => canvas.toDataURL()"


def searches(shop: Any) -> int:
    return sum(url.endswith("/search/") for url in shop.requests)


def group(page: Page, name: str):
    return page.get_by_role("region", name=name)


def test_the_things_in_a_photo_are_found(shop):
    upload(shop.page, two_rugs())
    expect(heading(shop.page, re.compile(r"^\d+ things? in your photo$"))).to_be_focused()
    dots, groups = shop.page.locator(".dot"), shop.page.locator(".group")
    assert dots.count() == groups.count() >= 1
    expect(groups.first.locator(".card").first).to_be_visible()


def test_a_tap_on_a_dot_shows_its_matches_at_once(scene, shop):
    before = searches(shop)
    expect(scene.get_by_role("list", name="Things in your photo").get_by_role("button")).to_have_count(2)
    dot = scene.get_by_role("button", name="Dots, thing 2 of 2")
    dot.click()
    expect(dot).to_have_attribute("aria-pressed", "true")
    expect(dot).to_be_focused()
    expect(scene.get_by_role("button", name="Selected part", exact=True)).to_be_visible()
    expect(group(scene, "Dots").get_by_role("button", name="Show less")).to_be_in_viewport()
    expect(group(scene, "Stripes").get_by_role("button", name="Show all")).to_be_visible()
    assert asked(scene) == {"by": ["photo"], "thing": ["2"]}
    assert searches(shop) == before

    scene.get_by_role("button", name="All things").click()
    expect(scene.get_by_role("button", name="Selected part", exact=True)).to_be_hidden()
    assert asked(scene) == {"by": ["photo"]}


def test_the_keyboard_reaches_the_dots_and_the_box_of_the_chosen_one(scene):
    scene.get_by_role("button", name="Stripes, thing 1 of 2").focus()
    scene.keyboard.press("Enter")
    scene.keyboard.press("Tab")
    expect(scene.get_by_role("button", name="Dots, thing 2 of 2")).to_be_focused()
    scene.keyboard.press("Tab")
    expect(scene.get_by_role("button", name="Selected part", exact=True)).to_be_focused()
    scene.keyboard.press("Shift+ArrowRight")
    expect(heading(scene, re.compile("in Stripes|in 2 categories"))).to_be_visible()
    assert "region" in asked(scene)
    expect(scene.locator(".dot")).to_have_count(2)
    scene.get_by_role("button", name="Dots, thing 2 of 2").click()  # Back among all things.
    expect(heading(scene, "2 things in your photo")).to_be_visible()
    assert asked(scene) == {"by": ["photo"], "thing": ["2"]}
    scene.go_back()
    expect(heading(scene, re.compile("in Stripes|in 2 categories"))).to_be_visible()


def test_an_address_chooses_a_thing_and_a_wrong_number_none(shop):
    page = shop.page
    start = page.url
    three_things(page)
    page.goto(f"{start}?sample=two-rugs.png&thing=1")
    expect(page.get_by_role("button", name="Stripes, thing 1 of 2")).to_have_attribute("aria-pressed", "true")
    expect(group(page, "Stripes").get_by_role("button", name="Show less")).to_be_visible()
    for wrong in ("7", "0", "-1", "x", "1.5"):
        page.goto(f"{start}?sample=two-rugs.png&thing={wrong}")
        expect(page.get_by_role("button", name="Stripes, thing 1 of 2")).to_have_attribute("aria-pressed", "false")


def test_unlikely_things_wait_behind_a_button(scene):
    scene.get_by_role("button", name="1 more place that may show something").click()
    expect(heading(scene, "3 things in your photo")).to_be_visible()
    expect(scene.get_by_role("button", name="Dots 2, thing 3 of 3")).to_be_focused()
    expect(scene.locator("#others")).to_be_hidden()
    scene.get_by_role("button", name="Search with the whole photo instead").click()
    expect(scene.locator("#grid .card").first).to_be_visible()
    assert asked(scene)["region"] == ["0,0,1,1"]


def test_groups_are_tabs_on_a_phone(shop):
    page = shop.page
    page.set_viewport_size(PHONE)
    three_things(page)
    upload(page, two_rugs())
    first, second = page.get_by_role("tab", name="Stripes"), page.get_by_role("tab", name="Dots")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Stripes")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Dots")).to_be_hidden()
    first.focus()
    page.keyboard.press("ArrowLeft")  # It goes around.
    expect(second).to_be_focused()
    expect(second).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Dots")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Stripes")).to_be_hidden()
    assert asked(page) == {"by": ["photo"], "thing": ["2"]}
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.get_by_role("region", name="Dots")).to_be_visible()
    expect(page.get_by_role("region", name="Stripes")).to_be_visible()


def test_filters_narrow_every_group(scene):
    scene.get_by_role("checkbox", name="In stock only").check()
    expect(scene.get_by_role("button", name="Without In stock")).to_be_visible()
    expect(scene.locator(".group")).to_have_count(2)
    expect(scene.locator(".group .stock.out")).to_have_count(0)


def test_a_click_tells_the_place_in_its_group(scene):
    card = group(scene, "Dots").locator(".card").nth(1)
    name = card.locator(".name").inner_text()
    card.locator(".name a").click()
    expect(heading(scene, name)).to_be_focused()
    assert events("click")[0][1] == 2
    scene.go_back()
    expect(heading(scene, "2 things in your photo")).to_be_visible()
    expect(scene.get_by_role("link", name=name, exact=True).first).to_be_focused()


def test_a_budget_chooses_one_of_each_and_says_the_sum(scene):
    scene.get_by_label(BUDGET).fill("3000")
    scene.keyboard.press("Enter")
    told = scene.locator("#basket-text")
    expect(told).to_have_text(
        re.compile(r"^Choice 1 of 5: stripes and dots for €[\d,.]+\. €[\d,.]+ of your budget is left\.$")
    )
    expect(scene.locator(".card.chosen")).to_have_count(2)
    total, left = (float(found.replace(",", "")) for found in re.findall(r"€([\d,.]+\d)", told.inner_text()))
    prices = scene.locator(".card.chosen .price").all_inner_texts()
    assert total == pytest.approx(sum(float(price.lstrip("€").replace(",", "")) for price in prices))
    assert total + left == pytest.approx(3000)

    scene.get_by_role("button", name="Next best").click()
    expect(told).to_have_text(re.compile(r"^Choice 2 of 5: "))
    scene.get_by_role("checkbox", name="In the choice: ").first.uncheck()
    expect(told).to_have_text(re.compile("^Choice 1 of 5: dots for "))
    expect(scene.locator(".card.chosen")).to_have_count(1)
    expect(scene.get_by_role("checkbox", name="In the choice: ").first).to_be_focused()
    scene.get_by_role("checkbox", name="In the choice: ").last.uncheck()
    expect(told).to_have_text("Take at least one thing in.")
    scene.get_by_role("button", name="No budget").click()
    expect(scene.locator(".card.chosen")).to_have_count(0)
    expect(scene.locator("#basket")).to_be_hidden()


def test_a_budget_that_is_too_small_says_what_is_missing(scene):
    scene.get_by_label(BUDGET).fill("20")
    scene.get_by_role("button", name="Choose for me").click()
    expect(scene.locator("#basket-text")).to_have_text(
        re.compile(r"^The cheapest choice costs €[\d,.]+, €[\d,.]+ above your budget\.$")
    )
    expect(scene.locator(".card.chosen")).to_have_count(2)  # The cheapest ones.


def test_a_basket_that_fails_says_so_and_the_matches_stay(scene, shop):
    scene.route(BASKETS, lambda route: route.fulfill(status=503, json={"errors": [{"code": "basket_too_hard"}]}))
    scene.get_by_label(BUDGET).fill("900")
    scene.keyboard.press("Enter")
    expect(scene.locator("#basket-text")).to_have_text("That is too hard a choice. Leave a thing out.")
    expect(scene.locator(".group")).to_have_count(2)
    shop.complaints.clear()  # Chromium's own note on a refused request.


def test_why_a_product_matches_is_told_in_words_and_two_heat_maps(scene):
    card = group(scene, "Dots").locator(".card").first
    held: list[Route] = []
    scene.route(EXPLAIN, lambda route: held.append(route))
    card.get_by_role("button", name="Why").click()
    dialog = scene.get_by_role("dialog", name="Why this one?")
    expect(dialog.locator("#reason-words")).to_have_text("Comparing the two photos…")
    plain = dialog.locator("#reason-query").evaluate(PIXELS)
    held[0].continue_()
    expect(dialog.locator("#reason-words")).to_contain_text(re.compile(r"Similarity -?[01]\.\d\d\."))
    expect(dialog.get_by_role("img", name=re.compile("^Most alike at the "))).to_have_count(2)
    expect(dialog.locator("#reason-product")).to_have_text(card.locator(".name").inner_text())
    assert dialog.locator("#reason-query").evaluate(PIXELS) != plain
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(card.get_by_role("button", name="Why")).to_be_focused()


def test_where_a_model_cannot_say_why_the_page_says_that(scene, shop):
    refusal = {"errors": [{"code": "not_explainable", "detail": "x", "attr": None}]}
    scene.route(EXPLAIN, lambda route: route.fulfill(status=409, json=refusal))
    scene.locator(".ask").first.click()
    expect(scene.locator("#reason-words")).to_contain_text("it cannot say why they match")
    scene.keyboard.press("Escape")
    expect(scene.get_by_role("dialog")).to_be_hidden()
    shop.complaints.clear()


def test_a_thing_without_matches_says_so(shop):
    def empty(objects: Any) -> None:
        objects[0]["results"] = []
        objects[0]["left_out"] = {"similarity": 0.4, "category": "stripes", "min_similarity": 0.5, "set_by": "category"}

    three_things(shop.page, empty)
    upload(shop.page, two_rugs())
    expect(group(shop.page, "Stripes")).to_contain_text("Nothing is similar enough.")
    expect(shop.page.get_by_role("button", name="Show them anyway")).to_be_visible()


def test_a_photo_with_one_thing_that_fills_it_is_searched_as_one(shop):
    def alone(objects: Any) -> None:
        objects[1:] = []
        objects[0]["box"] = [0.1, 0.1, 0.8, 0.8]

    three_things(shop.page, alone)
    upload(shop.page, two_rugs())
    expect(shop.page.locator("#grid .card").first).to_be_visible()
    expect(shop.page.locator(".dot")).to_have_count(0)
    expect(shop.page.locator("#chips .chip").first).to_be_visible()


def test_where_nobody_knows_how_likely_things_are_the_first_ones_show(shop):
    def unknown(objects: Any) -> None:
        for one in objects:
            one["confidence"] = None

    three_things(shop.page, unknown)
    upload(shop.page, two_rugs())
    expect(shop.page.locator(".dot")).to_have_count(3)


def test_a_budget_outlives_taps_and_filters(scene):
    scene.get_by_label(BUDGET).fill("3000")
    scene.get_by_role("button", name="Dots, thing 2 of 2").click()
    expect(scene.get_by_label(BUDGET)).to_have_value("3000")
    scene.get_by_role("button", name="Choose for me").click()
    expect(scene.locator(".card.chosen")).to_have_count(2)
    scene.get_by_role("button", name="Stripes, thing 1 of 2").click()
    expect(scene.locator(".card.chosen")).to_have_count(2)
    scene.get_by_role("checkbox", name="In stock only").check()
    expect(scene.get_by_role("button", name="Without In stock")).to_be_visible()
    expect(scene.locator(".card.chosen")).to_have_count(2)  # Chosen anew, among what is in stock.
    expect(scene.get_by_label(BUDGET)).to_have_value("3000")


def test_a_basket_that_comes_after_the_scene_was_left_is_for_nobody(scene):
    held: list[Route] = []
    scene.route(BASKETS, lambda route: held.append(route))
    scene.get_by_label(BUDGET).fill("3000")
    scene.keyboard.press("Enter")
    expect(scene.locator("#basket-text")).to_have_text("Choosing…")
    scene.get_by_role("searchbox", name="What shall differ from the photo").fill("red")
    scene.keyboard.press("Enter")
    scene.get_by_role("link", name="Search these words alone").click()
    expect(heading(scene, "2 results for “red”")).to_be_visible()
    for route in held:
        route.abort()
    scene.wait_for_timeout(200)
    expect(scene.locator("#spoken")).to_have_text("2 results for “red”")


def test_a_thing_that_nothing_can_be_bought_for_is_left_out_of_the_choice(shop):
    def unpriced(objects: Any) -> None:
        objects[1]["results"] = []

    three_things(shop.page, unpriced)
    # The shop kept matches for the second thing: the API is asked as if it had none.
    shop.page.route(BASKETS, lambda route: route.fulfill(json=lacking(route.request.post_data_json)))
    upload(shop.page, two_rugs())
    shop.page.get_by_label(BUDGET).fill("3000")
    shop.page.keyboard.press("Enter")
    expect(shop.page.locator("#basket-text")).to_have_text(
        "Nothing can be bought for dots. stripes for €100.50. €2,899.50 of your budget is left."
    )


def lacking(body: Any) -> dict[str, Any]:
    """The answer to a basket where nothing can be bought for the second thing."""
    if 1 in body["only"]:
        return {"baskets": [], "missing": {"things": [1], "above": "0.00", "cheapest": None}}
    product = {"sku": "stripes-red", "price": "100.50", "currency": "EUR"}
    return {"baskets": [{"total": "100.50", "products": [{"thing": 0, "product": product}]}], "missing": None}


def test_a_search_that_is_too_old_for_a_basket_is_made_again(scene, shop):
    before = searches(shop)
    stale = {"errors": [{"code": "unknown_query", "attr": "query_id", "detail": "Search again."}]}
    scene.route(BASKETS, lambda route: route.fulfill(status=400, json=stale), times=1)
    scene.get_by_label(BUDGET).fill("3000")
    scene.keyboard.press("Enter")
    expect(scene.locator(".card.chosen")).to_have_count(2)
    assert searches(shop) == before + 1
    shop.complaints.clear()


def test_a_tap_during_a_search_adds_to_what_is_looked_for(scene):
    held: list[Route] = []
    scene.route(SEARCH, lambda route: held.append(route))
    scene.get_by_role("checkbox", name="In stock only").check()
    expect(scene.locator("#results")).to_have_attribute("aria-busy", "true")
    scene.get_by_role("button", name="Dots, thing 2 of 2").click()
    held[0].continue_()
    expect(scene.get_by_role("button", name="Without In stock")).to_be_visible()
    assert asked(scene) == {"by": ["photo"], "thing": ["2"], "in_stock": ["true"]}


def test_another_dot_overtakes_the_box_that_is_being_moved(scene, shop):
    before = searches(shop)
    scene.get_by_role("button", name="Stripes, thing 1 of 2").click()
    scene.get_by_role("button", name="Selected part", exact=True).focus()
    scene.keyboard.press("ArrowRight")
    scene.get_by_role("button", name="Dots, thing 2 of 2").click()
    scene.wait_for_timeout(900)
    assert searches(shop) == before
    assert asked(scene) == {"by": ["photo"], "thing": ["2"]}
    assert scene.locator(".box").evaluate("(box) => box.style.left") == "55%"
    scene.get_by_role("button", name="Selected part", exact=True).focus()
    scene.keyboard.press("Alt+ArrowLeft")  # It is the browser's own key.
    scene.wait_for_timeout(900)
    assert searches(shop) == before


def test_what_has_the_focus_is_not_under_the_tabs(shop):
    page = shop.page
    page.set_viewport_size(PHONE)
    three_things(page)
    upload(page, two_rugs())
    links = page.locator(".group:visible .name a").all()
    for link in [*links, *reversed(links)]:
        link.focus()
        assert link.evaluate(SEEN), link.inner_text()
